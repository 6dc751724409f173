"""First arrivals through a spherical Earth of thin shells: the rays behind the travel-time tables.

Inside a shell the speed follows v = a r^b, which is exact at both faces and lets the integrals be written down
(Bullen & Bolt 1985, An Introduction to the Theory of Seismology, sec. 7.2.2). With eta = r / v and
f = ln(r1/r2) / ln(eta1/eta2)

    distance = f (acos(p/eta1) - acos(p/eta2))      time = f (sqrt(eta1^2 - p^2) - sqrt(eta2^2 - p^2))

A constant shell is the case f = 1, a straight ray; so layers and gradients share one formula and no
Earth-flattening is needed.

Three kinds of path compete at every distance, all of them possible, so the least time is the first arrival:
direct (source and receiver joined without a turn), turning below both, and along a level (head waves on top of a
faster layer, diffraction into a shadow). Rays are traced at well-chosen ray parameters only; between two neighbours
the time is a cubic in distance, since its slope is the ray parameter.
"""

from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.words.earth import EARTH_RADIUS_M

#: Ray parameters approach a critical one this closely, relative: 3 m of distance at the surface.
GRAZING = 1e-13
#: Spacing of ray parameters halves towards a critical one until here, relative; a ray that near is horizontal
#: to 0.03 degrees, where distance against ray parameter is a straight line.
FINEST = 1e-7
#: Neighbouring branches are drawn this far past their ends, rad (20 m), to leave no gap.
OVERLAP_RAD = 3e-6
#: Levels whose eta differ by less are one level, relative.
SAME = 1e-12


