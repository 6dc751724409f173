"""How a statement arrived, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from houfeng.wire.manifest import Line
from houfeng.words.assurance import Tier
from houfeng.words.finding import Finding

#: What becomes of the records that a manifest names.
#: good: vouched for; again: named before, and delivered anew; broken: not to be believed; none: there are no names
Standing = Literal["good", "again", "broken", "none"]


@dataclass(slots=True)  # one for every statement: frozen ones take four times as long to make
class Came:
    """How a statement arrived.

    feed         that brought it
    arrival_ns   when
    redelivered  whether the feed has delivered this record, or a later one, before
    """

    feed: str
    arrival_ns: int
    redelivered: bool


@dataclass(slots=True)
class Said:
    """What came of a statement.

    lost  whether manifests before this one are missing
    """

    findings: list[Finding] = field(default_factory=list)
    standing: Standing = "none"
    names: Sequence[Line] = ()
    tier: Tier = Tier.BROKEN
    due_ns: int = 0
    lost: bool = False
