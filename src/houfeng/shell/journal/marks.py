"""The last sequence of every station of every feed that a journal has, and how it was before what is not durable.

Standard library only.
"""

from collections import deque

from houfeng.words.packet import NO_SEQUENCE, Packet

#: Stations of one feed whose marks are remembered. A feed that invents names forgets its own, nobody else's.
MOST_STATIONS = 50_000


class Ledger:
    """Marks that can be taken back up to what is durable.

    marks  per feed and station, NET.STA
    """

    def __init__(self, marks: dict[str, dict[str, int]] | None = None) -> None:
        self.marks = {} if marks is None else marks
        self._moved: deque[tuple[int, str, str, int | None]] = deque()

    def move(self, number: int, packet: Packet) -> None:
        """A packet was appended under a number; numbers grow."""
        if packet.sequence != NO_SEQUENCE:
            before = self.marks.get(packet.feed, {}).get(packet.station_key)
            self._moved.append((number, packet.feed, packet.station_key, before))
            move_mark(self.marks, packet)

    def settle(self, end: int) -> None:
        """What is numbered below end is durable: it is not taken back any more."""
        while self._moved and self._moved[0][0] < end:
            self._moved.popleft()

    def take_back(self) -> None:
        """Let the marks be as they were before what is not durable."""
        while self._moved:
            _, feed, station_key, before = self._moved.pop()
            if before is None:
                self.marks[feed].pop(station_key, None)
            else:
                self.marks[feed][station_key] = before


def move_mark(marks: dict[str, dict[str, int]], packet: Packet) -> None:
    """Set the last sequence of a packet's station, forgetting the feed's first one when it names too many."""
    if packet.sequence == NO_SEQUENCE:
        return
    stations = marks.setdefault(packet.feed, {})
    stations[packet.station_key] = packet.sequence
    if len(stations) > MOST_STATIONS:
        del stations[next(iter(stations))]
