"""One direction of a TCP conversation, put back in order as far as its eye saw it."""

import heapq
from collections.abc import Iterator

from houfeng.wire.eyes.frames import SYN

#: Kept of what came early, in bytes: four of the largest windows without scaling (65,535 bytes, RFC 9293). A sender
#: that went on this far had its hole filled, on a path that the eye did not see.
WINDOW_BYTES = 262_144
#: and in segments, so that many small ones do not cost more than few large ones.
WINDOW_SEGMENTS = 1024
#: A segment further away than the largest window there can be (RFC 7323 section 2.3) is of another conversation.
FURTHEST = 1 << 30

_SEQUENCES = 1 << 32


class Stream:
    """Bytes of one direction. What it gives are pieces in order; None stands for a hole.

    early_bytes  kept until a hole before them is filled
    """

    __slots__ = ("_at", "_early", "_known", "early_bytes")

    def __init__(self) -> None:
        #: The sequence number that is due, counted on beyond 2^32; None before the first segment.
        self._at: int | None = None
        self._early: list[tuple[int, int, bytes]] = []
        self.early_bytes = 0
        self._known: set[tuple[int, int]] = set()

    def take(self, sequence: int, flags: int, data: bytes, size: int) -> Iterator[bytes | None]:
        """A segment came.

        flags  of TCP
        data   as much of the segment as was captured
        size   how long it was
        """
        if flags & SYN:
            sequence += 1
        if self._at is None:
            self._at = sequence
        place = self._place(sequence)
        if abs(place - self._at) > FURTHEST:
            self._at = place
            self._early.clear()
            self._known.clear()
            self.early_bytes = 0
            yield None
        if place > self._at and size:
            self._keep(place, size, data)
            if self.early_bytes > WINDOW_BYTES or len(self._early) > WINDOW_SEGMENTS:
                yield from self._skip()
        elif place + size > self._at:
            yield from self._deliver(place, size, data)
            yield from self._catch_up()

    def acknowledge(self, number: int) -> Iterator[bytes | None]:
        """The other side has everything before this number: a hole before it will not be filled here."""
        if self._early:
            place = self._place(number)
            while self._early and place > self._early[0][0]:
                yield from self._skip()

    def end(self) -> Iterator[bytes | None]:
        """Nothing more comes: what was kept is given, with its holes."""
        while self._early:
            yield from self._skip()

    def _place(self, sequence: int) -> int:
        """A sequence number counted on beyond 2^32, as near to the one that is due as it can be."""
        assert self._at is not None
        return self._at + (sequence - self._at + _SEQUENCES // 2) % _SEQUENCES - _SEQUENCES // 2

    def _keep(self, place: int, size: int, data: bytes) -> None:
        if (place, size) not in self._known:
            self._known.add((place, size))
            self.early_bytes += len(data)
            heapq.heappush(self._early, (place, size, data))

    def _deliver(self, place: int, size: int, data: bytes) -> Iterator[bytes | None]:
        """Give a segment without what was given before."""
        assert self._at is not None
        fresh = data[self._at - place :]
        self._at = place + size
        if fresh:
            yield fresh
        if len(data) < size:
            yield None

    def _catch_up(self) -> Iterator[bytes | None]:
        """Give what was early and is due by now."""
        assert self._at is not None
        while self._early and self._early[0][0] <= self._at:
            place, size, data = heapq.heappop(self._early)
            self._known.discard((place, size))
            self.early_bytes -= len(data)
            if place + size > self._at:
                yield from self._deliver(place, size, data)

    def _skip(self) -> Iterator[bytes | None]:
        """Give up the hole before what was early."""
        self._at = self._early[0][0]
        yield None
        yield from self._catch_up()
