"""A province whose stations tell of onsets, honest or not, without making its waveforms: for thousands of tries.

What an honest station tells is simulated: P is told where the relation of size, distance and displacement says it is
above the noise, with the scatter of quick onsets and of displacements; S where it stands out of P; and stray onsets.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from houfeng.quake.hearing import travel_times
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import network_of
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.stage import Onset
from houfeng.quake.warn.testimony import P_S, TYPICAL_HUSH, Testimony
from houfeng.twin.scenario_toml import packaged_scenario
from houfeng.twin.world import stations_of
from houfeng.words.alert import Alert
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S
from houfeng.words.station import Inventory, Station

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: The instant that seconds count from.
BASE_NS = 1_700_000_000 * NS_PER_S
#: Stations have been heard for so long when a try begins.
LISTENED_S = 900.0
#: A record is this long, and takes so long to the centre; an onset is beyond doubt this long after it.
RECORD_S, LATENCY_S, DOUBT_S = 1.0, 1.0, 0.3
#: Honest onsets: scatter, share that come late, by up to so much; a stray onset per station every so often.
SCATTER_S, LATE_SHARE, LATE_S, STRAY_EVERY_S = 0.15, 0.1, 1.0, 600.0
#: Share of strays that are spikes, of any size.
SPIKE_SHARE = 0.1
#: log10 m: noise of stations and its spread; scatter of displacements; what P must exceed noise by to be told.
NOISE, NOISE_SPREAD, SCATTER, STANDS_OUT = -6.3, 0.3, 0.35, 0.4


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """A station tells of an onset: seconds since BASE_NS; pd: log10 m of displacement after it."""

    arrival_s: float
    row: int
    onset_s: float
    pd: float


@dataclass(frozen=True, slots=True)
class Shock:
    """A true quake."""

    latitude_deg: float
    longitude_deg: float
    depth_m: float
    time_s: float
    magnitude: float


@dataclass(frozen=True, slots=True)
class Province:
    """Stations, their travel times, and what noise each has, log10 m."""

    stations: tuple[Station, ...]
    times: TravelTimes
    noise: Reals

    @property
    def places(self) -> Reals:
        """Latitudes and longitudes, [n, 2]."""
        return np.array([station.place for station in self.stations])

    def away_m(self, latitude_deg: float, longitude_deg: float) -> Reals:
        """Of all stations from a place."""
        return np.asarray(distance_m(latitude_deg, longitude_deg, *self.places.T))

    def travel_s_of(self, shock: Shock, rows: NDArray[np.int64]) -> tuple[Reals, Reals]:
        """P and S to stations."""
        away_m = self.away_m(shock.latitude_deg, shock.longitude_deg)[rows]
        table, high_m = self.times, [self.stations[row].elevation_m for row in rows]
        p_s, s_s = (
            np.array([
                float(table.seconds(phase, away_m[i : i + 1], shock.depth_m, high)[0]) for i, high in enumerate(high_m)
            ])
            for phase in ("P", "S")
        )  # fmt: skip
        return p_s, s_s

    def displacement(self, shock: Shock) -> Reals:
        """Of P at all stations, log10 m: Kuyuk & Allen 2013, doi:10.1002/2013GL058580."""
        far_km = np.hypot(self.away_m(shock.latitude_deg, shock.longitude_deg), shock.depth_m) / 1000
        grows = min(shock.magnitude, 6.5 + 0.3 * (shock.magnitude - 6.5))
        return np.asarray((grows - 5.39 - 1.38 * np.log10(np.maximum(far_km, 1.0))) / 1.23 - 2.0)


def province(most: int | None = None, near: tuple[float, float] | None = None) -> Province:
    """The twin's province; or of it only so many stations, those nearest to a place."""
    stations = [made.station for made in stations_of(packaged_scenario("province"))]
    if most is not None:
        middle = near or (36.0, 104.5)
        stations.sort(key=lambda station: float(distance_m(*middle, *station.place)))
        stations = sorted(stations[:most], key=lambda station: station.key)
    sources = [station.channels[0].source for station in stations]
    network = network_of(Inventory(tuple(stations)), sources, BASE_NS)
    times = travel_times(packaged_scenario("province").crust.model, network)
    noise = np.random.default_rng(5).normal(NOISE, NOISE_SPREAD, len(stations))
    return Province(tuple(stations), times, noise)


def arrival_s(onset_s: float, phase_s: float) -> float:
    """When the record in which an onset is beyond doubt reaches the centre; records end at phase_s and so on."""
    sure_s = onset_s + DOUBT_S
    return float(phase_s + np.ceil((sure_s - phase_s) / RECORD_S) * RECORD_S + LATENCY_S)


