"""From packets to picks: what triggered is looked at once its whole wave train is there.

A station's first trigger opens an episode; the episode's window runs from a little before it to when the
S of the farthest quake worth hearing must have come. When time has passed its end, the picker reads the
window of every sensor that triggered, and co-located sensors speak with one voice. Windows are cut by sample
times alone, so packets may be split or merged in any way without moving a pick.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from houfeng.quake.acquire import Recent
from houfeng.quake.detect.picker import Picker
from houfeng.quake.detect.trigger import Watch
from houfeng.quake.detect.window import Window
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network
from houfeng.words.instant import seconds_to_ns
from houfeng.words.quake import Phase, Pick
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory

#: Before the first trigger: noise to compare with, and room for an onset the trigger was late on.
BEFORE_S = 12.0
#: Onsets this long after the first trigger still belong to its episode; later ones open the next.
EPISODE_S = 15.0
#: A trigger is said at most this long after the sample it names.
SAID_WITHIN_S = 5.0
#: S minus P is waited for between these limits; without a network, as for a quake some 300 km away.
LEAST_S_MINUS_P_S = 12.0
LONGEST_S_MINUS_P_S = 120.0
LONE_STATION_S_MINUS_P_S = 40.0
#: Farther quakes than the network's reach are still worth an S.
REACH_MARGIN = 1.5
#: Two picks of one phase this close at one station are the same arrival seen by two sensors or two windows.
SAME_ARRIVAL_S = 0.5
#: What a guided look needs around the expected time: noise before, signal after.
LOOK_BEFORE_S = 12.0
LOOK_AFTER_S = 6.0


@dataclass(slots=True)
class _Episode:
    """What a station's first trigger opened: when, and every trigger since by sensor."""

    first_ns: int
    triggers: dict[tuple[SourceId, ...], list[int]]


class Detect:
    """Packets in, picks out.

    network, times  decide how long S may take to come; inventory: which channel stands upright
    picker          turns a window and its triggers into onsets
    """

    def __init__(self, network: Network, inventory: Inventory, picker: Picker, times: TravelTimes) -> None:
        self._watch = Watch(network.aperture_m)
        self._inventory = inventory
        self._picker = picker
        self._s_minus_p_s = _s_minus_p_s(network, times)
        self._wait_ns = wait_ns(network, times)
        self._said: list[tuple[int, SourceId]] = []
        self._episodes: dict[str, list[_Episode]] = {}
        self._told: dict[str, list[Pick]] = {}
        self._sensors: dict[str, tuple[tuple[SourceId, ...], ...]] = {}
        self._known: dict[str, list[SourceId]] = {}

    def handle(self, batch: PacketBatch) -> None:
        """Listen to ordered packets; what triggers is looked at when time has passed."""
        for source in batch.channels:
            known = self._known.setdefault(source.station_key, [])
            if source not in known:
                known.append(source)
                self._sensors[source.station_key] = sensors_of(known)
        self._said.extend((trigger.on_ns, trigger.source) for trigger in self._watch.handle(batch) if not trigger.ended)

    def elapse(self, now_ns: int, recent: Recent) -> Iterator[Pick]:
        """Picks of every episode whose window ends before now_ns, in time order."""
        self._open_until(now_ns - seconds_to_ns(SAID_WITHIN_S))
        picks: list[Pick] = []
        for key in sorted(self._episodes):
            ripe = [episode for episode in self._episodes[key] if episode.first_ns + self._wait_ns <= now_ns]
            for episode in ripe:
                picks.extend(self._read(key, episode, recent))
                self._episodes[key].remove(episode)
            if not self._episodes[key]:
                del self._episodes[key]
        yield from sorted(picks, key=lambda pick: pick.key)

    def look(
        self, recent: Recent, station_key: str, phase: Phase, expected_ns: int, half_width_s: float
    ) -> Pick | None:
        """The best onset of a phase at a station within half a width of when it is expected, or None."""
        begin_ns = expected_ns - seconds_to_ns(half_width_s + LOOK_BEFORE_S)
        end_ns = expected_ns + seconds_to_ns(half_width_s + LOOK_AFTER_S)
        found = []
        for sensor in self._sensors.get(station_key, ()):
            window = self._window(station_key, sensor, begin_ns, end_ns, recent)
            if window.segments:
                pick = self._picker.pick_near(window, phase, expected_ns, half_width_s)
                if pick is not None:
                    found.append(pick)
        return max(found, key=_worth, default=None)

    def _open_until(self, settled_ns: int) -> None:
        """Open episodes of all triggers up to an instant, the earliest first, in whatever order they were said."""
        for on_ns, source in sorted(said for said in self._said if said[0] < settled_ns):
            self._open(source, on_ns)
        self._said = [said for said in self._said if said[0] >= settled_ns]

    def _open(self, source: SourceId, on_ns: int) -> None:
        key = source.station_key
        sensor = next(sensor for sensor in self._sensors[key] if source in sensor)
        episodes = self._episodes.setdefault(key, [])
        length_ns = seconds_to_ns(EPISODE_S)
        for episode in episodes:
            if episode.first_ns <= on_ns < episode.first_ns + length_ns + seconds_to_ns(self._s_minus_p_s):
                episode.triggers.setdefault(sensor, []).append(on_ns)
        if not any(episode.first_ns <= on_ns < episode.first_ns + length_ns for episode in episodes):
            episodes.append(_Episode(on_ns, {sensor: [on_ns]}))

    def _read(self, key: str, episode: _Episode, recent: Recent) -> list[Pick]:
        begin_ns = episode.first_ns - seconds_to_ns(BEFORE_S)
        own_end_ns = episode.first_ns + seconds_to_ns(EPISODE_S)
        end_ns = own_end_ns + seconds_to_ns(self._s_minus_p_s)
        heard: list[Pick] = []
        for sensor, triggers in sorted(episode.triggers.items()):
            window = self._window(key, sensor, begin_ns, end_ns, recent)
            if window.segments:
                heard.extend(self._picker.picks(window, sorted(triggers)))
        # A P past the episode's own time is the next one's to tell; an S past it belongs to a P told here.
        heard = [pick for pick in heard if pick.phase == "S" or pick.time_ns < own_end_ns]
        told = self._told.get(key, [])
        fresh = [pick for pick in one_voice(heard) if not any(_same(pick, other, any_phase=True) for other in told)]
        self._told[key] = [pick for pick in told if pick.time_ns >= begin_ns] + fresh
        return fresh

    def _window(self, key: str, sensor: tuple[SourceId, ...], begin_ns: int, end_ns: int, recent: Recent) -> Window:
        segments = [segment for source in sensor for segment in recent.segments(source, begin_ns, end_ns)]
        return Window(key, tuple(segments), self._upright(sensor, begin_ns))

    def _upright(self, sensor: tuple[SourceId, ...], time_ns: int) -> SourceId | None:
        for source in sensor:
            channel = self._inventory.channel(source, time_ns)
            if channel is not None and channel.dip_deg is not None and abs(channel.dip_deg) > 60.0:
                return source
        return None


