"""The conduct profile of a station: where it comes from, and the MUD file, packet filter and detector made from it."""
