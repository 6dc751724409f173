"""Recordings played through the stages of a centre, and what that leaves on disk."""
