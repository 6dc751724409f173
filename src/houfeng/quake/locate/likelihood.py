"""How well a place explains the picks, whatever the origin time: equal differential time.

Every pair of picks says how much later one arrived than the other; the place predicts it. The likelihood is a sum over
pairs, so a wild pick spoils its own pairs and leaves the others alone (Font et al. 2004,
doi:10.1111/j.1365-246X.2004.02317.x; Lomax 2005, doi:10.1111/j.1365-246X.2005.02653.x):

    L = (mean over pairs of w_i w_j exp(-(r_i - r_j)^2 / (s_i^2 + s_j^2))) ^ power,     w = t s^-1/2

with r the residual, s its standard deviation, and t how far the pick is trusted. The pair sum equals the integral of
the squared density of origin times, each pick giving one Gaussian.

The exponential is taken as (1 - u/16)^16, which compiles to four squarings and ends at u = 16.
Picks are compared with the neighbours at given offsets around the ring of picks: all offsets up to half the ring
make all pairs, a few offsets a fair sample of them.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import Table, distance_line_kernel, line_below_kernel, slowness_kernel
from houfeng.words.earth import EARTH_RADIUS_M

#: Times inside a cell differ from its centre's by up to 0.87 x side x slowness (half the diagonal), typically 0.5.
BLUR = 0.5


class Columns(NamedTuple):
    """Picks and their stations as the kernels take them.

    station_place     [stations, 3] on the ellipsoid, m from the Earth's centre
    station_line, station_fraction   where the elevation lies between lines of the table
    elevation_m       [stations]
    station, phase    [picks] index of the station, ascending; 0 for P, 1 for S
    time_s, variance_s2   [picks]
    trust             [picks] how likely the pick is the arrival it is taken for, 0 to 1
    crowd             [picks] how many stations share the way and its model error, 1 or more
    error_share, error_least_s, error_most_s   standard deviation of predicted times, of the travel time and limits
    """

    station_place: NDArray[np.float64]
    station_line: NDArray[np.int64]
    station_fraction: NDArray[np.float64]
    elevation_m: NDArray[np.float64]
    station: NDArray[np.int64]
    phase: NDArray[np.int64]
    time_s: NDArray[np.float64]
    variance_s2: NDArray[np.float64]
    trust: NDArray[np.float64]
    crowd: NDArray[np.float64]
    error_share: float
    error_least_s: float
    error_most_s: float


@njit(cache=True, error_model="numpy")
def arc_kernel(dx: float, dy: float, dz: float) -> float:
    """Length along the ground of a chord between two places on the ellipsoid, m; within 0.02 % up to 4,000 km."""
    chord2 = dx * dx + dy * dy + dz * dz
    q = chord2 / (4 * EARTH_RADIUS_M * EARTH_RADIUS_M)
    if q < 0.01:  # series of the arcsine, to 1e-9 within 1,200 km
        return float(np.sqrt(chord2) * (1 + q * (1 / 6 + q * (3 / 40 + q * (15 / 336)))))
    return float(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(min(q, 1.0))))


@njit(cache=True, fastmath=True, error_model="numpy")
def _pairs_kernel(
    delay: NDArray[np.float32],
    variance: NDArray[np.float32],
    weight: NDArray[np.float32],
    offsets: NDArray[np.int64],
) -> float:
    """Sum over pairs; the arrays hold the ring of picks twice."""
    count = len(delay) // 2
    total = 0.0
    sixteenth = np.float32(1 / 16)
    for k in range(len(offsets)):
        shift = offsets[k]
        part = np.float32(0.0)
        other_delay, other_variance, other_weight = delay[shift:], variance[shift:], weight[shift:]
        for i in range(count):
            d = delay[i] - other_delay[i]
            u = max(np.float32(1.0) - sixteenth * d * d / (variance[i] + other_variance[i]), np.float32(0.0))
            u *= u
            u *= u
            u *= u
            u *= u
            part += weight[i] * other_weight[i] * u
        # Half way round an even ring every pair is met twice.
        total += float(part) * (0.5 if 2 * shift == count else 1.0)
    return total


@njit(cache=True, error_model="numpy")
def predict_kernel(
    columns: Columns,
    table: Table,
    place: NDArray[np.float64],
    depth: float,
    delay: NDArray[np.float64],
    variance: NDArray[np.float64],
    slowness: NDArray[np.float64],
) -> None:
    """Fill, for every pick, observed minus travel time, its variance, and the mean slowness on the way.

    place, depth  [3] on the ellipsoid, m; below sea level
    """
    # Fields are taken out of the tuples once: each mention inside the loop would copy a whole tuple.
    there, line, fraction, elevation = (
        columns.station_place,
        columns.station_line,
        columns.station_fraction,
        columns.elevation_m,
    )
    station, phase, time = columns.station, columns.phase, columns.time_s
    own, crowd = columns.variance_s2, columns.crowd
    share, least, most = columns.error_share, columns.error_least_s, columns.error_most_s
    spm, distances, index = table.slowness_spm, table.distances_m, table.distance_index
    x, y, z = place[0], place[1], place[2]
    iz, fz = line_below_kernel(table.depths_m, depth)
    last, straight, slow_p, slow_s = -1, 0.0, 0.0, 0.0
    for i in range(len(delay)):
        k = station[i]
        if k != last:
            last = k
            arc = arc_kernel(x - there[k, 0], y - there[k, 1], z - there[k, 2])
            straight = np.sqrt(arc * arc + (depth + elevation[k]) ** 2)
            ix, fx = distance_line_kernel(distances, index, arc)
            slow_p, slow_s = slowness_kernel(spm, line[k], fraction[k], iz, fz, ix, fx)
        slowness[i] = slow_s if phase[i] else slow_p
        travel = straight * slowness[i]
        model = min(max(share * travel, least), most)
        delay[i] = time[i] - travel
        variance[i] = own[i] + model * model * crowd[i]


@njit(cache=True, error_model="numpy")
def log_likelihood_kernel(
    columns: Columns,
    table: Table,
    offsets: NDArray[np.int64],
    scale: float,
    places: NDArray[np.float64],
    depth: NDArray[np.float64],
    width: float,
    out: NDArray[np.float64],
) -> None:
    """Fill out [nodes] with the logarithm of the mean over pairs.

    offsets        around the ring of picks, 1 to half its length
    scale          factor on all standard deviations
    places, depth  [nodes, 3] on the ellipsoid, m; below sea level
    width          side of the cell a node speaks for, m: blurs picks by what times vary inside it; 0 for a point
    """
    count = len(columns.time_s)
    delay, variance, slowness = np.empty(count), np.empty(count), np.empty(count)
    ring_delay = np.empty(2 * count, np.float32)
    ring_variance = np.empty(2 * count, np.float32)
    ring_weight = np.empty(2 * count, np.float32)
    trust = columns.trust  # taken out once: each mention inside the loop would copy the whole tuple
    pairs = 0.0
    for k in range(len(offsets)):
        pairs += 0.5 * count if 2 * offsets[k] == count else count
    for node in range(len(out)):
        predict_kernel(columns, table, places[node], depth[node], delay, variance, slowness)
        for i in range(count):
            blur = BLUR * width * slowness[i]
            blurred = variance[i] * scale * scale + blur * blur
            ring_delay[i] = ring_delay[i + count] = delay[i]
            ring_variance[i] = ring_variance[i + count] = blurred
            ring_weight[i] = ring_weight[i + count] = trust[i] / np.sqrt(np.sqrt(blurred))
        out[node] = np.log(max(_pairs_kernel(ring_delay, ring_variance, ring_weight, offsets) / pairs, 1e-300))


@njit(cache=True, error_model="numpy")
def origin_times_kernel(
    columns: Columns,
    table: Table,
    weight: NDArray[np.float64],
    places: NDArray[np.float64],
    depth: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Fill out [nodes] with the mean of observed minus travel time, arrivals weighted by weight over variance."""
    count = len(columns.time_s)
    delay, variance, slowness = np.empty(count), np.empty(count), np.empty(count)
    for node in range(len(out)):
        predict_kernel(columns, table, places[node], depth[node], delay, variance, slowness)
        total = mass = 0.0
        for i in range(count):
            total += weight[i] / variance[i] * delay[i]
            mass += weight[i] / variance[i]
        out[node] = total / mass
