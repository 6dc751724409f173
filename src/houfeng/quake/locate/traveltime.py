"""How long P and S take to a station: first arrivals in a layered Earth, from tables."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from houfeng.quake.locate.rays import first_arrivals_s
from houfeng.words.earth import EARTH_RADIUS_M
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Phase

#: Table spacing. Times bend sharply only where one phase overtakes another; there a linear table is late by at most
#: spacing x slowness step / 4, so 100 m and 0.8 % of the distance keep 4 ms up to 60 km for a 15 % jump of speed.
DISTANCE_STEP_M = 100.0
DISTANCE_GROWTH = 0.008
#: In depth likewise; every interface of the model is a line of the table besides.
DEPTH_STEP_M = 200.0
DEPTH_GROWTH = 0.012
#: Station elevations closer together than this share a pair of lines; between lines times are interpolated.
ELEVATION_STEP_M = 200.0
#: So many elevations at most have their own line, whatever the spacing, to bound memory.
ELEVATION_LINES = 24
#: A shell in which speed changes by more is divided, so that a power law stays within 0.02 % of the straight line.
SHELL_CHANGE = 0.04


class Table(NamedTuple):
    """Times as the kernels take them.

    slowness_spm  [elevations, depths, distances, 2] of P and S: time over straight distance, nearly constant near the
                  source, where time itself bends most
    elevations_m, depths_m, distances_m   of the lines
    distance_index   the line at or below each multiple of the smallest spacing, to begin looking from
    """

    slowness_spm: NDArray[np.float32]
    elevations_m: NDArray[np.float64]
    depths_m: NDArray[np.float64]
    distances_m: NDArray[np.float64]
    distance_index: NDArray[np.int32]


class TravelTimes:
    """First-arrival times of P and S in a spherical layered Earth.

    model           speeds against depth; the first value holds upwards, the last downwards
    max_distance_m  epicentral distance up to which times are tabulated, > 0; farther they grow with distance
    min_depth_m     shallowest source, below sea level, negative above it
    max_depth_m     deepest source, > min_depth_m
    elevations_m    of all stations that will be asked for, above sea level; at least one

    Stations stand at their elevation, and sources may lie above sea level and above a station.
    Depths and elevations outside the ranges take the mean slowness at the edge.
    Raises ValueError when a range is empty.
    """

    def __init__(
        self,
        model: VelocityModel,
        *,
        max_distance_m: float,
        min_depth_m: float,
        max_depth_m: float,
        elevations_m: Iterable[float],
    ) -> None:
        elevations = np.unique(np.asarray(list(elevations_m), dtype=np.float64))
        if len(elevations) == 0 or max_distance_m <= 0 or max_depth_m <= min_depth_m:
            raise ValueError("travel times need a station elevation, a distance and a range of depths")
        self.model = model
        self.max_distance_m, self.min_depth_m, self.max_depth_m = max_distance_m, min_depth_m, max_depth_m
        elevations_m = _elevation_lines(elevations)
        depths_m = _depth_lines(model, min_depth_m, max_depth_m)
        distances_m = _distance_lines(max_distance_m)
        steps = np.arange(0.0, distances_m[-1] + DISTANCE_STEP_M, DISTANCE_STEP_M)
        index = np.minimum(np.searchsorted(distances_m, steps, side="right") - 1, len(distances_m) - 2)
        slowness = np.empty((len(elevations_m), len(depths_m), len(distances_m), 2), np.float32)
        self.table = Table(slowness, elevations_m, depths_m, distances_m, index.astype(np.int32))
        levels_m = self._levels_m()
        for phase, speed_mps in enumerate((model.vp_mps, model.vs_mps)):
            slowness[..., phase] = _trace(self.table, *_shells(model, speed_mps, levels_m))

    def seconds(
        self, phase: Phase, distance_m: ArrayLike, depth_m: ArrayLike, elevation_m: ArrayLike
    ) -> NDArray[np.float64]:
        """Travel time of the first P or S, s; arguments broadcast.

        distance_m   epicentral, along sea level, >= 0
        depth_m      of the source below sea level
        elevation_m  of the station above sea level
        """
        shape = np.broadcast_shapes(np.shape(distance_m), np.shape(depth_m), np.shape(elevation_m))
        distance, depth, elevation = (
            np.array(np.broadcast_to(np.asarray(value, np.float64), shape)).ravel()
            for value in (distance_m, depth_m, elevation_m)
        )
        out = np.empty(distance.size)
        _seconds_kernel(
            self.table,
            "PS".index(phase),
            distance,
            depth,
            elevation,
            out,
        )
        return out.reshape(shape)

    def takeoff_deg(
        self, phase: Phase, distance_m: ArrayLike, depth_m: ArrayLike, elevation_m: ArrayLike
    ) -> NDArray[np.float64]:
        """Angle at which the ray leaves the source, degrees: 0 straight down, 180 straight up.

        Arguments as for seconds(). From the gradient of the table: a source moved along the ray comes earlier.
        """
        distance, depth, elevation = (np.asarray(value, np.float64) for value in (distance_m, depth_m, elevation_m))
        # Differences over one table cell; half steps would see the corners of linear interpolation.
        step = np.maximum(DISTANCE_STEP_M, DISTANCE_GROWTH * distance)
        near, far = np.maximum(distance - step, 0.0), distance + step
        away = (self.seconds(phase, far, depth, elevation) - self.seconds(phase, near, depth, elevation)) / (far - near)
        above = self.seconds(phase, distance, depth - DEPTH_STEP_M, elevation)
        below = self.seconds(phase, distance, depth + DEPTH_STEP_M, elevation)
        return np.asarray(
            np.degrees(np.arctan2(np.maximum(away, 0.0), (above - below) / (2 * DEPTH_STEP_M))), dtype=np.float64
        )

    def _levels_m(self) -> NDArray[np.float64]:
        """Depths of all shell faces: table lines, stations, model, and deep enough for a ray to the last distance."""
        half_angle = min(self.max_distance_m / EARTH_RADIUS_M, np.pi) / 2
        bottom = max(self.max_depth_m, self.model.depth_m[-1]) + EARTH_RADIUS_M * (1 - np.cos(half_angle)) + 10_000.0
        bottom = min(bottom, 0.9 * EARTH_RADIUS_M)
        levels = np.concatenate([self.table.depths_m, -self.table.elevations_m, self.model.depth_m, [bottom]])
        return np.asarray(np.unique(levels[levels <= bottom]), dtype=np.float64)


def _trace(
    table: Table, depth_m: NDArray[np.float64], eta_top: NDArray[np.float64], eta_bottom: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Mean slowness [elevations, depths, distances] of the first arrival through shells."""
    out = first_arrivals_s(
        depth_m, eta_top, eta_bottom, -table.elevations_m, table.depths_m, table.distances_m / EARTH_RADIUS_M
    )
    for i, elevation_m in enumerate(table.elevations_m):
        straight_m = np.hypot(table.distances_m, table.depths_m[:, None] + elevation_m)
        out[i] /= np.maximum(straight_m, 1e-3)
        at_station = np.abs(table.depths_m + elevation_m) < 1e-3
        here = int(np.searchsorted(depth_m, -elevation_m))
        out[i, at_station, 0] = min(eta_top[here], eta_bottom[max(here - 1, 0)]) / (EARTH_RADIUS_M + elevation_m)
    return out


