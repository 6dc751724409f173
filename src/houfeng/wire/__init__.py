"""Bytes to words and back: codecs and protocol machines without sockets."""
