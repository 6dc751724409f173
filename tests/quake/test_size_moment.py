"""Moment: a made-up source must come back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.size.moment import PATH_Q, SITE_ATTENUATION_S, Plateau, moment_magnitude, plateau
from houfeng.quake.size.path import P_WAVE, S_WAVE, Way, moment_per_omega, site_factor, spreading_m
from houfeng.quake.size.record import Window, cut_record
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Response

RATE_HZ = 100.0
VELOCITY = Response("m/s", 1e9, 1.0)
ACCELERATION = Response("m/s2", 1e8, 1.0)
WINDOW = Window(30 * NS_PER_S, 40 * NS_PER_S, 70 * NS_PER_S)
WAY = Way(24.0, 80_000.0, 10_000.0)
USUAL_PA = 4e6


def made_up(omega_m_s, corner_hz, seed, noise_counts=1.0, response=VELOCITY, wave=S_WAVE, bend=1.0):
    """The components of a wave with a Brune (or sharper) spectrum, three seconds after it is expected."""
    rng = np.random.default_rng(seed)
    count = int(80 * RATE_HZ)
    frequency = np.fft.rfftfreq(count, 1 / RATE_HZ)
    site = site_factor(np.maximum(frequency, 1e-3), wave, WAY.soil)
    t_star = SITE_ATTENUATION_S + WAY.travel_s / PATH_Q
    size = omega_m_s * site * np.exp(-np.pi * frequency * t_star)
    size /= (1 + (frequency / corner_hz) ** (2 * bend)) ** (1 / bend)
    arrives_s = 43.0 if wave is S_WAVE else 33.0
    order = {"m/s": 1, "m/s2": 2}[response.input_units]
    moved = np.fft.irfft(
        size * RATE_HZ * (2j * np.pi * frequency) ** order * np.exp(-2j * np.pi * frequency * arrives_s)
    )
    shares = rng.normal(size=wave.components)
    shares /= np.linalg.norm(shares)
    pairs = []
    for share, component in zip(shares, "ENZ", strict=False):
        noise = rng.normal(0, noise_counts, count)
        counts = np.round(response.sensitivity * share * moved + noise).astype(np.int32)
        segment = Segment(SourceId("XX", "A", "", f"HH{component}"), 0, RATE_HZ, counts)
        pairs.append((cut_record([segment], WINDOW), response))
    return pairs


def corner_of(omega_m_s, wave, stress_pa=USUAL_PA):
    moment = omega_m_s * moment_per_omega(wave, WAY)
    return 0.4906 * wave.corner_ratio * WAY.s_speed_mps * (stress_pa / moment) ** (1 / 3)


@settings(deadline=None, max_examples=25)
@given(st.floats(-7.5, -4), st.sampled_from([S_WAVE, P_WAVE]), st.integers(0, 50), st.floats(1e6, 2e7))
def test_a_made_up_plateau_comes_back(exponent, wave, seed, stress_pa):
    corner_hz = corner_of(10**exponent, wave, stress_pa)
    found = plateau(made_up(10**exponent, corner_hz, seed, wave=wave), wave, WAY)
    assert isinstance(found, Plateau)
    # 0.2 in the logarithm is 0.13 in magnitude
    assert abs(np.log10(found.omega_m_s) - exponent) < 0.2


@pytest.mark.parametrize("bend", [1.0, 2.0], ids=["Brune", "Boatwright"])
@pytest.mark.parametrize("response", [VELOCITY, ACCELERATION], ids=["velocity", "acceleration"])
def test_the_bend_and_the_instrument_do_not_matter(bend, response):
    corner_hz = corner_of(1e-5, S_WAVE)
    found = plateau(made_up(1e-5, corner_hz, 3, response=response, bend=bend), S_WAVE, WAY)
    assert abs(np.log10(found.omega_m_s) + 5) < 0.2
    assert found.corner_hz == pytest.approx(corner_hz, rel=0.5)


def test_strong_high_frequencies_do_not_leak_into_the_plateau():
    # a tenfold burst at 10 Hz within the S window: cutting acceleration before integrating would raise the plateau
    clean = made_up(1e-5, corner_of(1e-5, S_WAVE), 5, response=ACCELERATION)
    loud = []
    for record, response in clean:
        time_s = np.arange(len(record.samples)) / RATE_HZ - record.s / RATE_HZ
        burst = 5 * np.abs(record.samples).max() * np.exp(-((time_s - 3) ** 2)) * np.sin(2 * np.pi * 25 * time_s)
        counts = np.round(record.samples + burst).astype(np.int32)
        segment = Segment(record.source, record.start_ns, RATE_HZ, counts)
        loud.append((cut_record([segment], WINDOW), response))
    quiet, noisy = plateau(clean, S_WAVE, WAY), plateau(loud, S_WAVE, WAY)
    assert abs(np.log10(noisy.omega_m_s / quiet.omega_m_s)) < 0.25


def test_noise_takes_the_low_frequencies_first_and_says_so():
    quiet, noisy = (plateau(made_up(1e-5, 1.0, 7, noise_counts=counts), S_WAVE, WAY) for counts in (1.0, 40_000.0))
    assert quiet.lowest_hz < noisy.lowest_hz
    assert quiet.snr > 10 * noisy.snr


def test_a_plateau_in_noise_is_not_guessed():
    pairs = made_up(1e-9, 2.0, 1, noise_counts=300.0)
    assert plateau(pairs, S_WAVE, WAY) == "its S spectrum shows no plateau above noise"
    assert plateau([], S_WAVE, WAY) == "its S spectrum shows no plateau above noise"


def test_moment_of_a_textbook_source():
    # M0 = 4 pi rho beta^3 R Omega / (0.63 * 2) with crustal rock throughout
    per_omega = 4 * np.pi * 2720.0 * 3460.0**3 * 50_000.0 / (0.63 * 2)
    assert moment_per_omega(S_WAVE, Way(15.0, 50_000.0, 5_000.0)) == pytest.approx(per_omega)
    assert moment_magnitude(10 ** (1.5 * 4 + 9.1)) == pytest.approx(4.0)
    assert moment_magnitude(10 ** (1.5 * 5 + 9.1)) == pytest.approx(5.0)


def test_stiffer_rock_at_depth_needs_more_moment_for_the_same_wave():
    shallow, deep = (moment_per_omega(S_WAVE, Way(60.0, 90_000.0, depth_m)) for depth_m in (10_000.0, 150_000.0))
    assert 1.5 < deep / shallow < 3
    assert moment_per_omega(S_WAVE, Way(9.0, 9e4, -500.0)) == moment_per_omega(S_WAVE, Way(9.0, 9e4, 0.0))


def test_a_wave_within_the_crust_spreads_less_beyond_100_km():
    assert spreading_m(90_000.0, 10_000.0) == 90_000.0
    assert spreading_m(400_000.0, 10_000.0) == pytest.approx(200_000.0)
    assert spreading_m(400_000.0, 150_000.0) == 400_000.0


@given(st.floats(0.02, 50))
def test_soil_amplifies_more_than_rock_and_s_more_than_p(frequency_hz):
    at = np.array([frequency_hz])
    rock, soil = site_factor(at, S_WAVE, soil=False), site_factor(at, S_WAVE, soil=True)
    assert 1 <= rock[0] <= soil[0] <= 1.5 * rock[0]
    assert 1 <= site_factor(at, P_WAVE, soil=True)[0] <= soil[0]
