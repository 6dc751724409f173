"""A scenario come true: its stations, its quakes, and how the waves of each reach each station."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.twin.catalogue import quakes_of
from houfeng.twin.chance import Purpose, chance
from houfeng.twin.faults import Fault, by_chance
from houfeng.twin.instruments import INSTRUMENTS
from houfeng.twin.layout import places
from houfeng.twin.made import MadeQuake, MadeStation, Site
from houfeng.twin.rays import Rays, rays_of
from houfeng.twin.rupture import Rupture, rupture
from houfeng.twin.scenario import Scenario
from houfeng.words.earth import distance_m
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Station

#: Azimuth and dip of the channels, as installed and as the metadata say.
ORIENTATION = {"Z": (0.0, -90.0), "N": (0.0, 0.0), "E": (90.0, 0.0)}

CARRIERS = ("A", "B", "C")

#: Nothing travels faster than P in the upper mantle, m/s: what could be farther arrives after the recording.
FASTEST_MPS = 8_500.0
#: Travel times reach at least so far, m.
LEAST_REACH_M = 50_000.0


@dataclass(frozen=True, slots=True)
class Happening:
    """One quake of the world.

    number  its own, from 0: names its streams of chance
    rays    to all stations of the world, a row for each
    """

    number: int
    quake: MadeQuake
    rupture: Rupture
    rays: Rays


@dataclass(frozen=True, slots=True)
class World:
    """Stations, quakes, and what is wrong with the stations (by number)."""

    scenario: Scenario
    stations: tuple[MadeStation, ...]
    happenings: tuple[Happening, ...]
    faults: tuple[tuple[Fault, ...], ...]

    @property
    def quakes(self) -> tuple[MadeQuake, ...]:
        """In time order."""
        return tuple(happening.quake for happening in self.happenings)


def world_of(scenario: Scenario) -> World:
    """Make a scenario's world."""
    stations = tuple(stations_of(scenario))
    quakes = quakes_of(
        scenario.quakes,
        scenario.swarms,
        scenario.sequences,
        start_ns=scenario.start_ns,
        duration_s=scenario.duration_s,
        stress_spread=scenario.stress_spread,
        rng=chance(scenario.seed, Purpose.CATALOGUE),
    )
    faults = tuple(
        (
            *(fault for fault in scenario.faults if fault.station == made.station.code),
            *by_chance(
                scenario.fault_shares,
                made.station.code,
                scenario.duration_s,
                chance(scenario.seed, Purpose.FAULTS, made.number),
            ),
        )
        for made in stations
    )
    return World(scenario, stations, tuple(_happenings(scenario, stations, quakes)), faults)


def stations_of(scenario: Scenario) -> Iterator[MadeStation]:
    """Lay out the stations, groups first, and equip them."""
    plan, number = scenario.network, 0
    names, shares = zip(*plan.shares, strict=True) if plan.shares else ((), ())
    for index, group in enumerate(plan.groups):
        columns = places(group, chance(scenario.seed, Purpose.LAYOUT, index))
        digits = len(str(max(group.stations - 1, 1)))
        for own, (latitude, longitude, elevation_m) in enumerate(zip(*columns, strict=True)):
            rng = chance(scenario.seed, Purpose.SITE, number)
            instrument = str(rng.choice(names, p=np.array(shares) / sum(shares)))
            code = f"{group.prefix}{own:0{digits}d}"
            gateway = f"{group.prefix}{own // plan.per_gateway}"
            yield _made(
                scenario,
                number,
                code,
                (float(latitude), float(longitude), float(elevation_m)),
                instrument,
                gateway,
                rng,
            )
            number += 1
    for named in plan.named:
        rng = chance(scenario.seed, Purpose.SITE, number)
        place = (named.latitude_deg, named.longitude_deg, named.elevation_m)
        yield _made(scenario, number, named.code, place, named.instrument, named.code, rng)
        number += 1


def _made(
    scenario: Scenario,
    number: int,
    code: str,
    place: tuple[float, float, float],
    instrument: str,
    gateway: str,
    rng: np.random.Generator,
) -> MadeStation:
    ground, kind = scenario.ground, INSTRUMENTS[instrument]
    channels = tuple(
        Channel(
            SourceId(scenario.network.code, code, "00", f"{kind.code}{letter}"),
            rate_hz=scenario.rate_hz,
            azimuth_deg=azimuth,
            dip_deg=dip,
            response=kind.response,
        )
        for letter, (azimuth, dip) in ORIENTATION.items()
    )
    site = Site(
        kappa_s=ground.kappa_s * float(np.exp(rng.normal(0.0, ground.kappa_spread))),
        log_gain=float(rng.normal(0.0, ground.gain_spread)),
        percentile=float(rng.uniform(ground.least_percentile, ground.most_percentile)),
        night_fall_db=ground.night_fall_db,
        p_delay_s=float(rng.normal(0.0, ground.delay_spread_s)),
    )
    carrier = CARRIERS[int(rng.integers(len(CARRIERS)))]
    domains = frozenset({f"gateway:{gateway}", f"carrier:{carrier}", f"vendor:{instrument}"})
    station = Station(scenario.network.code, code, *place, channels=channels, domains=domains)
    return MadeStation(number, station, instrument, site)


def _happenings(
    scenario: Scenario, stations: tuple[MadeStation, ...], quakes: tuple[MadeQuake, ...]
) -> Iterator[Happening]:
    if not quakes or not stations:
        return
    sites = [made.station for made in stations]
    ruptures = [
        rupture(quake, scenario.crust, chance(scenario.seed, Purpose.RUPTURE, number))
        for number, quake in enumerate(quakes)
    ]
    depths = np.concatenate([one.depth_m for one in ruptures])
    times = TravelTimes(
        scenario.crust.model,
        max_distance_m=_reach_m(scenario, sites, quakes),
        min_depth_m=min(float(depths.min()) - 1_000.0, -1_000.0),
        max_depth_m=float(depths.max()) + 1_000.0,
        elevations_m=np.array([station.elevation_m for station in sites]),
    )
    for number, (quake, one) in enumerate(zip(quakes, ruptures, strict=True)):
        yield Happening(number, quake, one, rays_of(quake, one, stations, times, scenario.crust))


def _reach_m(scenario: Scenario, stations: list[Station], quakes: tuple[MadeQuake, ...]) -> float:
    """The farthest a wave can come within the recording, or has to."""
    places = np.array([station.place for station in stations])
    farthest = max(
        float(distance_m(quake.latitude_deg, quake.longitude_deg, places[:, 0], places[:, 1]).max()) for quake in quakes
    )
    first_ns = min(quake.time_ns for quake in quakes)
    left_s = max((scenario.start_ns - first_ns) / 1e9 + scenario.duration_s, 0.0)
    return max(min(farthest * 1.05, left_s * FASTEST_MPS), LEAST_REACH_M)
