"""What it takes to forge an alert: the fewest stations, and domains, that must be lying for it to be false.

Were there no quake, each liar would have shown something else, and said of the alert's place, time and size at the
least what its cap allows against it. So the alert needs the lie of a set of stations only if the score falls below the
threshold when all of them say their least. The forgery cost is the size of the smallest such set: with fewer liars, the
honest stations alone would have raised it, whatever the liars had shown had they been honest.
"""

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]


def score(said: Reals, domain: NDArray[np.int64], domain_cap: Reals) -> float:
    """The score of what stations say: the least over the kinds of domains, of the sums held within the domains' caps.

    said        [n] nats, each within its station's caps
    domain      [n, kinds] number of the station's domain of each kind
    domain_cap  [kinds, domains]
    """
    totals = [float(said.sum())]
    for kind in range(domain.shape[1]):
        sums = _sums(domain[:, kind], said, domain_cap.shape[1])
        totals.append(float(np.clip(sums, -domain_cap[kind], domain_cap[kind]).sum()))
    return min(totals)


def station_cost(said: Reals, least: Reals, domain: NDArray[np.int64], domain_cap: Reals, threshold: float) -> int:
    """Fewest stations that must say their least for the score to fall below a threshold; 0 when it lies below.

    least  [n] >= 0, what each may say against an alert

    More than all stations when not even they suffice: then silence cannot gainsay it, and n + 1 is returned.
    """
    alone = np.arange(len(said))[:, None]
    costs = [_cost_of_kind(said, least, alone[:, 0], np.full(len(said), np.inf), threshold)]
    costs += [
        _cost_of_kind(said, least, domain[:, kind], domain_cap[kind], threshold) for kind in range(domain.shape[1])
    ]
    return min(costs)


def domain_cost(said: Reals, least: Reals, domain: NDArray[np.int64], domain_cap: Reals, threshold: float) -> int:
    """Fewest domains, all of one kind, whose stations must say their least for the score to fall below a threshold.

    Exact up to two, and where there is one kind. Where domains of several kinds cross, the true least number can be
    larger, never smaller: how much the domains of one kind take from the score by another is bounded, not counted.
    Where no domains are known, every station is its own.
    """
    if domain.shape[1] == 0:
        return station_cost(said, least, domain, domain_cap, threshold)
    judges = [(np.arange(len(said)), np.full(len(said), np.inf)), *zip(domain.T, domain_cap, strict=True)]
    bound = min(_cost_by(said, least, theirs, judged, cap, threshold) for judged, cap in judges for theirs in domain.T)
    if bound != 1:
        return bound
    alone = any(
        score(np.where(theirs == number, -least, said), domain, domain_cap) < threshold
        for theirs in domain.T
        for number in np.unique(theirs)
    )
    return 1 if alone else 2


def _cost_by(
    said: Reals, least: Reals, theirs: NDArray[np.int64], judged: NDArray[np.int64], cap: Reals, threshold: float
) -> int:
    """Fewest of their domains without which the score, judged by one kind, may fall below a threshold."""
    plain = _sums(judged, said, len(cap))
    away = _sums(judged, said + least, len(cap))
    now = _held(plain, cap)
    falls = now - _held(plain - away, cap)
    parts, of_part = np.unique(theirs * len(cap) + judged, return_inverse=True)
    holder, within = np.divmod(parts, len(cap))
    held = np.bincount(of_part, weights=said + least)
    # a domain falls not at all at first, then as its stations do, then no more: all below the line to its end
    end = np.minimum(away, plain + cap)
    share = np.divide(falls, end, out=np.zeros_like(falls), where=end > 0)
    fall: Reals = np.minimum(share[within] * held, falls[within])
    return _fewest(_sums(holder, fall, len(theirs)), float(now.sum()) - threshold)


def _cost_of_kind(said: Reals, least: Reals, domain: NDArray[np.int64], cap: Reals, threshold: float) -> int:
    """Fewest stations by one kind of domains: the best m of each domain, and the best way to share them out."""
    excess = float(_held(_sums(domain, said, len(cap)), cap).sum()) - threshold
    if excess < 0:
        return 0
    gained = np.zeros(1)  # gained[m]: most that m stations take away, over the domains so far
    fall = said + least
    for number in np.unique(domain[fall > 0]):  # whoever said the least takes nothing away
        members = domain == number
        falls = np.sort(fall[members & (fall > 0)])[::-1]
        sums = said[members].sum() - np.concatenate([[0.0], np.cumsum(falls)])
        held = _held(sums, np.full(len(sums), cap[number]))
        gained = _shared(gained, held[0] - held)
    enough = np.flatnonzero(gained > excess)
    return int(enough[0]) if len(enough) else len(said) + 1


def _shared(first: Reals, second: Reals) -> Reals:
    """Most gained by m stations shared between two groups, for every m."""
    out = np.full(len(first) + len(second) - 1, -np.inf)
    for m, gain in enumerate(second):
        np.maximum(out[m : m + len(first)], first + gain, out=out[m : m + len(first)])
    return out


def _fewest(falls: Reals, excess: float) -> int:
    """How many of the largest falls exceed an excess; one more than all when not even they do."""
    if excess < 0:
        return 0
    enough = np.flatnonzero(np.cumsum(np.sort(falls)[::-1]) > excess)
    return int(enough[0]) + 1 if len(enough) else len(falls) + 1


def _sums(domain: NDArray[np.int64], values: Reals, count: int) -> Reals:
    return np.bincount(domain, weights=values, minlength=count).astype(np.float64)


def _held(sums: Reals, cap: Reals) -> Reals:
    return np.asarray(np.clip(sums, -cap, cap), dtype=np.float64)
