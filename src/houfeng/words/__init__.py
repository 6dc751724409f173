"""The vocabulary: frozen values with units in their names. No I/O, no clock, no export."""
