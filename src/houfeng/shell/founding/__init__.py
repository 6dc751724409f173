"""A new centre: its folder, settings, keys and certificate."""
