"""What the guard thinks of what it saw: who is accused of what, how surely, and what would refute it."""

from dataclasses import dataclass
from typing import Literal

from houfeng.words.network import Seen

#: "info" needs nobody; "low" is looked at when there is time, "medium" today, "high" now.
Severity = Literal["info", "low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A security finding.

    detector     which judge, kebab-case; the rules of that name hold its technique, thresholds and words
    time_ns      when it could first be said, in the time of what was observed
    until_ns     last instant of what it rests on; start of that is in the facts where it matters
    subject      who is accused: an address, a MAC address, a channel or a station; never a person
    peer         the other side, "" without one
    station      NET.STA where it is known, else ""
    severity     how soon somebody should look
    probability  that it is what it says and nothing harmless, 0 to 1
    facts        names and values that fill the words of the rule: counts, ports, seconds, all as text
    evidence     what it rests on, first and last where there is much
    """

    detector: str
    time_ns: int
    until_ns: int
    subject: str
    peer: str
    severity: Severity
    probability: float
    facts: tuple[tuple[str, str], ...] = ()
    evidence: tuple[Seen, ...] = ()
    station: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"{self.detector}: {self.probability} is no probability")
        if self.until_ns < self.time_ns:
            raise ValueError(f"{self.detector}: it ends before it begins")
