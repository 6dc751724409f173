"""Feeds in: where packets come from. Each runs until it is cancelled, and reconnects for ever."""
