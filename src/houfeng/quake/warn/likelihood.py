"""How strongly stations speak for a quake of a place, depth, time and size: compiled.

Every live station speaks, also by its silence. What it says of a hypothesis is the logarithm of how likely it would
show this if the quake were so, over how likely if there were none; held within the station's own caps, so that no
station can say more, whatever it sends. For each kind of domain the sums of its domains are held within theirs; the
score is the least over the kinds. It depends on each station only by what that station shows: bounds on what a
coalition can do follow by counting (forgery.py).
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import Table, distance_line_kernel, line_below_kernel, slowness_kernel
from houfeng.quake.warn.size import (
    RARER,
    detectable,
    log_missed,
    pd_log_likelihood,
    shaking_by_distance,
    shaking_by_size,
)

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: Scatter of quick onsets about predictions, s: a trigger's own, and what the Earth adds over the way; never above.
#: One in ten lies farther off, by three times as much.
ONSET_S: Final = 0.35
ONSET_SHARE: Final = 0.03
MOST_ONSET_S: Final = 1.5
TAIL_SHARE: Final = 0.1
TAIL_WIDTH: Final = 3.0

#: A trigger is said at most this long after its onset: a station is silent about P when its data reach so far past it.
SILENT_AFTER_S: Final = 2.0
#: A station that triggered so shortly before would not tell another onset.
RINGING_S: Final = 12.0

#: Stray onsets come in all sizes over so many decades of displacement.
STRAY_DECADES: Final = 4.0
#: A displacement makes an onset likelier by at most this: the greatest density of pd_log_likelihood per decade is that
#: of P's scatter, 0.9, and that of noise's, 1.6, together. And the greatest density of an arrival, 1/s.
LIKELIEST: Final = STRAY_DECADES * 2.5
SHARPEST: Final = (1.0 - TAIL_SHARE + TAIL_SHARE / TAIL_WIDTH) / (ONSET_S * np.sqrt(2 * np.pi))

#: S shakes as a P of a quake larger by this.
S_LARGER: Final = 0.9
#: Onsets agree on an origin time within so many s; one that would have to be S counts as if it were off by some.
AGREE_S: Final = 2.0
S_HANDICAP_S: Final = 1.0

#: What is worked out for every station: travel times of P and S, s, and hypocentral distance, km.
P, S, FAR_KM, TRAVELS = range(4)
#: Sums are of so many parts to the nat, so that no order of adding changes them.
FINEST: Final = 1e6

#: What a station shows when it is not an onset: silence where there should be one, or nothing to the point.
SILENT, NOTHING = -1, -2
#: How a hypothesis is written: east and north of the frame's origin, depth, m; origin time, s; magnitude; its score,
#: and the sum within stations' caps alone. The score says whether there is a quake; where domains have said all they
#: may, it is the same over a wide country, and the sum says where.
EAST, NORTH, DEPTH, TIME, SIZE, SCORE, SUM, HYPOTHESIS = range(8)


class Shown(NamedTuple):
    """What [n] stations show, in a frame about one of them; s are seconds since an instant of the frame's owner.

    east_m, north_m  of the frame's origin
    elevation_m      above sea level
    front_s          up to when data have come
    onset_s          [n, slots] onsets of late, the latest first, -inf where there are fewer
    pd               [n, slots] log10 of the largest vertical displacement since each, m; NaN where not known
    window_s         [n, slots] over how long
    noise            [n, slots] log10 of the displacement of noise before each, m; NaN where not known
    hush             log10 of the acceleration of noise, m/s2
    stray            [n, slots] natural logarithm of how many stray onsets came a second at that time
    most, least      caps, nats, >= 0
    domain           [n, kinds], number of the station's domain of each kind
    domain_cap       [kinds, most domains of a kind]
    """

    east_m: Reals
    north_m: Reals
    elevation_m: Reals
    front_s: Reals
    onset_s: Reals
    pd: Reals
    window_s: Reals
    noise: Reals
    hush: Reals
    stray: Reals
    most: Reals
    least: Reals
    domain: Wholes
    domain_cap: Reals


class About(NamedTuple):
    """When to look for an origin time: within half_s of time_s, or of what an onset at time_s at a station makes it.

    station  its number; -1 when time_s is an origin time
    """

    station: int
    time_s: float
    half_s: float


@njit(cache=True, error_model="numpy")
def travel_kernel(table: Table, east_m: float, north_m: float, depth_m: float, shown: Shown, out: Reals) -> None:
    """P and S travel times from a place to every station, s, and hypocentral distances, km: out [3, n]."""
    iz, fz = line_below_kernel(table.depths_m, depth_m)
    for i in range(len(shown.east_m)):
        away_m = np.hypot(shown.east_m[i] - east_m, shown.north_m[i] - north_m)
        ix, fx = distance_line_kernel(table.distances_m, table.distance_index, away_m)
        ie, fe = line_below_kernel(table.elevations_m, shown.elevation_m[i])
        p, s = slowness_kernel(table.slowness_spm, ie, fe, iz, fz, ix, fx)
        straight_m = np.hypot(away_m, depth_m + shown.elevation_m[i])
        out[P, i], out[S, i] = p * straight_m, s * straight_m
        out[FAR_KM, i] = straight_m / 1000.0


@njit(cache=True, error_model="numpy")
def _agreeing(shown: Shown, travel: Reals, trial: float) -> float:
    """How many stations have an onset that fits an origin time, by their caps."""
    weight = 0.0
    for j in range(len(shown.most)):
        nearest = np.inf
        for m in range(shown.onset_s.shape[1]):
            since = shown.onset_s[j, m] - trial
            if since == -np.inf:
                break
            nearest = min(nearest, abs(since - travel[P, j]), abs(since - travel[S, j]) + S_HANDICAP_S)
        if nearest < AGREE_S:
            weight += shown.most[j] * np.exp(-nearest * nearest)
    return weight


@njit(cache=True, error_model="numpy")
def origin_time_kernel(shown: Shown, travel: Reals, about_s: float, half_s: float) -> float:
    """The origin time near about_s on which most stations agree; NaN without any onset there."""
    best, most = np.nan, 0.0
    n, slots = shown.onset_s.shape
    for i in range(n):
        for k in range(slots):  # the latest come first
            trial = shown.onset_s[i, k] - travel[P, i]
            if trial == -np.inf:
                break
            if abs(trial - about_s) <= half_s:
                weight = np.rint(_agreeing(shown, travel, trial) * FINEST)
                if weight > most or (weight == most and trial < best):
                    best, most = trial, weight
    for _ in range(2):
        total, weights = 0.0, 0.0
        for j in range(n):
            off = shown.onset_s[j, _nearest(shown, j, best + travel[P, j])] - travel[P, j] - best
            if abs(off) < AGREE_S:
                weight = shown.most[j] * np.exp(-off * off)
                total += weight * off
                weights += weight
        if weights > 0:
            best += total / weights
    return best


@njit(cache=True, error_model="numpy")
def _nearest(shown: Shown, i: int, due_s: float) -> int:
    """Which of a station's onsets is nearest to an instant."""
    which = 0
    for k in range(1, shown.onset_s.shape[1]):
        if abs(shown.onset_s[i, k] - due_s) < abs(shown.onset_s[i, which] - due_s):
            which = k
    return which


