"""The shape of a network, from which every stage derives its parameters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from houfeng.words.earth import distance_m
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

#: A quake worth locating is heard by this many of the nearest stations; farther ones add little.
HEARD_BY = 24

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
    if len(stations) < 2:
        return 0.0, LEAST_REACH_M
    latitude, longitude = np.array([station.place for station in stations]).T
    rank = min(len(stations) - 1, HEARD_BY)
    farthest, ranked = 0.0, np.empty(len(stations))
    for row in range(len(stations)):  # row by row: a nation's full matrix would be 2 GB
        distances = distance_m(latitude[row], longitude[row], latitude, longitude)
        farthest = max(farthest, float(distances.max()))
        ranked[row] = np.partition(distances, rank)[rank]
    return farthest, float(np.clip(np.median(ranked), LEAST_REACH_M, LARGEST_REACH_M))
