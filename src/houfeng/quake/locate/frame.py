"""A local map: metres east and north of a centre, for searching; and places in space, for distances."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from houfeng.words.earth import EQUATORIAL_RADIUS_M, FLATTENING, travelled


def places_m(latitude_deg: ArrayLike, longitude_deg: ArrayLike) -> NDArray[np.float64]:
    """Positions at sea level on the ellipsoid, [..., 3] m from the Earth's centre: no poles, no date line."""
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    e2 = FLATTENING * (2 - FLATTENING)
    normal = EQUATORIAL_RADIUS_M / np.sqrt(1 - e2 * np.sin(latitude) ** 2)
    across = normal * np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), normal * (1 - e2) * np.sin(latitude)], -1)


@dataclass(frozen=True, slots=True)
class Frame:
    """Azimuthal map around a place."""

    latitude_deg: float
    longitude_deg: float

    def degrees(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Latitudes and longitudes of points [n, 2 or 3] (east, north, ...), m."""
        return travelled(self.latitude_deg, self.longitude_deg, points[:, 0], points[:, 1])

    def places_m(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions of points on the ellipsoid, [n, 3]."""
        return places_m(*self.degrees(points))


def middle_deg(latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]) -> tuple[float, float]:
    """Latitude and longitude in the middle of places, wherever they are on the globe."""
    x, y, z = places_m(latitude_deg, longitude_deg).mean(axis=0)
    across = float(np.hypot(x, y))
    return float(np.degrees(np.arctan2(z, across * (1 - FLATTENING) ** 2))), float(np.degrees(np.arctan2(y, x)))
