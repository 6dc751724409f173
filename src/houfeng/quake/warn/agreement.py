"""The origin time on which most stations agree, for a place: compiled.

The weight of an instant is the sum of what stations' nearest onsets lend it, each within its own cap, on a grid of
instants; the mean of the onsets about the weightiest is the origin time. So the work grows with the number of onsets,
not with its square.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.warn.likelihood import FINEST, P, S, Shown

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: Onsets agree on an origin time within so many s; one that would have to be S counts as if it were off by some.
AGREE_S: Final = 2.0
S_HANDICAP_S: Final = 1.0
#: Instants tried are this far apart, s; how often the mean about the best is taken.
STEP_S: Final = 0.25
MEANS: Final = 2


@njit(cache=True, error_model="numpy")
def origin_time_kernel(shown: Shown, speakers: Wholes, travel: Reals, about_s: float, grid: Reals) -> float:
    """The origin time near about_s on which most stations agree; NaN without any onset there.

    speakers  stations that have onsets
    grid      room for the instants that are tried, [2, instants()]
    """
    if about_s == -np.inf:  # the station it is about is out of reach
        return np.nan
    onset_s, most = shown.onset_s, shown.most  # looked up once: in a loop, a field of a tuple costs more than the sum
    begin_s = about_s - STEP_S * (grid.shape[1] // 2)
    _weigh(onset_s, most, speakers, travel, begin_s, grid)
    weight = grid[1]
    best = 0
    for k in range(len(weight)):
        weight[k] = np.rint(weight[k] * FINEST)
        if weight[k] > weight[best]:
            best = k
    if weight[best] == 0.0:
        return np.nan
    time_s = begin_s + STEP_S * best
    for _ in range(MEANS):
        time_s += _mean_off(onset_s, most, speakers, travel, time_s)
    return time_s


@njit(cache=True, error_model="numpy")
def _weigh(onset_s: Reals, most: Reals, speakers: Wholes, travel: Reals, begin_s: float, grid: Reals) -> None:
    """What stations lend to every instant from begin_s on."""
    near, weight = grid[0], grid[1]
    weight[:] = 0.0
    last_s = STEP_S * len(weight) + AGREE_S
    for j in speakers:
        p_s, s_s = travel[P, j], travel[S, j]
        if p_s == np.inf:
            continue
        low, high = len(weight), -1
        for m in range(onset_s.shape[1]):
            since = onset_s[j, m] - begin_s
            if since == -np.inf:  # the latest come first
                break
            if -AGREE_S <= since - p_s <= last_s:
                low, high = _lend(near, since - p_s, 0.0, low, high)
            if -AGREE_S <= since - s_s <= last_s:
                low, high = _lend(near, since - s_s, S_HANDICAP_S, low, high)
        for k in range(low, high + 1):
            if near[k] < AGREE_S:
                weight[k] += most[j] * np.exp(-near[k] * near[k])


@njit(cache=True, error_model="numpy")
def _mean_off(onset_s: Reals, most: Reals, speakers: Wholes, travel: Reals, time_s: float) -> float:
    """How much later than time_s the onsets about it say in the mean, s."""
    total, weights = 0.0, 0.0
    for j in speakers:
        p_s = travel[P, j]
        if p_s == np.inf:
            continue
        due_s, which = time_s + p_s, 0
        for k in range(1, onset_s.shape[1]):
            if onset_s[j, k] == -np.inf:
                break
            if abs(onset_s[j, k] - due_s) < abs(onset_s[j, which] - due_s):
                which = k
        off = onset_s[j, which] - p_s - time_s
        if abs(off) < AGREE_S:
            lent = most[j] * np.exp(-off * off)
            total += lent * off
            weights += lent
    return total / weights if weights > 0 else 0.0


@njit(cache=True, error_model="numpy")
def _lend(near: Reals, since_s: float, handicap_s: float, low: int, high: int) -> tuple[int, int]:
    """Note how near an onset comes to the instants about it; from low to high they are noted of this station."""
    reach_s = AGREE_S - handicap_s
    first = max(int(np.ceil((since_s - reach_s) / STEP_S)), 0)
    last = min(int(np.floor((since_s + reach_s) / STEP_S)), len(near) - 1)
    if first > last:
        return low, high
    if high < low:
        low, high = first, first - 1
    while low > first:
        low -= 1
        near[low] = np.inf
    while high < last:
        high += 1
        near[high] = np.inf
    for k in range(first, last + 1):
        near[k] = min(near[k], abs(STEP_S * k - since_s) + handicap_s)
    return low, high


@njit(cache=True)
def instants(half_s: float) -> int:
    """How many instants are tried within half_s either way."""
    return 2 * int(np.ceil(half_s / STEP_S)) + 1
