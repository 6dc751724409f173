"""Size: how big a quake was, on which scale, from which stations."""
