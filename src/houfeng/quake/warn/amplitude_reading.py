"""Rings of amplitudes read: since an onset, and of late. Beside amplitude_kernel.py, which fills them."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.warn.amplitude_filters import NOISE, NOISE_PUSH, Reals, Wholes
from houfeng.quake.warn.amplitude_kernel import (
    CELL,
    CELL_NS,
    CELL_S,
    CLIPPED,
    DUE_NS,
    KIND,
    LEAST_NOISE_M,
    MOVED_BITS,
    MOVED_CELLS,
    NEVER_NS,
    SEEN,
    SHAKEN_BITS,
    SHAKEN_CELLS,
    SLOT,
    UNKNOWN,
    Cells,
)

Flags = NDArray[np.bool_]

#: Noise before an onset: at most so many cells, at least so many, the last of them this many before the onset's own,
#: as onsets are told late rather than early.
NOISE_MOST = 120
NOISE_LEAST = 8
NOISE_APART = 3


@njit(cache=True)
def _noise_before(first: int, g: Wholes, f: Reals, moved: Cells, scratch: Reals) -> float:
    """Median of the cells before an onset's, which no spike among them moves; else the running level."""
    count = 0
    for cell in range(max(first - NOISE_APART - NOISE_MOST, g[CELL] - MOVED_CELLS + 1), first - NOISE_APART):
        size = abs(moved[g[SLOT], cell & MOVED_BITS])
        if cell <= g[CELL] and not np.isnan(size):
            scratch[count] = size
            count += 1
    if count >= NOISE_LEAST:
        return max(float(np.median(scratch[:count])), LEAST_NOISE_M)
    return f[NOISE] if g[SEEN] > 0 else np.nan


@njit(cache=True)
def _most(first: int, last: int, g: Wholes, moved: Cells) -> tuple[float, int, bool]:
    """Largest of cells first to last - 1, how many of them are known, whether any is clipped."""
    most, known, clipped = np.nan, 0, False
    for cell in range(max(first, g[CELL] - MOVED_CELLS + 1), min(last, g[CELL] + 1)):
        value = float(moved[g[SLOT], cell & MOVED_BITS])
        if np.isnan(value):
            continue
        known += 1
        clipped |= value < 0.0
        if not most >= abs(value):
            most = abs(value)
    return most, known, clipped


