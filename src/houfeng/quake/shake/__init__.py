"""How hard it shook, at each sensor and in between."""
