"""Houfeng: an earthquake monitoring centre that assumes some of its stations are in hostile hands."""
