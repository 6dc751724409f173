"""How far the centre has what a journal holds: by where it asks to go on when it comes again."""

from collections.abc import Sequence

from houfeng.wire.seedlink.notes import Subscribed
from houfeng.wire.seedlink.patterns import matcher


class Acknowledged:
    """What was acknowledged, by station.

    stations  NET.STA of each
    reader    name of the account that the centre reads with, "" when it does not log in

    SeedLink has no acknowledgement but this: who asks for number n of a station has all before it.
    """

    def __init__(self, stations: Sequence[str], reader: str) -> None:
        self._upto = dict.fromkeys((station.replace(".", "_", 1) for station in stations), 0)
        self._reader = reader

    def handle(self, note: Subscribed) -> None:
        """Take note of a subscription."""
        # A number of version 3 has but 24 bits, which is not enough to throw something away for.
        windowed = note.start_ns is not None or note.end_ns is not None
        if note.reader != self._reader or note.protocol != 4 or windowed or not note.begin.isdecimal():
            return
        matches = matcher(note.station)
        for station_id, upto in self._upto.items():
            if matches(station_id):
                self._upto[station_id] = max(upto, int(note.begin))

    @property
    def upto(self) -> int:
        """The centre has everything before this number; 0 before it said so of every station."""
        return min(self._upto.values())