@njit(cache=True, error_model="numpy")
def _density(off_s: float, travel_s: float) -> float:
    """Of a true arrival, so far from its prediction, 1/s; 0 where it cannot be one."""
    sigma = min(ONSET_S + ONSET_SHARE * travel_s, MOST_ONSET_S)
    if abs(off_s) > 3 * TAIL_WIDTH * sigma:
        return 0.0
    z, wide = off_s / sigma, off_s / (TAIL_WIDTH * sigma)
    density = (1 - TAIL_SHARE) * np.exp(-0.5 * z * z) + TAIL_SHARE / TAIL_WIDTH * np.exp(-0.5 * wide * wide)
    return float(density / (sigma * np.sqrt(2 * np.pi)))


@njit(cache=True, error_model="numpy")
def showing_kernel(shown: Shown, i: int, p_s: float, s_s: float, origin_s: float, heard: Reals) -> int:
    """What a station shows of a place and time, whatever the size: the onset it shows, or SILENT, or NOTHING.

    p_s, s_s  travel times
    heard     out: how much likelier than by chance its onset is P, and S; and 1 while P may still come
    """
    p_due_s, s_due_s = origin_s + p_s, origin_s + s_s
    by_p, by_s = _nearest(shown, i, p_due_s), _nearest(shown, i, s_due_s)
    p_density = _density(shown.onset_s[i, by_p] - p_due_s, p_s)
    s_density = 0.0 if by_s == by_p and p_density > 0 else _density(shown.onset_s[i, by_s] - s_due_s, s_s)
    open_yet = shown.front_s[i] < p_due_s + SILENT_AFTER_S
    if p_density == 0.0 and s_density == 0.0:
        if open_yet:
            return NOTHING
        for k in range(shown.onset_s.shape[1]):
            if -RINGING_S < shown.onset_s[i, k] - p_due_s < 0:
                return NOTHING
        return SILENT
    heard[0] = p_density * np.exp(-shown.stray[i, by_p])
    heard[1] = s_density * np.exp(-shown.stray[i, by_s])
    heard[2] = 1.0 if open_yet else 0.0
    return by_p if p_density > 0 else by_s


