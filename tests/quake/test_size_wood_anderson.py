"""The pendulum: physics it must obey, records it must refuse, and ObsPy beside it."""

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.size.record import Record, Window, cut_record
from houfeng.quake.size.wood_anderson import wood_anderson
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
VELOCITY = Response("m/s", 6e8, 1.0)
DISPLACEMENT = Response("m", 1e9, 1.0)


def ground(seconds=60.0, frequency_hz=2.0, peak_m=1e-5):
    """Ground displacement: stillness, then from 35 s a burst. Smooth, so that derivatives are exact."""
    time_s = np.arange(0, seconds, 1 / RATE_HZ)
    return peak_m * np.exp(-(((time_s - 38) / 1.5) ** 2)) * np.cos(2 * np.pi * frequency_hz * (time_s - 38))


def recorded(displacement_m, response, seed=0, noise_counts=2.0):
    """What a digitiser with this response writes of a ground motion."""
    size = 2 * len(displacement_m)
    frequency = np.fft.rfftfreq(size, 1 / RATE_HZ)
    order = {"m": 0, "m/s": 1, "m/s2": 2}[response.input_units]
    spectrum = np.fft.rfft(displacement_m, size) * (2j * np.pi * frequency) ** order * response.at(frequency)
    counts = np.fft.irfft(spectrum, size)[: len(displacement_m)]
    noise = np.random.default_rng(seed).normal(0, noise_counts, len(counts))
    return np.round(counts + noise + 500).astype(np.int32)


def segment(samples, source=SOURCE):
    return Segment(source, START_NS, RATE_HZ, samples)


def read(samples, response):
    record = cut_record([segment(samples)], WINDOW)
    assert isinstance(record, Record)
    return wood_anderson(record, response)


def pendulum_gain(frequency_hz):
    ratio = frequency_hz * 0.8
    return ratio**2 / np.hypot(1 - ratio**2, 2 * 0.7 * ratio)


@pytest.mark.parametrize("frequency_hz", [1.0, 2.0, 5.0, 12.0])
def test_the_pendulum_swings_as_theory_says(frequency_hz):
    reading = read(recorded(ground(frequency_hz=frequency_hz), BROADBAND), BROADBAND)
    assert reading.refused == ""
    assert reading.amplitude.value == pytest.approx(1e-5 * pendulum_gain(frequency_hz), rel=0.04)
    assert reading.amplitude.period_s == pytest.approx(1 / frequency_hz, rel=0.1)
    assert reading.amplitude.time_ns == pytest.approx(START_NS + 38 * NS_PER_S, abs=NS_PER_S)


@pytest.mark.parametrize("response", [BROADBAND, SHORT_PERIOD, ACCELEROMETER, VELOCITY, DISPLACEMENT])
def test_every_instrument_tells_of_the_same_ground(response):
    motion = ground(frequency_hz=3.0, peak_m=2e-4)
    reading = read(recorded(motion, response), response)
    assert reading.refused == ""
    assert np.log10(reading.amplitude.value / (2e-4 * pendulum_gain(3.0))) == pytest.approx(0.0, abs=0.02)


@settings(deadline=None, max_examples=30)
@given(st.floats(-3, 1.5))
def test_twice_the_ground_is_twice_the_swing(scale):
    factor = 10**scale
    base = read(recorded(ground(peak_m=1e-5), BROADBAND), BROADBAND).amplitude.value
    scaled = read(recorded(ground(peak_m=1e-5 * factor), BROADBAND), BROADBAND)
    assert scaled.amplitude.value == pytest.approx(base * factor, rel=0.05)


@settings(deadline=None, max_examples=20)
@given(st.integers(-(10**15), 10**15))
def test_shifting_time_shifts_the_peak_and_nothing_else(shift_ns):
    samples = recorded(ground(), BROADBAND)
    window = Window(WINDOW.onset_ns + shift_ns, WINDOW.s_ns + shift_ns, WINDOW.end_ns + shift_ns)
    moved = wood_anderson(cut_record([Segment(SOURCE, START_NS + shift_ns, RATE_HZ, samples)], window), BROADBAND)
    still = wood_anderson(cut_record([segment(samples)], WINDOW), BROADBAND)
    assert moved.amplitude.value == still.amplitude.value
    assert moved.amplitude.time_ns == still.amplitude.time_ns + shift_ns


