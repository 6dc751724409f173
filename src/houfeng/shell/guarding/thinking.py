"""Observing and judging as one: what eyes saw goes in, findings come out, live or from recordings."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

from houfeng.guard.judge.judging import Judging
from houfeng.guard.observe.observing import Observing, Sight
from houfeng.shell.guarding.reading import Tell
from houfeng.wire.eyes.frames import FrameBatch
from houfeng.wire.eyes.rate_table import RateBatch
from houfeng.words.conduct import Conduct
from houfeng.words.finding import Finding
from houfeng.words.instant import LATEST_NS, NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Observation, time_of

#: Judges are told of time so often, in the time of what is observed.
_TICK_NS: Final = NS_PER_S


class Thinking:
    """The stages of the guard that files and wires feed.

    conducts            what the stations may do
    server_logs         eyes that are data servers' own logs, by name
    tell                called with what is odd about an eye
    observed            called with every observation, in the order in which it is judged
    salt, over_idle_ns  see Observing
    now_ns              the time of the latest observation, or what elapse was last told: the judges' clock
    """

    def __init__(
        self,
        conducts: Sequence[Conduct] = (),
        server_logs: Collection[str] = (),
        *,
        tell: Tell,
        observed: Callable[[Observation], None] = lambda _: None,
        salt: int = 0,
        over_idle_ns: int | None = None,
    ) -> None:
        self.now_ns = 0
        self._tell = tell
        self._observed = observed
        self._observing, self._judging = Observing(salt=salt, over_idle_ns=over_idle_ns), Judging(conducts, server_logs)

    def handle(self, sight: Sight, latest_ns: int = LATEST_NS) -> Iterator[Judgement]:
        """Something was seen.

        latest_ns  no stamp moves the judges' clock beyond this: live, it is the time that it is
        """
        if isinstance(sight, FrameBatch | RateBatch):
            yield from self._judging.frames(sight)
        yield from self._hear(self._observing.handle(sight), latest_ns)

    def elapse(self, now_ns: int) -> Iterator[Judgement]:
        """Time passed with nothing seen."""
        yield from self._hear(self._observing.elapse(now_ns), now_ns)
        if now_ns > self.now_ns:
            self.now_ns = now_ns
            yield from self._judging.elapse(now_ns)

    def end(self) -> Iterator[Judgement]:
        """No eye will see more: what goes on is told as it is, and what was kept for the end of a day is said."""
        yield from self._hear(self._observing.end(), LATEST_NS)
        yield from self._judging.end(self.now_ns)

    def _hear(self, told: Iterable[Observation | Finding], latest_ns: int) -> Iterator[Judgement]:
        for seen in told:
            if isinstance(seen, Finding):
                self._tell(seen)
                continue
            at_ns = min(time_of(seen), latest_ns)
            if at_ns - self.now_ns >= _TICK_NS:
                self.now_ns = at_ns
                yield from self._judging.elapse(at_ns)
            self._observed(seen)
            yield from self._judging.handle(seen)
