"""The picking kernels against slow readable twins."""

from itertools import combinations, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from houfeng.quake.detect.onset import (
    WHITENER_ORDER,
    kernel_aic,
    kernel_glitch,
    kernel_onsets,
    kernel_steps,
    kernel_whiten,
    kernel_whitener,
)
from houfeng.quake.detect.sequence import kernel_companion, kernel_lead_in, kernel_read

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(41, 600), st.sampled_from([0.0, 0.1, 1.0]))
def test_whitener_solves_the_yule_walker_equations(seed, count, floor):
    noise = lfilter([1], [1, -0.8, 0.3], np.random.default_rng(seed).normal(3.0, 10.0, count))
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)
    x = (noise - noise.mean()) * taper
    r = np.array([x[: count - k] @ x[k:] for k in range(WHITENER_ORDER + 1)])
    r[0] *= 1 + floor
    expected = np.r_[1.0, -solve_toeplitz(r[:-1], r[1:])]
    np.testing.assert_allclose(kernel_whitener(noise, floor), expected, atol=1e-8)


def test_whitening_is_causal_filtering():
    x = np.random.default_rng(0).normal(size=300)
    coefficients = kernel_whitener(x, 0.1)
    np.testing.assert_allclose(kernel_whiten(x, coefficients, 40, 200), lfilter(coefficients, 1, x)[40:200], atol=1e-12)


def test_silence_and_short_noise_give_the_unit_filter():
    for noise in (np.zeros(500), np.ones(500), np.arange(5.0), np.empty(0)):
        np.testing.assert_array_equal(kernel_whitener(noise, 0.1), np.eye(WHITENER_ORDER + 1)[0])


@given(seeds, st.integers(9, 120))
def test_aic_is_the_least_of_all_splits(seed, count):
    rng = np.random.default_rng(seed)
    energy = rng.normal(size=count) ** 2 * np.where(np.arange(count) < rng.integers(count), 1.0, 9.0)
    tiny = 1e-8 * energy.mean()
    values = {
        k: k * np.log(energy[:k].mean() + tiny) + (count - k) * np.log(energy[k:].mean() + tiny)
        for k in range(4, count - 3)
    }
    split, blur = kernel_aic(np.r_[np.nan, energy, np.nan], 1, count + 1)
    assert np.isclose(values[split - 1], min(values.values()), rtol=1e-9)
    assert 1 <= blur <= len(values)


def test_aic_of_nothing():
    assert kernel_aic(np.zeros(100), 0, 100)[0] == -1
    assert kernel_aic(np.ones(8), 0, 8)[0] == -1


def test_a_step_of_energy_is_found_at_its_sample():
    energy = np.r_[np.ones(500), 25 * np.ones(500)]
    cumulative = np.r_[0.0, np.cumsum(energy)]
    assert 500 in kernel_steps(cumulative, 0, 1000, 100.0, np.log(2.0))
    assert len(kernel_steps(cumulative, 0, 1000, 100.0, np.log(6.0))) == 0


def test_spikes_and_steps_are_glitches_and_waves_are_not():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(1, 600))
    spike, step, wave = noise.copy(), noise.copy(), noise.copy()
    spike[0, 300] += 50
    step[0, 300:] += 50 * np.exp(-np.arange(300) / 20)
    wave[0, 300:] += 50 * np.exp(-np.arange(300) / 20) * np.sin(2 * np.pi * 12 * np.arange(300) / 100)
    assert kernel_glitch(spike, 300, 600, 100.0)
    assert kernel_glitch(step, 300, 600, 100.0)
    assert not kernel_glitch(wave, 300, 600, 100.0)


def test_hints_outside_or_in_gaps_are_passed_over():
    x = np.random.default_rng(4).normal(size=(1, 1000))
    begin, end = np.arange(1000), np.arange(1000)
    columns, _, _ = kernel_onsets(x, begin, end, np.array([-50, 100, 999, 5000]), 100.0)
    assert len(columns) == 0


def readings(count):
    return [taken for size in range(count + 1) for taken in combinations(range(count), size)]


@given(seeds, st.integers(1, 7))
def test_the_reading_is_the_best_of_all_readings(seed, count):
    rng = np.random.default_rng(seed)
    columns = np.sort(rng.choice(4000, count, replace=False)).astype(np.int64)
    is_p = rng.random(count) < 0.5
    odds = rng.normal(0, 3, count)
    size, loud = rng.normal(0, 1, count), rng.normal(0, 1, count)
    pairs = np.where(np.triu(is_p[:, None] & ~is_p[None, :], 1), rng.normal(0, 3, (count, count)), -np.inf)
    pairs[columns[None, :] - columns[:, None] < 25] = -np.inf

    def leaving(i, until):
        return -0.5 if is_p[i] else kernel_lead_in(size[i], loud[i:until].max())

    def worth(taken):
        if not taken:
            return 0.0
        total = odds[taken[0]]
        for i, j in pairwise(taken):
            if columns[j] - columns[i] < 25:
                return -np.inf
            total += max(odds[j] + leaving(i, j), pairs[i, j])
        return total + leaving(taken[-1], count)

    parent = kernel_read(columns, is_p, odds, pairs, size, loud, 100.0)
    got = tuple(int(k) for k in np.flatnonzero(parent > -2))
    assert np.isclose(worth(got), max(worth(taken) for taken in readings(count)))
    for j in got:
        if parent[j] >= 0:
            assert is_p[parent[j]]
            assert not is_p[j]


def test_the_companion_is_the_likeliest_before_the_next_quake():
    pairs = np.full((4, 4), -np.inf)
    pairs[0, 1], pairs[0, 2], pairs[0, 3] = 1.0, 2.0, 9.0
    flat = np.zeros(4)
    assert kernel_companion(0, 3, pairs, flat, flat) == (2, 2.0)
    assert kernel_companion(0, 1, pairs, flat, flat)[0] == -1
