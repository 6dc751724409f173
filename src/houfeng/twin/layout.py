"""Where stations stand: groups around centres, from a sunflower's spiral, so that none crowd and none are far."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from houfeng.words.earth import travelled

#: A sunflower sets one seed after the other at this angle: Vogel 1979, doi:10.1016/0025-5564(79)90080-4.
GOLDEN_ANGLE_RAD = float(np.pi * (3 - np.sqrt(5)))

#: How far a station is set beside its place, as share of the usual spacing: nobody finds a site just there.
STRAY = 0.3

#: Hills: so many waves of ground, this long, m.
HILLS, HILL_M = 6, (8_000.0, 60_000.0)


@dataclass(frozen=True, slots=True)
class Group:
    """Stations around a centre.

    prefix       their codes begin with it
    radius_m     > 0
    stations     how many
    density      0.5 spreads them evenly; more makes them denser towards the centre
    elevation_m  of the plain
    relief_m     how high the hills are
    """

    prefix: str
    latitude_deg: float
    longitude_deg: float
    radius_m: float
    stations: int
    density: float = 0.6
    elevation_m: float = 50.0
    relief_m: float = 200.0


def places(group: Group, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes, longitudes and elevations of a group's stations, each [stations]."""
    number = np.arange(group.stations)
    share = (number + 0.5) / group.stations
    radius = group.radius_m * share**group.density
    angle = number * GOLDEN_ANGLE_RAD + rng.uniform(0, 2 * np.pi)
    spacing = group.radius_m * np.sqrt(np.pi / group.stations)
    stray = rng.normal(0.0, STRAY * spacing * share ** (group.density - 0.5), (2, group.stations)) / np.sqrt(2)
    east, north = radius * np.cos(angle) + stray[0], radius * np.sin(angle) + stray[1]
    latitude, longitude = travelled(group.latitude_deg, group.longitude_deg, east, north)
    return latitude, longitude, np.round(group.elevation_m + group.relief_m * _hills(east, north, rng))


def _hills(east_m: NDArray[np.float64], north_m: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    """A rolling ground, 0 to 1."""
    length, phase, heading = rng.uniform(*HILL_M, HILLS), *rng.uniform(0, 2 * np.pi, (2, HILLS))
    along = east_m[:, None] * np.sin(heading) + north_m[:, None] * np.cos(heading)
    return np.asarray(0.5 + 0.5 * np.mean(np.cos(2 * np.pi * along / length + phase), axis=1), dtype=np.float64)
