"""Guarding on this machine: files and folders opened, followed, read in order of time, and judged."""
