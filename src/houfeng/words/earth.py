"""Places on the Earth: distance and azimuth on the WGS 84 ellipsoid."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_M = 6_371_008.8  # mean radius, Moritz 2000, doi:10.1007/s001900050278
EQUATORIAL_RADIUS_M = 6_378_137.0  # WGS 84
FLATTENING = 1 / 298.257223563  # WGS 84
M_PER_DEG = np.pi / 180 * EARTH_RADIUS_M


def distance_m(
    latitude_deg: ArrayLike, longitude_deg: ArrayLike, other_latitude_deg: ArrayLike, other_longitude_deg: ArrayLike
) -> NDArray[np.float64]:
    """Length of the geodesic between two places, m; arguments broadcast, degrees.

    Lambert's formula on reduced latitudes: within about 10 m up to several thousand km, and 70 km between antipodes.
    Source: P. D. Thomas 1970, Spheroidal Geodesics, Reference Systems, & Local Geometry, p. 121.
    """
    reduced1 = np.arctan((1 - FLATTENING) * np.tan(np.radians(latitude_deg)))
    reduced2 = np.arctan((1 - FLATTENING) * np.tan(np.radians(other_latitude_deg)))
    half_lon = np.radians(np.subtract(other_longitude_deg, longitude_deg)) / 2
    haversine = np.sin((reduced2 - reduced1) / 2) ** 2 + np.cos(reduced1) * np.cos(reduced2) * np.sin(half_lon) ** 2
    sigma = 2 * np.arcsin(np.sqrt(np.clip(haversine, 0.0, 1.0)))
    mean, half = (reduced1 + reduced2) / 2, (reduced2 - reduced1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        x = (sigma - np.sin(sigma)) * (np.sin(mean) * np.cos(half) / np.cos(sigma / 2)) ** 2
        y = (sigma + np.sin(sigma)) * (np.cos(mean) * np.sin(half) / np.sin(sigma / 2)) ** 2
    correction = FLATTENING / 2 * (np.nan_to_num(x) + np.nan_to_num(y))
    correction = np.clip(correction, 0.0, FLATTENING * sigma)  # between antipodes the formula has no meaning
    return np.asarray(EQUATORIAL_RADIUS_M * (sigma - correction), dtype=np.float64)


def azimuth_deg(
    latitude_deg: ArrayLike, longitude_deg: ArrayLike, other_latitude_deg: ArrayLike, other_longitude_deg: ArrayLike
) -> NDArray[np.float64]:
    """Direction from the first place to the other, degrees clockwise from north, 0 to 360 (spherical)."""
    lat1, lat2 = np.radians(latitude_deg), np.radians(other_latitude_deg)
    dlon = np.radians(np.subtract(other_longitude_deg, longitude_deg))
    east = np.sin(dlon) * np.cos(lat2)
    north = np.cos(lat1) * np.sin(lat2) - np.sin(lat1) * np.cos(lat2) * np.cos(dlon)
    return np.asarray(np.degrees(np.arctan2(east, north)) % 360.0, dtype=np.float64)


def travelled(
    latitude_deg: float, longitude_deg: float, east_m: ArrayLike, north_m: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes and longitudes reached by going east_m and north_m along the ground from a place.

    Azimuthal equidistant on the ellipsoid's radii at the start; good to 0.1 % within a few hundred km.
    """
    north_radius, east_radius = radii_m(latitude_deg)
    east, north = np.asarray(east_m) / east_radius, np.asarray(north_m) / north_radius
    angle = np.hypot(east, north)
    scale = np.where(angle > 0, np.sin(angle) / np.where(angle > 0, angle, 1.0), 1.0)
    lat0 = np.radians(latitude_deg)
    latitude = np.arcsin(np.clip(np.cos(angle) * np.sin(lat0) + north * scale * np.cos(lat0), -1.0, 1.0))
    longitude = np.arctan2(east * scale, np.cos(lat0) * np.cos(angle) - np.sin(lat0) * north * scale)
    degrees = (longitude_deg + np.degrees(longitude) + 180.0) % 360.0 - 180.0
    return np.asarray(np.degrees(latitude)), np.asarray(degrees)


def radii_m(latitude_deg: float) -> tuple[float, float]:
    """Radii of curvature along the meridian and across it, m, at a latitude."""
    e2 = FLATTENING * (2 - FLATTENING)
    w = 1 - e2 * np.sin(np.radians(latitude_deg)) ** 2
    return float(EQUATORIAL_RADIUS_M * (1 - e2) / w**1.5), float(EQUATORIAL_RADIUS_M / np.sqrt(w))
