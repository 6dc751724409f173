"""Shaking nearby: no coalition smaller than the stated cost raises what is expected anywhere; and who is told more."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.shake.csis import csis_of_peaks
from houfeng.quake.shake.mmi import mmi_of_pga, mmi_of_pgv
from houfeng.quake.warn.fuse import S_MPS, csis_of_mmi, fuse
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.wavefront import LEAST_MMI, Nearby, nearby, site_mmi, surroundings
from houfeng.words.alert import Expectation, Place
from houfeng.words.earth import M_PER_DEG, distance_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S
from houfeng.words.station import Station

GATEWAYS, CARRIERS = ("", "gateway:G1", "gateway:G2", "gateway:G3"), ("", "carrier:A", "carrier:B")
PLACES = tuple(Place(f"town {k}", 0.0, 0.1 * k) for k in range(5))


@st.composite
def networks(draw):
    """Stations in and around a row of towns, what each shows and how far it is trusted."""
    n = draw(st.integers(1, 12))
    stations, levels, shares = [], [], []
    for number in range(n):
        names = frozenset({draw(st.sampled_from(GATEWAYS)), draw(st.sampled_from(CARRIERS))} - {""})
        at = (draw(st.floats(-0.3, 0.3)), draw(st.floats(-0.3, 0.7)))
        stations.append(Station("XX", f"S{number}", *at, domains=names))
        levels.append(draw(st.sampled_from([np.nan, 1.0, 3.0, 4.0, 5.5, 7.0])))
        shares.append(draw(st.sampled_from([0.0, 0.5, 1.0, 1.0])))
    policy = Policy(threshold=draw(st.sampled_from([8.0, 12.0, 14.0])))
    around = surroundings(policy, stations, PLACES, vs30_mps=draw(st.sampled_from([760.0, 300.0])))
    return stations, around, np.array(levels), np.array(shares)


def reached(found):
    return np.nan_to_num(found.mmi, nan=-np.inf)


@settings(deadline=None, max_examples=300)
@given(networks(), st.data())
def test_no_coalition_below_the_stated_cost_raises_what_is_expected_anywhere(network, data):
    stations, around, honest, share = network
    liars = sorted(data.draw(st.sets(st.integers(0, len(stations) - 1))))
    lie = honest.copy()
    lie[liars] = data.draw(
        st.lists(st.sampled_from([np.nan, 3.0, 6.0, 10.0]), min_size=len(liars), max_size=len(liars))
    )
    truth = honest.copy()
    truth[liars] = np.nan
    asked = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    alone, raised = nearby(around, truth, share), nearby(around, lie, share, stations=asked[0], domains=asked[1])
    domains = fewest_domains([stations[liar].domains for liar in liars])
    for place in np.flatnonzero(reached(raised) > reached(alone)):
        assert raised.stations[place] <= len(liars)
        assert raised.domains[place] <= domains


def fewest_domains(held):
    """The least number of domains, of any kinds, that liars lie in; who has none is alone."""
    names = sorted({name for each in held for name in each})
    alone = sum(not each for each in held)
    for number in range(len(names) + 1):
        for chosen in combinations(names, number):
            if all(each & set(chosen) for each in held if each):
                return alone + number
    raise AssertionError("every name chosen holds everybody")


@settings(deadline=None)
@given(networks(), st.integers(1, 3), st.integers(1, 3))
def test_what_is_told_costs_what_was_asked(network, least_stations, least_domains):
    _, around, level, share = network
    found = nearby(around, level, share, stations=least_stations, domains=least_domains)
    told = np.isfinite(found.mmi)
    assert (found.stations[told] >= least_stations).all()
    assert (found.domains[told] >= least_domains).all()
    assert (found.domains <= found.stations).all()
    assert not found.stations[~told].any()
    assert (found.mmi[told] >= LEAST_MMI).all()


@settings(deadline=None)
@given(networks(), st.randoms(use_true_random=False))
def test_the_order_of_stations_does_not_matter(network, random):
    stations, around, level, share = network
    order = list(range(len(stations)))
    random.shuffle(order)
    policy = Policy(threshold=around.threshold / 1e6)
    other = surroundings(policy, [stations[row] for row in order], PLACES)
    same = surroundings(policy, stations, PLACES)
    one, two = nearby(same, level, share), nearby(other, level[order], share[order])
    for name in ("mmi", "stations", "domains", "away_m"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@settings(deadline=None)
@given(networks(), st.data())
def test_more_shaking_or_more_trust_never_lets_expect_less(network, data):
    stations, around, level, share = network
    row = data.draw(st.integers(0, len(stations) - 1))
    stronger, surer = level.copy(), share.copy()
    stronger[row] = np.nan_to_num(level[row], nan=2.0) + data.draw(st.floats(0, 3))
    surer[row] = 1.0
    for k in (1, 2):
        before = nearby(around, level, share, stations=k, domains=k)
        for after in (
            nearby(around, stronger, share, stations=k, domains=k),
            nearby(around, level, surer, stations=k, domains=k),
        ):
            assert (reached(after) >= reached(before)).all()


def ring(count, **each):
    """Stations a few km around the first town, each with domains of its own."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [
        Station("XX", f"R{k}", 0.05 * np.sin(a), 0.05 * np.cos(a), **{name: f(k) for name, f in each.items()})
        for k, a in enumerate(angle)
    ]


