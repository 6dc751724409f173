"""Pictures: whole PNGs, the same bytes for the same quake, and nothing from outside can break them."""

import struct
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from houfeng.serve.figures import quake_map, record_section, residuals
from houfeng.serve.figures.record_section import MOST_TRACES
from houfeng.serve.figures.style import plain
from houfeng.words.earth import travelled
from houfeng.words.instant import NS_PER_S, parse_instant, seconds_to_ns
from houfeng.words.quake import Arrival, Ellipse, Magnitude, Origin, Pick, Quake
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Station

ORIGIN_NS = parse_instant("2024-03-01T00:00:00")


def scene(count=6, latitude_deg=31.0, longitude_deg=103.4, names=None):
    """A quake among stations on a spiral around it, each with three components of a burst."""
    rng = np.random.default_rng(7)
    stations, segments, arrivals, predicted = {}, {}, [], {}
    for number in range(count):
        code = f"S{number:03d}"
        azimuth, distance_m = 47.0 * number % 360.0, 8_000.0 + 6_000.0 * number
        north, east = distance_m * np.cos(np.radians(azimuth)), distance_m * np.sin(np.radians(azimuth))
        latitude, longitude = travelled(latitude_deg, longitude_deg, east, north)
        station = Station("XX", code, float(latitude), float(longitude), 100.0 * number)
        p_s, s_s = distance_m / 6000.0, distance_m / 3500.0
        time_s = np.arange(-10, 60, 0.02)
        for component in "ENZ":
            source = SourceId("XX", code, "", f"HH{component}")
            burst = np.where(time_s > p_s, np.exp(-(time_s - p_s) / 4), 0) * rng.normal(size=len(time_s))
            burst += np.where(time_s > s_s, 3 * np.exp(-(time_s - s_s) / 6), 0) * rng.normal(size=len(time_s))
            counts = np.round(1000 * burst + rng.normal(0, 3, len(time_s))).astype(np.int32)
            segments[source] = [Segment(source, ORIGIN_NS - 10 * NS_PER_S, 50.0, counts)]
        for phase, seconds in (("P", p_s), ("S", s_s)):
            residual_s = float(rng.normal(0, 0.1))
            pick = Pick(source, phase, ORIGIN_NS + seconds_to_ns(seconds + residual_s), 0.1)
            arrivals.append(Arrival(pick, residual_s, distance_m, azimuth, 90.0, 0.0 if number == 3 else 0.8))
            predicted[station.key, phase] = ORIGIN_NS + seconds_to_ns(seconds)
        stations[station.key] = replace(station, code=names[number]) if names else station
    origin = Origin(
        time_ns=ORIGIN_NS,
        latitude_deg=latitude_deg,
        longitude_deg=longitude_deg,
        depth_m=12_000.0,
        covariance_m2=np.diag([4e5, 6e5, 2e6]),
        time_uncertainty_s=0.1,
        depth_uncertainty_m=1400.0,
        ellipses=(Ellipse(0.68, 1200.0, 800.0, 30.0), Ellipse(0.95, 2000.0, 1300.0, 30.0)),
        gap_deg=80.0,
        rms_s=0.1,
        nearest_m=8000.0,
        station_count=count,
        quality="A",
        model="half-space",
        arrivals=tuple(arrivals),
    )
    quake = Quake("q1", 1, origin, (Magnitude("ML", 3.4, 0.2, "", ()),))
    return quake, stations, segments, predicted


def all_three(quake, stations, segments, predicted):
    return (
        record_section(quake, segments, predicted, stations=stations),
        quake_map(quake, stations.values()),
        residuals(quake),
    )


def colours(png):
    """How many shades a picture has: a blank one has a single one."""
    pixels = (imread(BytesIO(png), format="png")[::2, ::2, :3] * 255).astype(np.int32)
    return int(np.count_nonzero(np.bincount((pixels @ [65536, 256, 1]).ravel())))


