"""Conditioning on stations: against the multivariate normal written out, and outliers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.shake.condition import MOST, TILE, Sites, condition, on_sphere
from houfeng.quake.shake.correlation import correlation
from houfeng.quake.shake.outliers import outliers

ALIKE = correlation("pga")
TAU = 0.35


def make_sites(seed: int, count: int, spread_deg: float = 1.0) -> Sites:
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.uniform(-spread_deg, spread_deg, (2, count))
    place_m = on_sphere(38 + latitude, 179.5 + longitude)
    shared = np.column_stack((np.full(count, TAU), rng.uniform(0, 0.5, count)))
    return Sites(place_m, rng.normal(-2, 1, count), rng.uniform(0.4, 0.7, count), shared)


def written_out(ln_seen, uncertainty, stations, targets, standing_at):
    """Slow twin: the textbook conditional of one normal distribution over stations and targets."""
    count = len(ln_seen)
    place_m = np.concatenate((stations.place_m, targets.place_m))
    phi = np.concatenate((stations.phi, targets.phi))
    shared = np.concatenate((stations.shared, targets.shared))
    alike = ALIKE.between(np.linalg.norm(place_m[:, None] - place_m[None], axis=2))
    for target, station in enumerate(standing_at):
        if station >= 0:
            alike[count + target, station] = alike[station, count + target] = 1.0
    np.fill_diagonal(alike, 1.0)
    whole = alike * np.outer(phi, phi) + shared @ shared.T
    seen = whole[:count, :count] + np.diag(uncertainty**2)
    across = whole[count:, :count]
    gain = np.linalg.solve(seen, across.T).T
    variance = np.diag(whole[count:, count:]) - np.sum(gain * across, axis=1)
    return targets.ln_median + gain @ (ln_seen - stations.ln_median), np.sqrt(np.maximum(variance, 0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0, 0.5))
def test_it_is_the_conditional_of_one_normal_distribution(seed, count, uncertainty):
    stations, targets = make_sites(seed, count), make_sites(seed + 1, 150)
    ln_seen = stations.ln_median + np.random.default_rng(seed).normal(0, 0.6, count)
    doubts = np.full(count, uncertainty)
    standing_at = np.full(len(targets.phi), -1)
    got = condition(ln_seen, doubts, stations, targets, ALIKE)
    mean, sigma = written_out(ln_seen, doubts, stations, targets, standing_at)
    np.testing.assert_allclose(got.ln_median, mean, atol=1e-9)
    np.testing.assert_allclose(got.sigma, sigma, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_at_a_station_its_value_comes_back_and_nothing_is_in_doubt(seed, count):
    stations = make_sites(seed, count)
    ln_seen = stations.ln_median + np.random.default_rng(seed).normal(0, 0.6, count)
    got = condition(ln_seen, np.zeros(count), stations, stations, ALIKE, np.arange(count))
    np.testing.assert_allclose(got.ln_median, ln_seen, atol=1e-8)
    np.testing.assert_allclose(got.sigma, 0.0, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_the_order_of_stations_changes_nothing(seed, count):
    stations, targets = make_sites(seed, count), make_sites(seed + 1, 20)
    ln_seen = stations.ln_median + np.random.default_rng(seed).normal(0, 0.6, count)
    order = np.random.default_rng(seed).permutation(count)
    one = condition(ln_seen, np.zeros(count), stations, targets, ALIKE)
    other = condition(ln_seen[order], np.zeros(count), stations.at(order), targets, ALIKE)
    np.testing.assert_allclose(one.ln_median, other.ln_median, atol=1e-9)
    np.testing.assert_allclose(one.sigma, other.sigma, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 40))
def test_a_station_more_never_leaves_more_doubt(seed, count):
    stations, targets = make_sites(seed, count + 1), make_sites(seed + 1, 20)
    ln_seen = stations.ln_median + 0.5
    fewer = np.arange(count)
    less = condition(ln_seen[:count], np.zeros(count), stations.at(fewer), targets, ALIKE)
    more = condition(ln_seen, np.zeros(count + 1), stations, targets, ALIKE)
    assert np.all(more.sigma <= less.sigma + 1e-9)


def test_without_stations_the_relation_and_its_scatter_remain():
    targets = make_sites(1, 300)
    got = condition(np.zeros(0), np.zeros(0), targets.at(np.zeros(300, dtype=np.bool_)), targets, ALIKE)
    np.testing.assert_array_equal(got.ln_median, targets.ln_median)
    np.testing.assert_allclose(got.sigma, np.sqrt(targets.phi**2 + np.sum(targets.shared**2, axis=1)))
    np.testing.assert_array_equal(got.effects, 0.0)


def test_with_more_stations_than_are_used_at_once_the_result_is_the_same():
    count = 3 * MOST
    stations, targets = make_sites(2, count), make_sites(3, 2 * TILE)
    ln_seen = stations.ln_median + np.random.default_rng(2).normal(0, 0.5, count)
    got = condition(ln_seen, np.zeros(count), stations, targets, ALIKE)
    mean, sigma = written_out(ln_seen, np.zeros(count), stations, targets, np.full(2 * TILE, -1))
    np.testing.assert_allclose(got.ln_median, mean, atol=0.02)
    np.testing.assert_allclose(got.sigma, sigma, atol=0.002)


def test_no_targets_give_nothing():
    stations = make_sites(4, 5)
    got = condition(stations.ln_median, np.zeros(5), stations, stations.at(np.zeros(5, dtype=np.bool_)), ALIKE)
    assert len(got.ln_median) == len(got.sigma) == 0


@pytest.mark.parametrize("shift", [-6.0, 3.0, 6.0])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.4])
def test_wild_stations_are_told_and_others_are_not(shift, share):
    stations = make_sites(5, 200)
    rng = np.random.default_rng(5)
    covariance = stations.own_covariance(np.zeros(200), ALIKE)
    ln_seen = stations.ln_median + rng.multivariate_normal(np.zeros(200), covariance)
    wild = np.arange(200) < 200 * share
    ln_seen[wild] += shift
    told = outliers(ln_seen, np.zeros(200), stations, ALIKE)
    assert told[wild].mean() > 0.95
    assert told[~wild].mean() < 0.03


def test_a_station_that_its_neighbours_contradict_is_told():
    # 1.5 above the relation is usual for one site, not among neighbours that show 0
    stations = make_sites(6, 30, spread_deg=0.05)
    residual = np.zeros(30)
    residual[7] = 1.6
    told = outliers(stations.ln_median + residual, np.zeros(30), stations, ALIKE)
    np.testing.assert_array_equal(np.flatnonzero(told), [7])


def test_a_strong_quake_is_no_outlier():
    stations = make_sites(7, 50)
    assert not outliers(stations.ln_median + 3 * TAU, np.zeros(50), stations, ALIKE).any()


@pytest.mark.parametrize("count", [0, 1])
def test_few_stations_have_no_neighbours_to_contradict_them(count):
    stations = make_sites(8, count)
    assert not outliers(stations.ln_median + 1.0, np.zeros(count), stations, ALIKE).any()
