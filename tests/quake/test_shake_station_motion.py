"""Ground motion from counts: every instrument tells of the same ground, and no hostile record breaks it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.shake.motion import Motion, ground_motion, whole_record
from houfeng.quake.shake.station import motion_of
from houfeng.quake.size.record import Window, cut_record
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Response

RATE_HZ = 100.0
SOURCE = SourceId("XX", "AAA", "", "HHE")
START_NS = 1_600_000_000 * NS_PER_S
WINDOW = Window(START_NS + 30 * NS_PER_S, START_NS + 35 * NS_PER_S, START_NS + 55 * NS_PER_S)

BROADBAND = Response("m/s", 6e8, 1.0, (0j, 0j), (-0.037 + 0.037j, -0.037 - 0.037j))
SHORT_PERIOD = Response("m/s", 2e8, 10.0, (0j, 0j), (-4.44 + 4.44j, -4.44 - 4.44j))
ACCELEROMETER = Response("m/s2", 2e5, 1.0)
SLUGGISH = Response("m/s2", 2e5, 1.0, (), (-60 + 60j, -60 - 60j))
DISPLACEMENT = Response("m", 1e9, 1.0)
UPSIDE_DOWN = Response("m/s2", -2e5, 1.0)
RESPONSES = {
    "broadband": BROADBAND,
    "short-period": SHORT_PERIOD,
    "accelerometer": ACCELEROMETER,
    "sluggish": SLUGGISH,
    "displacement": DISPLACEMENT,
    "upside-down": UPSIDE_DOWN,
}


def ground(frequency_hz=2.0, peak_m=2e-4, seconds=60.0):
    """Stillness, then around 38 s a burst; smooth, so that derivatives are exact."""
    time_s = np.arange(0, seconds, 1 / RATE_HZ) - 38
    return peak_m * np.exp(-((time_s / 1.5) ** 2)) * np.cos(2 * np.pi * frequency_hz * time_s)


def derived(displacement_m, order):
    spectrum = np.fft.rfft(displacement_m)
    return np.fft.irfft(spectrum * (2j * np.pi * np.fft.rfftfreq(len(displacement_m), 1 / RATE_HZ)) ** order)


def recorded(displacement_m, response, noise_counts=2.0, offset=500):
    size = 2 * len(displacement_m)
    frequency = np.fft.rfftfreq(size, 1 / RATE_HZ)
    order = {"m": 0, "m/s": 1, "m/s2": 2}[response.input_units]
    spectrum = np.fft.rfft(displacement_m, size) * (2j * np.pi * frequency) ** order * response.at(frequency)
    counts = np.fft.irfft(spectrum, size)[: len(displacement_m)]
    noise = np.random.default_rng(0).normal(0, noise_counts, len(counts))
    return np.round(counts + noise + offset).astype(np.int32)


def moved(samples, response, window=WINDOW):
    segment = Segment(SOURCE, START_NS, RATE_HZ, samples)
    return ground_motion(cut_record([segment], window) if window else whole_record(segment), response)


@pytest.mark.parametrize("frequency_hz", [0.7, 2.0, 6.0])
@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_every_instrument_tells_of_the_same_ground(response, frequency_hz):
    true_m = ground(frequency_hz)
    motion = moved(recorded(true_m, response), response)
    for series, order in ((motion.displacement_m, 0), (motion.velocity_mps, 1), (motion.acceleration_mps2, 2)):
        assert motion.peak(series) == pytest.approx(np.abs(derived(true_m, order)).max(), rel=0.03)


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_without_a_window_the_whole_record_counts(response):
    true_m = ground()
    motion = moved(recorded(true_m, response, noise_counts=0.3), response, window=None)
    assert motion.peak(motion.velocity_mps) == pytest.approx(np.abs(derived(true_m, 1)).max(), rel=0.03)
    assert motion.corner_hz == 0.05


def test_the_integrals_belong_together():
    motion = moved(recorded(ground(), ACCELEROMETER), ACCELEROMETER)
    inner = slice(500, 5500)
    np.testing.assert_allclose(
        np.gradient(motion.displacement_m, 1 / RATE_HZ)[inner], motion.velocity_mps[inner], atol=2e-5
    )
    np.testing.assert_allclose(
        np.gradient(motion.velocity_mps, 1 / RATE_HZ)[inner], motion.passed_mps2[inner], atol=6e-4
    )


def test_a_flat_accelerometer_keeps_its_peak_to_the_last_digit():
    samples = recorded(ground(), ACCELEROMETER)
    motion = moved(samples, ACCELEROMETER)
    rest = samples[0:2950].mean()
    assert motion.peak(motion.acceleration_mps2) == pytest.approx(
        np.abs(samples[2950:5500] - rest).max() / 2e5, rel=1e-9
    )


def test_drift_is_not_motion():
    time_s = np.arange(0, 60, 1 / RATE_HZ)
    drift = (3000 * np.sin(2 * np.pi * time_s / 45)).astype(np.int32)
    true_m = ground(peak_m=3e-4)
    motion = moved(recorded(true_m, ACCELEROMETER) + drift, ACCELEROMETER)
    assert motion.peak(motion.velocity_mps) == pytest.approx(np.abs(derived(true_m, 1)).max(), rel=0.1)
    assert motion.peak(motion.displacement_m) == pytest.approx(3e-4, rel=0.1)


def test_where_noise_comes_near_the_peak_the_filtered_acceleration_takes_over():
    time_s = np.arange(0, 60, 1 / RATE_HZ)
    drift = (8000 * np.sin(2 * np.pi * time_s / 45)).astype(np.int32)
    true_m = ground(peak_m=5e-5)
    motion = moved(recorded(true_m, ACCELEROMETER) + drift, ACCELEROMETER)
    assert motion.peak(motion.acceleration_mps2) == pytest.approx(np.abs(derived(true_m, 2)).max(), rel=0.1)


def test_short_noise_does_not_raise_the_corner():
    late = recorded(ground(frequency_hz=0.3, peak_m=2e-2), ACCELEROMETER)[2770:]
    segment = Segment(SOURCE, START_NS + 27_700_000_000, RATE_HZ, late)
    assert ground_motion(cut_record([segment], WINDOW), ACCELEROMETER).corner_hz < 0.2


@settings(deadline=None, max_examples=20)
@given(st.floats(0.2, 1000))
def test_twice_the_ground_is_twice_the_motion(factor):
    base, scaled = (
        moved(recorded(k * ground(), ACCELEROMETER, noise_counts=0.3), ACCELEROMETER) for k in (1.0, factor)
    )
    for name in ("acceleration_mps2", "velocity_mps"):
        assert scaled.peak(getattr(scaled, name)) == pytest.approx(factor * base.peak(getattr(base, name)), rel=0.03)


@settings(deadline=None, max_examples=20)
@given(st.integers(-(10**6), 10**6))
def test_an_offset_changes_nothing(offset):
    moved_by, still = (moved(recorded(ground(), ACCELEROMETER, offset=k), ACCELEROMETER) for k in (offset, 0))
    np.testing.assert_allclose(moved_by.velocity_mps, still.velocity_mps, atol=1e-9)


def test_noise_alone_is_refused():
    with pytest.raises(DataFault, match="noise"):
        moved(recorded(np.zeros(6000), BROADBAND, noise_counts=50), BROADBAND)


def test_absurd_numbers_are_refused():
    samples = np.random.default_rng(0).normal(size=6000) * 1e305
    assert motion_of({SOURCE: (Segment(SOURCE, START_NS, RATE_HZ, samples), ACCELEROMETER)}) == {
        SOURCE: "its numbers are too large"
    }


@pytest.mark.parametrize(
    ("samples", "rate_hz", "why"),
    [
        (np.full(3000, 7, dtype=np.int32), RATE_HZ, "does not move"),
        (np.where(np.arange(3000) == 9, np.nan, 1.0), RATE_HZ, "a sample is not a number"),
        (np.arange(50, dtype=np.int32), RATE_HZ, "lasts less than a second"),
        (np.arange(3000, dtype=np.int32), 1.0, "1 samples a second are too few"),
    ],
    ids=["still", "nan", "short", "slow"],
)
def test_unreadable_records_say_why(samples, rate_hz, why):
    assert whole_record(Segment(SOURCE, START_NS, rate_hz, samples)) == why


def test_rest_is_known_from_before_a_gap():
    quiet = Segment(SOURCE, START_NS, RATE_HZ, np.full(3000, 40, dtype=np.int32))
    later = Segment(SOURCE, START_NS + 60 * NS_PER_S, RATE_HZ, 90 + np.arange(3000, dtype=np.int32) % 7)
    torn = Segment(SOURCE, START_NS, RATE_HZ, np.full(3000, np.nan))
    assert whole_record(later, first=quiet).rest == 40
    assert whole_record(later, first=torn).rest == whole_record(later).rest > 90


HOSTILE = st.lists(
    st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1e300, -1e300])),
    min_size=1,
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(HOSTILE, st.integers(1, 60), st.floats(1e-3, 1e4), st.sampled_from(list(RESPONSES)), st.booleans())
def test_no_record_breaks_it(values, repeat, rate_hz, name, windowed):
    samples = np.tile(np.array(values), repeat)
    segment = Segment(SOURCE, START_NS, rate_hz, samples)
    said = motion_of({SOURCE: (segment, RESPONSES[name])}, WINDOW if windowed else None)[SOURCE]
    assert isinstance(said, (str, Motion))
    if isinstance(said, Motion):
        assert np.isfinite(said.peak(said.velocity_mps))
