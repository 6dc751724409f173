"""Magnitude by the first seconds as a likelihood: laws, the packaged relations, real peaks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.size.peak import peak_magnitude, peak_relation
from houfeng.quake.warn.size import (
    FULL_S,
    KUYUK_ALLEN,
    LEAST,
    MOST,
    ODD,
    ODD_DECADES,
    SATURATES,
    SATURATES_S,
    WU_ZHAO,
    detectable,
    expected_log10_pd,
    pd_log_likelihood,
    saturates,
)

magnitude = st.floats(1.0, 9.0)
distance_km = st.floats(1.0, 500.0)
log10_noise = st.one_of(st.floats(-10.0, -3.0), st.just(-math.inf), st.just(math.nan))
window_s = st.floats(0.25, 10.0)
log10_pd = st.floats(-11.0, 1.0)


@pytest.mark.parametrize(("name", "law"), [("kuyuk_allen_2013", KUYUK_ALLEN), ("wu_zhao_2006", WU_ZHAO)])
def test_numbers_are_those_of_the_packaged_relations(name: str, law: tuple[float, float, float]) -> None:
    relation = peak_relation(name)
    assert relation.saturates_above == SATURATES
    for size in (3.5, 5.0, 6.4):
        for km in (5.0, 30.0, 90.0):
            peak_m = 10.0 ** expected_log10_pd(size, km, law)
            assert peak_magnitude(peak_m, km * 1000, relation=relation) == pytest.approx(size, abs=1e-5)


@given(magnitude, distance_km, log10_noise, window_s)
@settings(deadline=None)
def test_is_a_density(size: float, km: float, noise: float, window: float) -> None:
    x = np.linspace(-16.0, 6.0, 4001)
    values = np.array([math.exp(pd_log_likelihood(each, noise, size, km, window)) for each in x])
    whole = (values - ODD / ODD_DECADES).sum() * (x[1] - x[0])
    assert whole == pytest.approx(1 - ODD, abs=2e-3)


@given(log10_pd, magnitude, distance_km, log10_noise, window_s)
@settings(deadline=None)
def test_is_bounded_both_ways(x: float, size: float, km: float, noise: float, window: float) -> None:
    value = pd_log_likelihood(x, noise, size, km, window)
    assert math.log(ODD / ODD_DECADES) - 1e-9 <= value <= 1.0


@given(
    log10_noise, magnitude, distance_km, st.sampled_from([(math.nan, 3.0), (-5.0, 0.0), (-math.inf, 3.0), (-5.0, -1.0)])
)
def test_what_shows_nothing_says_nothing(noise: float, size: float, km: float, shown: tuple[float, float]) -> None:
    assert pd_log_likelihood(shown[0], noise, size, km, shown[1]) == 0.0


@given(distance_km, st.floats(-7.0, -4.0))
@settings(deadline=None)
def test_a_short_window_is_a_lower_bound(km: float, x: float) -> None:
    """A magnitude above what a short window shows is hardly less probable, one below it is."""
    best = 5.0 + (x - expected_log10_pd(5.0, km)) / KUYUK_ALLEN[1]
    if not 4.5 < best < 5.5:
        return

    def against(size: float, window: float) -> float:
        return pd_log_likelihood(x, -12.0, best, km, window) - pd_log_likelihood(x, -12.0, size, km, window)

    assert against(best + 0.7, 0.5) < 0.1 < against(best + 0.7, FULL_S)
    assert against(best - 1.0, 0.5) > 0.8


@given(distance_km, st.floats(0.5, 1.2))
@settings(deadline=None)
def test_a_longer_window_tells_great_quakes_apart(km: float, above: float) -> None:
    """Displacement that a longer window would have seen grow, and did not, speaks against a great quake."""
    x = expected_log10_pd(SATURATES, km)

    def against(window: float) -> float:
        larger = pd_log_likelihood(x, -12.0, SATURATES + above, km, window)
        return pd_log_likelihood(x, -12.0, SATURATES, km, window) - larger

    assert saturates(SATURATES_S) == SATURATES
    assert saturates(5 * SATURATES_S) == pytest.approx(7.8, abs=0.05)
    assert against(5 * SATURATES_S) > against(SATURATES_S) + 0.1


@given(distance_km, st.floats(0.6, 1.5))
@settings(deadline=None)
def test_great_quakes_look_alike(km: float, above: float) -> None:
    """What M 6.5 gives speaks as much for larger ones, to within the range they share."""
    x = expected_log10_pd(SATURATES, km)
    larger = pd_log_likelihood(x, -12.0, SATURATES + above, km, FULL_S)
    smaller = pd_log_likelihood(x, -12.0, SATURATES - 2.0, km, FULL_S)
    assert larger > smaller + 1.0


@given(distance_km, st.floats(-6.0, -3.0))
@settings(deadline=None)
def test_noise_says_only_no_larger(km: float, noise: float) -> None:
    """What is noise by its size tells small quakes not apart, and speaks against those that would have stood out."""
    faint = 3.0 + (noise - 2.0 - expected_log10_pd(3.0, km)) / KUYUK_ALLEN[1]
    loud = 3.0 + (noise + 2.5 - expected_log10_pd(3.0, km)) / KUYUK_ALLEN[1]
    if faint < 3.2 or loud > SATURATES:
        return
    x = noise + 0.25
    small, smaller = (pd_log_likelihood(x, noise, size, km, 4.0) for size in (faint, faint - 0.2))
    assert small == pytest.approx(smaller, abs=0.05)
    assert pd_log_likelihood(x, noise, loud, km, 4.0) < small - 2.0


@given(magnitude, distance_km, st.floats(-9.0, -1.0), st.floats(0.01, 1.0))
@settings(deadline=None)
def test_larger_nearer_and_quieter_is_easier_to_hear(size: float, km: float, noise: float, more: float) -> None:
    chance = detectable(size, km, noise)
    assert LEAST <= chance <= MOST
    assert detectable(size + more, km, noise) >= chance
    assert detectable(size, km * (1 + more), noise) <= chance
    assert detectable(size, km, noise + more) <= chance


def test_figures_of_hearing() -> None:
    """A quiet site hears an M 3 at 120 km, a cheap sensor does not; both an M 5 at 30 km, neither an M 1 at 100."""
    quiet, cheap = -5.0, math.log10(7e-4)
    assert detectable(3.0, 120.0, quiet) > 0.9
    assert detectable(3.0, 120.0, cheap) < 0.3
    assert detectable(5.0, 30.0, cheap) > 0.9
    assert detectable(1.0, 100.0, quiet) < 0.1
    assert detectable(6.0, 10.0, math.nan) == 0.5
