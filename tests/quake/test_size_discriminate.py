"""Earthquake or explosion: made-up ratios, made-up records, and the recorded ones."""

import csv
import math
from dataclasses import replace

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.size.discriminate import EARTHQUAKE, EXPLOSION, LEAST_STATIONS, Witness, discriminate
from houfeng.quake.size.ratio import Ratio, p_over_s
from houfeng.quake.size.record import Window, cut_record
from houfeng.quake.size.station import Site
from houfeng.quake.size.witness import source_type
from houfeng.shell.catalogue.catalogue import Catalogue
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.quake import Arrival, Discrimination, Origin, Pick, Quake
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId, parse_source
from houfeng.words.station import Inventory

RATE_HZ = 50.0
LAG_S = 37.0  # where the published means hold
WINDOW = Window(40 * NS_PER_S, 50 * NS_PER_S, 80 * NS_PER_S)


def witness(level, bound="", lag_s=LAG_S, distance_m=300_000.0):
    return Witness(distance_m, lag_s, tuple(Ratio(hz, level, bound) for hz in (2.8, 4.9, 6.9)))


def stations(*levels):
    return {f"XX.S{number}": witness(level) for number, level in enumerate(levels)}


@given(st.integers(LEAST_STATIONS, 12))
def test_the_published_means_are_told_apart_by_any_number_of_stations(count):
    assert (
        discriminate(stations(*[EXPLOSION] * count)).log_ratio
        > 0
        > discriminate(stations(*[EARTHQUAKE] * count)).log_ratio
    )


@given(st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=8), st.randoms(use_true_random=False))
def test_the_names_and_order_of_stations_do_not_matter(levels, random):
    shuffled = list(levels)
    random.shuffle(shuffled)
    assert discriminate(stations(*shuffled)).log_ratio == pytest.approx(discriminate(stations(*levels)).log_ratio)


@given(st.floats(-50, 50), st.sampled_from(["", "least", "most"]))
def test_one_station_never_decides(level, bound):
    one = discriminate({"XX.A": witness(level, bound)})
    assert (one.verdict, one.log_ratio, one.stations) == ("not discriminable", 0.0, 1)


@given(st.floats(-50, 50))
def test_one_station_among_others_has_bounded_say(level):
    others = stations(*[EARTHQUAKE] * 5)
    with_one = discriminate({**others, "XX.LIE": witness(level)})
    assert abs(with_one.log_ratio - discriminate(others).log_ratio) < 6
    assert with_one.verdict != "explosion-like"


@given(st.floats(0, 1))
def test_a_bound_is_no_proof_of_the_other_side(level):
    # P over S of at least little, or at most much, fits either source
    least = discriminate({f"XX.{n}": witness(-1 - level, "least") for n in range(5)})
    most = discriminate({f"XX.{n}": witness(1 + level, "most") for n in range(5)})
    assert least.verdict == most.verdict == "not discriminable"
    assert any("only a bound, at 5 of 5 stations" in note for note in least.notes)


def test_a_bound_speaks_for_its_own_side():
    assert discriminate({f"XX.{n}": witness(0.5, "least") for n in range(4)}).verdict == "explosion-like"
    assert discriminate({f"XX.{n}": witness(-1.0, "most") for n in range(4)}).verdict == "earthquake-like"


@pytest.mark.parametrize("distance_m", [5_000.0, 700_000.0, math.nan], ids=["near", "far", "unknown"])
def test_outside_the_published_distances_nobody_is_asked(distance_m):
    said = discriminate({f"XX.{n}": witness(1.0, distance_m=distance_m) for n in range(6)})
    assert (said.verdict, said.stations) == ("not discriminable", 0)
    assert said.notes[0] == "no station with P or S between 10 and 610 km"


def test_nobody_to_ask():
    assert discriminate({}).verdict == "not discriminable"
    assert discriminate({"XX.A": Witness(1e5, 10.0, ())}).stations == 0


