"""Magnitude from peak displacement: relations as published, their ranges, and what is read for them."""

import math
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.quake.size.ground import causal_displacement
from houfeng.quake.size.peak import (
    FIRST_SECONDS,
    WHOLE_RECORD,
    peak_magnitude,
    peak_relation,
    peak_relation_names,
    read_peak_relation,
)
from houfeng.quake.size.peak_network import peak_of_network
from houfeng.quake.size.record import Window, cut_record
from houfeng.quake.size.remarks import Remarks
from houfeng.quake.size.station import Heard, Site
from houfeng.words.errors import DataFault, OutOfRange, WorldFault
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Response

RATE_HZ = 50.0
ACCELERATION = Response("m/s2", 1e7, 1.0)
WINDOW = Window(30 * NS_PER_S, 36 * NS_PER_S, 80 * NS_PER_S)


@given(st.sampled_from(peak_relation_names()), st.floats(1e-6, 1.0), st.floats(0, 1))
def test_ten_times_the_peak_is_a_larger_quake_at_any_distance(name, peak_m, share):
    relation = peak_relation(name)
    low, high = relation.range_m
    distance_m = low * (high / low) ** share
    assert peak_magnitude(10 * peak_m, distance_m, relation=relation) > peak_magnitude(
        peak_m, distance_m, relation=relation
    )


def test_the_relations_say_what_their_authors_say():
    # Wu & Zhao 2006 as solved for M; Kuyuk & Allen 2013 and Melgar et al. 2015 as printed
    wu = peak_magnitude(1e-3, 40_000.0, relation=peak_relation("wu_zhao_2006"))
    assert wu == pytest.approx(4.750 + 1.372 * math.log10(0.1) + 1.885 * math.log10(40), abs=0.01)
    kuyuk = peak_magnitude(1e-3, 40_000.0, relation=peak_relation("kuyuk_allen_2013"))
    assert kuyuk == pytest.approx(1.23 * math.log10(0.1) + 1.38 * math.log10(40) + 5.39, abs=0.001)
    melgar = peak_magnitude(0.5, 100_000.0, relation=peak_relation("melgar_2015"))
    assert math.log10(50) == pytest.approx(-4.639 + 1.063 * melgar - 0.137 * melgar * 2)


def test_distances_outside_the_range_are_refused():
    with pytest.raises(OutOfRange, match=r"5\.0 km lies outside its 10 to 1000 km"):
        peak_magnitude(0.1, 5_000.0, relation=peak_relation("melgar_2015"))


@pytest.mark.parametrize("peak_m", [0.0, -1.0, math.nan, math.inf])
def test_no_peak_no_magnitude(peak_m):
    with pytest.raises(DataFault):
        peak_magnitude(peak_m, 50_000.0, relation=peak_relation(WHOLE_RECORD))


@pytest.mark.parametrize(
    "damage",
    [
        (b"quantity", b"quality"),
        (b'"pgd"', b'"pga"'),
        (b"magnitude = 1.063", b"magnitude = -1.063"),
        (b"range_km = [10.0", b"range_km = [0.0"),
        (b"constant", b"\xff"),
    ],
    ids=["key", "quantity", "falls", "zero-distance", "bytes"],
)
def test_a_damaged_relation_is_named(damage):
    data = (resources.files("houfeng.quake.size") / "peaks" / "melgar_2015.toml").read_bytes()
    read_peak_relation(data, "mine.toml")
    with pytest.raises(DataFault, match=r"mine\.toml"):
        read_peak_relation(data.replace(*damage), "mine.toml")


def test_a_relation_nobody_has():
    with pytest.raises(WorldFault, match="no such peak relation"):
        peak_relation("of my own")


