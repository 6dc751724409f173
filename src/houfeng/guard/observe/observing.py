"""The stage that observes: what eyes wrote down becomes observations, whatever it was."""

from collections.abc import Iterable

from houfeng.guard.observe.flowtable import FlowTable
from houfeng.guard.observe.taps import TAPS
from houfeng.wire.eyes.frames import FrameBatch
from houfeng.wire.eyes.rate_table import RateBatch
from houfeng.words.finding import Finding
from houfeng.words.network import Observation

#: What an eye tells: frames, counters of frames, or what it made of them itself.
Sight = FrameBatch | RateBatch | Observation

Told = list[Observation | Finding]


class Observing:
    """Frames become flows, look-ups, logins and subscriptions; what is said in those words already goes on as it is.

    Each eye has conversations of its own: two that see the same wire are not added up.
    """

    def __init__(self) -> None:
        self._tables: dict[str, FlowTable] = {}

    def handle(self, sight: Sight) -> Told:
        """Something was seen. Counters tell of nobody: they are judged as they are."""
        if isinstance(sight, RateBatch):
            return []
        if not isinstance(sight, FrameBatch):
            return [sight]
        if sight.eye not in self._tables:
            self._tables[sight.eye] = FlowTable(taps=TAPS)
        return self._tables[sight.eye].handle(sight)

    def elapse(self, now_ns: int) -> Told:
        """Time passed, by the eyes' clocks."""
        return _all(table.elapse(now_ns) for table in self._tables.values())

    def end(self) -> Told:
        """No eye will see more: conversations that go on are told as they are."""
        return _all(table.end() for table in self._tables.values())


def _all(told: Iterable[Told]) -> Told:
    return [one for part in told for one in part]
