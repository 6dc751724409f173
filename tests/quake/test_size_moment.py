"""Moment: a made-up source must come back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.size.moment import (
    PATH_Q,
    SITE_ATTENUATION_S,
    SITE_FACTOR,
    SITE_HZ,
    Plateau,
    moment_magnitude,
    s_plateau,
    speed_and_density,
)
from houfeng.quake.size.record import Window, cut_record
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Response

RATE_HZ = 100.0
VELOCITY = Response("m/s", 1e9, 1.0)
WINDOW = Window(30 * NS_PER_S, 40 * NS_PER_S, 70 * NS_PER_S)
S_TRAVEL_S = 24.0


def made_up(omega_m_s, corner_hz, seed, noise_counts=1.0):
    """Both horizontals of an S wave with a Brune spectrum, of random phase within some seconds after S."""
    rng = np.random.default_rng(seed)
    count = int(80 * RATE_HZ)
    frequency = np.fft.rfftfreq(count, 1 / RATE_HZ)
    site = np.interp(np.log(np.maximum(frequency, 1e-3)), np.log(SITE_HZ), SITE_FACTOR)
    t_star = SITE_ATTENUATION_S + S_TRAVEL_S / PATH_Q
    size = omega_m_s * site * np.exp(-np.pi * frequency * t_star) / (1 + (frequency / corner_hz) ** 2)
    velocity = np.fft.irfft(size * RATE_HZ * (2j * np.pi * frequency) * np.exp(-2j * np.pi * frequency * 43.0))
    angle = rng.uniform(0, 2 * np.pi)
    pairs = []
    for share, component in ((np.cos(angle), "E"), (np.sin(angle), "N")):
        counts = np.round(1e9 * share * velocity + rng.normal(0, noise_counts, count)).astype(np.int32)
        segment = Segment(SourceId("XX", "A", "", f"HH{component}"), 0, RATE_HZ, counts)
        pairs.append((cut_record([segment], WINDOW), VELOCITY))
    return pairs


@settings(deadline=None, max_examples=25)
@given(st.floats(-7, -3), st.floats(0.5, 6), st.integers(0, 50))
def test_a_made_up_plateau_comes_back(exponent, corner_hz, seed):
    plateau = s_plateau(made_up(10**exponent, corner_hz, seed), S_TRAVEL_S)
    assert isinstance(plateau, Plateau)
    # a factor of 1.4 is 0.1 in magnitude
    assert abs(np.log10(plateau.omega_m_s) - exponent) < 0.15


def test_a_plateau_in_noise_is_not_guessed():
    pairs = made_up(1e-9, 2.0, 1, noise_counts=300.0)
    assert s_plateau(pairs, S_TRAVEL_S) == "the plateau of its S spectrum is lost in noise"


def test_moment_of_a_textbook_source():
    # M0 = 4 pi rho beta^3 R Omega / (0.63 * 2) with crustal rock throughout
    beta, density = speed_and_density(5_000.0)
    omega = 10 ** (1.5 * 4 + 9.1) * 0.63 * 2 / (4 * np.pi * density * beta**3 * 50_000.0)
    assert moment_magnitude(omega, 50_000.0, 5_000.0) == pytest.approx(4.0)
    assert moment_magnitude(10**1.5 * omega, 50_000.0, 5_000.0) == pytest.approx(5.0)


def test_stiffer_rock_at_depth_needs_more_moment_for_the_same_wave():
    shallow, deep = (moment_magnitude(1e-6, 200_000.0, depth_m) for depth_m in (10_000.0, 150_000.0))
    assert 0.1 < deep - shallow < 0.4
    assert speed_and_density(-500.0) == speed_and_density(0.0)