def test_three_of_five_equal_stations_set_the_level():
    found = nearby(surroundings(Policy(), ring(5), PLACES[:1]), [9.0, 8.0, 6.0, 5.0, 4.0], 1.0)
    assert found.mmi.tolist() == [6.0]
    assert found.stations.tolist() == found.domains.tolist() == [1]
    surer = nearby(surroundings(Policy(), ring(5), PLACES[:1]), [9.0, 8.0, 6.0, 5.0, 4.0], 1.0, stations=3)
    assert surer.mmi.tolist() == [4.0]
    assert surer.stations.tolist() == [3]
    assert surer.away_m[0] == pytest.approx(0.05 * M_PER_DEG, rel=1e-3)


def test_attack_three_stations_behind_one_gateway_shake_nobody():
    liars = ring(8, domains=lambda k: frozenset({"gateway:G1" if k < 3 else f"gateway:own{k}"}))
    found = nearby(surroundings(Policy(), liars, PLACES[:1]), [10.0] * 3 + [1.0] * 5, 1.0)
    assert np.isnan(found.mmi).all()
    with_one_more = nearby(surroundings(Policy(), liars, PLACES[:1]), [10.0] * 4 + [1.0] * 4, 1.0)
    assert np.isnan(with_one_more.mmi).all()


def test_attack_of_a_sealed_station_weighs_nothing():
    found = nearby(surroundings(Policy(), ring(4), PLACES[:1]), [10.0, 10.0, 7.0, 5.0], [0.0, 1.0, 1.0, 1.0])
    assert found.mmi.tolist() == [5.0]


def test_a_share_that_is_no_share_is_none():
    around = surroundings(Policy(), ring(3), PLACES[:1])
    assert np.isnan(nearby(around, [9.0] * 3, [np.nan, 1.0, 1.0]).mmi).all()
    assert nearby(around, [9.0] * 3, [7.0, 1.0, np.inf]).stations.tolist() == [1]


def test_stations_beyond_the_radius_or_without_a_place_stand_around_nobody():
    far = [Station("XX", "FAR", 0.28, 0.0), Station("XX", "OUT", 0.0, 0.4), Station("XX", "LOST", None, None)]
    around = surroundings(Policy(), [*ring(2), *far], PLACES[:1])
    assert around.station.tolist() == [0, 1]
    assert nearby(surroundings(Policy(), [], PLACES), [], 1.0).stations.tolist() == [0] * 5
    assert nearby(surroundings(Policy(), ring(3), []), [9.0] * 3, 1.0).mmi.tolist() == []


def test_ground_is_corrected_there_and_here():
    here = surroundings(Policy(), ring(3), [replace(PLACES[0], vs30_mps=250.0)], vs30_mps=500.0)
    added = float(site_mmi(250.0) - site_mmi(500.0))
    assert nearby(here, [6.0] * 3, 1.0).mmi[0] == pytest.approx(6.0 + added)
    assert 0.3 < added < 1.0
    assert site_mmi([760.0]).tolist() == [0.0]


def test_a_place_that_is_none_is_named():
    with pytest.raises(DataFault, match="'nowhere'"):
        surroundings(Policy(), ring(1), [Place("nowhere", 91.0, 0.0)])


@given(st.floats(1.5, 10.0))
def test_the_chinese_intensity_is_that_of_the_same_peaks(level):
    peaks = np.geomspace(1e-4, 1e2, 40_001)
    pga, pgv = (peaks[int(np.argmin(np.abs(of(peaks) - level)))] for of in (mmi_of_pga, mmi_of_pgv))
    assert csis_of_mmi(level) == pytest.approx(float(csis_of_peaks(pga, pgv)), abs=0.02)
    assert np.isnan(csis_of_mmi(np.nan))


def found_by(levels, away_m=10_000.0):
    return Nearby(np.array(levels), np.ones(len(levels), int), np.ones(len(levels), int), np.full(len(levels), away_m))


def test_whichever_foretells_more_is_told():
    source = [Expectation(place, 5.0, 4.5, 40 * NS_PER_S, 10.0, "source") for place in PLACES[:3]]
    told = fuse(PLACES[:3], source, found_by([np.nan, 4.0, 7.0]), now_ns=30 * NS_PER_S, declared_ns=29 * NS_PER_S)
    assert told[:2] == tuple(source[:2])
    assert (told[2].by, told[2].mmi, told[2].place) == ("shaking nearby", 7.0, PLACES[2])
    assert told[2].csis == csis_of_mmi(7.0)
    assert told[2].s_ns == 30 * NS_PER_S + round(NS_PER_S * 10_000 / S_MPS)
    assert told[2].left_s == pytest.approx(1 + 10_000 / S_MPS)


def test_without_a_source_only_places_that_shake_are_told():
    told = fuse(PLACES[:3], (), found_by([np.nan, 4.0, 7.0]), now_ns=0, declared_ns=0, publish_s=1.0)
    assert [each.place for each in told] == list(PLACES[1:3])
    assert told[0].left_s == pytest.approx(10_000 / S_MPS - 1.0)
    with pytest.raises(ValueError, match="3 places"):
        fuse(PLACES[:3], (), found_by([4.0]), now_ns=0, declared_ns=0)


def test_distances_are_those_of_the_earth():
    station = Station("XX", "AAA", 0.1, 0.2)
    around = surroundings(Policy(), [station], PLACES[:1])
    assert around.away_m[0] == pytest.approx(float(distance_m(0.0, 0.0, 0.1, 0.2)), rel=0.007)
