"""How a centre is: ok, degraded or failing, and why, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from houfeng.shell.health.metrics import Metrics, Recent, StationCount
from houfeng.shell.health.supervise import State
from houfeng.words.instant import NS_PER_S

#: A feed or station that was silent for longer is told as silent. Records of 512 bytes of quiet ground at 20 Hz take
#: half a minute to fill, and links come back after a minute.
SILENT_NS = 120 * NS_PER_S

#: One station in ten being silent is an ordinary day; more than that is not.
SILENT_SHARE = 0.1

#: Below this a disk is told as short, and below that as full: seven minutes and twenty seconds of a nation's
#: 48,000 records a second.
SHORT_DISK_BYTES = 10_000_000_000
FULL_DISK_BYTES = 500_000_000

#: A certificate that ends within this is told.
DAY_NS = 86_400 * NS_PER_S
SOON_NS = 14 * DAY_NS

#: A queue this full is told.
FULL_SHARE = 0.8

#: Failures in a row from which a duty counts as failing for good; with its waits that is two minutes.
FAILING_FROM = 7

#: Names in one reason; the rest are counted.
NAMED = 5


class Level(StrEnum):
    """How a centre is, as a whole."""

    ok = "ok"
    degraded = "degraded"
    failing = "failing"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a centre is not ok, in words, and how bad that is."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Health:
    """How a centre is, and what there is to know, ready to be written as JSON."""

    level: Level
    reasons: tuple[Reason, ...]
    details: dict[str, Any]

    @property
    def document(self) -> dict[str, Any]:
        """What /health says."""
        told = [{"level": reason.level.value, "reason": reason.text} for reason in self.reasons]
        return {"health": self.level.value, "reasons": told, **self.details}


def judge(metrics: Metrics, *, now_ns: int, begun_ns: int) -> Health:
    """Say how a centre is, from what it has counted. May run beside the thread that counts.

    begun_ns  when it began: what never spoke is silent since then
    """
    reasons = (
        *_about_feeds(metrics, now_ns, begun_ns),
        *_about_stations(metrics, now_ns, begun_ns),
        *_about_work(metrics),
        *_about_disks(metrics),
        *_about_certificates(metrics, now_ns),
    )
    levels = {reason.level for reason in reasons}
    level = next((level for level in (Level.failing, Level.degraded) if level in levels), Level.ok)
    return Health(level, reasons, _details(metrics, now_ns, begun_ns))


def _about_feeds(metrics: Metrics, now_ns: int, begun_ns: int) -> Iterator[Reason]:
    asked = {name: feed for name, feed in list(metrics.feeds.items()) if feed.steady}
    silent = [name for name, feed in asked.items() if _silence_ns(feed.last_ns, now_ns, begun_ns) > SILENT_NS]
    if silent:
        level = Level.failing if len(silent) == len(asked) else Level.degraded
        every = "no feed brings anything" if level is Level.failing else "silent feeds"
        told = [f"{name} ({asked[name].reason or asked[name].state})" for name in silent]
        yield Reason(level, f"{every}: {_named(told)}")


def _about_stations(metrics: Metrics, now_ns: int, begun_ns: int) -> Iterator[Reason]:
    silent = [
        key
        for key in sorted(metrics.expected)
        if _silence_ns(metrics.stations[key].last_ns, now_ns, begun_ns) > SILENT_NS
    ]
    if len(silent) > SILENT_SHARE * len(metrics.expected) and _is_steady(metrics):
        yield Reason(Level.degraded, f"{len(silent)} of {len(metrics.expected)} stations are silent: {_named(silent)}")


def _about_work(metrics: Metrics) -> Iterator[Reason]:
    for part, reason in list(metrics.troubles.items()):
        yield Reason(Level.failing, f"{part}: {reason}")
    for standing in list(metrics.duties.values()):
        if standing.state is State.waiting:
            level = Level.failing if standing.failures >= FAILING_FROM else Level.degraded
            yield Reason(level, f"{standing.name} failed {standing.failures} times in a row: {standing.reason}")
    for stage, queue in list(metrics.queues.items()):
        if queue.depth >= FULL_SHARE * queue.most > 0:
            yield Reason(Level.degraded, f"{stage} is behind: {queue.depth} of at most {queue.most} wait")


def _about_disks(metrics: Metrics) -> Iterator[Reason]:
    for place, left_bytes in list(metrics.disks.items()):
        if left_bytes < SHORT_DISK_BYTES:
            level = Level.failing if left_bytes < FULL_DISK_BYTES else Level.degraded
            yield Reason(level, f"{left_bytes / 1e9:.1f} GB are left on the disk of the {place}")


def _about_certificates(metrics: Metrics, now_ns: int) -> Iterator[Reason]:
    for part, end_ns in metrics.certificates.items():
        left_ns = end_ns - now_ns
        if left_ns <= SOON_NS:
            told = "has run out" if left_ns <= 0 else f"runs out in {left_ns / DAY_NS:.1f} days"
            yield Reason(Level.failing if left_ns <= 0 else Level.degraded, f"the certificate of {part} {told}")


def _is_steady(metrics: Metrics) -> bool:
    """Whether anything is to be heard all the time: recordings come to their end, and nobody speaks then."""
    return not metrics.feeds or any(feed.steady for feed in list(metrics.feeds.values()))


def _details(metrics: Metrics, now_ns: int, begun_ns: int) -> dict[str, Any]:
    return {
        "running_s": _seconds(now_ns - begun_ns),
        "feeds": {
            name: {
                "state": feed.state,
                "reason": feed.reason,
                "packets": feed.packets,
                "refused": feed.refused,
                "last_packet_age_s": _age_s(feed.last_ns, now_ns),
                **_quantiles("latency", feed.delays.recent),
            }
            for name, feed in list(metrics.feeds.items())
        },
        "stations": {
            key: _station(station, now_ns, begun_ns)
            for key, station in sorted(metrics.stations.items(), key=lambda item: item[0])
        },
        "stages": {
            name: {"queue_depth": queue.depth, "queue_most": queue.most} for name, queue in list(metrics.queues.items())
        },
        "duties": {
            standing.name: {"state": standing.state.value, "failures": standing.total, "reason": standing.reason}
            for standing in list(metrics.duties.values())
        },
        "disk_left_bytes": dict(metrics.disks),
        "certificate_left_s": {part: _seconds(end_ns - now_ns) for part, end_ns in metrics.certificates.items()},
        "gaps": metrics.gaps,
        "picks": sum(metrics.picks.values()),
        "quakes": metrics.quakes,
        "alerts": sum(metrics.alerts.values()),
        "findings": sum(metrics.findings.values()),
        **_quantiles("pick_delay", metrics.pick_delays.recent),
        "readers": metrics.readers.connected,
    }


def _station(station: StationCount, now_ns: int, begun_ns: int) -> dict[str, Any]:
    silent = _silence_ns(station.last_ns, now_ns, begun_ns) > SILENT_NS
    state = "speaking" if not silent and station.last_ns is not None else "silent" if silent else "awaited"
    return {
        "state": state,
        "packets": station.packets,
        "gaps": station.gaps,
        "last_packet_age_s": _age_s(station.last_ns, now_ns),
        **_quantiles("latency", station.delays),
    }


def _quantiles(name: str, delays: Recent) -> dict[str, float | None]:
    median_s, late_s = delays.quantiles(0.5, 0.99)
    return {f"{name}_p50_s": _rounded(median_s), f"{name}_p99_s": _rounded(late_s)}


def _silence_ns(last_ns: int | None, now_ns: int, begun_ns: int) -> int:
    return now_ns - (begun_ns if last_ns is None else last_ns)


def _age_s(last_ns: int | None, now_ns: int) -> float | None:
    return None if last_ns is None else _seconds(now_ns - last_ns)


def _seconds(span_ns: int) -> float:
    return round(span_ns / NS_PER_S, 3)


def _rounded(value_s: float | None) -> float | None:
    return None if value_s is None else round(value_s, 3)


def _named(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