def ray_parameters(eta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Choose ray parameters dense where rays change fast, that is near every critical one.

    eta  [m] radius over speed at all faces of all shells, s/rad

    Returns the ray parameters ascending and where each interval between critical ones starts, [intervals + 1].
    """
    critical = np.unique(np.concatenate([[0.0], eta]))
    critical = critical[np.concatenate([[True], np.diff(critical) > SAME * critical[1:]])]
    pieces = []
    for low, high in pairwise(critical):
        width = high - low
        halvings = max(2, int(np.ceil(np.log2(width / high / FINEST))))
        steps = width * 0.5 ** np.arange(halvings, 1, -1)
        edge = GRAZING * high
        pieces.append(np.concatenate([[low + edge], low + steps, [low + width / 2], high - steps[::-1], [high - edge]]))
    starts = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    return np.concatenate(pieces), starts.astype(np.int64)


@njit(cache=True, error_model="numpy")
def cross_shell_kernel(p: float, eta_top: float, eta_bottom: float, log_ratio: float) -> tuple[float, float]:
    """Distance and time across one shell; a ray that does not reach the bottom ends at its turning point."""
    spread = np.log(eta_top / eta_bottom)
    cos_top = np.sqrt(eta_top * eta_top - p * p)
    if abs(spread) < 1e-9:  # speed proportional to radius: the ray keeps its angle
        return log_ratio * p / cos_top, log_ratio * eta_top * eta_top / cos_top
    f = log_ratio / spread
    if eta_bottom <= p:
        return f * np.arctan2(cos_top, p), f * cos_top
    cos_bottom = np.sqrt(eta_bottom * eta_bottom - p * p)
    return f * (np.arctan2(cos_top, p) - np.arctan2(cos_bottom, p)), f * (cos_top - cos_bottom)


@njit(cache=True, error_model="numpy")
def _descend_kernel(
    p: float,
    eta_top: NDArray[np.float64],
    eta_bottom: NDArray[np.float64],
    log_ratio: NDArray[np.float64],
    distance: NDArray[np.float64],
    time: NDArray[np.float64],
    stop: NDArray[np.int64],
    turn: NDArray[np.float64],
) -> None:
    """Follow one ray parameter down all shells.

    distance, time  [levels] from the top level, shells that the ray cannot cross counted as nothing
    stop            [levels] first shell at or below a level that is not crossed, len(shells) when none
    turn            [shells, 2] distance and time to the turning point inside, negative where the shell is shut
    """
    shells = len(eta_top)
    distance[0] = time[0] = 0.0
    for i in range(shells):
        d = t = 0.0
        turn[i, 0] = -1.0
        if p < eta_top[i]:
            d, t = cross_shell_kernel(p, eta_top[i], eta_bottom[i], log_ratio[i])
            if p >= eta_bottom[i]:
                turn[i, 0], turn[i, 1] = d, t
        crossed = p < eta_top[i] and p < eta_bottom[i]
        stop[i] = shells if crossed else i
        distance[i + 1] = distance[i] + (d if crossed else 0.0)
        time[i + 1] = time[i] + (t if crossed else 0.0)
    stop[shells] = shells
    for i in range(shells - 1, -1, -1):
        if stop[i] == shells:
            stop[i] = stop[i + 1]


@njit(cache=True, error_model="numpy")
def _draw_piece_kernel(
    d0: float,
    t0: float,
    p0: float,
    d1: float,
    t1: float,
    p1: float,
    distances: NDArray[np.float64],
    row: NDArray[np.float32],
) -> None:
    """Lower row to the cubic between two neighbouring rays of a branch, at the distances it spans."""
    if d1 < d0:
        d0, t0, p0, d1, t1, p1 = d1, t1, p1, d0, t0, p0
    span = d1 - d0
    for i in range(np.searchsorted(distances, d0 - OVERLAP_RAD), len(distances)):
        x = distances[i] - d0
        if x > span + OVERLAP_RAD:
            break
        if span < 1e-9:
            t = t0 + p0 * x
        else:
            u = min(max(x / span, 0.0), 1.0)
            rise = (t1 - t0) / span
            # Hermite: value and slope right at both ends.
            t = t0 + span * u * (p0 + u * (3 * rise - 2 * p0 - p1 + u * (p0 + p1 - 2 * rise))) + p0 * (x - u * span)
        row[i] = min(row[i], t)


@njit(cache=True, error_model="numpy")
def _draw_line_kernel(d0: float, t0: float, p: float, distances: NDArray[np.float64], row: NDArray[np.float32]) -> None:
    """Lower row to a path that runs along a level for as long as it takes."""
    for i in range(np.searchsorted(distances, d0 - OVERLAP_RAD), len(distances)):
        row[i] = min(row[i], t0 + p * (distances[i] - d0))


@njit(cache=True, error_model="numpy")
def draw_rays_kernel(
    eta_top: NDArray[np.float64],
    eta_bottom: NDArray[np.float64],
    log_ratio: NDArray[np.float64],
    parameters: NDArray[np.float64],
    starts: NDArray[np.int64],
    receivers: NDArray[np.int64],
    sources: NDArray[np.int64],
    distances: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Lower out [receivers, sources, distances] to the times of direct and turning rays.

    One interval of ray parameters after the other: within it no branch has a break.
    """
    shells = len(eta_top)
    most = np.max(starts[1:] - starts[:-1])
    distance, time = np.zeros((most, shells + 1)), np.zeros((most, shells + 1))
    stop, turn = np.zeros((most, shells + 1), np.int64), np.zeros((most, shells, 2))
    for q in range(len(starts) - 1):
        count = starts[q + 1] - starts[q]
        for j in range(count):
            p = parameters[starts[q] + j]
            _descend_kernel(p, eta_top, eta_bottom, log_ratio, distance[j], time[j], stop[j], turn[j])
        for r in range(len(receivers)):
            for s in range(len(sources)):
                high, low = min(receivers[r], sources[s]), max(receivers[r], sources[s])
                if stop[0, high] < low:
                    continue
                row, end = out[r, s], stop[0, low]
                turns = end < shells and turn[0, end, 0] >= 0
                for j in range(count - 1):
                    p0, p1 = parameters[starts[q] + j], parameters[starts[q] + j + 1]
                    d0, d1 = distance[j, low] - distance[j, high], distance[j + 1, low] - distance[j + 1, high]
                    t0, t1 = time[j, low] - time[j, high], time[j + 1, low] - time[j + 1, high]
                    if low > high:
                        _draw_piece_kernel(d0, t0, p0, d1, t1, p1, distances, row)
                    if turns:
                        d0 += 2 * (distance[j, end] - distance[j, low] + turn[j, end, 0])
                        d1 += 2 * (distance[j + 1, end] - distance[j + 1, low] + turn[j + 1, end, 0])
                        t0 += 2 * (time[j, end] - time[j, low] + turn[j, end, 1])
                        t1 += 2 * (time[j + 1, end] - time[j + 1, low] + turn[j + 1, end, 1])
                        _draw_piece_kernel(d0, t0, p0, d1, t1, p1, distances, row)


@njit(cache=True, error_model="numpy")
def draw_head_waves_kernel(
    eta_top: NDArray[np.float64],
    eta_bottom: NDArray[np.float64],
    log_ratio: NDArray[np.float64],
    receivers: NDArray[np.int64],
    sources: NDArray[np.int64],
    distances: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Lower out to the times along levels where speed jumps, or from which it falls downwards."""
    shells = len(eta_top)
    distance, time, turn = np.zeros(shells + 1), np.zeros(shells + 1), np.zeros((shells, 2))
    stop = np.zeros(shells + 1, np.int64)
    for i in range(1, shells + 1):
        above, below = eta_bottom[i - 1], eta_top[i] if i < shells else np.inf
        jumps = abs(below - above) > 1e-9 * above
        if not jumps and not (eta_bottom[i] > below and eta_top[i - 1] > above):
            continue
        p = min(below, above) * (1 - GRAZING)
        _descend_kernel(p, eta_top, eta_bottom, log_ratio, distance, time, stop, turn)
        for r in range(len(receivers)):
            for s in range(len(sources)):
                high, low = min(receivers[r], sources[s]), max(receivers[r], sources[s])
                deepest = max(low, i)
                if i < high or stop[high] < deepest:
                    continue
                d0 = 2 * distance[deepest] - distance[low] - distance[high]
                t0 = 2 * time[deepest] - time[low] - time[high]
                _draw_line_kernel(d0, t0, p, distances, out[r, s])


@njit(cache=True, error_model="numpy")
def draw_levels_kernel(
    eta_top: NDArray[np.float64],
    eta_bottom: NDArray[np.float64],
    log_ratio: NDArray[np.float64],
    receivers: NDArray[np.int64],
    sources: NDArray[np.int64],
    distances: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Lower out to the times along the fastest level between source and receiver: one path for every distance."""
    for r in range(len(receivers)):
        for s in range(len(sources)):
            high, low = min(receivers[r], sources[s]), max(receivers[r], sources[s])
            p = eta_top[min(high, len(eta_top) - 1)]
            if high > 0:
                p = min(p, eta_bottom[high - 1])
            for i in range(high, low):
                p = min(p, eta_top[i], eta_bottom[i])
            p *= 1 - GRAZING
            d0 = t0 = 0.0
            for i in range(high, low):
                d, t = cross_shell_kernel(p, eta_top[i], eta_bottom[i], log_ratio[i])
                d0 += d
                t0 += t
            _draw_line_kernel(d0, t0, p, distances, out[r, s])


def first_arrivals_s(
    depth_m: NDArray[np.float64],
    eta_top: NDArray[np.float64],
    eta_bottom: NDArray[np.float64],
    receivers_m: NDArray[np.float64],
    sources_m: NDArray[np.float64],
    distances_rad: NDArray[np.float64],
) -> NDArray[np.float32]:
    """First-arrival times [receivers, sources, distances], s.

    depth_m              [shells + 1] of the faces, ascending; every receiver and source depth is among them
    eta_top, eta_bottom  [shells] radius over speed at the faces, s/rad
    distances_rad        ascending from 0
    """
    radius_m = EARTH_RADIUS_M - depth_m
    log_ratio = np.log(radius_m[:-1] / radius_m[1:])
    receivers, sources = np.searchsorted(depth_m, receivers_m), np.searchsorted(depth_m, sources_m)
    parameters, starts = ray_parameters(np.concatenate([eta_top, eta_bottom]))
    out = np.full((len(receivers), len(sources), len(distances_rad)), np.inf, np.float32)
    draw_rays_kernel(eta_top, eta_bottom, log_ratio, parameters, starts, receivers, sources, distances_rad, out)
    draw_head_waves_kernel(eta_top, eta_bottom, log_ratio, receivers, sources, distances_rad, out)
    draw_levels_kernel(eta_top, eta_bottom, log_ratio, receivers, sources, distances_rad, out)
    return out
