"""What stations nearby already feel, as what a place has to expect: no source is needed.

Kodera et al. 2018, doi:10.1785/0120170085 (PLUM): the strongest shaking seen within 30 km, corrected for the ground
there and here, is on its way. Their maximum is one station's word. Here a level counts only if the stations that show
it or more weigh, within their own caps and those of their domains, what the policy asks of an alert: of equal and
unrelated stations the k-th largest value, not the largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from houfeng.quake.shake.condition import on_sphere
from houfeng.quake.shake.ground_motion import ROCK_VS30_MPS, expected
from houfeng.quake.shake.mmi import mmi
from houfeng.quake.warn.coalitions import (
    enough_domains_kernel,
    fewest_domains_kernel,
    fewest_stations_kernel,
    weight_kernel,
)
from houfeng.quake.warn.domains import partitions, units
from houfeng.quake.warn.places import columns_of
from houfeng.quake.warn.policy import Policy
from houfeng.words.alert import Place
from houfeng.words.station import Station

#: How far shaking counts for a place: Kodera et al. 2018.
RADIUS_M: Final = 30_000.0

#: Weaker shaking than this is foretold to nobody: on the Modified Mercalli scale, felt by few.
LEAST_MMI: Final = 3.0

#: The shaking at which the grounds of two sites are compared: M 6.5 at 20 km, about VII on rock's softer neighbours,
#: where a warning matters. Weaker shaking is amplified more by soft ground, stronger less.
_MAGNITUDE, _DISTANCE_M = 6.5, 20_000.0

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Which stations stand around which places.

    begins     [places + 1], where the stations of each place begin in the next three
    station    row of each, in order of row within a place
    away_m     how far it stands
    codes      [.., kinds], its domain of each kind
    caps       [kinds], of a domain
    amplified  what its ground adds, less what the place's does, MMI
    most       what one fully trusted station weighs; threshold: what a level needs
    """

    begins: NDArray[np.int64]
    station: NDArray[np.int64]
    away_m: Reals
    codes: NDArray[np.int32]
    caps: NDArray[np.int64]
    amplified: Reals
    most: int
    threshold: int


@dataclass(frozen=True, slots=True)
class Nearby:
    """What stations nearby let [n] places expect; NaN and 0 where nothing, or too little of it is vouched for.

    mmi      intensity
    stations least number of stations that must lie for honest ones alone not to show that much
    domains  likewise of domains; where domains of several kinds cross it may take more, never fewer
    away_m   the nearest station that shows it
    """

    mmi: Reals
    stations: NDArray[np.int64]
    domains: NDArray[np.int64]
    away_m: Reals


def surroundings(
    policy: Policy,
    stations: Sequence[Station],
    places: Sequence[Place],
    *,
    vs30_mps: ArrayLike = ROCK_VS30_MPS,
    radius_m: float = RADIUS_M,
) -> Surroundings:
    """Look up once who stands around whom.

    stations  one epoch of each; those without coordinates stand around nobody
    vs30_mps  at the stations, [n] or one for all
    radius_m  > 0

    Raises DataFault for a place without a position or ground.
    """
    rows = np.array([row for row, each in enumerate(stations) if each.latitude_deg is not None], dtype=np.int64)
    here = columns_of(places)
    there = np.array([stations[row].place for row in rows]).reshape(-1, 2)
    ours, theirs = on_sphere(here[:, 0], here[:, 1]), on_sphere(there[:, 0], there[:, 1])
    found = cKDTree(theirs).query_ball_point(ours, radius_m, return_sorted=True) if len(rows) else [[]] * len(places)
    counts = np.array([len(each) for each in found], dtype=np.int64)
    near = np.concatenate([np.asarray(each, dtype=np.int64) for each in found] or [np.zeros(0, np.int64)])
    place = np.repeat(np.arange(len(places)), counts)
    begins = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    parted = partitions(policy, [each.domains for each in stations])
    station = rows[near] if len(near) else near
    ground = site_mmi(np.broadcast_to(np.asarray(vs30_mps, dtype=np.float64), len(stations)))
    return Surroundings(
        begins=begins,
        station=station,
        away_m=np.sqrt(((ours[place] - theirs[near]) ** 2).sum(axis=1)) if len(near) else np.zeros(0),
        codes=parted.codes[station],
        caps=parted.caps,
        amplified=ground[station] - site_mmi(here[:, 2])[place],
        most=units(policy.most),
        threshold=units(policy.threshold),
    )


def site_mmi(vs30_mps: ArrayLike) -> Reals:
    """What ground adds to the intensity on rock, MMI, any shape: as the ground-motion relation has it where it is VII.

    vs30_mps  m/s, > 0
    """
    peaks = [
        np.exp(expected(measure, _MAGNITUDE, _DISTANCE_M, np.append(np.ravel(vs30_mps), ROCK_VS30_MPS)).ln_median)
        for measure in ("pga", "pgv")
    ]
    level = mmi(*peaks)
    return np.asarray((level[:-1] - level[-1]).reshape(np.shape(vs30_mps)), dtype=np.float64)


