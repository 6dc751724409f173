"""The stage that observes: what eyes wrote down becomes observations, whatever it was."""

from collections.abc import Iterable

from houfeng.guard.observe.flowtable import TCP_IDLE_NS, FlowTable
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

    salt          any number; where somebody may aim at the tables, one that nobody can guess
    over_idle_ns  see FlowTable; live, what is judged when it is over must not wait for an hour

    Each eye has conversations of its own: two that see the same wire are not added up.
    """

    def __init__(self, *, salt: int = 0, over_idle_ns: int | None = None) -> None:
        self._salt, self._over_idle_ns = salt, over_idle_ns
        self._tables: dict[str, FlowTable] = {}
        self._heard_ns: dict[str, int] = {}

    def handle(self, sight: Sight) -> Told:
        """Something was seen. Counters tell of nobody: they are judged as they are."""
        if isinstance(sight, RateBatch):
            return []
        if not isinstance(sight, FrameBatch):
            return [sight]
        if sight.eye not in self._tables:
            self._tables[sight.eye] = FlowTable(taps=TAPS, salt=self._salt, over_idle_ns=self._over_idle_ns)
            self._heard_ns[sight.eye] = 0
        self._heard_ns[sight.eye] = max(self._heard_ns[sight.eye], int(sight.time_ns.max(initial=0)))
        return self._tables[sight.eye].handle(sight)

    def elapse(self, now_ns: int) -> Told:
        """Time passed, by the eyes' clocks.

        An eye that saw nothing for longer than any conversation lasts is forgotten, as files are that were followed by
        the next.
        """
        told = _all(table.elapse(now_ns) for table in self._tables.values())
        for eye in [eye for eye, heard_ns in self._heard_ns.items() if now_ns - heard_ns > TCP_IDLE_NS]:
            told += self._tables.pop(eye).end()
            del self._heard_ns[eye]
        return told

    def end(self) -> Told:
        """No eye will see more: conversations that go on are told as they are."""
        return _all(table.end() for table in self._tables.values())


def _all(told: Iterable[Told]) -> Told:
    return [one for part in told for one in part]