def _elevation_lines(elevations_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every elevation where there are few, otherwise even lines from the lowest to the highest."""
    lines = int(np.ceil(np.ptp(elevations_m) / ELEVATION_STEP_M)) + 1
    if len(elevations_m) <= min(lines, ELEVATION_LINES):
        return elevations_m
    even = np.linspace(elevations_m[0], elevations_m[-1], max(2, min(lines, ELEVATION_LINES)))
    return np.asarray(even, dtype=np.float64)


def _depth_lines(model: VelocityModel, shallowest_m: float, deepest_m: float) -> NDArray[np.float64]:
    lines = [shallowest_m]
    while lines[-1] < deepest_m:
        lines.append(lines[-1] + max(DEPTH_STEP_M, DEPTH_GROWTH * (lines[-1] - shallowest_m)))
    lines[-1] = deepest_m
    inside = model.depth_m[(model.depth_m > shallowest_m) & (model.depth_m < deepest_m)]
    return np.asarray(np.unique(np.concatenate([lines, inside])), dtype=np.float64)


def _distance_lines(farthest_m: float) -> NDArray[np.float64]:
    bend = DISTANCE_STEP_M / DISTANCE_GROWTH
    near = np.arange(0.0, min(farthest_m, bend) + DISTANCE_STEP_M, DISTANCE_STEP_M)
    grown = int(np.ceil(np.log(max(farthest_m / near[-1], 1.0)) / np.log1p(DISTANCE_GROWTH)))
    return np.concatenate([near, near[-1] * (1 + DISTANCE_GROWTH) ** np.arange(1, grown + 1)])


def _shells(
    model: VelocityModel, speed_mps: NDArray[np.float64], levels_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Depth of the faces and radius over speed at the top and bottom of every shell between them."""
    if not model.gradient:
        speed = speed_mps[np.maximum(np.searchsorted(model.depth_m, levels_m[:-1], side="right") - 1, 0)]
        radius = EARTH_RADIUS_M - levels_m
        return levels_m, radius[:-1] / speed, radius[1:] / speed
    at_levels = np.interp(levels_m, model.depth_m, speed_mps)
    parts = np.ceil(np.abs(np.diff(np.log(at_levels))) / SHELL_CHANGE).astype(int).clip(1)
    fine = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(levels_m[:-1], levels_m[1:], parts, strict=True)]
    depth = np.concatenate([*fine, levels_m[-1:]])
    eta = (EARTH_RADIUS_M - depth) / np.interp(depth, model.depth_m, speed_mps)
    return depth, eta[:-1], eta[1:]


