"""Finding the place, time and size for which stations speak most: rings about a station, then ever smaller steps."""

from typing import Final

import numpy as np
from numba import njit

from houfeng.quake.locate.traveltime import Table
from houfeng.quake.warn.asking import Room, room_of
from houfeng.quake.warn.judging import hopeless_kernel, judge_kernel
from houfeng.quake.warn.likelihood import DEPTH, EAST, HYPOTHESIS, NORTH, SIZE, SUM, About, Reals, Shown

#: Sizes tried while the place is sought, and steps by which the size is refined.
SIZES: Final = np.arange(3.0, 8.1, 1.0)
FINE: Final = 0.1

#: Rings about the middle, how many directions on each, and depths, tried first: the share of the widest ring, and m.
RINGS: Final = np.array([0.0, 0.03, 0.07, 0.13, 0.22, 0.35, 0.55, 1.0])
DIRECTIONS: Final = np.array([1, 4, 6, 9, 12, 12, 12, 12])
DEPTHS_M: Final = np.array([8_000.0, 25_000.0])
DEEP_M: Final = 80_000.0
#: So many of the best are followed, in steps halved down to this.
BRANCHES: Final = 3
LEAST_STEP_M: Final = 1_000.0
#: Depth is stepped by less than place: with few stations it hardly shows.
DEPTH_SHARE: Final = 0.5

#: No places to begin at but the rings.
NOWHERE: Final = np.empty((0, 3))

#: Room for hypotheses judged in one search.
ROOM: Final = 2_000


@njit(cache=True, error_model="numpy")
def judge_one_kernel(table: Table, shown: Shown, h: Reals, about: About, sizes: Reals) -> None:
    """Judge one hypothesis, whose place is given: h [HYPOTHESIS]."""
    judge_kernel(table, shown, h, about, sizes, -np.inf, room_of(shown, about))


@njit(cache=True, error_model="numpy")
def search_kernel(
    table: Table,
    shown: Shown,
    about: About,
    widest_m: float,
    within_m: float,
    deepest_m: float,
    sizes: Reals,
    least: float,
    known: Reals,
    judged: Reals,
) -> int:
    """Judge places from the frame's origin out to widest_m; returns how many: judged [ROOM, ..], the best first.

    about     the onset, or the origin time, that it is about
    within_m  the best is sought within so much of the frame's origin; what is said farther out is for comparison
    least     only where stations may say so much is looked at closely
    known     [n, 3] other places to begin at: east, north, depth, m
    """
    room = room_of(shown, about)
    begun = len(known)
    for k in range(begun):
        judged[k, EAST], judged[k, NORTH], judged[k, DEPTH] = known[k]
    count = begun + _rings(widest_m, deepest_m, judged[begun:])
    for k in range(count):
        judge_kernel(table, shown, judged[k], about, sizes, least, room)
    best = np.argsort(-_within(judged[begun:count], within_m))[: BRANCHES - begun] + begun
    for start in np.concatenate((np.arange(begun), best)):
        if judged[start, SUM] > -np.inf and judged[start, SUM] >= least:
            count = _climb(table, shown, about, deepest_m, sizes, least, judged, start, count, room)
    top = int(np.argmax(_within(judged[:count], within_m)))
    swap = judged[0].copy()
    judged[0], judged[top] = judged[top], swap
    if not judged[0, SUM] >= least:
        return count
    low, high = judged[0, SIZE] - 1.0, judged[0, SIZE] + 1.0
    judge_kernel(table, shown, judged[0], about, np.arange(low, high, FINE), least, room)
    return count


@njit(cache=True, error_model="numpy")
def refused_kernel(
    table: Table,
    shown: Shown,
    about: About,
    widest_m: float,
    deepest_m: float,
    sizes: Reals,
    least: float,
    places: Reals,
) -> bool:
    """Whether search_kernel would surely find nothing that stations say so much of: mostly at a tenth of its cost.

    places  room for hypotheses [ROOM, ..]
    """
    room = room_of(shown, about)
    for k in range(_rings(widest_m, deepest_m, places)):
        if not hopeless_kernel(table, shown, places[k], about, sizes, least, room):
            return False
    return True


@njit(cache=True, error_model="numpy")
def _rings(widest_m: float, deepest_m: float, judged: Reals) -> int:
    """Put down the places tried first; returns how many."""
    count = 0
    for level, ring in enumerate(RINGS):
        directions = DIRECTIONS[level]
        for direction in range(directions):
            angle = 2 * np.pi * (direction + (0.5 if count % 2 else 0.0)) / directions
            for down in range(len(DEPTHS_M) + 1):
                depth_m = DEPTHS_M[down] if down < len(DEPTHS_M) else DEEP_M
                if depth_m > deepest_m:
                    continue
                h = judged[count]
                h[EAST], h[NORTH] = widest_m * ring * np.sin(angle), widest_m * ring * np.cos(angle)
                h[DEPTH] = depth_m
                count += 1
    return count


@njit(cache=True, error_model="numpy")
def _within(judged: Reals, within_m: float) -> Reals:
    """What is said of hypotheses so near to the frame's origin, -inf of others."""
    return np.where(np.hypot(judged[:, EAST], judged[:, NORTH]) <= within_m, judged[:, SUM], -np.inf)


@njit(cache=True, error_model="numpy")
def _climb(
    table: Table,
    shown: Shown,
    about: About,
    deepest_m: float,
    sizes: Reals,
    least: float,
    judged: Reals,
    start: int,
    count: int,
    room: Room,
) -> int:
    """Follow one hypothesis uphill in steps that get smaller; returns how many are judged now."""
    here = start
    reach_m = np.hypot(judged[start, EAST], judged[start, NORTH])
    step_m = max(0.25 * reach_m, 6_000.0)
    while step_m >= LEAST_STEP_M:
        better, size = here, np.searchsorted(sizes, judged[here, SIZE])
        about_it = sizes[max(size - 1, 0) : size + 2]  # a little farther on, a quake is not of quite another size
        for east in range(-1, 2):
            for north in range(-1, 2):
                for down in range(-1, 2):
                    still = (east == 0 and north == 0) == (down == 0)  # sideways or up and down, not both
                    if still or count >= ROOM:
                        continue
                    h = judged[count]
                    h[EAST] = judged[here, EAST] + east * step_m
                    h[NORTH] = judged[here, NORTH] + north * step_m
                    h[DEPTH] = min(max(judged[here, DEPTH] + down * DEPTH_SHARE * step_m, 0.0), deepest_m)
                    judge_kernel(table, shown, h, about, about_it, least, room)
                    if h[SUM] > judged[better, SUM]:
                        better = count
                    count += 1
        if better == here:
            step_m /= 2
        here = better
    return count


def judged_room() -> Reals:
    """Room for one search."""
    return np.empty((ROOM, HYPOTHESIS))
