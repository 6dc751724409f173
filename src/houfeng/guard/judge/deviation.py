"""What differs between a host and its baseline, and many differences as one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from houfeng.guard.judge.hosts import shown
from houfeng.words.judgement import Severity

#: Items that are named where there are many.
_NAMED = 3

_GRAVITY: dict[Severity, int] = {"high": 0, "medium": 1, "low": 2, "info": 3}


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that differs.

    detector     the rule it falls under
    item         what differs, in a few words of the host's own: a path, a name, an address
    how          in what way: "new", "changed", "removed" ...
    severity, probability  as of a Judgement
    value        what it is now, where the same item may differ in another way next time
    """

    detector: str
    item: str
    how: str
    severity: Severity
    probability: float
    value: str = ""

    @property
    def cause(self) -> tuple[str, str, str]:
        """What makes two deviations the same: how they are put hangs on when they were found."""
        return self.detector, self.item, self.value or self.how


@dataclass(frozen=True, slots=True)
class Told:
    """Deviations told as one.

    first  the gravest, first of its kind by name
    items  the first of them, for a person
    hows   in what way, with counts
    count  how many
    """

    first: Deviation
    items: str
    hows: str
    count: int


def brief(item: str) -> str:
    """An item as it can be shown: of a long one the beginning and the end, since a path ends in what it names."""
    plain = shown(item)
    return plain if not plain.endswith("...") else f"{shown(item[:20])[:20]}...{shown(item[-37:])[:37]}"


def gathered(deviations: Iterable[Deviation], each: int) -> list[Told]:
    """Deviations of one detector, the gravest first: each by itself up to so many of a severity, else as one."""
    ordered = sorted(deviations, key=lambda one: (_GRAVITY[one.severity], -one.probability, one.item, one.how))
    told: list[Told] = []
    for _, of_severity in groupby(ordered, key=lambda one: one.severity):
        group = list(of_severity)
        if len(group) <= each:
            told += (Told(one, brief(one.item), one.how, 1) for one in group)
            continue
        counts = Counter(one.how for one in group)
        hows = ", ".join(f"{how} {count}" for how, count in sorted(counts.items()))
        items = ", ".join(brief(one.item) for one in group[:_NAMED])
        told.append(Told(group[0], f"{items} ...", hows, len(group)))
    return told
