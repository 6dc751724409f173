"""The judge of onsets: patterns no wave could make.

S minus P bounds how far a quake is from a station: at most FARTHEST_MPS times the difference, whatever the rock.
Stations that are all near a quake by that measure, at one time, but too far from each other to be near the same one,
did not feel one quake. Two small quakes at once do happen; three at once, each beside another station, do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.waveform.once import Once
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.quake import Pick
from houfeng.words.source import shown

#: vP vS / (vP - vS) of the fastest rock that quakes occur in: 8.3 and 4.7 km/s (uppermost mantle) give 10.8 km/s.
FARTHEST_MPS: Final = 10_800.0
#: P and S of one station belong together up to this difference, 300 km.
LONGEST_NS: Final = 30 * NS_PER_S
#: Pairs are kept for so long: picks of one quake come within it.
KEEP_NS: Final = 120 * NS_PER_S
#: Picks of one station that wait for their S.
MOST_WAITING: Final = 16


@dataclass(frozen=True, slots=True)
class _Near:
    """A station that was near a quake, by its S minus P."""

    station_key: str
    time_ns: int
    farthest_m: float


class MoveoutJudge:
    """Says which stations show a quake together that none could have shown to all of them.

    places  latitude and longitude by station, degrees
    """

    def __init__(self, places: Mapping[str, tuple[float, float]]) -> None:
        self._places = dict(places)
        self._waiting: dict[str, list[Pick]] = {}
        self._near: list[_Near] = []
        self._once = Once()

    def handle(self, pick: Pick) -> list[Judgement]:
        """An onset was picked."""
        key = pick.source.station_key
        if key not in self._places:
            return []
        if pick.phase == "P":
            self._waiting[key] = [*self._waiting.get(key, [])[-MOST_WAITING + 1 :], pick]
            return []
        # The earliest P before it leaves the quake the most room: what is impossible even so, is.
        ahead = [p for p in self._waiting.get(key, ()) if 0 < pick.time_ns - p.time_ns <= LONGEST_NS]
        if not ahead:
            return []
        first = min(ahead, key=lambda p: p.time_ns)
        near = _Near(key, first.time_ns, (pick.time_ns - first.time_ns) / NS_PER_S * FARTHEST_MPS)
        self._near = [other for other in self._near if other.station_key != key or other.time_ns != near.time_ns]
        self._near.append(near)
        return self._judge(near, pick.time_ns)

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Forget what is over."""
        self._near = [near for near in self._near if near.time_ns >= now_ns - KEEP_NS]
        self._waiting = {
            key: left
            for key, picks in self._waiting.items()
            if (left := [p for p in picks if p.time_ns >= now_ns - KEEP_NS])
        }
        self._once.elapse(now_ns)
        return []

    def _judge(self, near: _Near, time_ns: int) -> list[Judgement]:
        rule = rules_of("waveform")["waveform-moveout"].limits
        # Grown greedily, the nearest in time first: every member is impossible with every other.
        group = [near]
        within_ns = rule["within_s"] * NS_PER_S
        for other in sorted(self._near, key=lambda other: (abs(other.time_ns - near.time_ns), other.station_key)):
            if abs(other.time_ns - near.time_ns) <= within_ns and all(self._impossible(other, one) for one in group):
                group.append(other)
        if len(group) < rule["stations"]:
            return []
        names = ", ".join(sorted(one.station_key for one in group))
        return [
            Judgement(
                detector="waveform-moveout",
                time_ns=time_ns,
                until_ns=time_ns,
                subject=one.station_key,
                peer="",
                severity="high",
                probability=rule["probability"],
                facts=(
                    ("stations", str(len(group))),
                    ("which", names[:200]),
                    ("near", f"{one.farthest_m / 1000:.0f} km"),
                ),
                station=shown(one.station_key),
            )
            for one in sorted(group, key=lambda one: one.station_key)
            if self._once.first("waveform-moveout", one.station_key, time_ns)
        ]

    def _impossible(self, one: _Near, other: _Near) -> bool:
        if one.station_key == other.station_key:
            return False
        apart_m = float(distance_m(*self._places[one.station_key], *self._places[other.station_key]))
        return one.farthest_m + other.farthest_m < apart_m
