"""Packets in the order in which they reached a centre, or would have."""
