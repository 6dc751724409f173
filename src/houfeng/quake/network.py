"""The shape of a network, from which every stage derives its parameters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from houfeng.words.earth import EQUATORIAL_RADIUS_M, FLATTENING, distance_m
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

Reals = NDArray[np.float64]

#: A quake worth locating is heard by this many of the nearest stations; farther ones add little.
HEARD_BY = 24

#: So many more are looked at, as the flattening of the Earth turns the order of distances about by a little.
SPARE = 16
#: Angles are reckoned to this at the worst, radians: between antipodes, where a cosine hardly changes; 0.6 m.
ROUNDED = 1e-7

#: Even a network a few km across hears quakes at this distance.
LEAST_REACH_M = 50_000.0

#: Beyond this P comes from the lower mantle and S drowns: a matter for global networks.
LARGEST_REACH_M = 1_500_000.0

#: Deepest quakes on record: 735 km would be a first (Frohlich 2006, ISBN 9780521828697).
DEEPEST_QUAKE_M = 700_000.0

#: Crustal quakes reach this depth under any network.
LEAST_DEPTH_RANGE_M = 40_000.0


@dataclass(frozen=True, slots=True)
class Network:
    """The stations that speak, and their geometry.

    stations    by NET.STA, only those with coordinates
    unplaced    NET.STA heard but without coordinates
    aperture_m  largest distance between two stations
    reach_m     how far from its epicentre a quake is worth listening for
    """

    stations: Mapping[str, Station]
    unplaced: tuple[str, ...]
    aperture_m: float
    reach_m: float

    def away_m(self, latitude_deg: float, longitude_deg: float) -> NDArray[np.float64]:
        """Distance of every station from a place, m, in the order of stations."""
        places = np.array([station.place for station in self.stations.values()]).reshape(-1, 2)
        return distance_m(latitude_deg, longitude_deg, places[:, 0], places[:, 1])

    @property
    def highest_m(self) -> float:
        """Elevation of the highest station above sea level, m."""
        return max((station.elevation_m for station in self.stations.values()), default=0.0)

    @property
    def deepest_m(self) -> float:
        """Depth below sea level down to which this network can tell quakes apart, m."""
        return float(np.clip(max(self.reach_m, self.aperture_m / 2), LEAST_DEPTH_RANGE_M, DEEPEST_QUAKE_M))


def network_of(inventory: Inventory, sources: Iterable[SourceId], time_ns: int) -> Network:
    """The network formed by the stations of these channels at an instant."""
    placed: dict[str, Station] = {}
    unplaced = []
    for key in sorted({source.station_key for source in sources}):
        station = inventory.station(key, time_ns)
        if station is None or station.latitude_deg is None:
            unplaced.append(key)
        else:
            placed[key] = station
    aperture_m, reach_m = _geometry(list(placed.values()))
    return Network(MappingProxyType(placed), tuple(unplaced), aperture_m, reach_m)


def _geometry(stations: list[Station]) -> tuple[float, float]:
    """Aperture and reach, m: to the bit what all distances would give, without reckoning them all.

    Places are looked for by their angle apart on the sphere of reduced latitudes, which distance_m corrects: a distance
    is at most the equatorial radius times that, and at least (1 - FLATTENING) of it.
    """
    if len(stations) < 2:
        return 0.0, LEAST_REACH_M
    places = np.array([station.place for station in stations])
    latitude, longitude = np.radians(places).T
    reduced = np.arctan((1 - FLATTENING) * np.tan(latitude))
    across = np.cos(reduced)
    unit = np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(reduced)], axis=1)
    reach_m = float(np.clip(np.median(_ranked_m(places, unit)), LEAST_REACH_M, LARGEST_REACH_M))
    return _farthest_m(places, unit), reach_m


def _farthest_m(places: Reals, unit: Reals) -> float:
    """Largest distance between two places.

    Two that are both near the middle are nearer to each other than the farthest found so far; the outermost come first.
    """
    one = int(np.argmin(unit @ unit[0]))
    other = int(np.argmin(unit @ unit[one]))
    middle = unit[one] + unit[other]
    length = np.linalg.norm(middle)
    middle = middle / length if length > ROUNDED else unit[0]  # any place will do, this one is quick
    out = _angle(np.linalg.norm(unit - middle, axis=1))
    order = np.argsort(-out, kind="stable")
    places, unit, out = places[order], unit[order], out[order]
    farthest_m = 0.0
    for row in range(len(places)):
        needed = min(farthest_m / EQUATORIAL_RADIUS_M - ROUNDED, np.pi)
        count = int(np.searchsorted(-out, out[row] - needed, side="right"))
        if count <= row:  # nobody farther in makes it with this one, nor with those after it
            break
        wide = np.cos(needed) if needed > 0 else np.inf
        theirs = places[row:count][unit[row:count] @ unit[row] <= wide]
        if len(theirs):
            farthest_m = max(
                farthest_m, float(distance_m(places[row, 0], places[row, 1], theirs[:, 0], theirs[:, 1]).max())
            )
    return farthest_m


def _ranked_m(places: Reals, unit: Reals) -> Reals:
    """Distance of each place from the HEARD_BYth nearest to it, or from the farthest of fewer."""
    rank = min(len(places) - 1, HEARD_BY)
    count = min(len(places), rank + 1 + SPARE)
    chord, near = cKDTree(unit).query(unit, count)
    theirs = places[near]
    away_m = distance_m(places[:, :1], places[:, 1:], theirs[:, :, 0], theirs[:, :, 1])
    ranked_m = np.partition(away_m, rank, axis=1)[:, rank]
    if count < len(places):
        # those not looked at may be nearer after all, where the Earth's flattening turns the order about
        beyond_m = EQUATORIAL_RADIUS_M * (1 - FLATTENING) * (_angle(chord[:, -1]) - ROUNDED)
        for row in np.flatnonzero(beyond_m < ranked_m):
            away_m = distance_m(places[row, 0], places[row, 1], places[:, 0], places[:, 1])
            ranked_m[row] = np.partition(away_m, rank)[rank]
    return np.asarray(ranked_m, dtype=np.float64)


def _angle(chord: Reals) -> Reals:
    return np.asarray(2 * np.arcsin(np.minimum(chord / 2, 1.0)), dtype=np.float64)