def test_a_drifting_accelerometer_does_not_make_a_quake_of_its_drift():
    time_s = np.arange(0, 60, 1 / RATE_HZ)
    drift = 3000 * np.sin(2 * np.pi * time_s / 45)
    samples = (recorded(ground(peak_m=3e-5), ACCELEROMETER) + drift).astype(np.int32)
    reading = read(samples, ACCELEROMETER)
    assert reading.amplitude.value == pytest.approx(3e-5 * pendulum_gain(2.0), rel=0.1)


def test_noise_alone_is_refused():
    reading = read(recorded(np.zeros(6000), BROADBAND, noise_counts=50), BROADBAND)
    assert reading.amplitude is None
    assert reading.refused == "does not rise above its noise"


def test_a_clipped_record_is_refused_but_bounds_the_size():
    samples = np.clip(recorded(ground(frequency_hz=1.0, peak_m=1e-4), BROADBAND), -100_000, 100_000)
    reading = read(samples, BROADBAND)
    assert reading.refused.startswith("clipped")
    assert 0 < reading.amplitude.value < 1e-4 * pendulum_gain(1.0) * 1.05


def test_a_record_that_ends_in_the_middle_is_refused():
    samples = recorded(ground(), BROADBAND)[: int(37.5 * RATE_HZ)]
    assert read(samples, BROADBAND).refused == "ends while the shaking still grows"


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (lambda whole: whole[: int(33 * RATE_HZ)], "no record from P to S"),
        (lambda whole: np.full_like(whole, 7), "does not move"),
        (
            lambda whole: np.where(np.arange(len(whole)) == 3600, np.nan, whole.astype(float)),
            "a sample is not a number",
        ),
    ],
)
def test_unreadable_records_say_why(samples, why):
    assert cut_record([segment(samples(recorded(ground(), BROADBAND)))], WINDOW) == why


def test_noise_is_needed():
    late = Segment(SOURCE, WINDOW.onset_ns - NS_PER_S, RATE_HZ, recorded(ground(), BROADBAND)[2900:])
    assert cut_record([late], WINDOW) == "starts too close to P to know its noise"
    assert cut_record([], WINDOW) == "no record from P to S"


def test_three_seconds_before_p_are_enough_for_a_trigger_record():
    samples = recorded(ground(peak_m=1e-4), ACCELEROMETER)[2700:]
    record = cut_record([Segment(SOURCE, START_NS + 27 * NS_PER_S, RATE_HZ, samples)], WINDOW)
    assert wood_anderson(record, ACCELEROMETER).amplitude.value == pytest.approx(1e-4 * pendulum_gain(2.0), rel=0.03)


def test_slow_channels_are_refused():
    slow = Segment(SOURCE, START_NS, 1.0, np.arange(60, dtype=np.int32))
    assert cut_record([slow], WINDOW) == "1 samples a second are too few"


@pytest.mark.parametrize("channel", ["NC.CRH..HNE", "NP.1844..HNN", "CE.58442..HNE"])
def test_obspy_sees_the_same_swing(houfeng_data, channel):
    folder = houfeng_data / "pleasanthill_2019"
    trace = obspy.read(str(next((folder / "waveforms").glob(f"{channel}__*.mseed"))))[0]
    inventory = obspy.read_inventory(str(folder / "stations" / f"{'.'.join(channel.split('.')[:2])}.xml"))
    onset = obspy.UTCDateTime("2019-10-15T05:33:45.5")
    window = Window(onset.ns, (onset + 2).ns, (onset + 14).ns)
    paz = inventory.get_response(channel, onset).get_paz()
    sensitivity = inventory.get_response(channel, onset).instrument_sensitivity
    response = Response(
        "m/s2", sensitivity.value, sensitivity.frequency,
        tuple(complex(zero) for zero in paz.zeros), tuple(complex(pole) for pole in paz.poles),
    )  # fmt: skip
    source = SourceId(*channel.split("."))
    segments = [Segment(source, trace.stats.starttime.ns, trace.stats.sampling_rate, trace.data.astype(np.int32))]
    ours = wood_anderson(cut_record(segments, window), response).amplitude

    theirs = trace.copy().trim(onset - 40, onset + 16).detrend("demean")
    rate_hz = trace.stats.sampling_rate
    theirs.remove_response(
        inventory, output="DISP", water_level=None, pre_filt=(0.05, 0.1, 0.3 * rate_hz, 0.4 * rate_hz)
    )
    pendulum = {"poles": [-5.49779 - 5.60886j, -5.49779 + 5.60886j], "zeros": [0j, 0j], "gain": 1, "sensitivity": 1}
    theirs.simulate(paz_simulate=pendulum)
    assert ours.value == pytest.approx(np.abs(theirs.trim(onset, onset + 14).data).max(), rel=0.03)
