"""Law 5: no coalition within the stated forgery cost raises an alert, and one of that size does."""

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite

from houfeng.quake.warn.forgery import domain_cost, score, station_cost

THRESHOLD = 9.0
nats = st.integers(-8, 16).map(lambda quarter: quarter / 4)


@composite
def networks(draw: DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What up to eight stations say, their caps against an alert, their domains of up to two kinds and those's caps."""
    n = draw(st.integers(1, 8))
    said = np.array(draw(st.lists(nats, min_size=n, max_size=n)))
    least = np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=n, max_size=n)))
    kinds = draw(st.integers(0, 2))
    domain = np.array(
        draw(st.lists(st.lists(st.integers(0, 3), min_size=kinds, max_size=kinds), min_size=n, max_size=n)),
        dtype=np.int64,
    ).reshape(n, kinds)
    cap = np.array(draw(st.lists(st.lists(st.sampled_from([2.0, 5.0, 9.0]), min_size=4, max_size=4), min_size=kinds,
                                 max_size=kinds))).reshape(kinds, 4)  # fmt: skip
    return np.maximum(said, -least), least, domain, cap


@given(networks())
def test_the_cost_is_that_of_the_smallest_coalition_there_is(network):
    said, least, domain, cap = network

    def falls(coalition):
        lowered = said.copy()
        lowered[list(coalition)] = -least[list(coalition)]
        return score(lowered, domain, cap) < THRESHOLD

    sizes = [m for m in range(len(said) + 1) if any(falls(those) for those in combinations(range(len(said)), m))]
    assert station_cost(said, least, domain, cap, THRESHOLD) == (sizes[0] if sizes else len(said) + 1)


@given(networks(), st.data())
def test_what_fewer_stations_would_have_shown_instead_changes_nothing(network, data):
    said, least, domain, cap = network
    cost = station_cost(said, least, domain, cap, THRESHOLD)
    if not 0 < cost <= len(said):
        return
    liars = data.draw(st.permutations(range(len(said))))[: cost - 1]
    honest = said.copy()
    for liar in liars:
        honest[liar] = data.draw(st.floats(-least[liar], 4.0))
    assert score(honest, domain, cap) >= THRESHOLD


@given(networks())
def test_no_fewer_domains_than_stated_can_have_forged_it(network):
    said, least, domain, cap = network
    told = domain_cost(said, least, domain, cap, THRESHOLD)

    def falls(kind, those):
        return score(np.where(np.isin(domain[:, kind], those), -least, said), domain, cap) < THRESHOLD

    kinds = domain.shape[1]
    sizes = [
        m for m in range(5) if any(falls(kind, those) for kind in range(kinds) for those in combinations(range(4), m))
    ]
    if kinds == 0:
        assert told == station_cost(said, least, domain, cap, THRESHOLD)
    elif kinds == 1:
        assert told == (sizes[0] if sizes else 5)
    else:
        assert told <= (sizes[0] if sizes else 5)
