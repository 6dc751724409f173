"""Oscillators and Arias intensity: a slow twin, tones of known effect, and a published spectrum."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from houfeng.quake.shake.arias import GRAVITY_MPS2, arias
from houfeng.quake.shake.oscillator import pseudo_acceleration
from houfeng.wire.waveforms import read_waveforms

RATE_HZ = 100.0


def slow_pseudo_acceleration(ground, rate_hz, period_s, damping=0.05):
    """The oscillator as a linear system driven by straight lines, carried on by a matrix exponential."""
    w, d = 2 * np.pi / period_s, 1 / rate_hz
    system = np.zeros((4, 4))
    system[:2, :2] = [[0, 1], [-w * w, -2 * damping * w]]
    system[1, 2] = -1.0  # the ground's acceleration,
    system[2, 3] = 1.0  # which changes at a constant pace
    step = expm(system * d)
    state, largest = np.zeros(2), 0.0
    ground = np.concatenate([[0.0], ground, np.zeros(round(period_s * rate_hz))])
    for before, now in pairwise(ground):
        state = (step @ np.array([*state, before, (now - before) / d]))[:2]
        largest = max(largest, abs(state[0]))
    return w * w * largest


def tone(frequency_hz, seconds=60.0, rate_hz=RATE_HZ, amplitude=1.0):
    time_s = np.arange(0, seconds, 1 / rate_hz)
    soft = np.clip(np.minimum(time_s, seconds - time_s) * 3 / seconds, 0, 1)
    return amplitude * (0.5 - 0.5 * np.cos(np.pi * soft)) * np.sin(2 * np.pi * frequency_hz * time_s)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 999), st.floats(0.5, 5.0), st.sampled_from([0.0, 0.02, 0.05, 0.2, 0.7]))
def test_the_compiled_recursion_is_the_slow_twin(seed, period_s, damping):
    ground = np.random.default_rng(seed).normal(size=500)
    (fast,) = pseudo_acceleration(ground, RATE_HZ, [period_s], damping=damping)
    assert fast == pytest.approx(slow_pseudo_acceleration(ground, RATE_HZ, period_s, damping), rel=1e-6)


@pytest.mark.parametrize("rate_hz", [40.0, 50.0, 100.0, 200.0])
@pytest.mark.parametrize("period_s", [0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("ratio", [0.5, 0.9, 1.5])
def test_a_tone_is_amplified_as_theory_says(rate_hz, period_s, ratio):
    frequency_hz = ratio / period_s
    (got,) = pseudo_acceleration(tone(frequency_hz, 80 * period_s, rate_hz), rate_hz, [period_s])
    assert got == pytest.approx(1 / np.hypot(1 - ratio**2, 2 * 0.05 * ratio), rel=0.01)


@pytest.mark.parametrize("rate_hz", [31.3, 100.0])
def test_a_stiff_oscillator_feels_the_peak_of_the_ground(rate_hz):
    (got,) = pseudo_acceleration(tone(1.0, rate_hz=rate_hz, amplitude=2.0), rate_hz, [0.001])
    assert got == pytest.approx(2.0, rel=0.005)


@settings(deadline=None, max_examples=20)
@given(st.floats(1e-6, 1e6), st.integers(0, 9))
def test_twice_the_ground_twice_the_response(factor, seed):
    ground = np.random.default_rng(seed).normal(size=300)
    base, scaled = (pseudo_acceleration(k * ground, RATE_HZ, [0.3, 1.0]) for k in (1.0, factor))
    np.testing.assert_allclose(scaled, factor * base, rtol=1e-9)


def test_more_damping_is_less_response():
    ground = np.random.default_rng(1).normal(size=3000)
    peaks = [pseudo_acceleration(ground, RATE_HZ, [1.0], damping=damping)[0] for damping in (0.01, 0.05, 0.2)]
    assert peaks == sorted(peaks, reverse=True)


@pytest.mark.parametrize("ground", [np.zeros(0), np.array([1.0, np.nan]), np.array([np.inf])])
def test_no_record_no_spectrum(ground):
    assert np.isnan(pseudo_acceleration(ground, RATE_HZ, [0.3, 1.0])).all()


def test_periods_that_are_none_are_not_known():
    spectrum = pseudo_acceleration(np.ones(10), RATE_HZ, [0.0, -1.0, np.nan, np.inf, 1.0])
    assert np.isnan(spectrum).tolist() == [True, True, True, True, False]


@pytest.mark.parametrize("damping", [-0.1, 1.0, np.nan])
def test_impossible_dampings_are_refused(damping):
    with pytest.raises(ValueError, match="damping"):
        pseudo_acceleration(np.ones(10), RATE_HZ, [1.0], damping=damping)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_the_spectrum_an_agency_published(houfeng_data, channel):
    folder = houfeng_data / "csmip_lahabra_2014" / "waveforms"
    batch = read_waveforms((folder / "CIWLT.V2").read_bytes(), "CIWLT.V2").batches[0]
    ground = batch.samples[batch.offset[channel] : batch.offset[channel + 1]]
    text = (folder / "CIWLT.V3").read_text("latin-1").split("Response and Fourier amplitude spectra")[channel + 1]
    periods_s = text.split(".000      .020      .050      .100      .200")[1].split()[:86]
    sd_inch = re.split(r"Damping =  \.05\..*\n", text)[1].split()[:86]
    asked = {
        float(t): 0.0254 * float(sd) * (2 * np.pi / float(t)) ** 2 for t, sd in zip(periods_s, sd_inch, strict=True)
    }
    chosen = [0.3, 1.0, 3.0]
    got = pseudo_acceleration(ground, float(batch.rate_hz[0]), chosen)
    np.testing.assert_allclose(got, [asked[period_s] for period_s in chosen], rtol=0.03)


@given(st.floats(0.1, 10), st.floats(5, 60))
def test_arias_of_a_steady_tone(amplitude, seconds):
    time_s = np.arange(0, seconds, 1 / RATE_HZ)
    energy, duration_s = arias(amplitude * np.sin(2 * np.pi * 2.0 * time_s), RATE_HZ)
    assert energy == pytest.approx(np.pi / (2 * GRAVITY_MPS2) * amplitude**2 / 2 * seconds, rel=0.02)
    assert duration_s == pytest.approx(0.9 * seconds, abs=0.3)


def test_arias_of_what_cannot_be_told():
    assert arias(np.zeros(100), RATE_HZ) == (0.0, 0.0)
    for record in (np.zeros(0), np.zeros(1), np.array([1.0, np.nan, 1.0])):
        assert np.isnan(arias(record, RATE_HZ)).all()