def size_px(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def empty_colours():
    """How many shades the headline and frames alone give."""
    quake, *_ = scene(0)
    return colours(residuals(quake))


def test_pictures_are_whole_and_say_something():
    for png, width in zip(all_three(*scene()), (1500, 1230, 1500), strict=True):
        assert size_px(png)[0] == width
        assert size_px(png)[1] > 600
        assert colours(png) > empty_colours()


def test_the_same_quake_gives_the_same_bytes():
    assert all_three(*scene()) == all_three(*scene())


def test_no_clock_and_no_maker_in_the_file():
    for png in all_three(*scene()):
        assert b"Software" not in png
        assert b"tIME" not in png
        assert b"matplotlib" not in png.lower()


def test_a_later_pick_moves_its_mark():
    quake, _, segments, predicted = scene()
    first, *rest = quake.origin.arrivals
    later = replace(first, pick=replace(first.pick, time_ns=first.pick.time_ns + NS_PER_S))
    moved = replace(quake, origin=replace(quake.origin, arrivals=(later, *rest)))
    assert record_section(moved, segments, predicted) != record_section(quake, segments, predicted)


def test_a_turned_ellipse_turns_on_the_map():
    quake, stations, *_ = scene()
    turned = tuple(replace(ellipse, azimuth_deg=120.0) for ellipse in quake.origin.ellipses)
    other = replace(quake, origin=replace(quake.origin, ellipses=turned))
    assert quake_map(quake, stations.values()) != quake_map(other, stations.values())


def test_without_anything_there_is_still_a_picture():
    quake, *_ = scene(0)
    bare = replace(quake, magnitudes=(), origin=replace(quake.origin, ellipses=(), arrivals=(), model=""))
    for png in all_three(bare, {}, {}, {}):
        assert colours(png) > 20


def test_a_nation_of_stations_fits_on_a_page():
    quake, stations, segments, predicted = scene(90)
    section = record_section(quake, segments, predicted, stations=stations)
    assert size_px(section)[1] <= 150 * (0.31 * MOST_TRACES + 3)
    assert size_px(quake_map(quake, stations.values())) == (1230, 1405)


HOSTILE = [
    "$\\frac{1}{0}$",
    "$",
    "\x00\x1b[31m",
    "A" * 5000,
    "<script>",
    "\\input{/etc/passwd}",
    "\u202egnp.exe",
    "%s%n{0}",
]


def test_hostile_names_are_only_drawn():
    quake, stations, segments, predicted = scene(len(HOSTILE), names=HOSTILE)
    origin = replace(quake.origin, model="$\\oops{", quality="$^{")
    hostile = replace(quake, origin=origin, magnitudes=(Magnitude("$M_{", 3.0, 0.1, "", ()),))
    for png in all_three(hostile, stations, segments, predicted):
        assert size_px(png)[0] <= 1500
        assert colours(png) > 20


@given(st.text(max_size=300))
def test_plain_text_is_one_short_printable_line_without_commands(text):
    safe = plain(text)
    assert safe.isprintable()
    assert len(safe.replace(r"\$", "$")) <= 160
    assert "\\" not in safe.replace(r"\$", "")
    assert "$" not in safe.replace(r"\$", "")


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(-89.5, 89.5), st.sampled_from([-180.0, 179.99, 0.0, -75.3]))
def test_the_map_works_everywhere(latitude_deg, longitude_deg):
    quake, stations, *_ = scene(4, latitude_deg, longitude_deg)
    assert colours(quake_map(quake, stations.values())) > 50


def test_across_the_date_line_the_map_stays_small():
    quake, stations, *_ = scene(6, -17.0, 179.95)
    inland, others, *_ = scene(6, -17.0, 120.0)
    assert abs(len(quake_map(quake, stations.values())) - len(quake_map(inland, others.values()))) < 20_000


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(1, dtype=np.int32),
        np.full(3000, 5, dtype=np.int32),
        np.full(3000, np.nan),
        np.full(3000, 2**31 - 1, dtype=np.int32),
        np.where(np.arange(3000) == 1500, np.inf, 0.0),
    ],
)
def test_odd_samples_do_not_spoil_the_section(samples):
    quake, stations, segments, predicted = scene(3)
    source = next(source for source in segments if source.component == "Z")
    segments[source] = [replace(segments[source][0], samples=samples)]
    assert colours(record_section(quake, segments, predicted, stations=stations)) > 20


def test_slow_and_empty_channels_are_drawn_or_passed_over():
    quake, stations, segments, predicted = scene(3)
    slow, empty = SourceId("XX", "S000", "", "LHZ"), SourceId("XX", "S001", "", "BHZ")
    segments = {source: runs for source, runs in segments.items() if source.station != "S000"}
    segments |= {slow: [Segment(slow, ORIGIN_NS, 1.0, np.arange(40, dtype=np.int32))], empty: []}
    assert colours(record_section(quake, segments, predicted, stations=stations)) > 20


def test_a_station_nobody_placed_is_passed_over():
    quake, stations, *_ = scene(3)
    lost = Station("XX", "LOST", None, None)
    assert quake_map(quake, [*stations.values(), lost]) == quake_map(quake, stations.values())


def test_far_outliers_stay_at_the_edge():
    quake, *_ = scene()
    first, *rest = quake.origin.arrivals
    wild = replace(quake, origin=replace(quake.origin, arrivals=(replace(first, residual_s=900.0, weight=0.0), *rest)))
    assert colours(residuals(wild)) > empty_colours()
    assert residuals(wild) != residuals(quake)
