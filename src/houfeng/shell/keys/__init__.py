"""Keys: made, kept, and believed of stations for a time."""
