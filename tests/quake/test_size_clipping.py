"""What counts as clipped: shapes that do, shapes that do not, and the labelled records."""

import csv

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.size.clipping import clipped

RATE_HZ = 100.0


def quake(frequency_hz, amplitude, seed=0, seconds=20.0):
    """A burst of shaking: a decaying swing with noise in the same band."""
    time_s = np.arange(0, seconds, 1 / RATE_HZ)
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.normal(size=len(time_s)), np.hanning(int(RATE_HZ / frequency_hz)), mode="same")
    swing = np.exp(-time_s / 5) * (np.sin(2 * np.pi * frequency_hz * time_s) + 0.3 * noise / np.abs(noise).max())
    return amplitude * swing / np.abs(swing).max()


@settings(deadline=None, max_examples=60)
@given(st.floats(0.3, 15), st.floats(200, 8e6), st.integers(0, 99), st.floats(-1e5, 1e5))
def test_whole_swings_are_not_clipped(frequency_hz, amplitude, seed, rest):
    assert clipped(np.round(quake(frequency_hz, amplitude, seed)), rest) == ""


@settings(deadline=None, max_examples=60)
@given(st.floats(0.3, 3), st.floats(0.2, 0.5), st.integers(0, 99), st.sampled_from([1, -1]))
def test_swings_cut_off_on_one_side_are(frequency_hz, share, seed, side):
    whole = side * quake(frequency_hz, 1e6, seed)
    assert clipped(np.round(np.minimum(whole, share * whole.max())), 0.0) == "its swings are cut off flat"


@settings(deadline=None, max_examples=60)
@given(st.floats(0.3, 3), st.floats(0.2, 0.5), st.floats(3e3, 5e6), st.integers(0, 99), st.floats(-1e5, 1e5))
def test_swings_cut_off_on_both_sides_are_at_any_full_scale(frequency_hz, share, full_scale, seed, rest):
    whole = quake(frequency_hz, full_scale / share, seed)
    assert clipped(np.round(np.clip(whole, -full_scale, full_scale)), rest) == "its swings are cut off flat"


@pytest.mark.parametrize("peak", [2**23 - 1, -(2**23), 0.991 * 2**23, 1.05 * 2**23])
def test_the_24_bit_limit_is_the_limit(peak):
    samples = quake(5.0, 1e5)
    samples[500] = peak - 1000.0
    assert clipped(samples, 1000.0) == "it reaches the 24-bit limit"


def test_a_wider_converter_may_go_beyond():
    assert clipped(quake(2.0, 5e7), 0.0) == ""


@pytest.mark.parametrize("levels", [1, 2, 5, 40])
def test_a_coarse_record_is_not_flat(levels):
    assert clipped(np.round(quake(0.5, levels)), 0.0) == ""


def test_hawaii_labels(houfeng_data):
    folder = houfeng_data / "hawaii_clipped_2019"
    with (folder / "truth" / "clipping.csv").open() as file:
        labels = {row["id"]: row["clipped"] for row in csv.DictReader(file)}
    assert len(labels) == 18
    for path in sorted((folder / "waveforms").glob("*.mseed")):
        trace = obspy.read(path)[0]
        rest = trace.data[:2000].mean()
        why = clipped(trace.data - rest, rest)
        if labels[trace.id] != "uncertain":
            assert bool(why) == (labels[trace.id] == "yes"), trace.id
