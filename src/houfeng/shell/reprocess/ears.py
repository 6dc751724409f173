"""Ears on many workers, which listen and answer as one pair would."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from houfeng.quake.associate.octo import Plan
from houfeng.quake.detect.stage import BEFORE_S
from houfeng.quake.ears import Caught
from houfeng.shell.reprocess.remote import RemoteShare
from houfeng.shell.reprocess.share import Step
from houfeng.words.errors import OurFault
from houfeng.words.instant import seconds_to_ns
from houfeng.words.quake import Phase, Pick
from houfeng.words.samples import PacketBatch, Segment
from houfeng.words.source import SourceId

#: Slices gone through at once at most: what they give lies in memory until it is taken.
MOST_AHEAD = 16


def strides(numbers: Sequence[int], now_ns: Sequence[int], wait_ns: int, plan: Plan | None) -> list[list[int]]:
    """Slices in groups of which only the last can bring up a question about what is remembered of the ground.

    numbers, now_ns  the slices, and where each begins
    wait_ns          every pick of an onset this long past has been told
    plan             of the search for quakes; None where nobody searches

    A step of the search is searched once the picks that count for it are all there. So a slice brings up no question
    when the same steps were due in the slice before; but for picks told so late that their step was due already.
    None is older than its episode's window, which begins BEFORE_S before the first trigger.
    """
    groups: list[list[int]] = []
    if plan is None:
        return [list(numbers[first : first + MOST_AHEAD]) for first in range(0, len(numbers), MOST_AHEAD)]
    step_ns, late_ns = seconds_to_ns(plan.step_s), wait_ns + seconds_to_ns(plan.crossing_s)
    group: list[int] = []
    for number, before, now in zip(numbers, [now_ns[0] - step_ns, *now_ns], now_ns, strict=False):
        group.append(number)
        asks = (before - late_ns - seconds_to_ns(BEFORE_S)) // step_ns != (now - late_ns) // step_ns
        if asks or len(group) == MOST_AHEAD:
            groups.append(group)
            group = []
    return [*groups, group] if group else groups


class ManyEars:
    """Listening, by shares of the stations on workers that read the recordings themselves.

    shares  by their stations, NET.STA
    turns   every slice of the recording, in the groups gone through at once

    Elapse goes on by one slice whatever the time it is told. What is asked is answered as of that slice, also where
    the workers had gone ahead: then they begin anew, which costs time and changes nothing.
    """

    def __init__(self, shares: Sequence[tuple[Sequence[str], RemoteShare]], turns: Sequence[Sequence[int]]) -> None:
        self._shares = [share for _, share in shares]
        self._of = {key: share for keys, share in shares for key in keys}
        self._turns = deque(list(turn) for turn in turns)
        self._ahead: deque[tuple[int, list[Step]]] = deque()
        self._taken = 0
        self._channels: dict[int, tuple[SourceId, ...]] = {}
        self._listening: dict[int, frozenset[str]] = {}
        self._segments: dict[tuple[str, int, int], dict[SourceId, tuple[Segment, ...]]] = {}

    def handle(self, batch: PacketBatch) -> Iterator[Caught]:
        """Nobody hands packets to these ears. Raises OurFault."""
        raise OurFault("ears on workers", f"were handed {len(batch)} packets; they read the recordings themselves")

    def elapse(self, now_ns: int) -> Iterator[Caught]:  # noqa: ARG002  the slices are known
        """What is caught up to the next slice; picks come last, sorted by key."""
        if not self._ahead:
            turn = self._turns.popleft()
            told: list[list[Step]] = self._all("advance", turn)
            self._ahead.extend((slice_, [steps[place] for steps in told]) for place, slice_ in enumerate(turn))
        _, steps = self._ahead.popleft()
        self._taken += 1
        self._listening.clear()
        self._segments.clear()
        for number, step in enumerate(steps):
            if step.channels is not None:
                self._channels[number] = step.channels
        caught = list(chain.from_iterable(step.caught for step in steps))
        yield from (value for value in caught if not isinstance(value, Pick))
        yield from sorted((value for value in caught if isinstance(value, Pick)), key=lambda pick: pick.key)

    def look(self, station_key: str, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        """The best onset of a phase at a station within half a width of when it is expected, or None."""
        pick: Pick | None = self._one(station_key, "look", station_key, phase, expected_ns, half_width_s)
        return pick

    def listening(self, station_key: str, time_ns: int) -> bool:
        """Whether a station gave samples at an instant."""
        if time_ns not in self._listening:
            self._stay()
            self._listening[time_ns] = frozenset().union(*self._all("listening", time_ns))
        return station_key in self._listening[time_ns]

    def channels(self) -> Sequence[SourceId]:
        """Every channel that ever gave samples, in order."""
        return sorted(chain.from_iterable(self._channels.values()))

    def segments(self, source: SourceId, begin_ns: int, end_ns: int) -> Sequence[Segment]:
        """What is remembered of a channel from one instant to another."""
        asked = (source.station_key, begin_ns, end_ns)
        if asked not in self._segments:
            self._segments[asked] = self._one(source.station_key, "segments", *asked) or {}
        return self._segments[asked].get(source, ())

    def _one(self, station_key: str, what: str, *arguments: object) -> Any:
        share = self._of.get(station_key)
        if share is None:
            return None
        self._stay()
        share.start(what, *arguments)
        return share.finish()

    def _all(self, what: str, *arguments: object) -> list[Any]:
        for share in self._shares:
            share.start(what, *arguments)
        return [share.finish() for share in self._shares]

    def _stay(self) -> None:
        """Have the workers where the last slice taken left them."""
        if self._ahead:
            self._turns.appendleft([number for number, _ in self._ahead])
            self._ahead.clear()
            for share in self._shares:
                share.go_back(self._taken)
