"""A share of the stations, heard as one process would hear it, and remembered as of the slice that is asked about.

Detect runs ahead of associate. What associate asks about the ground must be answered as if the two were one process,
from what had been heard by then and nothing later; so there are two memories: one for detecting, as far as the
records have come, and one for answering, which follows associate.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from houfeng.quake.acquire import Acquire, Acquired, Recent
from houfeng.quake.detect.picker import Picker
from houfeng.quake.detect.stage import Detect
from houfeng.quake.ears import horizon_ns
from houfeng.quake.hearing import travel_times
from houfeng.quake.network import Network
from houfeng.shell.cluster.ask_frames import (
    AskLook,
    AskReach,
    Question,
    encode_look,
    encode_reach,
    encode_segments,
)
from houfeng.shell.cluster.heard_frames import SliceHeard, Value
from houfeng.words.instant import EARLIEST_NS, NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.samples import PacketBatch
from houfeng.words.station import Inventory


@dataclass(frozen=True, slots=True)
class Centre:
    """What every role must agree on.

    inventory  what is known of the stations; network: all of them, not only those of a share
    model      the Earth; picker: what turns triggers into onsets
    notes      said with every quake
    """

    inventory: Inventory
    network: Network
    model: VelocityModel
    picker: Picker
    notes: tuple[str, ...] = ()

    @property
    def horizon_ns(self) -> int:
        """How far back samples and quakes can still matter."""
        return horizon_ns(self.network, travel_times(self.model, self.network))


class Share:
    """Acquire and detect for a share of the stations, and answers about them."""

    def __init__(self, centre: Centre) -> None:
        times = travel_times(centre.model, centre.network)
        span_s = horizon_ns(centre.network, times) / NS_PER_S
        self._ahead = Recent(span_s)
        self._acquire = Acquire(self._ahead)  # which also fills it
        self._detect = Detect(centre.network, centre.inventory, centre.picker, times)
        self._behind = Recent(span_s)
        self._between: deque[tuple[tuple[int, bool], PacketBatch]] = deque()
        self.now_ns = EARLIEST_NS
        self.answers_ns = EARLIEST_NS

    def take(self, now_ns: int, batches: Sequence[PacketBatch]) -> tuple[SliceHeard, list[PacketBatch]]:
        """Time has reached now_ns, and these packets begin there; what was heard, and what is worth keeping, in order.

        Kept is every sample once, and packets that came too late to be heard.
        """
        accepted: list[PacketBatch] = []
        told: list[Value] = list(self._acquired(self._acquire.elapse(now_ns), (now_ns, False), accepted))
        told.extend(self._detect.elapse(now_ns, self._ahead))
        handled: list[Value] = []
        for batch in batches:
            handled.extend(self._acquired(self._acquire.handle(batch), (now_ns, True), accepted))
        self.now_ns = now_ns
        return SliceHeard(now_ns, tuple(told), tuple(handled)), accepted

    def follow(self, now_ns: int) -> None:
        """Answer as of when time had reached now_ns from here on, and no packet that begins there was taken."""
        while self._between and self._between[0][0] <= (now_ns, False):
            self._behind.append(self._between.popleft()[1])
        self.answers_ns = max(self.answers_ns, now_ns)

    def answer(self, question: Question) -> bytes:
        """The answer to a question, encoded."""
        if isinstance(question, AskReach):
            reach = [(source, self._behind.until_ns(source) or 0) for source in self._behind.channels()]
            return encode_reach(reach)
        if isinstance(question, AskLook):
            return encode_look(
                self._detect.look(
                    self._behind, question.station_key, question.phase, question.expected_ns, question.half_width_s
                )
            )
        return encode_segments(self._behind.segments(question.source, question.begin_ns, question.end_ns))

    def _acquired(self, acquired: Acquired, when: tuple[int, bool], accepted: list[PacketBatch]) -> Iterator[Value]:
        yield from acquired.findings
        yield from acquired.gaps
        accepted.extend(late.batch for late in acquired.late)
        for batch in acquired.batches:
            self._detect.handle(batch)
            self._between.append((when, batch))
            accepted.append(batch)
