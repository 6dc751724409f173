"""The book a reader of a log keeps: records, their times, what is odd; and which clock the log goes by."""

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from houfeng.wire.decoded import TOLD
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S, format_instant

#: 1990-01-01: the first networks were captured about then (libpcap's beginnings). Before that a clock was never set.
DATED_FROM_NS: Final = 631_152_000 * NS_PER_S

#: 2100-01-01: nothing that writes logs today will then. Counters of 32 bits that ran backwards say 2106.
LATEST_NS: Final = 4_102_444_800 * NS_PER_S

#: Records near 1970 one after another until it is believed that the log goes by such a clock.
_RELATIVE_AFTER: Final = 32


T = TypeVar("T")


class LogBook(Generic[T]):
    """Counts records and follows their times.

    name               the file, for the findings
    records            how many were read
    first_ns, last_ns  earliest and latest time of these; None before the first

    A log goes by the calendar, or by a clock that was never set or counts from the start of a capture: then all its
    times are near 1970. One record near 1970 among dated ones is a fault, and so is one with a date among those near
    1970; from two dated ones in a row on the clock was set. What is near 1970 at the beginning of a log waits for 32
    of its like, or the end.
    """

    def __init__(self, name: str) -> None:
        self.records = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self._name = name
        self._dated: bool | None = None
        self._held: list[tuple[int, int, tuple[T, ...]]] = []
        self._complaints: dict[str, int] = {}

    def take(self, time_ns: int | None, line: int, told: tuple[T, ...]) -> Iterable[T | Finding]:
        """A record was read.

        time_ns  when it says it was, None when it has no time that counts
        told     what it gives
        """
        if self._dated and time_ns is not None and DATED_FROM_NS <= time_ns <= LATEST_NS:
            self._enter(time_ns)
            return told
        if time_ns is None:
            self.records += 1
            return told
        if not 0 < time_ns <= LATEST_NS:
            return self._no_time(time_ns, line)
        return self._by_clock(time_ns, line, told)

    def complain(self, kind: str, line: int, reason: str) -> tuple[Finding, ...]:
        """Something is odd with a line: the first of a kind one by one, then tens, hundreds, thousands at a time."""
        said = self._complaints[kind] = self._complaints.get(kind, 0) + 1
        if said <= TOLD:
            return (Finding(kind, f"line {line}: {reason}", self._name),)
        step = TOLD
        while step * 10 <= said:
            step *= 10
        return self._the_same(kind, said - max(step // 10, TOLD)) if said == step else ()

    def end(self) -> Iterable[T | Finding]:
        """The log is over."""
        if self._held and self._dated is None:
            yield from self._relative()
        yield from self._let_go()
        for kind, said in self._complaints.items():
            step = TOLD
            while step * 10 <= said:
                step *= 10
            if said > step:
                yield from self._the_same(kind, said - step)

    def _the_same(self, kind: str, times: int) -> tuple[Finding, ...]:
        return (Finding(kind, f"the same for {times} more lines", self._name),)

    def _enter(self, time_ns: int) -> None:
        self.records += 1
        if self.first_ns is None or self.last_ns is None:
            self.first_ns = self.last_ns = time_ns
        elif time_ns > self.last_ns:
            self.last_ns = time_ns
        elif time_ns < self.first_ns:
            self.first_ns = time_ns

    def _no_time(self, time_ns: int, line: int) -> tuple[Finding, ...]:
        if 0 < time_ns <= LATEST_NS:
            reason = f"{format_instant(time_ns)} is decades from the other times; it was left out"
        elif time_ns == 0:
            reason = "its time is 0, which is none; it was left out"
        else:
            reason = "its year is nowhere near ours; it was left out"
        return self.complain("implausible-time", line, reason)

    def _by_clock(self, time_ns: int, line: int, told: tuple[T, ...]) -> Iterable[T | Finding]:
        """Take a time of the other clock, or the first ones of all."""
        dated = time_ns >= DATED_FROM_NS
        if self._dated is None and dated:
            self._dated = True
        elif self._dated is None:
            self._held.append((time_ns, line, told))
            return list(self._relative()) if len(self._held) >= _RELATIVE_AFTER else ()
        elif self._dated:
            return self._no_time(time_ns, line)
        elif dated and not self._held:
            self._held.append((time_ns, line, told))
            return ()
        elif dated:
            return [*self._clock_set(line), *self.take(time_ns, line, told)]
        left_out = list(self._let_go())
        self._enter(time_ns)
        return [*left_out, *told]

    def _relative(self) -> Iterable[T | Finding]:
        self._dated = False
        yield Finding(
            "relative-clock",
            "its times are near 1970: its clock was never set, or counts from the start of a capture",
            self._name,
        )
        yield from self._release()

    def _clock_set(self, line: int) -> Iterable[T | Finding]:
        self._dated = True
        yield Finding(
            "clock-set", f"line {line}: the clock was set before here, earlier times have no date", self._name
        )
        yield from self._release()

    def _release(self) -> Iterable[T | Finding]:
        for time_ns, _, told in self._held:
            self._enter(time_ns)
            yield from told
        self._held.clear()

    def _let_go(self) -> Iterable[Finding]:
        for time_ns, line, _ in self._held:
            yield from self._no_time(time_ns, line)
        self._held.clear()