def heard(p_m, s_m, noise_counts=1.0, distance_m=40_000.0, key="XX.A"):
    """A station where the ground swings by p_m at 1 Hz after P and by s_m after S, on an accelerometer."""
    time_s = np.arange(0, 90, 1 / RATE_HZ)
    rng = np.random.default_rng(4)
    records, responses = {}, {}
    for component, share in (("Z", 1.0), ("E", 0.6), ("N", 0.8)):
        ground_m = np.zeros(len(time_s))
        for begin_s, size_m in ((30.5, p_m), (36.5, s_m)):
            after_s = time_s - begin_s
            swing = np.where(after_s > 0, after_s**2 * np.exp(-2 * after_s) * np.sin(2 * np.pi * after_s), 0.0)
            ground_m += size_m * swing / np.abs(swing).max()
        acceleration = np.gradient(np.gradient(ground_m, 1 / RATE_HZ), 1 / RATE_HZ)
        counts = np.round(1e7 * share * acceleration + rng.normal(0, noise_counts, len(time_s)))
        source = SourceId("XX", "A", "", f"HN{component}")
        records[source] = cut_record([Segment(source, 0, RATE_HZ, counts.astype(np.int32))], WINDOW)
        responses[source] = ACCELERATION
    level = tuple(source for source in records if source.component != "Z")
    site = Site(key, WINDOW, 12.0, distance_m, distance_m, 10_000.0)
    return site, Heard(records=records, responses=responses, horizontals=level)


def test_p_is_read_before_s_comes():
    remarks = Remarks()
    magnitude = peak_of_network([heard(1e-3, 5e-2)], peak_relation(FIRST_SECONDS), remarks)
    (station,) = magnitude.stations
    assert station.amplitudes[0].kind == "pd"
    assert station.amplitudes[0].value == pytest.approx(1e-3, rel=0.25)
    assert magnitude.kind == "Mpd"


def test_what_comes_later_does_not_change_what_was_before():
    _, result = heard(1e-3, 1e-2)
    source = next(source for source in result.records if source.component == "Z")
    whole = result.records[source]
    moved = causal_displacement(whole, ACCELERATION, 0.075)
    cut = whole.samples.copy()
    cut[whole.s :] = 0.0
    # taking S away changes P by no more than the fall of the filter at the far end
    early = causal_displacement(replace(whole, samples=cut), ACCELERATION, 0.075)
    assert np.abs(moved - early)[: whole.s].max() < 0.05 * np.abs(moved[: whole.s]).max()


def test_above_saturation_it_is_a_lower_bound_and_says_so():
    remarks = Remarks()
    magnitude = peak_of_network([heard(0.01, 0.02)], peak_relation(FIRST_SECONDS), remarks)
    assert magnitude.value > 6.5
    assert any("is a lower bound: it saturates above 6.5" in line for line in remarks.lines())


def test_the_whole_record_does_not_saturate_but_says_what_it_leaves_out():
    remarks = Remarks()
    stations = [heard(0.1, 1.0, key=f"XX.{letter}") for letter in "ABC"]
    magnitude = peak_of_network(stations, peak_relation(WHOLE_RECORD), remarks)
    assert magnitude.kind == "Mpgd"
    assert magnitude.stations[0].amplitudes[0].value == pytest.approx(1.0, rel=0.25)
    assert magnitude.value > 7
    assert any("integrated without motion slower than" in line for line in remarks.lines())


def test_a_range_exceeded_is_said_and_a_small_quake_is_not_worth_a_word():
    remarks = Remarks()
    assert peak_of_network([heard(1e-3, 2e-2)], peak_relation(WHOLE_RECORD), remarks) is None
    assert remarks.lines() == ("no Mpgd: 5.9 lies outside the 6 to 9 of Melgar et al. 2015",)
    quiet = Remarks()
    assert peak_of_network([heard(1e-7, 2e-6, noise_counts=0.1)], peak_relation(WHOLE_RECORD), quiet) is None
    assert quiet.lines() == ()


def test_noise_is_not_read():
    remarks = Remarks()
    assert peak_of_network([heard(1e-6, 1e-6, noise_counts=1e5)], peak_relation(FIRST_SECONDS), remarks) is None
    assert peak_of_network([], peak_relation(FIRST_SECONDS), remarks) is None
