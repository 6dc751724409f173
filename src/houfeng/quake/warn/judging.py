"""What all stations together say of a hypothesis: its time and size found, its score held within the caps; compiled."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import Table
from houfeng.quake.warn.agreement import origin_time_kernel
from houfeng.quake.warn.asking import (
    Room,
    fall_kernel,
    listen_kernel,
    miss_kernel,
    promise_all_kernel,
    silence_kernel,
    speak_kernel,
)
from houfeng.quake.warn.likelihood import (
    DEPTH,
    EAST,
    FINEST,
    NORTH,
    SCORE,
    SIZE,
    SUM,
    TIME,
    About,
    P,
    Shown,
    travel_kernel,
)
from houfeng.quake.warn.size import RARER

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: Near the best of places stations could say so many times what they do say, were size and silences not asked.
HOPEFUL: Final = 1.4
#: Quakes deeper than this are rarer the deeper they are, nats: how deep one is hardly shows at first.
DEEP_KM: Final = 30.0
DEEPER_PER_KM: Final = 0.04
#: So many silent stations are asked at a time whether there is hope; and what rounding may take from a sum.
AT_ONCE: Final = 8
ROUNDED: Final = 1e-5


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
    spoken, silent = listen_kernel(shown, h[TIME], room)
    if promise_all_kernel(shown, room, spoken) < HOPEFUL * least:
        return
    travel_kernel(table, h[EAST], h[NORTH], h[DEPTH], shown, room.others, travel)
    silent = miss_kernel(room.others, shown.front_s, h[TIME], room, silent)
    fall_kernel(room, spoken)
    worth, said, best = -np.inf, room.said[0], room.said[1]
    rarer = rarer_kernel(h[DEPTH])
    for magnitude in magnitudes:
        total = speak_kernel(shown, room, spoken, magnitude, said)
        if np.rint(total * FINEST) / FINEST - RARER * magnitude <= worth:  # silence adds nothing to it
            continue
        total += silence_kernel(shown, room, silent, magnitude, said)
        total = np.rint(total * FINEST) / FINEST
        if total - RARER * magnitude > worth:
            worth = total - RARER * magnitude
            h[SIZE], h[SUM] = magnitude, total - rarer
            said, best = best, said
    h[SCORE] = np.rint(_held(shown, room, spoken, silent, best) * FINEST) / FINEST - rarer


@njit(cache=True, error_model="numpy")
def hopeless_kernel(
    table: Table, shown: Shown, h: Reals, about: About, magnitudes: Reals, least: float, room: Room
) -> bool:
    """Whether judge_kernel would surely give a hypothesis, whose place is given, a sum below least; h is left alone.

    magnitudes  rising

    Those that show an onset say no more than they promise, and silence speaks the less against a quake the smaller it
    is: it is asked of the smallest, station by station, until there is no hope left.
    """
    travel, front_s = room.travel, shown.front_s
    travel_kernel(table, h[EAST], h[NORTH], h[DEPTH], shown, room.speakers, travel)
    about_s = about.time_s if about.station < 0 else about.time_s - travel[P, about.station]
    origin_s = origin_time_kernel(shown, room.speakers, travel, about_s, room.grid)
    if np.isnan(origin_s):
        return True
    spoken, silent = listen_kernel(shown, origin_s, room)
    hope = promise_all_kernel(shown, room, spoken)
    if hope < HOPEFUL * least:
        return True
    smallest, said = magnitudes[0], room.said[0]
    least += rarer_kernel(h[DEPTH]) - ROUNDED
    hope += silence_kernel(shown, room, silent, smallest, said)
    for begin in range(0, len(room.others), AT_ONCE):
        if hope < least:
            return True
        which = room.others[begin : begin + AT_ONCE]
        travel_kernel(table, h[EAST], h[NORTH], h[DEPTH], shown, which, travel)
        hope += silence_kernel(shown, room, miss_kernel(which, front_s, origin_s, room, len(front_s)), smallest, said)
    return hope < least


@njit(cache=True)
def rarer_kernel(depth_m: float) -> float:
    """How much rarer quakes of a depth are, nats."""
    return DEEPER_PER_KM * max(depth_m / 1000.0 - DEEP_KM, 0.0)


@njit(cache=True, error_model="numpy")
def _held(shown: Shown, room: Room, spoken: int, silent: int, said: Reals) -> float:
    """The score of what they say: the least over the kinds of domains, and over none."""
    n, who, sums = len(said), room.who, room.sums
    domain, domain_cap = shown.domain, shown.domain_cap
    least = said[:spoken].sum() + said[silent:].sum()
    for kind in range(domain.shape[1]):
        for begin, end in ((0, spoken), (silent, n)):
            for k in range(begin, end):
                sums[domain[who[k], kind]] += said[k]
        total = 0.0
        for begin, end in ((0, spoken), (silent, n)):
            for k in range(begin, end):
                number = domain[who[k], kind]
                cap = domain_cap[kind, number]
                total += min(max(sums[number], -cap), cap)
                sums[number] = 0.0  # counted
        least = min(least, total)
    return float(least)
