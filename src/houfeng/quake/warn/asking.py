"""What all stations show of one hypothesis, and say of its size, asked one after the other: compiled.

Columns are looked up once for all stations: in a loop, to find a field of a tuple costs several times the answer.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.warn.agreement import instants
from houfeng.quake.warn.likelihood import (
    FAR_KM,
    RINGING_S,
    S_LARGER,
    SILENT_AFTER_S,
    TRAVELS,
    About,
    P,
    S,
    Shown,
    density_kernel,
    promises_kernel,
    says_kernel,
)
from houfeng.quake.warn.size import (
    displaced_by_distance,
    displaced_by_size,
    log_missed,
    shaking_by_distance,
    shaking_by_size,
    stray_pd_density,
)

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]


class Room(NamedTuple):
    """Room for judging hypotheses by [n] stations, one after the other.

    speakers  stations that have onsets at all; others: the other ones
    travel    [TRAVELS, n]
    grid      see origin_time_kernel
    who       who shows something: those that show an onset from the front, the silent from the back
    showing   the onset that each of who shows
    heard     [n, 3], see showing_kernel
    falls     how shaking has fallen off at each of who, and fades: displacement
    strays    density of the displacement of each that shows an onset if a stray did it
    said      [2, n] what each of who says of a size, and of the best of the sizes
    sums      zeros, one for each domain
    """

    speakers: Wholes
    others: Wholes
    travel: Reals
    grid: Reals
    who: Wholes
    showing: Wholes
    heard: Reals
    falls: Reals
    fades: Reals
    strays: Reals
    said: Reals
    sums: Reals


@njit(cache=True, error_model="numpy")
def room_of(shown: Shown, about: About) -> Room:
    """Room for hypotheses about an instant."""
    n = len(shown.east_m)
    return Room(
        np.flatnonzero(shown.onset_s[:, 0] > -np.inf),
        np.flatnonzero(shown.onset_s[:, 0] == -np.inf),
        np.empty((TRAVELS, n)),
        np.empty((2, instants(about.half_s))),
        np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int64),
        np.empty((n, 3)),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty((2, n)),
        np.zeros(shown.domain_cap.shape[1]),
    )


@njit(cache=True, error_model="numpy")
def listen_kernel(shown: Shown, origin_s: float, room: Room) -> tuple[int, int]:
    """Find what those with onsets show of a place and time.

    Returns how many show an onset, and from where on the silent are.
    """
    travel, who, falls, showings, heard = room.travel, room.who, room.falls, room.showing, room.heard
    onset_s, stray, front_s = shown.onset_s, shown.stray, shown.front_s
    slots, spoken, silent = onset_s.shape[1], 0, len(front_s)
    for i in room.speakers:
        # as showing_kernel has it: a test holds the two together
        p_s, s_s = travel[P, i], travel[S, i]
        p_due_s, s_due_s = origin_s + p_s, origin_s + s_s
        by_p, by_s, p_off_s, s_off_s = 0, 0, onset_s[i, 0] - p_due_s, onset_s[i, 0] - s_due_s
        for k in range(1, slots):
            one_s = onset_s[i, k]
            if one_s == -np.inf:  # the latest come first
                break
            if abs(one_s - p_due_s) < abs(p_off_s):
                by_p, p_off_s = k, one_s - p_due_s
            if abs(one_s - s_due_s) < abs(s_off_s):
                by_s, s_off_s = k, one_s - s_due_s
        p_density = density_kernel(p_off_s, p_s)
        s_density = 0.0 if by_s == by_p and p_density > 0 else density_kernel(s_off_s, s_s)
        open_yet = front_s[i] < p_due_s + SILENT_AFTER_S
        if p_density > 0.0 or s_density > 0.0:
            who[spoken], showings[spoken] = i, by_p if p_density > 0 else by_s
            heard[spoken, 0] = p_density * np.exp(-stray[i, by_p])
            heard[spoken, 1] = s_density * np.exp(-stray[i, by_s])
            heard[spoken, 2] = 1.0 if open_yet else 0.0
            spoken += 1
        elif not open_yet and not _rings(onset_s, i, p_due_s):
            silent -= 1
            who[silent], falls[silent] = i, shaking_by_distance(travel[FAR_KM, i])
    return spoken, silent


@njit(cache=True, error_model="numpy")
def _rings(onset_s: Reals, i: int, due_s: float) -> bool:
    """Whether a station triggered so shortly before an instant that it would not tell another onset."""
    rings = False
    for k in range(onset_s.shape[1]):
        rings = rings or -RINGING_S < onset_s[i, k] - due_s < 0
    return rings


@njit(cache=True, error_model="numpy")
def miss_kernel(which: Wholes, front_s: Reals, origin_s: float, room: Room, silent: int) -> int:
    """Find those without onsets that should have one by now; returns from where on the silent are."""
    travel, who, falls = room.travel, room.who, room.falls
    for i in which:
        if front_s[i] >= origin_s + travel[P, i] + SILENT_AFTER_S:
            silent -= 1
            who[silent], falls[silent] = i, shaking_by_distance(travel[FAR_KM, i])
    return silent


@njit(cache=True, error_model="numpy")
def speak_kernel(shown: Shown, room: Room, spoken: int, magnitude: float, said: Reals) -> float:
    """Let those that show an onset say what they say of a size; returns the sum."""
    who, showings, heard, strays = room.who, room.showing, room.heard, room.strays
    falls, fades = room.falls, room.fades
    pd, window_s, noise, hush, most, least = (
        shown.pd, shown.window_s, shown.noise, shown.hush, shown.most, shown.least
    )  # fmt: skip
    by_p, by_s, by_pd = shaking_by_size(magnitude), shaking_by_size(magnitude + S_LARGER), displaced_by_size(magnitude)
    total = 0.0
    for k in range(spoken):
        i, m = who[k], showings[k]
        said[k] = says_kernel(
            heard[k, 0],
            heard[k, 1],
            heard[k, 2],
            pd[i, m],
            window_s[i, m],
            noise[i, m],
            strays[k],
            by_p + falls[k],
            by_s + falls[k],
            by_pd + fades[k],
            hush[i],
            most[i],
            least[i],
            magnitude,
        )
        total += said[k]
    return total


@njit(cache=True, error_model="numpy")
def promise_all_kernel(shown: Shown, room: Room, spoken: int) -> float:
    """What those that show an onset say together at the most, whatever the size."""
    who, showings, heard, strays = room.who, room.showing, room.heard, room.strays
    pd, window_s, noise, most, least = shown.pd, shown.window_s, shown.noise, shown.most, shown.least
    total = 0.0
    for k in range(spoken):
        i, m = who[k], showings[k]
        strays[k] = stray_pd_density(pd[i, m], noise[i, m])
        total += promises_kernel(
            heard[k, 0], heard[k, 1], strays[k], pd[i, m], window_s[i, m], noise[i, m], most[i], least[i]
        )
    return total


@njit(cache=True, error_model="numpy")
def fall_kernel(room: Room, spoken: int) -> None:
    """How shaking and displacement have fallen off at those that show an onset: they hang on the place alone."""
    travel, who, falls, fades = room.travel, room.who, room.falls, room.fades
    for k in range(spoken):
        falls[k] = shaking_by_distance(travel[FAR_KM, who[k]])
        fades[k] = displaced_by_distance(travel[FAR_KM, who[k]])


@njit(cache=True, error_model="numpy")
def silence_kernel(shown: Shown, room: Room, silent: int, magnitude: float, said: Reals) -> float:
    """Let the silent ones."""
    who, falls, hush, least = room.who, room.falls, shown.hush, shown.least
    felt, total = shaking_by_size(magnitude), 0.0
    for k in range(silent, len(said)):
        i = who[k]
        said[k] = log_missed(felt + falls[k], hush[i], least[i])
        total += said[k]
    return total
