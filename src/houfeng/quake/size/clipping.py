"""Whether an instrument ran out of room."""

import numpy as np
from numpy.typing import NDArray

#: Full scale of the commonest converter. A clipped record stops there, but the decimation filters behind the
#: converter overshoot: a step by up to 9 % (Gibbs), more where several steps meet.
FULL_SCALE_COUNTS = 2.0**23
REACHES = 0.99
OVERSHOOTS = 1.13

#: A cosine spends acos(0.9) / acos(0.5) = 43 % of the time above half its height above 90 % of it; a plateau
#: all of it. Between the two stands the limit.
PLATEAU_LEVEL = 0.9
FOOT_LEVEL = 0.5
PLATEAU_SHARE = 0.75

#: Fewer samples than this do not show the shape of a swing.
PLATEAU_SAMPLES = 8

#: Faster swings than that show clipping by their number: shaking grows and dies, so its highest swings differ,
#: while this many that end at the very same height have met a stop.
SAME_HEIGHT = 0.995
SAME_SWINGS = 5

#: Below this many steps of the converter swings look flat or alike because they are coarse.
FINE_STEPS = 1000


def clipped(samples: NDArray[np.float64], rest: float) -> str:
    """Say why a record seems clipped, or "" when it does not.

    samples  one channel in counts above rest, from P to the end of the shaking, finite, [n > 0]
    rest     counts without motion

    Two signs: its largest count lies at the full scale of a 24-bit converter; or swings are flat-topped at the
    record's own extreme, or many end there, which shows a sensor or another converter at its limit.
    """
    largest = float(np.abs(samples + rest).max())
    if REACHES * FULL_SCALE_COUNTS <= largest <= OVERSHOOTS * FULL_SCALE_COUNTS:
        return "it reaches the 24-bit limit"
    levels = np.unique(samples)
    step = float(np.diff(levels).min()) if len(levels) > 1 else np.inf
    for side in (samples, -samples):
        if side.max() >= FINE_STEPS * step and _flat_topped(side):
            return "its swings are cut off flat"
    return ""


def _flat_topped(side: NDArray[np.float64]) -> bool:
    top = side.max()
    first, last = _runs(side >= PLATEAU_LEVEL * top)
    foot_first, foot_last = _runs(side >= FOOT_LEVEL * top)
    foot = np.searchsorted(foot_first, first, side="right") - 1
    length = last - first
    share = length / (foot_last[foot] - foot_first[foot])
    alike = np.searchsorted(foot_first, np.flatnonzero(side >= SAME_HEIGHT * top), side="right")
    plateau = np.any((length >= PLATEAU_SAMPLES) & (share >= PLATEAU_SHARE))
    return bool(plateau or len(np.unique(alike)) >= SAME_SWINGS)


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    edges = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
