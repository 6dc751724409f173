"""The growing JMA intensity: any cutting gives the same, and its end is what the official procedure says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.shake.jma import jma_level_gal, jma_of_level, jma_weight
from houfeng.quake.shake.jma_realtime import JmaRealtime, realtime_sections
from houfeng.wire.waveforms import read_waveforms

RATE_HZ = 100.0


def shaking(seconds=20.0, seed=0, rate_hz=RATE_HZ, scale=0.02):
    count = int(seconds * rate_hz)
    swing = np.random.default_rng(seed).normal(size=(3, count)).cumsum(axis=1)
    swing -= np.linspace(swing[:, :1], swing[:, -1:], count, axis=1)[..., 0]
    return scale * swing * np.hanning(count) + 0.3


def slow_levels(length, reached, memory):
    """The level reached for `reached` samples of the last `memory`, by sorting them anew each time."""
    levels = []
    for index in range(len(length)):
        recent = np.sort(length[max(0, index + 1 - memory) : index + 1])[::-1]
        known = len(recent) >= int(reached) + 1
        levels.append(np.interp(reached, np.arange(1, len(recent) + 1), recent) if known else np.nan)
    return np.array(levels)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 900), max_size=12), st.integers(0, 5))
def test_chunks_cut_anywhere_give_the_same_numbers(cuts, seed):
    record = shaking(seed=seed)
    whole = JmaRealtime(RATE_HZ, memory_s=5.0).handle(record)
    growing = JmaRealtime(RATE_HZ, memory_s=5.0)
    parts = [growing.handle(part) for part in np.split(record, sorted(cuts), axis=1)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.floats(0.35, 8.0), st.sampled_from([31.3, 50.0, 100.0]))
def test_levels_are_those_of_the_slow_twin(seed, memory_s, rate_hz):
    from houfeng.quake.shake.jma_realtime import _levels

    length = np.abs(np.random.default_rng(seed).normal(size=600)).round(2)  # rounded, so that values repeat
    memory = int(np.ceil(memory_s * rate_hz))
    fast = _levels(length, np.zeros(memory), np.zeros(memory), 0, 0.3 * rate_hz)
    np.testing.assert_allclose(fast, slow_levels(length, 0.3 * rate_hz, memory), rtol=1e-12)


@pytest.mark.parametrize(
    ("rate_hz", "highest_hz", "within"),
    [(31.3, 5.0, 0.045), (50.0, 5.0, 0.03), (100.0, 10.0, 0.03), (200.0, 10.0, 0.03)],
)
def test_the_gain_is_close_to_the_official_one(rate_hz, highest_hz, within):
    frequency = np.geomspace(0.05, highest_hz, 200)
    z = np.exp(-2j * np.pi * frequency / rate_hz)
    gain = np.ones_like(z)
    for section in realtime_sections(rate_hz):
        gain = gain * np.polyval(section[2::-1], z) / np.polyval(section[:2:-1], z)
    np.testing.assert_allclose(np.abs(gain), jma_weight(frequency), rtol=within)


@pytest.mark.parametrize("rate_hz", [20.0, 31.3, 50.0, 100.0, 200.0, 1000.0])
def test_the_filter_forgets(rate_hz):
    for section in realtime_sections(rate_hz):
        assert np.abs(np.roots(section[3:])).max() < 1


def test_ten_times_the_shaking_is_two_units_more():
    less, more = (JmaRealtime(RATE_HZ).handle(factor * shaking()) for factor in (1, 10))
    np.testing.assert_allclose(more[100:] - less[100:], 2.0, atol=1e-9)


def test_a_constant_offset_is_rest():
    moved = shaking() + np.array([[9.8], [-3.0], [100.0]])
    np.testing.assert_allclose(JmaRealtime(RATE_HZ).handle(moved), JmaRealtime(RATE_HZ).handle(shaking()), atol=1e-6)


def test_what_is_older_than_the_memory_is_forgotten():
    quiet = shaking(seconds=40.0, scale=1e-4)
    loud_then_quiet = np.concatenate([shaking(scale=0.1), quiet], axis=1)
    grown = JmaRealtime(RATE_HZ, memory_s=10.0).handle(loud_then_quiet)
    assert grown[-1] < np.nanmax(grown) - 3


def test_samples_that_are_no_numbers_count_as_the_one_before():
    record = shaking()
    broken = record.copy()
    broken[1, 700:703] = [np.nan, np.inf, -np.inf]
    held = record.copy()
    held[1, 700:703] = record[1, 699]
    np.testing.assert_array_equal(JmaRealtime(RATE_HZ).handle(broken), JmaRealtime(RATE_HZ).handle(held))


def test_nothing_is_said_before_0_3_s_nor_of_stillness():
    assert np.isnan(JmaRealtime(RATE_HZ).handle(shaking())[:30]).all()
    assert np.isnan(JmaRealtime(RATE_HZ).handle(np.ones((3, 500)))).all()
    assert len(JmaRealtime(RATE_HZ).handle(np.zeros((3, 0)))) == 0


@pytest.mark.parametrize("rate_hz", [0.0, 1.0, 19.9, 1001.0, np.nan, np.inf])
def test_rates_it_cannot_serve_are_refused(rate_hz):
    with pytest.raises(ValueError, match="samples a second"):
        JmaRealtime(rate_hz)


def test_wrong_shapes_and_memories_are_refused():
    with pytest.raises(ValueError, match="three components"):
        JmaRealtime(RATE_HZ).handle(np.zeros((2, 100)))
    with pytest.raises(ValueError, match="memory"):
        JmaRealtime(RATE_HZ, memory_s=0.1)


def recorded(folder, pattern):
    """Three components of one record, offset removed, m/s2 or counts (the difference is the same in either)."""
    batches = [
        batch for path in sorted(folder.glob(pattern)) for batch in read_waveforms(path.read_bytes(), path.name).batches
    ]
    runs = [
        batch.samples[batch.offset[row] : batch.offset[row + 1]].astype(float)
        for batch in batches
        for row in range(len(batch))
    ]
    return np.stack([run - run.mean() for run in runs]), float(batches[0].rate_hz[0])


@pytest.mark.parametrize("pattern", ["AA06EA01.csv", "Q4149CF2.csv"])
def test_it_ends_where_the_official_intensity_is(houfeng_data, pattern):
    record, rate_hz = recorded(houfeng_data / "jma_intensity_a" / "waveforms", pattern)
    official = jma_of_level(jma_level_gal(record, rate_hz))
    assert np.nanmax(JmaRealtime(rate_hz).handle(record)) == pytest.approx(official, abs=0.1)


@pytest.mark.parametrize("station", [f"AOM00{number}" for number in range(1, 10)])
def test_it_ends_there_for_weak_shaking_too(houfeng_data, station):
    record, rate_hz = recorded(houfeng_data / "knet_aomori_2018" / "waveforms", f"{station}*")
    official = jma_of_level(jma_level_gal(record, rate_hz))
    assert np.nanmax(JmaRealtime(rate_hz).handle(record)) == pytest.approx(official, abs=0.1)


@pytest.mark.parametrize("station", ["1-EAS", "2-ECU", "2-EDH", "2-EGF", "2-ELD"])
def test_it_ends_there_at_50_samples_a_second(houfeng_data, station):
    record, rate_hz = recorded(houfeng_data / "taiwan_hualien_2018" / "waveforms", f"{station}.dat")
    official = jma_of_level(jma_level_gal(record, rate_hz))
    assert np.nanmax(JmaRealtime(rate_hz).handle(record)) == pytest.approx(official, abs=0.1)
