"""What the way does to waves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft

from houfeng.twin.path import (
    add_windows,
    causal,
    coda_power,
    log_attenuation,
    log_site_amplification,
    path_duration_s,
    spreading,
)

COUNT, RATE_HZ = 8192, 100.0
FREQUENCY = fft.rfftfreq(COUNT, 1 / RATE_HZ)


@given(st.floats(1e3, 5e5), st.floats(1.0, 100.0))
def test_farther_is_weaker_and_longer(distance_m, more_m):
    assert spreading(distance_m + more_m) < spreading(distance_m)
    assert path_duration_s(distance_m + more_m) >= path_duration_s(distance_m)


def test_published_values():
    assert spreading([1e3, 10e3, 40e3, 160e3]) == pytest.approx([1.0, 0.1, 1 / 40, 1 / 80])
    assert path_duration_s([0, 7e3, 45e3, 125e3, 175e3, 270e3, 370e3]) == pytest.approx(
        [0, 2.4, 8.4, 10.9, 17.4, 34.2, 49.8]
    )
    assert np.exp(log_site_amplification(np.array([1.25, 6.05]))) == pytest.approx([1.74, 2.58])
    assert log_attenuation(np.array([5.0]), 10.0, 200.0, 0.0, 0.04) == pytest.approx(-np.pi * 5 * (0.05 + 0.04))


@pytest.mark.parametrize("travel_s", [1.0, 10.0, 60.0])
def test_nothing_comes_before_its_cause_and_sizes_are_kept(travel_s):
    amplitude = log_attenuation(FREQUENCY, travel_s, 180.0, 0.45, 0.035) + log_site_amplification(FREQUENCY)
    spectrum = causal(amplitude, COUNT)
    assert np.abs(spectrum) == pytest.approx(np.exp(amplitude), rel=1e-9)
    pulse = fft.irfft(spectrum, COUNT)
    # what came before would stand at the end of the circle
    assert np.abs(pulse[-COUNT // 10 :]).max() < 1e-5 * np.abs(pulse).max()
    assert np.argmax(np.abs(pulse)) < 1.5 * RATE_HZ


@given(st.floats(0.0, 500.0), st.floats(20.0, 400.0), st.floats(0.1, 10.0), st.sampled_from([0.02, 0.05, 0.2]))
def test_windows_carry_the_energy_they_are_given_and_begin_at_their_onset(onset, length, energy, peaks_at):
    power = np.zeros(2000)
    add_windows(power, np.array([onset]), np.array([length]), np.array([energy]), peaks_at)
    assert power.sum() == pytest.approx(energy, rel=1e-9)
    assert not power[: int(np.ceil(onset))].any()
    assert np.argmax(power) == pytest.approx(onset + peaks_at * length, abs=1.0)


def test_coda_begins_after_its_wave_and_dies_away():
    power = coda_power(10_000, 0.0, 0.01, 5.0, 3500.0, 0.1)
    assert not power[:500].any()
    assert np.all(np.diff(power[800:]) < 0)
    # single scattering at twice the travel time: g v ln(3) / 2, and attenuation over 5 s
    assert power[1000] == pytest.approx(1e-5 * 3500 * np.log(3) / 2 * np.exp(-0.5), rel=1e-6)
