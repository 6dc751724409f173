"""Which part of the Earth a shaking map covers, and how finely."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.shake.ground_motion import MOST_DISTANCE_M, expected
from houfeng.words.earth import M_PER_DEG

#: The map ends where rock is expected to shake by less than this: 0.3 % of gravity, about MMI 2.5 by Worden et al.
#: 2012, doi:10.1785/0120110156, which people at rest may notice.
FELT_MPS2 = 0.03

#: However small the quake, its surroundings; however large, what the relation was made for.
LEAST_REACH_M = 50_000.0

#: It also shows that many of the nearest stations, so that a map never holds none of its evidence.
SHOWN_STATIONS = 5
MARGIN = 1.05

MOST_NODES = 40_000
SPACINGS_DEG = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2)

#: Near the poles a grid of degrees makes no sense.
MOST_LATITUDE_DEG = 89.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Nodes at whole multiples of a spacing, so that maps of one quake lie on top of each other.

    latitude_deg   [rows], ascending
    longitude_deg  [columns], ascending, beyond 180 where the map crosses the date line
    """

    latitude_deg: NDArray[np.float64]
    longitude_deg: NDArray[np.float64]

    def nodes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Latitudes and longitudes of all nodes, flat, row by row."""
        latitude, longitude = np.meshgrid(self.latitude_deg, self.longitude_deg, indexing="ij")
        return latitude.ravel(), longitude.ravel()

    def nearest_node(self, latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]) -> NDArray[np.intp]:
        """Index of the node in whose cell each place lies, -1 outside. Returns [n]."""
        row = _cell(self.latitude_deg, latitude_deg)
        column = _cell(self.longitude_deg, near(longitude_deg, float(np.median(self.longitude_deg))))
        inside = (row >= 0) & (column >= 0)
        return np.where(inside, row * len(self.longitude_deg) + column, -1)


def near(longitude_deg: NDArray[np.float64], middle_deg: float) -> NDArray[np.float64]:
    """Longitudes within 180 degrees of one of them, so that the date line is no edge."""
    return np.asarray((longitude_deg - middle_deg + 180.0) % 360.0 - 180.0 + middle_deg, dtype=np.float64)


def grid_for(
    latitude_deg: NDArray[np.float64],
    longitude_deg: NDArray[np.float64],
    magnitude: float,
    stations_m: NDArray[np.float64],
) -> Grid:
    """Choose the grid of a quake.

    latitude_deg, longitude_deg  of the epicentre and the corners of the rupture, the epicentre first, [n >= 1]
    stations_m                   distances of stations from the rupture, m, [n], n may be 0

    It reaches as far from the rupture as the quake may be felt, and to the nearest few stations; between 50 and
    400 km. The spacing is the finest of SPACINGS_DEG that needs no more than MOST_NODES nodes.
    """
    far_m = np.geomspace(1000.0, MOST_DISTANCE_M, 200)
    felt = np.exp(expected("pga", magnitude, far_m).ln_median) >= FELT_MPS2
    shown_m = np.sort(stations_m)[:SHOWN_STATIONS] * MARGIN
    reach_m = max(LEAST_REACH_M, float(far_m[felt].max(initial=0.0)), float(shown_m.max(initial=0.0)))
    reach_deg = min(reach_m, MOST_DISTANCE_M) / M_PER_DEG
    east = near(longitude_deg, float(longitude_deg[0]))
    south_deg = max(float(latitude_deg.min()) - reach_deg, -MOST_LATITUDE_DEG)
    north_deg = min(float(latitude_deg.max()) + reach_deg, MOST_LATITUDE_DEG)
    narrowest = np.cos(np.radians(min(max(abs(south_deg), abs(north_deg)), MOST_LATITUDE_DEG)))
    across_deg = min(reach_deg / float(narrowest), 179.0)
    for spacing in SPACINGS_DEG:
        # degrees of longitude shrink away from the equator: whole multiples keep cells about square
        wide = spacing * max(1, round(1 / float(np.cos(np.radians((south_deg + north_deg) / 2)))))
        rows, columns = (
            _multiples(south_deg, north_deg, spacing),
            _multiples(float(east.min()) - across_deg, float(east.max()) + across_deg, wide),
        )
        if len(rows) * len(columns) <= MOST_NODES:
            break
    return Grid(rows, columns)


def _multiples(least_deg: float, most_deg: float, spacing_deg: float) -> NDArray[np.float64]:
    first, last = int(np.ceil(least_deg / spacing_deg)), int(np.floor(most_deg / spacing_deg))
    return np.round(np.arange(first, max(last, first + 1) + 1) * spacing_deg, 6)


def _cell(axis: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.intp]:
    step = axis[1] - axis[0]
    index = np.rint((values - axis[0]) / step)
    return np.where((index >= 0) & (index < len(axis)), index, -1).astype(np.intp)
