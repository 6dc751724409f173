"""Landmarks: the kernel against its readable twin, any cutting into packets, and what a copy keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_records import RATE_HZ, START_NS, batches, ground, segment
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from houfeng.guard.waveform.landmarks import BANDS_HZ, FALL, SETTLE, SILENCE, TICK_NS, Landmarks
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Samples


def marked(samples: Samples, packet_s: float = 5.0, rate_hz: float = RATE_HZ) -> list[NDArray[np.int64]]:
    """Ticks since START_NS, by octave."""
    landmarks = Landmarks()
    found = [
        marks for batch in batches(segment(samples, rate_hz=rate_hz), packet_s) for marks in landmarks.handle(batch)
    ]
    return [
        np.concatenate([marks.ticks for marks in found if marks.band == band]) - START_NS // TICK_NS
        for band in range(len(BANDS_HZ))
    ]


def twin(samples: NDArray[np.int32], band: int, rate_hz: float = RATE_HZ) -> list[float]:
    """Seconds of the landmarks, as the module's text tells it, with the whole record at hand."""
    low_hz, high_hz = BANDS_HZ[band]
    steps = np.diff(samples.astype(np.float64), prepend=float(samples[0]))
    carrier = np.exp(-1j * np.pi * (low_hz + high_hz) * np.arange(len(steps)) / rate_hz)
    sections = butter(6, (high_hz - low_hz) / 2, fs=rate_hz, output="sos")
    power = np.abs(sosfilt(sections, steps * carrier)) ** 2
    found: list[float] = []
    peak, least, falling = 0, 0.0, False
    for k in range(1, len(power)):
        if falling and power[k] < least:
            least = power[k]
        elif falling and power[k] * FALL > least and power[k] > SILENCE:
            falling, peak = False, k
        if not falling and power[k] > power[peak]:
            peak = k
        elif not falling and power[k] < FALL * power[peak]:
            falling, least = True, power[k]
            if peak >= round(SETTLE / (high_hz - low_hz) * rate_hz):
                before, at, after = np.log(power[peak - 1 : peak + 2])
                found.append((peak + 0.5 * (before - after) / (before - 2 * at + after)) / rate_hz)
    return found


@pytest.mark.parametrize("band", range(len(BANDS_HZ)))
@pytest.mark.parametrize("rate_hz", [20.0, 50.0, 200.0])
def test_says_what_its_twin_says(band: int, rate_hz: float) -> None:
    samples = ground(120, seed=1, rate_hz=rate_hz)
    expected = np.rint(np.array(twin(samples, band, rate_hz)) * NS_PER_S / TICK_NS)
    assert len(expected) > 30 * (band + 1)
    np.testing.assert_allclose(marked(samples, rate_hz=rate_hz)[band], expected, atol=1)


@settings(max_examples=10, deadline=None)
@given(packet_s=st.floats(0.02, 30.0))
def test_any_cutting_gives_the_same(packet_s: float) -> None:
    samples = ground(60, seed=2)
    for one, other in zip(marked(samples, packet_s), marked(samples, 60.0), strict=True):
        np.testing.assert_allclose(one, other, atol=1)


@pytest.mark.parametrize(
    "altered",
    [
        pytest.param(lambda x: -x, id="polarity"),
        pytest.param(lambda x: 3 * x + 12_345, id="gain and offset"),
        pytest.param(lambda x: np.rint(0.37 * x).astype(np.int32), id="scaled down"),
    ],
)
def test_a_copy_keeps_its_landmarks(altered: "np.ufunc") -> None:
    samples = ground(120, seed=3)
    for one, other in zip(marked(altered(samples)), marked(samples), strict=True):
        shared = np.min(np.abs(one[:, None] - other), axis=1) <= 2
        assert np.mean(shared) > 0.95


def test_a_gap_begins_a_fresh_run() -> None:
    landmarks = Landmarks()
    whole = batches(segment(ground(60, seed=4)))
    fresh = [[marks.fresh for marks in landmarks.handle(batch)] for k, batch in enumerate(whole) if k != 4]
    assert fresh == [[True, True], *[[False, False]] * 3, [True, True], *[[False, False]] * (len(whole) - 6)]


def test_silence_has_none() -> None:
    assert [len(ticks) for ticks in marked(np.full(3000, 77, dtype=np.int32))] == [0, 0]


@settings(max_examples=30, deadline=None)
@given(
    samples=arrays(np.float64, st.integers(1, 400), elements=st.floats(allow_nan=True, allow_infinity=True)),
    rate_hz=st.floats(1e-9, 1e12),
)
def test_garbage_never_raises_and_does_not_deafen(samples: NDArray[np.float64], rate_hz: float) -> None:
    landmarks = Landmarks()
    for batch in batches(segment(samples, rate_hz=rate_hz)):
        list(landmarks.handle(batch))
    clean = segment(ground(60, seed=5), after_s=1e6)
    assert sum(len(marks.ticks) for batch in batches(clean) for marks in landmarks.handle(batch)) > 40
