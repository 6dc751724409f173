"""How many frames a second are usual, by the past hour of each rate, and what is said when they are many more."""

from collections import deque
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Seen

#: Rates kept: of the hosts and devices of a /20.
MOST: Final = 4096
_MINUTE_S: Final = 60
_HOUR_MINUTES: Final = 60

#: What is counted: its name and the direction ("to", "from", "at").
Key = tuple[str, str]


@dataclass(slots=True)
class _Rate:
    """The busiest second of every minute of the past hour, the busiest of all, and the seconds beyond it."""

    minutes: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_HOUR_MINUTES))
    top: int = 0
    top_minute: int = 0
    beyond: deque[int] = field(default_factory=lambda: deque(maxlen=8))
    told_s: int | None = None

    def most(self, second: int) -> int:
        """Frames of the busiest second of the past hour, looked for once a minute."""
        minute = second // _MINUTE_S
        if minute != self.top_minute:
            self.top = max((frames for at, frames in self.minutes if at >= minute - _HOUR_MINUTES), default=0)
            self.top_minute = minute
        return self.top

    def note(self, second: int, frames: int) -> None:
        """A usual second."""
        minute = second // _MINUTE_S
        self.top = max(self.top, frames)
        if not self.minutes or self.minutes[-1][0] != minute:
            self.minutes.append((minute, frames))
        elif frames > self.minutes[-1][1]:
            self.minutes[-1] = (minute, frames)


class Envelope:
    """Knows the usual most of every rate from its own past hour, and says when it is left for some seconds.

    A flood does not become usual: its seconds are not learned.
    """

    __slots__ = ("_began_s", "_last_s", "_limits", "_pruned_minute", "_rates")

    def __init__(self) -> None:
        self._limits = rules_of("frame_rate")["frame-flood"].limits
        self._rates: dict[Key, _Rate] = {}
        self._began_s = self._last_s = self._pruned_minute = 0

    def count(self, key: Key, second: int, frames: int) -> int | None:
        """One whole second of one rate, in the order of time: the usual most when this one tells of a flood."""
        if abs(second - self._last_s) > self._limits["history_s"]:
            self._began_s = second  # nothing was heard for so long that the past hour says little
        self._last_s = second
        if key not in self._rates and len(self._rates) >= MOST and not self._has_room(second):
            return None
        rate = self._rates.setdefault(key, _Rate())
        most = rate.most(second)
        limits = self._limits
        bound = max(limits["times_most"] * most, most + limits["deviations"] * sqrt(most)) + limits["floor_frames"]
        if frames <= bound or second - self._began_s < limits["history_s"]:
            rate.note(second, frames)
            return None
        rate.beyond.append(second)
        recent = sum(second - one < limits["of_seconds"] for one in rate.beyond)
        if recent < limits["seconds"]:
            return None
        before_s, rate.told_s = rate.told_s, second
        return most if before_s is None or second - before_s > limits["episode_s"] else None

    def _has_room(self, second: int) -> bool:
        """Forget rates without a past hour, once a minute; names made up in a flood find no room, the old ones stay."""
        minute = second // _MINUTE_S
        if minute != self._pruned_minute:
            self._pruned_minute = minute
            for key, rate in list(self._rates.items()):
                if not rate.minutes or minute - rate.minutes[-1][0] > _HOUR_MINUTES:
                    del self._rates[key]
        return len(self._rates) < MOST


def flood(key: Key, second: int, frames: int, most: int, seen: Seen) -> Judgement:
    """What is said of a rate that left its envelope."""
    name, direction = key
    facts = (("frames", str(frames)), ("most", str(most)), ("direction", direction))
    begin_ns = (second + 1) * NS_PER_S
    return Judgement("frame-flood", begin_ns, begin_ns, name, "", "medium", 0.5, facts, (seen,))