@njit(cache=True)
def since(
    rows: Wholes,
    onset_ns: Wholes,
    end_ns: Wholes,
    wholes: Wholes,
    reals: Reals,
    moved: Cells,
    peak_m: Reals,
    window_s: Reals,
    noise_m: Reals,
    clipped: Flags,
    row: Wholes,
) -> None:
    """Read displacement since onsets; of each one's channels [n, some], -1 for none, the first that serves.

    One serves that knows any of the time asked for and is not clipped; failing that the last that is clipped.
    """
    scratch = np.empty(NOISE_MOST)
    for n in range(len(rows)):
        first = onset_ns[n] // CELL_NS
        last = max((end_ns[n] + CELL_NS // 2) // CELL_NS, first)
        for k in range(rows.shape[1]):
            channel = rows[n, k]
            if channel < 0 or channel >= len(wholes) or wholes[channel, SLOT] < 0:
                continue
            g, f = wholes[channel], reals[channel]
            most, known, bad = _most(first, last, g, moved)
            if known == 0 and row[n] >= 0:
                continue
            row[n], clipped[n], peak_m[n] = channel, bad, most
            lasts_s = min(min(end_ns[n], g[DUE_NS]) - onset_ns[n], known * CELL_NS) / CELL_NS * CELL_S
            window_s[n] = max(0.0, lasts_s) if known > 0 else 0.0
            noise_m[n] = _noise_before(first, g, f, moved, scratch)
            if known > 0 and not bad:
                break


@njit(cache=True)
def _of_late(channel: int, cells: int, g: Wholes, ring: Cells) -> tuple[float, bool]:
    """Largest of a channel's last cells, and whether any is clipped."""
    most, clipped = np.nan, False
    for cell in range(g[CELL] - min(cells, SHAKEN_CELLS) + 1, g[CELL] + 1):
        value = float(ring[channel, cell & SHAKEN_BITS])
        if np.isnan(value):
            continue
        clipped |= value < 0.0
        if not most >= abs(value):
            most = abs(value)
    return most, clipped


@njit(cache=True)
def shaking(rows: Wholes, cells: int, wholes: Wholes, speed: Cells, push: Cells, pga: Reals, pgv: Reals) -> None:
    """Largest acceleration and velocity of late, of channels."""
    for n in range(len(rows)):
        channel = rows[n]
        if 0 <= channel < len(wholes) and wholes[channel, KIND] != UNKNOWN:
            pga[n], _ = _of_late(channel, cells, wholes[channel], push)
            pgv[n], _ = _of_late(channel, cells, wholes[channel], speed)


@njit(cache=True)
def _front(uprights: Wholes, levels: Wholes, wholes: Wholes) -> int:
    """Up to when any channel of a station is known."""
    front = NEVER_NS
    for channel in uprights:
        if channel >= 0:
            front = max(front, wholes[channel, DUE_NS])
    for channel in levels.ravel():
        if channel >= 0:
            front = max(front, wholes[channel, DUE_NS])
    return front


@njit(cache=True)
def _best_upright(uprights: Wholes, least_ns: int, wholes: Wholes) -> int:
    """The first vertical channel that is up to date and not clipped, failing that the first that is up to date."""
    best = -1
    for channel in uprights:
        if channel < 0 or wholes[channel, DUE_NS] < least_ns:
            continue
        best = channel if best < 0 else best
        g = wholes[channel]
        if g[SEEN] > 0 and g[CLIPPED] <= g[CELL] - MOVED_CELLS:
            return int(channel)
    return int(best)


@njit(cache=True)
def _shaken(
    levels: Wholes, cells: int, least_ns: int, wholes: Wholes, speed: Cells, push: Cells
) -> tuple[float, float, bool]:
    """The larger of a sensor's horizontals: acceleration, velocity, and whether either is clipped."""
    most_a, most_v, clipped = np.nan, np.nan, False
    for channel in levels:
        if channel < 0 or wholes[channel, DUE_NS] < least_ns:
            continue
        a, bad = _of_late(channel, cells, wholes[channel], push)
        v, _ = _of_late(channel, cells, wholes[channel], speed)
        if np.isnan(a):
            continue
        clipped |= bad
        most_a = a if not most_a >= a else most_a
        most_v = v if not most_v >= v else most_v
    return most_a, most_v, clipped


@njit(cache=True)
def present(
    uprights: Wholes,
    levels: Wholes,
    cells: int,
    stale_ns: int,
    wholes: Wholes,
    reals: Reals,
    speed: Cells,
    push: Cells,
    upright: Wholes,
    front_ns: Wholes,
    noise_m: Reals,
    noise_mps2: Reals,
    pga: Reals,
    pgv: Reals,
    clipped: Flags,
) -> None:
    """Each station's view of now, from its sensors in the order they are to be tried."""
    for n in range(len(uprights)):
        front = _front(uprights[n], levels[n], wholes)
        front_ns[n] = front
        upright[n] = _best_upright(uprights[n], front - stale_ns, wholes)
        if upright[n] >= 0 and wholes[upright[n], SEEN] > 0:
            noise_m[n], noise_mps2[n] = reals[upright[n], NOISE], reals[upright[n], NOISE_PUSH]
        for k in range(levels.shape[1]):
            a, v, bad = _shaken(levels[n, k], cells, front - stale_ns, wholes, speed, push)
            if np.isnan(a):
                continue
            pga[n], pgv[n], clipped[n] = a, v, bad
            if not bad:
                break


@njit(cache=True)
def hush(
    stations: Wholes,
    uprights: Wholes,
    levels: NDArray[np.int64],
    stale_ns: int,
    wholes: Wholes,
    reals: Reals,
    noise_mps2: Reals,
) -> None:
    """What present() says of the noise of some stations."""
    for n in range(len(stations)):
        station = stations[n]
        front = _front(uprights[station], levels[station], wholes)
        upright = _best_upright(uprights[station], front - stale_ns, wholes)
        if upright >= 0 and wholes[upright, SEEN] > 0:
            noise_mps2[n] = reals[upright, NOISE_PUSH]