def wait_ns(network: Network, times: TravelTimes) -> int:
    """Every pick of an onset this long past has been told."""
    return seconds_to_ns(EPISODE_S + _s_minus_p_s(network, times) + SAID_WITHIN_S)


def sensors_of(sources: Iterable[SourceId]) -> tuple[tuple[SourceId, ...], ...]:
    """Channels of one station grouped into sensors of at most three components.

    Z goes with N and E where these exist, else with 1 and 2; a set of 1, 2, 3 beside Z, N, E is a sensor of its own.
    """
    by_name: dict[str, list[SourceId]] = {}
    for source in sorted(sources):
        by_name.setdefault(source.sensor, []).append(source)
    sensors: list[tuple[SourceId, ...]] = []
    for group in by_name.values():
        lettered = [source for source in group if source.component not in ("1", "2", "3")]
        numbered = [source for source in group if source.component in ("1", "2", "3")]
        horizontals = [source for source in lettered if source.component != "Z"]
        if lettered and numbered and (horizontals or len(numbered) > 2):
            sensors.extend([tuple(lettered[:3]), tuple(numbered)])
        else:
            sensors.append(tuple(group[:3]))
    return tuple(sensors)


def one_voice(picks: Sequence[Pick]) -> list[Pick]:
    """Of picks of one station that are the same arrival on several sensors, the most trustworthy; in time order."""
    kept: list[Pick] = []
    for pick in sorted(picks, key=lambda pick: (*(-part for part in _worth(pick)), pick.key)):
        if not any(_same(pick, other, any_phase=False) for other in kept):
            kept.append(pick)
    return sorted(kept, key=lambda pick: pick.key)


def _worth(pick: Pick) -> tuple[float, float]:
    return (round(pick.probability, 2), -pick.uncertainty_s)


def _same(pick: Pick, other: Pick, *, any_phase: bool) -> bool:
    near = abs(pick.time_ns - other.time_ns) <= seconds_to_ns(SAME_ARRIVAL_S)
    return near and (any_phase or pick.phase == other.phase)


def _s_minus_p_s(network: Network, times: TravelTimes) -> float:
    if not network.stations:
        return LONE_STATION_S_MINUS_P_S
    away_m, depth_m, elevation_m = np.array([REACH_MARGIN * network.reach_m]), 10_000.0, 0.0
    gap_s = float(
        (times.seconds("S", away_m, depth_m, elevation_m) - times.seconds("P", away_m, depth_m, elevation_m))[0]
    )
    return float(np.clip(gap_s, LEAST_S_MINUS_P_S, LONGEST_S_MINUS_P_S))
