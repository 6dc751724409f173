"""The station's own program: keeps, names and signs what its digitiser says, and serves it to the centre.

Runs on a small computer: the standard library and `cryptography`, nothing else.
"""
