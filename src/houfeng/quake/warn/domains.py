"""Stations parted by what they share, once for every kind of domain: gateways, carriers, makers of firmware, power."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from houfeng.quake.warn.policy import Policy

#: The one kind of a network in which nobody said what stations share.
ALONE = "station"

#: Nats are added up as whole numbers of this many to the nat, so that no order of adding changes a sum.
UNITS_PER_NAT = 1_000_000


@dataclass(frozen=True, slots=True)
class Partitions:
    """For each kind, which stations are together.

    kinds  in order of name, at least one
    codes  [stations, kinds], the number of a station's domain; one without a domain of that kind stands alone
    caps   [kinds], of each domain, in UNITS_PER_NAT
    """

    kinds: tuple[str, ...]
    codes: NDArray[np.int32]
    caps: NDArray[np.int64]


def partitions(policy: Policy, domains: Sequence[frozenset[str]]) -> Partitions:
    """Part stations by every kind of domain that any of them is in.

    domains  of each station, as in words.station.Station

    A station in two domains of one kind joins the two: who holds either reaches stations of both.
    """
    kinds = tuple(sorted({kind_of(name) for names in domains for name in names})) or (ALONE,)
    columns = [_parted(kind, domains) for kind in kinds]
    codes = np.column_stack(columns) if domains else np.zeros((0, len(kinds)), np.int32)
    return Partitions(kinds, codes.astype(np.int32), np.array([units(policy.cap(kind)) for kind in kinds], np.int64))


def kind_of(domain: str) -> str:
    """The kind of a domain: what stands before the colon of its name."""
    return domain.partition(":")[0]


def units(nats: float) -> int:
    """Nats as a whole number of UNITS_PER_NAT."""
    return round(nats * UNITS_PER_NAT)


def _parted(kind: str, domains: Sequence[frozenset[str]]) -> NDArray[np.intp]:
    """Number of the domain of each station, [n]: stations joined by names they share."""
    held = [(station, name) for station, names in enumerate(domains) for name in names if kind_of(name) == kind]
    numbers = {name: len(domains) + number for number, name in enumerate(sorted({name for _, name in held}))}
    rows, columns = [station for station, _ in held], [numbers[name] for _, name in held]
    size = len(domains) + len(numbers)
    joined = coo_array((np.ones(len(held), np.int8), (rows, columns)), shape=(size, size))
    labels = connected_components(joined, directed=False)[1]
    return np.asarray(np.unique(labels[: len(domains)], return_inverse=True)[1], dtype=np.intp).reshape(-1)
