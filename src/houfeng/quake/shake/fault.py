"""How far a site is from the rupture, whether its outline is known or only its epicentre.

A known rupture is a set of flat polygons. For an unknown one the distance is a mean over ruptures of the length that
the magnitude makes usual, of any strike, that began anywhere along themselves.
"""

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.fault import Fault
from houfeng.words.earth import azimuth_deg, distance_m

#: Length below ground of ruptures of all kinds: log10(L / km) = -2.44 + 0.59 M, M 4.8 to 8.1, standard deviation 0.16.
#: Wells & Coppersmith 1994, doi:10.1785/BSSA0840040974, table 2A.
LENGTH_CONSTANT, LENGTH_PER_MAGNITUDE = -2.44, 0.59
LENGTH_MAGNITUDES = (4.8, 8.1)

#: Ruptures averaged over: by symmetry a quarter of all strikes does.
_STRIKES = np.radians(np.arange(2.5, 90.0, 5.0))
_BEGINNINGS = np.linspace(-0.475, 0.475, 20)

#: Epicentral distances, in lengths of the rupture, between which the mean is interpolated. Farther than the last its
#: centre is at the epicentre on average.
_LENGTHS = np.concatenate((np.linspace(0.0, 2.0, 41), np.geomspace(2.1, 50.0, 40)))


def usual_rjb_m(epicentral_m: NDArray[np.float64], magnitude: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance to a rupture known by its epicentre and magnitude alone.

    epicentral_m  m, >= 0, [n]

    Returns the mean of the distance to its surface projection and its standard deviation, m, each [n]. The rupture is
    a vertical strip, its length that of Wells & Coppersmith 1994 (M clipped to what they had).
    """
    length_m = 1000 * 10 ** (LENGTH_CONSTANT + LENGTH_PER_MAGNITUDE * float(np.clip(magnitude, *LENGTH_MAGNITUDES)))
    along = _LENGTHS[:, None, None] * np.cos(_STRIKES[:, None]) - _BEGINNINGS
    across = _LENGTHS[:, None, None] * np.sin(_STRIKES[:, None])
    away = np.hypot(np.maximum(np.abs(along) - 0.5, 0.0), across)
    lengths = np.asarray(epicentral_m, dtype=np.float64) / length_m
    shift = np.interp(lengths, _LENGTHS, away.mean(axis=(1, 2)) - _LENGTHS)
    spread = np.interp(lengths, _LENGTHS, away.std(axis=(1, 2)))
    return np.maximum(lengths + shift, 0.0) * length_m, spread * length_m


def rjb_m(fault: Fault, latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance to the surface projection of a rupture, m, 0 above it.

    latitude_deg, longitude_deg  of sites at the surface, degrees, [n]

    Measured on a plane laid flat around the rupture: within 0.2 % up to 400 km. Returns [n].
    """
    here = _flat(fault, latitude_deg, longitude_deg)
    nearest = np.full(len(here), np.inf)
    for polygon in fault.polygons:
        nearest = np.minimum(nearest, _to_polygon(here, _flat(fault, polygon[:, 0], polygon[:, 1])))
    return nearest


def rrup_m(fault: Fault, latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance to the nearest point of a rupture itself, m, with arguments and reach as of rjb_m(). Returns [n]."""
    here = np.column_stack((_flat(fault, latitude_deg, longitude_deg), np.zeros(np.shape(latitude_deg))))
    nearest = np.full(len(here), np.inf)
    for polygon in fault.polygons:
        corners = np.column_stack((_flat(fault, polygon[:, 0], polygon[:, 1]), polygon[:, 2]))
        middle = corners.mean(axis=0)
        # the plane that fits the corners best: its two axes, then its normal
        axes = np.linalg.svd(corners - middle)[2]
        local, flat = (here - middle) @ axes.T, (corners - middle) @ axes.T
        away = np.hypot(_to_polygon(local[:, :2], flat[:, :2]), local[:, 2])
        nearest = np.minimum(nearest, away)
    return nearest


def _flat(fault: Fault, latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres east and north of the first corner of a rupture [n, 2], true in distance and direction from there."""
    start = fault.polygons[0][0]
    length_m = distance_m(start[0], start[1], latitude_deg, longitude_deg)
    angle = np.radians(azimuth_deg(start[0], start[1], latitude_deg, longitude_deg))
    return np.column_stack((length_m * np.sin(angle), length_m * np.cos(angle)))


def _to_polygon(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in a plane from points [n, 2] to a polygon [m, 2], closed by itself; 0 inside."""
    nearest = np.full(len(points), np.inf)
    inside = np.zeros(len(points), dtype=np.bool_)
    for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge, offset = end - begin, points - begin
        squared = float(edge @ edge)
        share = np.clip(offset @ edge / squared, 0.0, 1.0) if squared > 0 else np.zeros(len(points))
        nearest = np.minimum(nearest, np.hypot(*(offset - share[:, None] * edge).T))
        # a ray eastwards crosses this edge
        crosses = (begin[1] > points[:, 1]) != (end[1] > points[:, 1])
        if edge[1] != 0:
            inside ^= crosses & (offset[:, 0] < edge[0] * offset[:, 1] / edge[1])
    return np.where(inside, 0.0, nearest)