def record(p, s, seed=0, noise=1.0, rate_hz=RATE_HZ):
    """A vertical with noise-like P and S of these amplitudes, each dying away in seconds."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(0, 90, 1 / rate_hz)
    size = np.full(len(time_s), noise)
    for begin_s, amplitude in ((40.0, p), (50.0, s)):
        after_s = time_s - begin_s
        size += np.where(after_s >= 0, amplitude * np.exp(-np.maximum(after_s, 0) / 3), 0.0)
    counts = np.round(rng.normal(size=len(time_s)) * size).astype(np.int32)
    return cut_record([Segment(SourceId("XX", "A", "", "BHZ"), 0, rate_hz, counts)], WINDOW)


@settings(deadline=None, max_examples=20)
@given(st.floats(-1, 0.6), st.integers(0, 99))
def test_the_ratio_put_in_comes_out(level, seed):
    ratios = p_over_s(record(1e4, 1e4 / 10**level, seed))
    seen = [ratio.log_ratio for ratio in ratios if not ratio.bound]
    assert len(ratios) == 3
    assert not seen or np.median(seen) == pytest.approx(level, abs=0.35)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.6, 1), st.integers(0, 99))
def test_where_p_is_far_larger_its_coda_is_taken_for_some_of_s(level, seed):
    seen = [ratio.log_ratio for ratio in p_over_s(record(1e4, 1e4 / 10**level, seed)) if not ratio.bound]
    assert not seen or level - 0.5 < np.median(seen) < level + 0.35


def test_s_lost_in_the_coda_of_p_is_a_bound_below():
    assert {ratio.bound for ratio in p_over_s(record(1e5, 0.0))} == {"least"}


def test_p_lost_in_noise_is_a_bound_above():
    assert {ratio.bound for ratio in p_over_s(record(0.0, 1e4, noise=100.0))} == {"most"}


def test_without_waves_there_is_nothing_to_compare():
    assert p_over_s(record(0.0, 0.0, noise=100.0)) == ()


def test_bands_a_record_cannot_hold_are_left_out():
    assert len(p_over_s(record(1e4, 1e4, rate_hz=12.0))) == 1


def made(quality="A", depth_m=0.0, depth_uncertainty_m=1_000.0, arrivals=()):
    where = (30 * NS_PER_S, 0.0, 0.0, depth_m, np.eye(3), 0.1, depth_uncertainty_m)
    return Origin(*where, (), 90.0, 0.1, 1e4, 5, quality, "", arrivals)


def look(origin, p, s, others=(), count=6):
    """source_type of a quake whose stations all show this P and S."""
    sites, channels, segments = [], {}, {}
    for number in range(count):
        source = SourceId("XX", f"S{number}", "", "BHZ")
        one = record(p, s, seed=number)
        segments[source] = [Segment(source, one.start_ns, RATE_HZ, (one.samples + one.rest).astype(np.int32))]
        sites.append(Site(source.station_key, WINDOW, 20.0, 7e4, 7e4, origin.depth_m))
        channels[source.station_key] = [source]
    return source_type(origin, sites, channels, Inventory(), lambda source, *_: segments[source], others)


def test_records_without_a_response_are_enough():
    assert look(made(), 1e4, 1e3).verdict == "explosion-like"
    assert look(made(), 1e3, 1e4).verdict == "earthquake-like"


def test_what_lies_deep_is_no_explosion():
    said = look(made(depth_m=40_000.0), 1e4, 1e3)
    assert said.verdict == "not discriminable"
    assert said.log_ratio > 3
    assert said.notes[-1] == "looks like an explosion, but at least 38 km down"
    assert look(made(depth_m=40_000.0, depth_uncertainty_m=20_000.0), 1e4, 1e3).verdict == "explosion-like"


def test_an_origin_of_no_quality_is_not_called_one():
    assert look(made(quality="D"), 1e4, 1e3).verdict == "not discriminable"
    assert look(made(quality="D"), 1e3, 1e4).verdict == "earthquake-like"


def test_waves_of_another_quake_silence_the_stations_they_reach():
    picks = [Pick(SourceId("XX", f"S{number}", "", "BHZ"), "S", 42 * NS_PER_S, 0.1) for number in range(6)]
    other = made(arrivals=tuple(Arrival(pick, 0.0, 7e4, 0.0, 90.0, 1.0) for pick in picks))
    said = look(made(), 1e4, 1e3, others=[other])
    assert (said.verdict, said.stations) == ("not discriminable", 0)
    assert said.notes[-1] == "waves of another quake at 6 stations"
    early = replace(other, arrivals=tuple(replace(one, residual_s=30.0) for one in other.arrivals))
    assert look(made(), 1e4, 1e3, others=[early]).verdict == "explosion-like"


def test_the_announced_explosion_looks_like_one(houfeng_data):
    folder = houfeng_data / "dprk_2017_explosion"
    origin_ns = parse_instant("2017-09-03T03:30:01.6")
    stream = obspy.read(folder / "waveforms" / "dprk_20170903.mseed")
    with (folder / "truth" / "theoretical_p.csv").open() as file:
        arrivals = {row["station"]: row for row in csv.DictReader(file)}
    segments, channels, sites = {}, {}, []
    for trace in stream:
        source = parse_source(trace.id)
        run = Segment(source, trace.stats.starttime.ns, trace.stats.sampling_rate, trace.data.astype(np.int32))
        segments.setdefault(source, []).append(run)
        channels.setdefault(source.station_key, []).append(source)
    for key in sorted(channels):
        row = arrivals[key.split(".")[1]]
        distance_m = 1000 * float(row["quality"].split("dist_km=")[1])
        p_ns = parse_instant(row["time"])
        s_s = (p_ns - origin_ns) / NS_PER_S * 3**0.5
        window = Window(p_ns, origin_ns + int(s_s * NS_PER_S), origin_ns + int((1.5 * s_s + 10) * NS_PER_S))
        sites.append(Site(key, window, s_s, distance_m, distance_m, 0.0))
    said = source_type(made(), sites, channels, Inventory(), lambda source, *_: segments[source])
    assert said.verdict == "explosion-like"
    assert said.stations >= LEAST_STATIONS


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("explosion-like", b"<type>explosion</type><typeCertainty>suspected</typeCertainty>"),
        ("earthquake-like", b"<type>earthquake</type><typeCertainty>suspected</typeCertainty>"),
        ("not discriminable", b""),
    ],
)
def test_quakeml_says_what_it_looks_like_and_no_more(verdict, expected):
    quake = Quake("Q1", 1, made(), discrimination=Discrimination(verdict, 1.5, 4, ("a note",)))
    data = write_quakeml([quake])
    assert expected in data
    assert data.count(b"<typeCertainty>") == bool(expected)
    assert f"{verdict}: P over S at 4 stations, log likelihood ratio of an explosion 1.5; a note".encode() in data


@pytest.mark.parametrize("log_ratio", [5.3, math.nan], ids=["number", "not-a-number"])
def test_the_catalogue_gives_back_what_it_was_given(log_ratio):
    said = Discrimination("explosion-like", log_ratio, 3, ("one", "two"))
    with Catalogue("sqlite://") as catalogue:
        assert catalogue.add(Quake("Q1", 1, made(), discrimination=said))
        assert not catalogue.add(Quake("Q1", 1, made(), discrimination=said))
        assert catalogue.add(Quake("Q2", 1, made()))
        kept, unasked = (catalogue.latest(name).discrimination for name in ("Q1", "Q2"))
    assert unasked is None
    assert (kept.verdict, kept.stations, kept.notes) == ("explosion-like", 3, ("one", "two"))
    assert kept.log_ratio == pytest.approx(log_ratio, nan_ok=True)
