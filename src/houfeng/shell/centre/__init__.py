"""A running centre, from its feeds to what it tells."""
