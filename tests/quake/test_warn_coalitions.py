"""Coalitions: the compiled counts against every choice tried out, and stations parted by what they share."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.warn.coalitions import (
    enough_domains_kernel,
    fewest_domains_kernel,
    fewest_stations_kernel,
    weight_kernel,
)
from houfeng.quake.warn.domains import ALONE, UNITS_PER_NAT, partitions
from houfeng.quake.warn.forgery import station_cost
from houfeng.quake.warn.policy import Policy


@st.composite
def sets(draw, most_kinds=3):
    """Weights, domains and caps of a few stations, and a threshold."""
    n, kinds = draw(st.integers(1, 8)), draw(st.integers(1, most_kinds))
    weights = np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), np.int64)
    held = draw(st.lists(st.lists(st.integers(0, 3), min_size=kinds, max_size=kinds), min_size=n, max_size=n))
    codes = np.array([np.unique(column, return_inverse=True)[1] for column in np.array(held).T], np.int32).T.copy()
    caps = np.array(draw(st.lists(st.integers(5, 14), min_size=kinds, max_size=kinds)), np.int64)
    return weights, codes, caps, draw(st.integers(1, 24))


def weighed(weights, codes, caps):
    """The slow readable twin."""
    return min(
        sum(min(int(weights[codes[:, kind] == domain].sum()), int(cap)) for domain in set(codes[:, kind].tolist()))
        for kind, cap in enumerate(caps)
    )


def without(weights, gone):
    left = weights.copy()
    left[list(gone)] = 0
    return left


def fewest(groups, weights, codes, caps, threshold):
    """The least number of groups of stations without which the rest falls, by trying all."""
    for number in range(len(groups) + 1):
        for chosen in combinations(groups, number):
            if weighed(without(weights, {each for group in chosen for each in group}), codes, caps) < threshold:
                return number
    raise AssertionError("nobody weighs nothing")


def domains_of(codes):
    return [
        set(np.flatnonzero(column == domain).tolist()) for column in codes.T for domain in sorted(set(column.tolist()))
    ]


@settings(deadline=None)
@given(sets())
def test_a_set_weighs_what_its_slow_twin_says(made):
    weights, codes, caps, _ = made
    assert weight_kernel(weights, codes, caps) == weighed(weights, codes, caps)


@settings(deadline=None)
@given(sets())
def test_fewest_stations_is_what_trying_all_coalitions_finds(made):
    weights, codes, caps, threshold = made
    exact = fewest([{row} for row in range(len(weights))], *made)
    assert fewest_stations_kernel(weights, codes, caps, threshold, len(weights)) == exact
    for most in range(len(weights)):
        assert fewest_stations_kernel(weights, codes, caps, threshold, most) == min(exact, most + 1)


@settings(deadline=None)
@given(sets(most_kinds=1))
def test_fewest_domains_is_exact_where_there_is_one_kind(made):
    exact = fewest(domains_of(made[1]), *made)
    for most in range(9):
        assert fewest_domains_kernel(*made, most) == min(exact, most + 1)


@settings(deadline=None)
@given(sets())
def test_fewest_domains_is_never_more_than_it_truly_takes(made):
    told, exact = fewest_domains_kernel(*made, 99), fewest(domains_of(made[1]), *made)
    assert told <= exact
    assert (told == 0) == (exact == 0)
    assert exact <= enough_domains_kernel(*made, 99)


@settings(deadline=None)
@given(sets())
def test_stations_without_a_say_against_cost_as_those_of_an_alert(made):
    weights, codes, caps, threshold = made
    cap = np.repeat(caps[:, None].astype(float), codes.max() + 1, axis=1)
    cost = station_cost(weights.astype(float), np.zeros(len(weights)), codes.astype(np.int64), cap, float(threshold))
    assert fewest_stations_kernel(weights, codes, caps, threshold, len(weights)) == cost


def test_stations_are_parted_by_each_kind():
    parted = partitions(Policy(), [frozenset({"gateway:G1", "carrier:A"}), frozenset({"carrier:A"}), frozenset()])
    assert parted.kinds == ("carrier", "gateway")
    carrier, gateway = parted.codes.T
    assert carrier[0] == carrier[1] != carrier[2]
    assert len(set(gateway)) == 3
    assert parted.caps.tolist() == [12 * UNITS_PER_NAT, 4 * UNITS_PER_NAT]


def test_where_nobody_shares_anything_each_stands_alone():
    parted = partitions(Policy(), [frozenset(), frozenset()])
    assert parted.kinds == (ALONE,)
    assert len(set(parted.codes[:, 0])) == 2
    assert partitions(Policy(), []).codes.shape == (0, 1)


def test_a_station_behind_two_gateways_makes_them_one():
    both = frozenset({"gateway:G1", "gateway:G2"})
    parted = partitions(Policy(), [frozenset({"gateway:G1"}), both, frozenset({"gateway:G2"})])
    assert len(set(parted.codes[:, 0])) == 1
