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
    STRAY_DECADES,
    STRAY_FALLING,
    STRAY_QUIET,
    detectable,
    displaced_by_distance,
    displaced_by_size,
    log_likelihood_below,
    most_pd_density,
    shaking_by_distance,
    shaking_by_size,
    stray_pd_density,
    triggers,
)

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: Scatter of quick onsets about predictions, s: a trigger's own, and what the Earth adds over the way; never above.
#: One in twenty lies farther off, by three times as much.
ONSET_S: Final = 0.35
ONSET_SHARE: Final = 0.03
MOST_ONSET_S: Final = 1.5
TAIL_SHARE: Final = 0.05
TAIL_WIDTH: Final = 3.0

#: Farther from a quake than this a station shows nothing of it: P is weak there, and its onset said late.
REACH_KM: Final = 250.0

#: A trigger is said at most this long after its onset: a station is silent about P when its data reach so far past it.
SILENT_AFTER_S: Final = 1.0
#: A station that triggered so shortly before would not tell another onset.
RINGING_S: Final = 12.0

#: A displacement makes an onset likelier by at most this: the greatest density of pd_log_likelihood per decade is that
#: of P's scatter, 0.9, over the least density of a stray's displacement. And the greatest density of an arrival, 1/s.
LIKELIEST: Final = 0.9 * STRAY_DECADES / (1.0 - STRAY_QUIET - STRAY_FALLING)
SHARPEST: Final = (1.0 - TAIL_SHARE + TAIL_SHARE / TAIL_WIDTH) / (ONSET_S * np.sqrt(2 * np.pi))

#: How a station's voice bends into its cap, and how much of the cap it comes to at the most: a little less, so that as
#: many stations as just make up a threshold by their caps are never quite enough.
BEND: Final = 1.5
LOUDEST: Final = 0.96
#: Sums are of so many parts to the nat, so that no order of adding changes them.
FINEST: Final = 1e6

#: S shakes as a P of a quake larger by this.
S_LARGER: Final = 0.9
#: What is worked out for every station: travel times of P and S, s, and hypocentral distance, km.
P, S, FAR_KM, TRAVELS = range(4)
#: What a station shows when it is not an onset: silence where there should be one, or nothing to the point.
SILENT, NOTHING = -1, -2
#: How a hypothesis is written: east and north of the frame's origin, depth, m; origin time, s; magnitude; its score,
#: and the sum within stations' caps alone, both less for great depth. The score says whether there is a quake; where
#: domains have said all they may, it is the same over a wide country, and the sum says where.
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

    station  its number, of one that shows onsets; -1 when time_s is an origin time
    """

    station: int
    time_s: float
    half_s: float


@njit(cache=True, error_model="numpy")
def travel_kernel(
    table: Table, east_m: float, north_m: float, depth_m: float, shown: Shown, which: Wholes, out: Reals
) -> None:
    """P and S travel times from a place to some stations, s, and hypocentral distances, km: out [TRAVELS, n].

    Beyond REACH_KM they are infinite.
    """
    easts_m, norths_m, above_m = shown.east_m, shown.north_m, shown.elevation_m
    slowness_spm, distances_m, index, elevations_m = (
        table.slowness_spm, table.distances_m, table.distance_index, table.elevations_m
    )  # fmt: skip
    iz, fz = line_below_kernel(table.depths_m, depth_m)
    for i in which:
        east, north, below = easts_m[i] - east_m, norths_m[i] - north_m, depth_m + above_m[i]
        away_m = np.sqrt(east * east + north * north)  # np.hypot costs as much as all the rest
        ix, fx = distance_line_kernel(distances_m, index, away_m)
        ie, fe = line_below_kernel(elevations_m, above_m[i])
        p, s = slowness_kernel(slowness_spm, ie, fe, iz, fz, ix, fx)
        straight_m = np.sqrt(away_m * away_m + below * below)
        out[FAR_KM, i] = straight_m / 1000.0
        if straight_m <= REACH_KM * 1000.0:
            out[P, i], out[S, i] = p * straight_m, s * straight_m
        else:
            out[P, i], out[S, i] = np.inf, np.inf


@njit(cache=True, error_model="numpy", inline="always")
def nearest_kernel(shown: Shown, i: int, due_s: float) -> int:
    """Which of a station's onsets is nearest to an instant."""
    which = 0
    for k in range(1, shown.onset_s.shape[1]):
        if shown.onset_s[i, k] == -np.inf:  # the latest come first
            break
        if abs(shown.onset_s[i, k] - due_s) < abs(shown.onset_s[i, which] - due_s):
            which = k
    return which


@njit(cache=True, error_model="numpy", inline="always")
def density_kernel(off_s: float, travel_s: float) -> float:
    """Of a true arrival, so far from its prediction, 1/s; 0 where it cannot be one."""
    sigma = min(ONSET_S + ONSET_SHARE * travel_s, MOST_ONSET_S)
    if abs(off_s) > 3 * TAIL_WIDTH * sigma:
        return 0.0
    z, wide = off_s / sigma, off_s / (TAIL_WIDTH * sigma)
    density = (1 - TAIL_SHARE) * np.exp(-0.5 * z * z) + TAIL_SHARE / TAIL_WIDTH * np.exp(-0.5 * wide * wide)
    return float(density / (sigma * np.sqrt(2 * np.pi)))


