"""Background noise: as loud as it should be, and the same however it is cut."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from houfeng.twin.instruments import INSTRUMENTS
from houfeng.twin.made import Site
from houfeng.twin.noise import Background
from houfeng.twin.transients import LONGEST_S, SLOT_S, passages
from houfeng.words.instant import NS_PER_S, parse_instant

RATE_HZ = 100.0
NOON = parse_instant("2024-01-01T13:00:00Z")
SITE = Site(0.035, 0.0, 0.4, 10.0)
QUIET = Background(3, 8, SITE, 0.0, INSTRUMENTS["broadband"], NOON, RATE_HZ)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40_000), st.lists(st.integers(1, 9000), min_size=1, max_size=4))
def test_any_stretch_is_the_same_however_the_whole_is_cut(first, lengths):
    whole = QUIET.counts(first, sum(lengths))
    parts, at = [], first
    for length in lengths:
        parts.append(QUIET.counts(at, length))
        at += length
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_its_spectrum_is_the_one_asked_for(name):
    background = replace(QUIET, instrument=INSTRUMENTS[name])
    counts = background.counts(0, 200_000)
    for row in counts:
        frequency, density = welch(row, RATE_HZ, nperseg=4096)
        keep = (frequency > 0.1) & (frequency < 30.0)
        wanted = background.ground(frequency[keep], 100_000) + background.instrument.own_noise(frequency[keep])
        ratio = density[keep] / np.abs(background.instrument.of_acceleration(frequency[keep])) ** 2 / wanted
        for part in np.array_split(ratio, 8):
            assert abs(10 * np.log10(np.median(part))) < 1.5


def test_components_and_stations_know_nothing_of_each_other():
    counts = np.concatenate([QUIET.counts(0, 50_000), replace(QUIET, number=9).counts(0, 50_000)])
    band = np.diff(counts)  # takes the long swings off, of which there are few
    alike = np.corrcoef(band) - np.eye(6)
    assert np.abs(alike).max() < 0.05


def test_people_sleep_at_night():
    frequency = np.array([0.2, 5.0, 40.0])
    night = replace(QUIET, start_ns=NOON + 12 * 3600 * NS_PER_S)
    fall_db = 10 * np.log10(QUIET.ground(frequency, 0) / night.ground(frequency, 0))
    assert fall_db == pytest.approx([0.0, 10.0, 0.0], abs=1e-6)
    # noon comes to a place in the east sooner
    assert replace(QUIET, longitude_deg=90.0).bustle(0) < QUIET.bustle(0) == pytest.approx(1.0)


def test_passages_are_as_many_as_asked_and_begin_in_their_slot():
    found = [list(passages(1, 0, 6.0, slot, RATE_HZ)) for slot in range(600)]
    assert np.mean([len(slot) for slot in found]) == pytest.approx(1.0, abs=0.15)
    for first, series in (one for slot in found for one in slot):
        assert 0 <= first < SLOT_S * RATE_HZ
        assert series.shape[0] == 3
        assert series.shape[1] <= LONGEST_S * RATE_HZ
        assert 0 < np.abs(series).max() < 1e-3
