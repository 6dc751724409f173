"""Several readers who each take little and together much: whether that looks shared out among them.

What would be sound: people who want data for themselves want the same data, and their takes overlap as chance has it
or more. Who shares a task out does not fetch twice. So the measure is how improbable it is that parties who choose
for themselves, as many units as each took, cover as much between them as they did:

1. units are the channels of a station, or the stations of a network; what one party took of them is a set;
2. only parties who each took no more than half are looked at, and the fewest of them that cover most of it;
3. the chance that sets of those sizes, drawn at random, have so large a union is exact (hypergeometric, set by set);
4. it is multiplied by the number of ways to choose so many parties out of all (Bonferroni): with many readers some
   few always fit together well.

Readers with an entry of their own are left out: somebody decided what each of them gets, whatever fits together.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

#: Parties of one coalition, and parties looked at, those who took most first: what is asked each hour stays a second's
#: work however many readers there are. More than that are a crowd, in which nobody needs to take much.
MOST_PARTIES: Final = 32
MOST_LOOKED_AT: Final = 256


@dataclass(frozen=True, slots=True)
class Coalition:
    """Parties who cover much together.

    parties  in the order in which they add most
    covered  how many units they have between them
    chance   how probable that is for parties who choose for themselves, 0 to 1
    """

    parties: tuple[str, ...]
    covered: int
    chance: float


def coalition_of(
    takes: Mapping[str, AbstractSet[str]], units: int, *, most_share_alone: float, least_share_together: float
) -> Coalition | None:
    """The fewest parties found that cover much together, None when they do not.

    takes                 units each party took
    units                 how many there are
    most_share_alone      parties with a larger share are no part of it
    least_share_together  the share that is much
    """
    small = {party: take for party, take in takes.items() if 0 < len(take) <= units * most_share_alone}
    # By name where they are equal, so that order changes nothing.
    left = sorted(small, key=lambda party: (-len(small[party]), party))[:MOST_LOOKED_AT]
    covered: set[str] = set()
    chosen: list[str] = []
    while len(covered) < units * least_share_together:
        # Most that is new, least that is not.
        best = max(left, key=lambda party: len(small[party] - covered) - len(small[party] & covered), default=None)
        if best is None or not small[best] - covered or len(chosen) == MOST_PARTIES:
            return None
        left.remove(best)
        chosen.append(best)
        covered |= small[best]
    chance = chance_of_union([len(small[party]) for party in chosen], len(covered), units)
    return Coalition(tuple(chosen), len(covered), min(1.0, chance * comb(len(small), len(chosen))))


def chance_of_union(sizes: Sequence[int], least: int, units: int) -> float:
    """The probability that sets of these sizes, each drawn at random of so many units, have a union of at least this.

    The union grows set by set: of a set of size n, the part outside the m units there are already has the
    hypergeometric distribution. Factorials as their logarithms: of 1,500 stations they have 4,000 digits.
    """
    log_factorial = gammaln(np.arange(units + 2) + 1.0)

    def log_ways(whole: NDArray[np.int64] | int, part: NDArray[np.int64] | int) -> NDArray[np.float64]:
        ways: NDArray[np.float64] = log_factorial[whole] - log_factorial[part] - log_factorial[whole - part]
        return ways

    unions = np.zeros(units + 1)
    unions[0] = 1.0
    for size in sizes:
        after = np.zeros(units + 1)
        for there in np.flatnonzero(unions).tolist():
            new = np.arange(max(0, size - there), min(size, units - there) + 1)
            log_part = log_ways(units - there, new) + log_ways(there, size - new) - log_ways(units, size)
            after[there + new] += unions[there] * np.exp(log_part)
        unions = after
    return float(unions[least:].sum())
