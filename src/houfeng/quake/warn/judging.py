"""What all stations together say of a hypothesis: its time and size found, its score held within the caps; compiled."""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import Table
from houfeng.quake.warn.agreement import instants, origin_time_kernel
from houfeng.quake.warn.likelihood import (
    DEPTH,
    EAST,
    FAR_KM,
    FINEST,
    NORTH,
    NOTHING,
    SCORE,
    SILENT,
    SILENT_AFTER_S,
    SIZE,
    SUM,
    TIME,
    TRAVELS,
    About,
    P,
    S,
    Shown,
    promise_kernel,
    showing_kernel,
    travel_kernel,
    voice_kernel,
)
from houfeng.quake.warn.size import RARER, log_missed, shaking_by_distance, shaking_by_size

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: Near the best of places stations could say so many times what they do say, were size and silences not asked.
HOPEFUL: Final = 1.4
#: Quakes deeper than this are rarer the deeper they are, nats: how deep one is hardly shows at first.
DEEP_KM: Final = 30.0
DEEPER_PER_KM: Final = 0.04


class Room(NamedTuple):
    """Room for judging hypotheses by [n] stations, one after the other.

    speakers  stations that have onsets at all; others: the other ones
    travel    [TRAVELS, n]
    grid      see origin_time_kernel
    who       who shows something: those that show an onset from the front, the silent from the back
    showing   the onset that each of who shows
    heard     [n, 3], see showing_kernel
    falls     how shaking has fallen off at each of who
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
        np.empty((2, n)),
        np.zeros(shown.domain_cap.shape[1]),
    )


@njit(cache=True, error_model="numpy")
def judge_kernel(
    table: Table, shown: Shown, h: Reals, about: About, magnitudes: Reals, least: float, room: Room
) -> None:
    """Fill in time, size and score of a hypothesis whose place is given: h [HYPOTHESIS].

    least  where stations could not say HOPEFUL times that, none are given: score and sum are -inf
    """
    travel = room.travel
    travel_kernel(table, h[EAST], h[NORTH], h[DEPTH], shown, room.speakers, travel)
    about_s = about.time_s if about.station < 0 else about.time_s - travel[P, about.station]
    h[TIME] = origin_time_kernel(shown, room.speakers, travel, about_s, room.grid)
    h[SCORE], h[SUM], h[SIZE] = -np.inf, -np.inf, magnitudes[0]
    if np.isnan(h[TIME]):
        return
    spoken, silent = _listen(shown, h[TIME], room)
    if _promise(shown, room, spoken) < HOPEFUL * least:
        return
    travel_kernel(table, h[EAST], h[NORTH], h[DEPTH], shown, room.others, travel)
    silent = _miss(shown, h[TIME], room, silent)
    worth, said, best = -np.inf, room.said[0], room.said[1]
    rarer = rarer_kernel(h[DEPTH])
    for magnitude in magnitudes:
        total = _speak(shown, room, spoken, magnitude, said)
        if np.rint(total * FINEST) / FINEST - RARER * magnitude <= worth:  # silence adds nothing to it
            continue
        total += _keep_silent(shown, room, silent, magnitude, said)
        total = np.rint(total * FINEST) / FINEST
        if total - RARER * magnitude > worth:
            worth = total - RARER * magnitude
            h[SIZE], h[SUM] = magnitude, total - rarer
            said, best = best, said
    h[SCORE] = np.rint(_held(shown, room, spoken, silent, best) * FINEST) / FINEST - rarer


@njit(cache=True)
def rarer_kernel(depth_m: float) -> float:
    """How much rarer quakes of a depth are, nats."""
    return DEEPER_PER_KM * max(depth_m / 1000.0 - DEEP_KM, 0.0)


@njit(cache=True, error_model="numpy")
def _listen(shown: Shown, origin_s: float, room: Room) -> tuple[int, int]:
    """Find what those with onsets show of a place and time.

    Returns how many show an onset, and from where on the silent are.
    """
    travel = room.travel
    spoken, silent = 0, len(shown.most)
    for i in room.speakers:
        showing = showing_kernel(shown, i, travel[P, i], travel[S, i], origin_s, room.heard[spoken])
        if showing == SILENT:
            silent -= 1
            room.who[silent], room.falls[silent] = i, shaking_by_distance(travel[FAR_KM, i])
        elif showing != NOTHING:
            room.who[spoken], room.showing[spoken] = i, showing
            spoken += 1
    return spoken, silent


@njit(cache=True, error_model="numpy")
def _miss(shown: Shown, origin_s: float, room: Room, silent: int) -> int:
    """Find those without onsets that should have one by now; returns from where on the silent are."""
    travel = room.travel
    for i in room.others:
        if shown.front_s[i] >= origin_s + travel[P, i] + SILENT_AFTER_S:
            silent -= 1
            room.who[silent], room.falls[silent] = i, shaking_by_distance(travel[FAR_KM, i])
    return silent


@njit(cache=True, error_model="numpy")
def _speak(shown: Shown, room: Room, spoken: int, magnitude: float, said: Reals) -> float:
    """Let those that show an onset say what they say of a size; returns the sum."""
    total = 0.0
    for k in range(spoken):
        i = room.who[k]
        said[k] = voice_kernel(shown, i, room.showing[k], room.heard[k], room.travel[FAR_KM, i], magnitude)
        total += said[k]
    return total


@njit(cache=True, error_model="numpy")
def _promise(shown: Shown, room: Room, spoken: int) -> float:
    """What those that show an onset say together at the most, whatever the size."""
    total = 0.0
    for k in range(spoken):
        total += promise_kernel(shown, room.who[k], room.showing[k], room.heard[k])
    return total


@njit(cache=True, error_model="numpy")
def _keep_silent(shown: Shown, room: Room, silent: int, magnitude: float, said: Reals) -> float:
    """Let the silent ones."""
    felt, total = shaking_by_size(magnitude), 0.0
    for k in range(silent, len(said)):
        i = room.who[k]
        said[k] = log_missed(felt + room.falls[k], shown.hush[i], shown.least[i])
        total += said[k]
    return total


@njit(cache=True, error_model="numpy")
def _held(shown: Shown, room: Room, spoken: int, silent: int, said: Reals) -> float:
    """The score of what they say: the least over the kinds of domains, and over none."""
    n = len(said)
    least = said[:spoken].sum() + said[silent:].sum()
    for kind in range(shown.domain.shape[1]):
        for begin, end in ((0, spoken), (silent, n)):
            for k in range(begin, end):
                room.sums[shown.domain[room.who[k], kind]] += said[k]
        total = 0.0
        for begin, end in ((0, spoken), (silent, n)):
            for k in range(begin, end):
                number = shown.domain[room.who[k], kind]
                cap = shown.domain_cap[kind, number]
                total += min(max(room.sums[number], -cap), cap)
                room.sums[number] = 0.0  # counted
        least = min(least, total)
    return float(least)
