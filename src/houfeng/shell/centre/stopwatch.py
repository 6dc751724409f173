"""How long records and picks are on their way through the engine. It is looked at by people, and decides nothing.

Arrivals are written down by a clock that may be set. What has passed since is told by one that nobody sets: so a step
of the clock touches only what was on its way to the engine.
"""

from collections.abc import Sequence
from itertools import takewhile

from houfeng.wire.manifest import head_of
from houfeng.words.errors import DataFault
from houfeng.words.instant import EARLIEST_NS, NS_PER_S
from houfeng.words.packet import Packet

#: Of so many records one is timed: enough for a p99 within minutes, and nothing to feel while a backlog is heard.
ONE_OF = 7

#: Records timed at once. One of a channel whose clock is far ahead is never heard in its turn.
MOST_TIMED = 65_536
FAR_NS = 600 * NS_PER_S


class Stopwatch:
    """Told what is given to the engine, and how far it then is; says how long that took.

    slice_ns  how the engine cuts time, > 0
    """

    def __init__(self, slice_ns: int) -> None:
        self._slice_ns = slice_ns
        self._told_ns = EARLIEST_NS
        self._arrived_ns: dict[int, int] = {}
        self._timed: dict[int, list[int]] = {}
        self._picks_ns: list[int] = []

    def given(self, packets: Sequence[tuple[int, Packet]], *, told_ns: int, clock_ns: int, steady_ns: int) -> None:
        """Packets with their numbers are about to be handled.

        told_ns    the slice up to which everything had been told before
        clock_ns   the present, by the clock that wrote their arrivals
        steady_ns  the present, by a clock that is never set
        """
        self._told_ns = told_ns
        for number, packet in packets:
            arrived_ns = steady_ns - max(0, clock_ns - packet.arrival_ns)
            self._arrived_ns[number] = arrived_ns
            if number % ONE_OF == 0 and packet.station_key:
                self._time(packet.content, arrived_ns)

    def pick(self, number: int) -> None:
        """A pick is being told because of what came from packet `number` on, within a second."""
        arrived_ns = self._arrived_ns.get(number)
        if arrived_ns is not None:
            self._picks_ns.append(arrived_ns)

    def stop(self, *, second: int, told_ns: int, steady_ns: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """What was given is handled, and what came of it is kept. How long records and picks took, each in s.

        second   number of the first packet of the second that was heard last
        told_ns  the slice up to which everything has been told
        """
        heard_ns: list[int] = []
        for begin_ns in [begin_ns for begin_ns in self._timed if begin_ns <= told_ns]:
            heard_ns += self._timed.pop(begin_ns)
        picks_ns, self._picks_ns = self._picks_ns, []
        # Dictionaries remember the order in which numbers came, which is that of the journal.
        for number in [*takewhile(lambda number: number < second, self._arrived_ns)]:
            del self._arrived_ns[number]
        return _took_s(heard_ns, steady_ns), _took_s(picks_ns, steady_ns)

    def _time(self, content: bytes, arrived_ns: int) -> None:
        """Time a record until the slice in which it begins is heard. One that comes too late for that is not."""
        try:
            head = head_of(content)
        except DataFault:
            return
        begin_ns = head.start_ns // self._slice_ns * self._slice_ns
        in_turn = begin_ns > self._told_ns and (self._told_ns == EARLIEST_NS or begin_ns < self._told_ns + FAR_NS)
        if head.samples and in_turn and sum(map(len, self._timed.values())) < MOST_TIMED:
            self._timed.setdefault(begin_ns, []).append(arrived_ns)


def _took_s(since_ns: Sequence[int], steady_ns: int) -> tuple[float, ...]:
    return tuple((steady_ns - each_ns) / NS_PER_S for each_ns in since_ns)
