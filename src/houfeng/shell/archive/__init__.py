"""The waveform archive: miniSEED day files on disk."""