@njit(cache=True, error_model="numpy")
def voice_kernel(shown: Shown, i: int, showing: int, heard: Reals, distance_km: float, magnitude: float) -> float:
    """What a station that shows something says of a hypothesis, within its caps, nats."""
    p_seen = detectable(magnitude, distance_km, shown.hush[i])
    if showing == SILENT:
        return float(max(np.log(1 - p_seen), -shown.least[i]))
    s_seen = detectable(magnitude + S_LARGER, distance_km, shown.hush[i])
    unseen = (1 - p_seen) * (1.0 + s_seen * (heard[1] - 1.0))
    if heard[2] > 0:  # P may still come, and nothing speaks against it
        unseen = max(unseen, 1.0)
    by_p = p_seen * heard[0]
    if by_p > 0:
        pd, noise, window_s = shown.pd[i, showing], shown.noise[i, showing], shown.window_s[i, showing]
        if np.isfinite(pd) and window_s > 0:
            by_p *= STRAY_DECADES * np.exp(pd_log_likelihood(pd, noise, magnitude, distance_km, window_s))
    said = np.log(by_p + unseen)
    cap = shown.most[i]
    if said > 0:  # nearly as it is while small, never above the cap
        return float(cap * (1.0 - np.exp(-said / cap))) if cap > 0 else 0.0
    return float(max(said, -shown.least[i]))


@njit(cache=True, error_model="numpy")
def floor_kernel(shown: Shown, i: int, due_s: float, now_s: float, distance_km: float, magnitude: float) -> float:
    """The least a station can say of a hypothesis by now_s, whatever it shows, nats: nothing before P is overdue."""
    if now_s < due_s + SILENT_AFTER_S:
        return 0.0
    missed = (1 - detectable(magnitude, distance_km, shown.hush[i])) * (
        1 - detectable(magnitude + S_LARGER, distance_km, shown.hush[i])
    )
    return float(max(np.log(missed), -shown.least[i]))


@njit(cache=True, error_model="numpy")
def held_kernel(shown: Shown, who: Wholes, said: Reals, count: int, sums: Reals) -> float:
    """The score of what the first count of who say: the least over the kinds of domains; sums: zeros, a domain each."""
    least = 0.0
    for k in range(count):
        least += said[k]
    for kind in range(shown.domain.shape[1]):
        for k in range(count):
            sums[shown.domain[who[k], kind]] += said[k]
        total = 0.0
        for k in range(count):
            number = shown.domain[who[k], kind]
            cap = shown.domain_cap[kind, number]
            total += min(max(sums[number], -cap), cap)
            sums[number] = 0.0  # counted
        least = min(least, total)
    return least


class Room(NamedTuple):
    """Room for judging one hypothesis by [n] stations: travels [TRAVELS, n], who shows what, what they say of it; how
    shaking has fallen off there.
    """

    travel: Reals
    who: Wholes
    showing: Wholes
    heard: Reals
    said: Reals
    falls: Reals
    sums: Reals


@njit(cache=True, error_model="numpy")
def _say(shown: Shown, room: Room, count: int, magnitude: float) -> float:
    """Let the first count of who say what they say of a size; returns the sum."""
    felt, total = shaking_by_size(magnitude), 0.0
    for k in range(count):
        i = room.who[k]
        if room.showing[k] == SILENT:
            room.said[k] = log_missed(felt + room.falls[k], shown.hush[i], shown.least[i])
        else:
            room.said[k] = voice_kernel(shown, i, room.showing[k], room.heard[k], room.travel[FAR_KM, i], magnitude)
        total += room.said[k]
    return float(np.rint(total * FINEST) / FINEST)


@njit(cache=True, error_model="numpy")
def judge_kernel(table: Table, shown: Shown, h: Reals, about: About, magnitudes: Reals, room: Room) -> None:
    """Fill in time, size and score of a hypothesis whose place is given: h [HYPOTHESIS]."""
    travel = room.travel
    travel_kernel(table, h[EAST], h[NORTH], h[DEPTH], shown, travel)
    about_s = about.time_s if about.station < 0 else about.time_s - travel[P, about.station]
    h[TIME] = origin_time_kernel(shown, travel, about_s, about.half_s)
    h[SCORE], h[SUM], h[SIZE] = -np.inf, -np.inf, magnitudes[0]
    if np.isnan(h[TIME]):
        return
    count = 0
    for i in range(len(shown.most)):
        if shown.onset_s[i, 0] == -np.inf:  # most stations have no onset; asking further is dear
            showing = NOTHING if shown.front_s[i] < h[TIME] + travel[P, i] + SILENT_AFTER_S else SILENT
        else:
            showing = showing_kernel(shown, i, travel[P, i], travel[S, i], h[TIME], room.heard[count])
        if showing != NOTHING:
            room.who[count], room.showing[count] = i, showing
            count += 1
    for k in range(count):
        room.falls[k] = shaking_by_distance(travel[FAR_KM, room.who[k]])
    worth = -np.inf
    for magnitude in magnitudes:
        total = _say(shown, room, count, magnitude)
        if total - RARER * magnitude > worth:
            worth = total - RARER * magnitude
            h[SIZE], h[SUM] = magnitude, total
    _say(shown, room, count, h[SIZE])
    h[SCORE] = np.rint(held_kernel(shown, room.who, room.said, count, room.sums) * FINEST) / FINEST