@njit(cache=True, error_model="numpy", inline="always")
def showing_kernel(shown: Shown, i: int, p_s: float, s_s: float, origin_s: float, heard: Reals) -> int:
    """What a station shows of a place and time, whatever the size: the onset it shows, or SILENT, or NOTHING.

    p_s, s_s  travel times
    heard     out: how much likelier than by chance its onset is P, and S; and 1 while P may still come
    """
    p_due_s, s_due_s = origin_s + p_s, origin_s + s_s
    by_p, by_s = nearest_kernel(shown, i, p_due_s), nearest_kernel(shown, i, s_due_s)
    p_density = density_kernel(shown.onset_s[i, by_p] - p_due_s, p_s)
    s_density = 0.0 if by_s == by_p and p_density > 0 else density_kernel(shown.onset_s[i, by_s] - s_due_s, s_s)
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


@njit(cache=True, error_model="numpy", inline="always")
def voice_kernel(shown: Shown, i: int, showing: int, heard: Reals, distance_km: float, magnitude: float) -> float:
    """What a station that shows something says of a hypothesis, within its caps, nats."""
    hush, most, least = shown.hush[i], shown.most[i], shown.least[i]
    if showing == SILENT:
        return float(max(np.log(1 - detectable(magnitude, distance_km, hush)), -least))
    pd, window_s, noise = shown.pd[i, showing], shown.window_s[i, showing], shown.noise[i, showing]
    return says_kernel(
        heard[0],
        heard[1],
        heard[2],
        pd,
        window_s,
        noise,
        stray_pd_density(pd, noise),
        shaking_by_size(magnitude) + shaking_by_distance(distance_km),
        shaking_by_size(magnitude + S_LARGER) + shaking_by_distance(distance_km),
        displaced_by_size(magnitude) + displaced_by_distance(distance_km),
        hush,
        most,
        least,
        magnitude,
    )


@njit(cache=True, error_model="numpy", inline="always")
def says_kernel(
    by_p: float,
    by_s: float,
    open_yet: float,
    pd: float,
    window_s: float,
    noise: float,
    by_stray: float,
    p_felt: float,
    s_felt: float,
    displaced: float,
    hush: float,
    most: float,
    least: float,
    magnitude: float,
) -> float:
    """As voice_kernel, of what a station that shows an onset shows.

    by_stray        density of its displacement if a stray did it
    p_felt, s_felt  acceleration that is foretold of P and S, log10 m/s2
    displaced       displacement that is, log10 m
    """
    p_seen, s_seen = triggers(p_felt, hush), triggers(s_felt, hush)
    unseen = (1 - p_seen) * (1.0 + s_seen * (by_s - 1.0))
    if open_yet > 0:  # P may still come, and nothing speaks against it
        unseen = max(unseen, 1.0)
    by_p *= p_seen
    if by_p > 0 and np.isfinite(pd) and window_s > 0:
        by_p *= np.exp(log_likelihood_below(pd, noise, magnitude, displaced, window_s))
        by_p /= by_stray
    return _within_caps(most, least, np.log(by_p + unseen))


@njit(cache=True, error_model="numpy", inline="always")
def promise_kernel(shown: Shown, i: int, showing: int, heard: Reals) -> float:
    """What a station that shows an onset says at the most of that place and time, whatever the size, nats."""
    pd, window_s, noise = shown.pd[i, showing], shown.window_s[i, showing], shown.noise[i, showing]
    by_stray = stray_pd_density(pd, noise)
    return promises_kernel(heard[0], heard[1], by_stray, pd, window_s, noise, shown.most[i], shown.least[i])


@njit(cache=True, error_model="numpy", inline="always")
def promises_kernel(
    by_p: float, by_s: float, by_stray: float, pd: float, window_s: float, noise: float, most: float, least: float
) -> float:
    """As promise_kernel, of what a station shows; by_stray as in says_kernel."""
    if np.isfinite(pd) and window_s > 0:
        by_p *= max(most_pd_density(pd, noise) / by_stray, 1.0)
    return _within_caps(most, least, np.log(by_p + max(by_s, 1.0)))


@njit(cache=True, error_model="numpy", inline="always")
def _within_caps(most: float, least: float, said: float) -> float:
    """Never above the caps, and little where there is little: many weak voices do not add up to a strong one."""
    if said > 0:
        return float(LOUDEST * most * (1.0 - np.exp(-((said / most) ** BEND)))) if most > 0 else 0.0
    return float(max(said, -least))


@njit(cache=True, error_model="numpy")
def floor_kernel(shown: Shown, i: int, due_s: float, now_s: float, distance_km: float, magnitude: float) -> float:
    """The least a station can say of a hypothesis by now_s, whatever it shows, nats: nothing before P is overdue."""
    if now_s < due_s + SILENT_AFTER_S:
        return 0.0
    missed = (1 - detectable(magnitude, distance_km, shown.hush[i])) * (
        1 - detectable(magnitude + S_LARGER, distance_km, shown.hush[i])
    )
    return float(max(np.log(missed), -shown.least[i]))
