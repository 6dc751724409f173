"""Judging: what observations mean, how sure that is, and for which station."""
