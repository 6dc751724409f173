"""Which quakes happen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.twin.catalogue import QuakePlan, SequencePlan, SwarmPlan, magnitudes, omori_times_s, quakes_of
from houfeng.words.earth import distance_m

MAIN = QuakePlan(100.0, 36.0, 104.0, 10e3, 6.0)


def drawn(*, swarms=(), sequences=(), plans=(), duration_s=86_400.0, seed=1):
    rng = np.random.default_rng(seed)
    return quakes_of(plans, swarms, sequences, start_ns=0, duration_s=duration_s, stress_spread=0.3, rng=rng)


@given(st.floats(0, 3), st.floats(0.1, 4), st.floats(0.5, 2), st.integers(0, 99))
def test_magnitudes_stay_in_their_bounds(least, span, b, seed):
    sizes = magnitudes(50, least, least + span, b, np.random.default_rng(seed))
    assert sizes.min() >= least - 1e-9
    assert sizes.max() <= least + span + 1e-9


@pytest.mark.parametrize("b", [0.8, 1.0, 1.3])
def test_magnitudes_have_the_b_asked_for(b):
    sizes = magnitudes(20_000, 1.0, 9.0, b, np.random.default_rng(2))
    assert np.log10(np.e) / (sizes.mean() - 1.0) == pytest.approx(b, rel=0.03)  # Aki 1965


@pytest.mark.parametrize("p", [0.9, 1.0, 1.2])
def test_times_follow_omoris_law(p):
    times = omori_times_s(50_000, 60.0, p, 10.0, 10_000.0, np.random.default_rng(3))
    assert times.min() >= 10.0 - 1e-6
    assert times.max() <= 10_000.0 + 1e-3
    counts, edges = np.histogram(times, np.geomspace(10.0, 10_000.0, 12))
    rate = counts / np.diff(edges)
    middle = np.sqrt(edges[1:] * edges[:-1])
    slope = np.polyfit(np.log(middle + 60.0), np.log(rate), 1)[0]
    assert -slope == pytest.approx(p, abs=0.05)


def test_aftershocks_come_after_and_near_and_smaller_by_baths_law():
    sequence = SequencePlan(MAIN, 3_000.0, 2.0, lasts_days=1.0)
    largest, count = [], []
    for seed in range(40):
        main, *after = drawn(sequences=(sequence,), seed=seed)
        assert main.magnitude == 6.0
        assert all(quake.time_ns > main.time_ns for quake in after)
        assert all(2.0 <= quake.magnitude <= 6.0 for quake in after)
        away = [distance_m(36.0, 104.0, quake.latitude_deg, quake.longitude_deg) for quake in after]
        assert max(away) < 25e3
        largest.append(max(quake.magnitude for quake in after))
        count.append(len(after))
    # counted for a day less 100 s of one: nearly all of 10^(6 - 1.2 - 2)
    assert np.mean(count) == pytest.approx(10**2.8, rel=0.05)
    # the mode of the largest of so many is M - 1.2, its mean 0.25 more
    assert 6.0 - np.mean(largest) == pytest.approx(1.0, abs=0.25)


def test_a_swarm_is_all_there_in_time_order():
    swarm = SwarmPlan(50.0, 500.0, 30, 35.0, 105.0, 8e3, 1e3, 1.0, 2.0)
    quakes = drawn(swarms=(swarm,), plans=(MAIN,))
    assert len(quakes) == 31
    assert [quake.time_ns for quake in quakes] == sorted(quake.time_ns for quake in quakes)
    assert all(quake.depth_m > 0 for quake in quakes)


def test_what_is_named_stays_and_the_rest_is_chance():
    (one,) = drawn(plans=(QuakePlan(1.0, 30.0, 104.0, 9e3, 4.0, strike_deg=12.0, stress_pa=3e6),))
    (other,) = drawn(plans=(QuakePlan(1.0, 30.0, 104.0, 9e3, 4.0),))
    assert (one.strike_deg, one.stress_pa) == (12.0, 3e6)
    assert (one.dip_deg, one.rake_deg) == (other.dip_deg, other.rake_deg)
