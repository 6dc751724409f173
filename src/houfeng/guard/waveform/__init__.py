"""Judges in the waveform: what the samples themselves say against whoever sent them."""
