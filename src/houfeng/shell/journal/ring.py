"""A journal's segments in order, read from any number on while they grow and are dropped.

Standard library only.
"""

import threading
from bisect import bisect_right
from collections import deque
from itertools import islice

from houfeng.shell.journal.frames import Hole
from houfeng.shell.journal.segments import Index, Segment, fault_of, index_of
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

#: The newest packets are kept as they are for the readers that follow closely, which are nearly all.
RECENT_PACKETS = 4096
RECENT_BYTES = 16 << 20

#: A reader gets no more than the packet that passes this at once, however many it asks for.
READ_BYTES = 16 << 20

#: Positions remembered at which readers of older packets will go on.
ENDS = 4096


class Ring:
    """Segments oldest first, the last one growing.

    lock      held by whoever changes them, and briefly by readers
    segments  only ever added to at the end and dropped at the begin; there is always one
    findings  what reading found damaged, each once
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.segments: list[Segment] = []
        self.findings: dict[Finding, None] = {}
        self._lock = lock
        self._recent: deque[tuple[int, Packet]] = deque()
        self._recent_bytes = 0
        self._ends: dict[int, tuple[Segment, int]] = {}

    @property
    def live(self) -> Segment:
        """The segment that grows."""
        return self.segments[-1]

    def add_recent(self, sequence: int, packet: Packet) -> None:
        """Keep a packet just appended at hand. Called under the lock, with numbers that follow each other."""
        self._recent.append((sequence, packet))
        self._recent_bytes += len(packet.content)
        while len(self._recent) > RECENT_PACKETS or self._recent_bytes > RECENT_BYTES:
            self._recent_bytes -= len(self._recent.popleft()[1].content)

    def forget_recent(self) -> None:
        """Let all be read from the disk: some of what is at hand is taken back. Called under the lock."""
        self._recent.clear()
        self._recent_bytes = 0

    def tell_holes(self, segment: Segment, holes: list[Hole]) -> None:
        """Keep a finding for each damaged stretch. Called under the lock."""
        for hole in holes:
            reason = f"{hole.end - hole.begin} bytes at byte {hole.begin} are damaged and skipped"
            self.findings[Finding("journal-damage", reason, file=str(segment.path))] = None

    def read(self, sequence: int, most: int, synced: int) -> list[tuple[int, Packet]]:
        """Packets numbered from sequence on and below synced, at most so many. Raises WorldFault."""
        found: list[tuple[int, Packet]] = []
        while len(found) < most and _size(found) < READ_BYTES:
            with self._lock:
                sequence = max(sequence, self.segments[0].first)
                if sequence >= synced:
                    break
                if self._recent and sequence >= self._recent[0][0]:
                    first = self._recent[0][0]
                    found += islice(
                        self._recent, sequence - first, min(sequence - first + most - len(found), synced - first)
                    )
                    break
                number = max(0, bisect_right(self.segments, sequence, key=_first) - 1)
                segment, following = self._part(number, synced)
                begun, begin = self._ends.pop(sequence, (None, 0))
            try:
                if begun is not segment:
                    begin = self._index(segment).at_sequence(sequence, segment.header.size)
                sequence = self._collect(segment, begin, (sequence, following), found, most)
            except OSError as error:
                self._check_dropped(segment, error)
        return found

    def _part(self, number: int, synced: int) -> tuple[Segment, int]:
        """A segment, and the first number it cannot hold. Called under the lock."""
        last = number + 1 == len(self.segments)
        return self.segments[number], synced if last else min(synced, self.segments[number + 1].first)

    def _collect(
        self, segment: Segment, begin: int, span: tuple[int, int], found: list[tuple[int, Packet]], most: int
    ) -> int:
        """Add a segment's packets of a span of numbers, until there are enough; where to go on."""
        holes: list[Hole] = []
        sequence, following = span
        size = _size(found)
        try:
            for frame in segment.frames(begin, segment.size, holes):
                if frame.sequence >= following:
                    break
                if frame.sequence >= sequence:
                    found.append((frame.sequence, frame.packet))
                    size += len(frame.packet.content)
                    if len(found) >= most or size >= READ_BYTES:
                        self._remember(frame.sequence + 1, segment, frame.end)
                        return frame.sequence + 1
        finally:
            with self._lock:
                self.tell_holes(segment, holes)
        return following

    def _remember(self, sequence: int, segment: Segment, end: int) -> None:
        with self._lock:
            self._ends[sequence] = (segment, end)
            if len(self._ends) > ENDS:
                del self._ends[next(iter(self._ends))]

    def _index(self, segment: Segment) -> Index:
        """The index of a segment, made when it is read for the first time."""
        if segment.index is None:
            holes: list[Hole] = []
            index = index_of(segment, holes)
            with self._lock:
                segment.index = index
                self.tell_holes(segment, holes)
        return segment.index

    def _check_dropped(self, segment: Segment, error: OSError) -> None:
        """A segment dropped while it was read is no fault; the oldest one left is read instead."""
        with self._lock:
            dropped = segment not in self.segments
        if not dropped:
            raise fault_of(segment.path, error) from error


def _size(found: list[tuple[int, Packet]]) -> int:
    return sum(len(packet.content) for _, packet in found)


def _first(segment: Segment) -> int:
    return segment.first
