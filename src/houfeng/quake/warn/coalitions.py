"""How few stations, and how few domains, hold up what a set of stations says together.

Stations weigh something each; by every kind of domain they weigh together the sum over its domains of what their
stations weigh, clipped to the cap of that kind; the least over the kinds is the weight of the set. It stands while
that reaches a threshold. Weights, caps and threshold are whole numbers.

What a set says can be untrue, as judged by its honest stations alone, only if the liars in it hold it up: without them
the rest falls below the threshold. So the least number that must lie is the least number without which it falls.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, error_model="numpy")
def weight_kernel(weights: NDArray[np.int64], codes: NDArray[np.int32], caps: NDArray[np.int64]) -> int:
    """What stations weigh together.

    weights  [n] >= 0
    codes    [n, kinds], the domain of each station in each kind, 0 to n - 1
    caps     [kinds] of a domain
    """
    sums = np.empty(len(weights), np.int64)
    together = np.iinfo(np.int64).max
    for kind in range(len(caps)):
        together = min(together, _clipped_kernel(weights, codes[:, kind], caps[kind], sums))
    return together


@njit(cache=True, error_model="numpy")
def fewest_stations_kernel(
    weights: NDArray[np.int64], codes: NDArray[np.int32], caps: NDArray[np.int64], threshold: int, most: int
) -> int:
    """Least number of stations without which the others weigh less than the threshold, exactly; 0 if they do anyway.

    most  no more are looked for: then it is most + 1

    Other arguments as of weight_kernel(). For each kind a knapsack over its domains: of one domain the heaviest
    stations go first, and what that takes off counts only once the domain weighs less than its cap.
    """
    n = len(weights)
    order = _heaviest_kernel(weights)
    sums, members = np.empty(n, np.int64), np.empty(n, np.int64)
    # without the heaviest the rest falls by any kind once its plain sum does
    rest, fewest = weights.sum(), 0
    while rest >= threshold and fewest <= most:
        rest -= weights[order[fewest]]
        fewest += 1
    fewest = min(fewest, most + 1)
    taken = np.empty(fewest + 1, np.int64)
    for kind in range(len(caps)):
        column, cap = codes[:, kind], caps[kind]
        excess = _clipped_kernel(weights, column, cap, sums) - threshold
        if excess < 0:
            return 0
        limit = fewest - 1  # of interest is only who needs fewer
        if weights[order[:limit]].sum() <= excess:
            continue
        taken[:] = 0
        for domain in range(n):
            if sums[domain] == 0:
                continue
            count = 0
            for place in order:
                if column[place] == domain and count < limit:
                    members[count] = weights[place]
                    count += 1
            _take_kernel(taken[:fewest], members[:count], sums[domain], cap)
        for total in range(1, limit + 1):
            if taken[total] > excess:
                fewest = total
                break
    return fewest


@njit(cache=True, error_model="numpy")
def _take_kernel(taken: NDArray[np.int64], members: NDArray[np.int64], whole: int, cap: int) -> None:
    """Add a domain to the most that 0, 1, ... stations take away; members are the weights of its heaviest."""
    for total in range(len(taken) - 1, 0, -1):
        left = whole
        for number in range(1, min(len(members), total) + 1):
            left -= members[number - 1]
            gain = min(whole, cap) - min(left, cap)
            taken[total] = max(taken[total], taken[total - number] + gain)


@njit(cache=True, error_model="numpy")
def fewest_domains_kernel(
    weights: NDArray[np.int64], codes: NDArray[np.int32], caps: NDArray[np.int64], threshold: int, most: int
) -> int:
    """Number of domains, of any kinds mixed, below which no choice of them holds up the set; 0 if it does not stand.

    most  no more are looked for: then it is most + 1

    Other arguments as of weight_kernel(). Exact where there is one kind. Where domains of several kinds cross, the true
    least number can be larger, never smaller: a station counts for each domain chosen that it is in, and a part of
    a domain for its share of what the whole domain may say (what a domain loses is convex in what is taken from it).
    """
    n, kinds = codes.shape
    sums, share = np.empty(n, np.int64), np.empty(n, np.float64)
    held = np.empty((kinds, n), np.float64)
    fewest = most + 1
    for kind in range(kinds):
        excess = _clipped_kernel(weights, codes[:, kind], caps[kind], sums) - threshold
        if excess < 0:
            return 0
        for place in range(n):
            whole = sums[codes[place, kind]]
            share[place] = weights[place] * (min(whole, caps[kind]) / whole) if whole > 0 else 0.0
        held[:] = 0.0
        for other in range(kinds):
            for place in range(n):
                held[other, codes[place, other]] += share[place]
        # What is truly lost is whole: half a unit below excess + 1 only forgives rounding.
        fewest = _fewest_kernel(held.ravel(), excess + 0.5, fewest)
    return fewest


@njit(cache=True, error_model="numpy")
def _fewest_kernel(values: NDArray[np.float64], needed: float, fewest: int) -> int:
    """How many of the largest values add up to what is needed, if fewer than a number; else that number."""
    reached = 0.0
    for count in range(1, min(fewest, len(values) + 1)):
        largest = count - 1
        for at in range(count, len(values)):
            if values[at] > values[largest]:
                largest = at
        values[count - 1], values[largest] = values[largest], values[count - 1]
        reached += values[count - 1]
        if reached >= needed:
            return count
    return fewest


@njit(cache=True, error_model="numpy")
def _heaviest_kernel(weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order of stations by weight, the heaviest first. Few differ: an insertion sort is soon done."""
    order = np.arange(len(weights))
    for at in range(1, len(order)):
        row, to = order[at], at
        while to > 0 and weights[order[to - 1]] < weights[row]:
            order[to] = order[to - 1]
            to -= 1
        order[to] = row
    return order


@njit(cache=True, error_model="numpy")
def _clipped_kernel(weights: NDArray[np.int64], column: NDArray[np.int32], cap: int, sums: NDArray[np.int64]) -> int:
    """What stations weigh by one kind; sums becomes what each domain does before it is clipped."""
    sums[:] = 0
    for place in range(len(weights)):
        sums[column[place]] += weights[place]
    together = 0
    for domain in range(len(sums)):
        together += min(sums[domain], cap)
    return together