def honest(
    here: Province, shocks: Sequence[Shock], live: Flags, span_s: tuple[float, float], rng: Generator
) -> list[Told]:
    """What honest stations tell of quakes, and strays, within a span of arrival times."""
    out: list[Told] = []
    phase_s = np.random.default_rng(11).random(len(here.stations))
    for shock in shocks:
        p_s, s_s = here.travel_s_of(shock, np.arange(len(here.stations)))
        pd = here.displacement(shock) + rng.normal(0.0, SCATTER, len(p_s))
        told_p = pd > here.noise + STANDS_OUT
        for row in np.flatnonzero(live & told_p):
            late_s = rng.random() * LATE_S if rng.random() < LATE_SHARE else 0.0
            onset_s = shock.time_s + p_s[row] + rng.normal(0.0, SCATTER_S) + late_s
            out.append(Told(arrival_s(onset_s, phase_s[row]), int(row), float(onset_s), float(pd[row])))
        for row in np.flatnonzero(live & (pd + 0.7 > here.noise + STANDS_OUT)):
            if rng.random() < (0.3 if told_p[row] else 0.7):
                onset_s = shock.time_s + s_s[row] + rng.normal(0.0, 2 * SCATTER_S)
                out.append(Told(arrival_s(onset_s, phase_s[row]), int(row), float(onset_s), float(pd[row] + 0.7)))
    begin_s, end_s = span_s
    for row in np.flatnonzero(live):
        for onset_s in rng.uniform(begin_s, end_s, rng.poisson((end_s - begin_s) / STRAY_EVERY_S)):
            above = rng.uniform(0.5, 5.0) if rng.random() < SPIKE_SHARE else 0.3 + rng.exponential(0.3)
            size = float(here.noise[row] + above)
            out.append(Told(arrival_s(onset_s, phase_s[row]), int(row), float(onset_s), size))
    return sorted(each for each in out if begin_s <= each.arrival_s <= end_s)


class Shown:
    """What amplitudes the stations show: those they tell of, liars' too."""

    def __init__(self, noise: Reals) -> None:
        self._noise = noise
        self._pd: dict[tuple[int, int], float] = {}
        self.now_s = 0.0

    def note(self, told: Told) -> None:
        """A station tells of an onset."""
        self._pd[told.row, round(told.onset_s * 1e6)] = told.pd

    def since(
        self, rows: NDArray[np.int64], onset_ns: NDArray[np.int64], until_ns: NDArray[np.int64] | None = None
    ) -> tuple[Reals, Reals, Reals]:
        """See Measured in quake/warn/testimony.py; what is shown is that of the first seconds."""
        del until_ns  # whatever it says
        micros = (onset_ns - BASE_NS) // 1000
        pd = np.array([self._pd.get((int(row), int(at)), np.nan) for row, at in zip(rows, micros, strict=True)])
        window_s = np.clip(self.now_s - LATENCY_S - micros / 1e6, 0.0, P_S)
        return pd, window_s, self._noise[rows]

    def hush(self, rows: NDArray[np.int64]) -> Reals:
        """See Measured in quake/warn/testimony.py."""
        return TYPICAL_HUSH + self._noise[rows] - NOISE


class Doors(Protocol):
    """Onsets in, alerts out."""

    def handle(self, onset: Onset) -> Iterator[Alert]:
        """An onset."""
        ...

    def elapse(self, now_ns: int) -> Iterator[Alert]:
        """Time passed."""
        ...


#: What makes a rule of what stations show.
Maker = Callable[[Testimony, TravelTimes, Policy, Shown], Doors]


@dataclass(frozen=True, slots=True)
class Night:
    """What is to be played.

    told     by whom, honest and not
    live     stations whose data come
    ahead_s  of stations whose stamps are ahead of the others', by row
    until_s  time goes on so far
    """

    told: Sequence[Told]
    live: Flags
    until_s: float
    ahead_s: Mapping[int, float] = field(default_factory=dict)


def play(here: Province, policy: Policy, night: Night, maker: Maker) -> tuple[list[Alert], Testimony, Doors]:
    """Play what stations tell, in the order in which it reaches the centre."""
    testimony = Testimony(here.stations, policy, BASE_NS)
    shown = Shown(here.noise)
    doors = maker(testimony, here.times, policy, shown)
    rows = np.flatnonzero(night.live)
    lag_s = LATENCY_S + RECORD_S * np.random.default_rng(11).random(len(here.stations))[rows]
    ahead_s = np.array([night.ahead_s.get(int(row), 0.0) for row in rows])
    told = sorted(night.told)
    begin_s = told[0].arrival_s if told else 0.0
    testimony.heard(rows, np.full(len(rows), begin_s - LISTENED_S))
    alerts: list[Alert] = []
    steps = list(np.arange(begin_s, night.until_s, 0.5)) if night.until_s > begin_s else []
    for each in [*told]:
        while steps and steps[0] < each.arrival_s:
            alerts += _pass(doors, testimony, shown, rows, lag_s - ahead_s, steps.pop(0))
        testimony.heard(rows, each.arrival_s - lag_s + ahead_s)
        testimony.heard(np.array([each.row]), np.array([each.onset_s + DOUBT_S]))
        shown.now_s = each.arrival_s
        shown.note(each)
        onset_ns, arrived_ns = testimony.instant(each.onset_s), testimony.instant(each.arrival_s)
        alerts += doors.handle(Onset(here.stations[each.row].key, onset_ns, onset_ns, onset_ns, arrived_ns))
    for at_s in steps:
        alerts += _pass(doors, testimony, shown, rows, lag_s - ahead_s, at_s)
    return alerts, testimony, doors


def _pass(
    doors: Doors, testimony: Testimony, shown: Shown, rows: NDArray[np.int64], lag_s: Reals, at_s: float
) -> Iterator[Alert]:
    testimony.heard(rows, at_s - lag_s)
    shown.now_s = at_s
    return doors.elapse(testimony.instant(at_s))