def nearby(
    around: Surroundings,
    level_mmi: ArrayLike,
    share: ArrayLike,
    *,
    stations: int = 1,
    domains: int = 1,
    least_mmi: float = LEAST_MMI,
) -> Nearby:
    """What places have to expect from the shaking that stations show now.

    level_mmi          present intensity at each station of the surroundings, [n]; NaN where not known
    share              how far each is trusted, 0 to 1, [n] or one for all
    stations, domains  least forgery cost of what is foretold, as an audience asks for it

    A coalition smaller than what comes back for a place in stations, or within fewer domains, has not raised it there:
    the honest stations alone show as much, at a forgery cost of 1 or more.
    """
    level = np.ascontiguousarray(level_mmi, dtype=np.float64)
    trusted = np.clip(np.nan_to_num(np.broadcast_to(np.asarray(share, dtype=np.float64), level.shape)), 0.0, 1.0)
    weight = np.floor(trusted * around.most).astype(np.int64)
    out = _nearby_kernel(
        around.begins,
        around.station,
        around.away_m,
        around.codes,
        around.caps,
        around.amplified,
        level,
        weight,
        around.threshold,
        stations,
        domains,
        least_mmi,
    )
    return Nearby(*out)


@njit(cache=True, error_model="numpy")
def _holds_kernel(
    weights: NDArray[np.int64],
    codes: NDArray[np.int32],
    caps: NDArray[np.int64],
    threshold: int,
    stations: int,
    domains: int,
) -> bool:
    """Whether a set of stations stands, at a cost."""
    if len(weights) < stations or weight_kernel(weights, codes, caps) < threshold:
        return False
    if stations > 1 and fewest_stations_kernel(weights, codes, caps, threshold, stations - 1) < stations:
        return False
    if domains <= 1:
        return True
    if enough_domains_kernel(weights, codes, caps, threshold, domains - 1) < domains:
        return False
    return fewest_domains_kernel(weights, codes, caps, threshold, domains - 1) >= domains


@njit(cache=True, error_model="numpy")
def _nearby_kernel(
    begins: NDArray[np.int64],
    station: NDArray[np.int64],
    away_m: Reals,
    codes: NDArray[np.int32],
    caps: NDArray[np.int64],
    amplified: Reals,
    level: Reals,
    weight: NDArray[np.int64],
    threshold: int,
    stations: int,
    domains: int,
    least: float,
) -> tuple[Reals, NDArray[np.int64], NDArray[np.int64], Reals]:
    count = len(begins) - 1
    found, nearest = np.full(count, np.nan), np.full(count, np.nan)
    cost, domain_cost = np.zeros(count, np.int64), np.zeros(count, np.int64)
    largest = 0
    for place in range(count):
        largest = max(largest, begins[place + 1] - begins[place])
    values, rows, weights = np.empty(largest), np.empty(largest, np.int64), np.empty(largest, np.int64)
    numbers = np.empty((largest, codes.shape[1]), np.int32)
    for place in range(count):
        # 1. the stations that show enough, the strongest first
        n = 0
        for row in range(begins[place], begins[place + 1]):
            value = level[station[row]] - amplified[row]
            if not (value >= least and weight[station[row]] > 0):
                continue
            at = n
            while at > 0 and values[at - 1] < value:
                values[at], rows[at] = values[at - 1], rows[at - 1]
                at -= 1
            values[at], rows[at] = value, row
            n += 1
        for at in range(n):
            weights[at] = weight[station[rows[at]]]
            for kind in range(codes.shape[1]):
                numbers[at, kind] = codes[rows[at], kind]
        _packed_kernel(numbers[:n])
        if not _holds_kernel(weights[:n], numbers[:n], caps, threshold, stations, domains):
            continue
        # 2. the fewest of them that stand at the cost asked for: more of them stand the better
        low, high = min(stations, n), n
        while low < high:
            middle = (low + high) // 2
            if _holds_kernel(weights[:middle], numbers[:middle], caps, threshold, stations, domains):
                high = middle
            else:
                low = middle + 1
        # 3. whoever shows the same belongs to them
        while low < n and values[low] == values[low - 1]:
            low += 1
        found[place] = values[low - 1]
        cost[place] = fewest_stations_kernel(weights[:low], numbers[:low], caps, threshold, low)
        # a station lies within one domain
        most = cost[place] - 1
        domain_cost[place] = fewest_domains_kernel(weights[:low], numbers[:low], caps, threshold, most)
        nearest[place] = away_m[rows[:low]].min()
    return found, cost, domain_cost, nearest


@njit(cache=True, error_model="numpy")
def _packed_kernel(numbers: NDArray[np.int32]) -> None:
    """Number domains in order of their first station: those of the first n stations are then below n."""
    n = len(numbers)
    for kind in range(numbers.shape[1]):
        column = numbers[:, kind].copy()
        known = 0
        for row in range(n):
            fresh = known
            for before in range(row):
                if column[before] == column[row]:
                    fresh = numbers[before, kind]
                    break
            numbers[row, kind] = fresh
            known += fresh == known
