"""How grave, how near and how sure an alert is, in the words of CAP 1.2 (section 3.2.2)."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from houfeng.serve.alerts.news import SHAKING_NS
from houfeng.words.alert import Alert, Expectation

Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Urgency = Literal["Immediate", "Past"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely"]

#: From which Modified Mercalli intensity on shaking is how grave, the gravest first. After what each does (Wald et al.
#: 1999, doi:10.1193/1.1586058): VIII heavy damage to weak buildings, VI light damage, V things fall, III felt.
LEVELS: Final[tuple[tuple[int, Severity], ...]] = ((8, "Extreme"), (6, "Severe"), (5, "Moderate"), (3, "Minor"))

#: An alert counts as observed when half of what speaks for it could be false, and when no two stations and no two
#: domains could have made it up.
_SURELY, _SURELY_COST = 2.0, 3

#: Who could be lying alone.
_ALONE = 1


def class_of(intensity: float) -> int:
    """The class of an intensity, 1 to 12: the nearest whole number, upwards from the middle."""
    return min(12, max(1, math.floor(intensity + 0.5))) if math.isfinite(intensity) else 1


def reached(expectations: Iterable[Expectation]) -> tuple[tuple[int, Severity, tuple[Expectation, ...]], ...]:
    """Each level that is expected somewhere, with the places where at least that is, the strongest first.

    Levels at which no further place is reached are left out but the gravest.
    """
    ranked = sorted(expectations, key=lambda one: (-class_of(one.mmi), -one.mmi, one.place.name))
    levels: list[tuple[int, Severity, tuple[Expectation, ...]]] = []
    for least, severity in LEVELS:
        there = tuple(one for one in ranked if class_of(one.mmi) >= least)
        if there and (not levels or len(there) > len(levels[-1][2])):
            levels.append((least, severity, there))
    return tuple(levels)


def urgency(alert: Alert, places: Sequence[Expectation]) -> Urgency:
    """Whether anybody can still take cover. Without places nobody can be said not to."""
    if alert.kind == "cancel":
        return "Past"
    over = places and all(one.s_ns + SHAKING_NS <= alert.declared_ns for one in places)
    return "Past" if over else "Immediate"


def certainty(alert: Alert) -> Certainty:
    """How sure it is that there is an earthquake.

    Possible  the score is below what a warning needs, or one station, or one domain, could have made it up
    Likely    it is enough, and at least two of either would have had to
    Observed  twice the score that is needed, and at least three of either would have had to
    """
    if alert.kind == "cancel":
        return "Unlikely"
    cost = min(alert.forgery_cost_stations, alert.forgery_cost_domains)
    if cost <= _ALONE or not alert.score >= alert.of_score:
        return "Possible"
    return "Observed" if cost >= _SURELY_COST and alert.score >= _SURELY * alert.of_score else "Likely"
