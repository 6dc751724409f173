"""Did a phase arrive here, when, how sure? Segments in, picks and amplitudes out."""
