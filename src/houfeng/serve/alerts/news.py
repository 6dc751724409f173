"""One version of an alert with what places have to expect: what goes out, and how long it matters."""

from dataclasses import dataclass

from houfeng.words.alert import Alert, Expectation
from houfeng.words.instant import NS_PER_S

#: How long strong shaking lasts after S, at most: that of the Tohoku earthquake of 2011 (Mw 9.1) lasted some two
#: minutes at the nearest stations.
SHAKING_NS = 120 * NS_PER_S

#: How long a cancellation matters: until whoever heard of the alert has looked again.
CANCELLED_NS = 600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class News:
    """A version of an alert.

    expectations  of places, in any order
    """

    alert: Alert
    expectations: tuple[Expectation, ...] = ()


def over_ns(news: News) -> int:
    """From when on an alert's version is of no more use, ns: the shaking is past, or the cancellation known."""
    declared_ns = news.alert.declared_ns
    if news.alert.kind == "cancel":
        return declared_ns + CANCELLED_NS
    return max([declared_ns, *(one.s_ns for one in news.expectations)]) + SHAKING_NS


def contradicting(alert: Alert) -> tuple[str, ...]:
    """The stations that speak against an alert, in order of name."""
    return tuple(sorted(voice.station_key for voice in alert.voices if voice.score < 0))
