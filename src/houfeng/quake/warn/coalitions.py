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
    least number can be larger, never smaller. By each kind, what so many domains take away at most is what the
    loudest of that kind say and what those of other kinds take: at most the lesser of their two bounds below. Whether
    one domain alone is enough is tried out.
    """
    kinds = len(caps)
    sums = np.empty(len(weights), np.int64)
    excess = np.empty(kinds, np.int64)
    # 1. never fewer than rough; as many as fewest are enough, all of one kind
    rough, fewest = most + 1, most + 1
    for kind in range(kinds):
        excess[kind] = _clipped_kernel(weights, codes[:, kind], caps[kind], sums) - threshold
        if excess[kind] < 0:
            return 0
        needed = excess[kind] + 0.5  # what is truly lost is whole: half a unit below one more only forgives rounding
        own = _most_kernel(np.minimum(sums, caps[kind]).astype(np.float64), fewest)
        fewest = _enough_kernel(own, np.zeros(fewest), needed)
        rough = min(rough, fewest)
        rough = _enough_kernel(own, _chords_kernel(weights, codes, kind, caps[kind], sums, rough), needed)
    if rough == fewest:
        return fewest
    # 2. one is tried out
    if rough == 1 and _any_alone_kernel(weights, codes, caps, threshold, excess.min()):
        return 1
    # 3. more are held below the better of two bounds
    for kind in range(kinds):
        if fewest <= max(rough, 2):
            break
        _clipped_kernel(weights, codes[:, kind], caps[kind], sums)
        own = _most_kernel(np.minimum(sums, caps[kind]).astype(np.float64), fewest)
        others = _chords_kernel(weights, codes, kind, caps[kind], sums, fewest)
        others = np.minimum(others, _slacks_kernel(weights, codes, kind, caps[kind], sums, fewest))
        fewest = _enough_kernel(own, others, excess[kind] + 0.5)
    return fewest


@njit(cache=True, error_model="numpy")
def enough_domains_kernel(
    weights: NDArray[np.int64], codes: NDArray[np.int32], caps: NDArray[np.int64], threshold: int, most: int
) -> int:
    """Number of domains of one kind that surely hold up the set: never below fewest_domains_kernel(), and soon told."""
    sums = np.empty(len(weights), np.int64)
    fewest = most + 1
    for kind in range(len(caps)):
        excess = _clipped_kernel(weights, codes[:, kind], caps[kind], sums) - threshold
        if excess < 0:
            return 0
        own = _most_kernel(np.minimum(sums, caps[kind]).astype(np.float64), fewest)
        fewest = _enough_kernel(own, np.zeros(fewest), excess + 0.5)
    return fewest


@njit(cache=True, error_model="numpy")
def _any_alone_kernel(
    weights: NDArray[np.int64], codes: NDArray[np.int32], caps: NDArray[np.int64], threshold: int, least_excess: int
) -> bool:
    """Whether there is a domain without which the set falls, now at least so far above the threshold by each kind."""
    n, kinds = codes.shape
    left, sums = np.empty(n, np.int64), np.empty(n, np.int64)
    whole = np.empty(n, np.int64)
    for kind in range(kinds):
        whole[:] = 0
        for place in range(n):
            whole[codes[place, kind]] += weights[place]
        for domain in range(n):
            if whole[domain] <= least_excess:  # it takes no more than it weighs
                continue
            for place in range(n):
                left[place] = 0 if codes[place, kind] == domain else weights[place]
            for judged in range(kinds):
                if _clipped_kernel(left, codes[:, judged], caps[judged], sums) < threshold:
                    return True
    return False


@njit(cache=True, error_model="numpy")
def _enough_kernel(own: NDArray[np.float64], others: NDArray[np.float64], needed: float) -> int:
    """How many it takes, some of one sort and some of the other; the length of others when it takes as many or more."""
    for count in range(1, len(others)):
        for mine in range(count + 1):
            if own[mine] + others[count - mine] >= needed:
                return count
    return len(others)


@njit(cache=True, error_model="numpy")
def _chords_kernel(
    weights: NDArray[np.int64],
    codes: NDArray[np.int32],
    kind: int,
    cap: int,
    sums: NDArray[np.int64],
    size: int,
) -> NDArray[np.float64]:
    """Most that 0, 1, ... size - 1 domains of other kinds take away by a kind, each part of a domain for its share.

    What a domain loses is convex in what is taken from it, so never above that.
    """
    n, kinds = codes.shape
    held = np.zeros((kinds, n), np.float64)
    for place in range(n):
        whole = sums[codes[place, kind]]
        if whole > 0:
            share = weights[place] * (min(whole, cap) / whole)
            for other in range(kinds):
                if other != kind:
                    held[other, codes[place, other]] += share
    return _most_kernel(held.ravel(), size)


@njit(cache=True, error_model="numpy")
def _slacks_kernel(
    weights: NDArray[np.int64],
    codes: NDArray[np.int32],
    kind: int,
    cap: int,
    sums: NDArray[np.int64],
    size: int,
) -> NDArray[np.float64]:
    """Likewise, each domain losing what those take that hold most of it: less, where it is far over its cap."""
    n, kinds = codes.shape
    column = codes[:, kind]
    together = np.argsort(column, kind="mergesort")
    lost, part = np.zeros(size), np.zeros((kinds, n))
    begin = 0
    while begin < n:
        domain = column[together[begin]]
        end = begin
        while end < n and column[together[end]] == domain:
            end += 1
        parts = np.zeros((end - begin) * (kinds - 1))
        count = 0
        for at in range(begin, end):
            for other in range(kinds):
                if other != kind:
                    part[other, codes[together[at], other]] += weights[together[at]]
        for at in range(begin, end):
            for other in range(kinds):
                if other != kind:
                    parts[count] = part[other, codes[together[at], other]]
                    part[other, codes[together[at], other]] = 0.0
                    count += 1
        taken = _most_kernel(parts, size)
        whole = sums[domain]
        for number in range(1, size):
            lost[number] += min(whole, cap) - min(max(whole - taken[number], 0.0), cap)
        begin = end
    return lost


@njit(cache=True, error_model="numpy")
def _most_kernel(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Sums of the 0, 1, ... size - 1 largest values."""
    out = np.zeros(size)
    for count in range(1, size):
        out[count] = out[count - 1]
        if count > len(values):
            continue
        largest = count - 1
        for at in range(count, len(values)):
            if values[at] > values[largest]:
                largest = at
        values[count - 1], values[largest] = values[largest], values[count - 1]
        out[count] += values[count - 1]
    return out


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
