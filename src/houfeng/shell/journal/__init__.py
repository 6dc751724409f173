"""The journal: what arrived, on disk before anything else, and read again from any position."""
