"""Concentrate on where the likelihood is: cells halved along three axes, worthwhile ones again and again.

Idea: Lomax & Curtis 2001 (Geophys. Res. Abstr. 3, oct-tree importance sampling). Here all cells of a generation have
one size, and a cell is judged by the likelihood blurred to its size, so a peak narrower than a cell is not overlooked.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

#: Log-likelihood of points [n, 3] (east, north, down, m), each speaking for a cell of the given side.
LogLikelihood = Callable[[Points, float], NDArray[np.float64]]

#: Cells less likely than the best by more than this are dropped: a normal density at 4.2 standard deviations.
MARGIN = 9.0
#: So many cells inside the margin resolve a normal density to one standard deviation per cell.
ENOUGH = 250
#: The best cells always kept: the best one and its neighbours in a 3 x 3 x 3 block, for a coarse cell may mislead.
LEAST_KEPT = 27
#: No quake is located more finely.
SMALLEST_M = 4.0
#: A cell whose blur is below this share of the picks' own standard deviation counts as a point.
POINT_BLUR = 0.5

#: Rounds of climbing: from one standard deviation to a sixteenth.
CLIMBS = 4

_BLOCK = np.array([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)], dtype=np.float64)
#: Least squares of a quadratic form over the block: xx, yy, zz, xy, xz, yz, x, y, z, 1.
_X, _Y, _Z = _BLOCK.T
_QUADRATIC = np.linalg.pinv(
    np.column_stack([_X**2, _Y**2, _Z**2, _X * _Y, _X * _Z, _Y * _Z, _X, _Y, _Z, np.ones(len(_BLOCK))])
)
_CORNERS = np.array([[x, y, z] for x in (-0.25, 0.25) for y in (-0.25, 0.25) for z in (-0.25, 0.25)])


@dataclass(frozen=True, slots=True)
class Generation:
    """Cells of one size with the log-likelihood each was judged by."""

    points: Points
    side_m: float
    value: NDArray[np.float64]

    @property
    def best(self) -> NDArray[np.float64]:
        """Centre of the most likely cell."""
        return np.asarray(self.points[int(np.argmax(self.value))])


def box(half_width_m: float, top_m: float, bottom_m: float, side_m: float) -> Points:
    """Centres of cubes filling a box around the origin; the lowest may reach below bottom_m."""
    half = max(1, round(half_width_m / side_m))
    across = (np.arange(2 * half) + 0.5 - half) * side_m
    down = top_m + (np.arange(max(1, int(np.ceil((bottom_m - top_m) / side_m)))) + 0.5) * side_m
    east, north, depth = np.meshgrid(across, across, down, indexing="ij")
    return np.column_stack([east.ravel(), north.ravel(), depth.ravel()])


def concentrate(
    log_likelihood: LogLikelihood, points: Points, side_m: float, *, scatter_m: float, power: float, most: int
) -> list[Generation]:
    """Halve the worthwhile cells until they resolve the likelihood; returns all generations, coarse to fine.

    points, side_m  the first generation
    scatter_m       how far a wave goes in one standard deviation of a pick
    power           exponent of the likelihood, about the number of picks
    most            cells a generation may have
    """
    generations = []
    while True:
        value = log_likelihood(points, side_m)
        generations.append(Generation(points, side_m, value))
        blur = (0.5 * side_m / scatter_m) ** 2
        # A blurred cell may be off by the misfit its own size explains, 0.35 a pick at most (half a kernel width).
        margin = MARGIN + 0.35 * power * blur / (1 + blur)
        short = value.max() - value
        inside = int(np.count_nonzero(short <= MARGIN))
        if side_m <= SMALLEST_M or (blur <= POINT_BLUR**2 and inside >= ENOUGH):
            return generations
        worthwhile = np.flatnonzero(short <= margin)
        if len(worthwhile) < LEAST_KEPT:
            worthwhile = np.argsort(short, kind="stable")[:LEAST_KEPT]
        if 8 * len(worthwhile) > most:
            if 8 * inside > most:  # as flat as this: finer cells would tell no more
                return generations
            worthwhile = np.argsort(short, kind="stable")[: most // 8]
        points = (points[worthwhile, None, :] + _CORNERS * side_m).reshape(-1, 3)
        side_m /= 2


def climb(
    log_likelihood: LogLikelihood, start: NDArray[np.float64], step_m: float, top_m: float
) -> NDArray[np.float64]:
    """Go from start to the nearest maximum: the top of a quadratic through 27 points around, a few times, ever closer.

    start   (east, north, down), m
    step_m  between the points at first
    top_m   the place stays below
    """
    here = start
    for _ in range(CLIMBS):
        tries = here + _BLOCK * step_m
        tries[:, 2] = np.maximum(tries[:, 2], top_m)
        value = log_likelihood(tries, 0.0)
        a, b, c, d, e, f, *gradient, _ = _QUADRATIC @ value
        try:
            leap = -np.linalg.solve([[2 * a, d, e], [d, 2 * b, f], [e, f, 2 * c]], gradient)
        except np.linalg.LinAlgError:
            leap = np.zeros(3)
        leap = here + np.clip(leap, -1.5, 1.5) * step_m
        leap[2] = max(leap[2], top_m)
        best = int(np.argmax(value))
        here = leap if log_likelihood(leap[None, :], 0.0)[0] > value[best] else tries[best]
        step_m /= 2
    return here