@njit(cache=True, error_model="numpy")
def line_below_kernel(lines: NDArray[np.float64], value: float) -> tuple[int, float]:
    """Index of the table line at or below a value and the fraction of the way to the next, clamped to the table."""
    if len(lines) == 1:
        return 0, 0.0
    i, above = 0, len(lines) - 1
    while above - i > 1:
        middle = (i + above) // 2
        if lines[middle] <= value:
            i = middle
        else:
            above = middle
    return i, min(max((value - lines[i]) / (lines[i + 1] - lines[i]), 0.0), 1.0)


@njit(cache=True, error_model="numpy")
def distance_line_kernel(lines: NDArray[np.float64], index: NDArray[np.int32], distance: float) -> tuple[int, float]:
    """line_below_kernel for distances, without a search."""
    i = index[min(int(distance / DISTANCE_STEP_M), len(index) - 1)]
    while i < len(lines) - 2 and lines[i + 1] <= distance:
        i += 1
    return i, min((distance - lines[i]) / (lines[i + 1] - lines[i]), 1.0)


@njit(cache=True, error_model="numpy")
def slowness_kernel(
    t: NDArray[np.float32], ie: int, fe: float, iz: int, fz: float, ix: int, fx: float
) -> tuple[float, float]:
    """Mean slowness of P and S between table lines: linear in elevation, depth and distance."""
    # Indexed in full: a view per look-up would cost more than the look-up.
    jz, jx, je = min(iz + 1, t.shape[1] - 1), ix + 1, ie + 1
    w00, w01, w10, w11 = (1 - fz) * (1 - fx), (1 - fz) * fx, fz * (1 - fx), fz * fx
    p = w00 * t[ie, iz, ix, 0] + w01 * t[ie, iz, jx, 0] + w10 * t[ie, jz, ix, 0] + w11 * t[ie, jz, jx, 0]
    s = w00 * t[ie, iz, ix, 1] + w01 * t[ie, iz, jx, 1] + w10 * t[ie, jz, ix, 1] + w11 * t[ie, jz, jx, 1]
    if fe > 0.0:
        upper = w00 * t[je, iz, ix, 0] + w01 * t[je, iz, jx, 0] + w10 * t[je, jz, ix, 0] + w11 * t[je, jz, jx, 0]
        p += fe * (upper - p)
        upper = w00 * t[je, iz, ix, 1] + w01 * t[je, iz, jx, 1] + w10 * t[je, jz, ix, 1] + w11 * t[je, jz, jx, 1]
        s += fe * (upper - s)
    return p, s


@njit(cache=True, error_model="numpy")
def _seconds_kernel(
    table: Table,
    phase: int,
    distance: NDArray[np.float64],
    depth: NDArray[np.float64],
    elevation: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    for i in range(len(out)):
        ie, fe = line_below_kernel(table.elevations_m, elevation[i])
        iz, fz = line_below_kernel(table.depths_m, depth[i])
        ix, fx = distance_line_kernel(table.distances_m, table.distance_index, distance[i])
        straight = np.hypot(distance[i], depth[i] + elevation[i])
        out[i] = straight * slowness_kernel(table.slowness_spm, ie, fe, iz, fz, ix, fx)[phase]
