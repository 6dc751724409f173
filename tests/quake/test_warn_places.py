"""What places have to expect of a known source: how hard, when, and where it is too late; on real quakes too."""

import csv
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.acquire import Recent
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.shake.ground_motion import expected
from houfeng.quake.shake.mmi import mmi
from houfeng.quake.shake.station import station_shaking
from houfeng.quake.warn.places import PUBLISH_S, blind_zone_m, columns_of, expectations, foretold, reach_m
from houfeng.wire.inventory import read_inventory
from houfeng.wire.waveforms import read_waveforms, stations_from_waveforms
from houfeng.words.alert import Place
from houfeng.words.earth import distance_m, travelled
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.model import VelocityModel
from houfeng.words.station import Inventory

ORIGIN_NS = 1_600_000_000 * NS_PER_S
CRUST = VelocityModel("crust", "", np.array([0.0, 40_000.0]), np.array([6000.0, 8000.0]), np.array([3500.0, 4500.0]))


@dataclass(frozen=True)
class Source:
    origin_time_ns: int = ORIGIN_NS
    latitude_deg: float = 30.0
    longitude_deg: float = 103.0
    depth_m: float = 10_000.0
    magnitude: float = 6.0


@pytest.fixture(scope="module")
def times():
    return TravelTimes(CRUST, max_distance_m=300_000.0, min_depth_m=0.0, max_depth_m=100_000.0, elevations_m=[0.0])


def places_at(*away_m, vs30_mps=760.0):
    latitude, longitude = travelled(30.0, 103.0, np.array(away_m), 0.0)
    return tuple(
        Place(f"at {away:g} m", float(a), float(b), vs30_mps)
        for away, a, b in zip(away_m, latitude, longitude, strict=True)
    )


sources = st.builds(
    Source,
    depth_m=st.floats(0, 90_000),
    magnitude=st.floats(3.0, 8.5),
    origin_time_ns=st.integers(ORIGIN_NS, ORIGIN_NS + 10**12),
)


@settings(deadline=None)
@given(sources, st.lists(st.floats(0, 350_000), min_size=1, max_size=6), st.floats(0, 20), st.floats(0, 3))
def test_many_places_at_once_are_as_each_alone(times, source, away_m, after_s, publish_s):
    declared_ns = source.origin_time_ns + round(after_s * NS_PER_S)
    told = expectations(source, places_at(*away_m), times, declared_ns, publish_s=publish_s)
    for away, each in zip(away_m, told, strict=True):
        (alone,) = expectations(source, places_at(away), times, declared_ns, publish_s=publish_s)
        assert alone.place == each.place
        assert alone.s_ns == each.s_ns
        assert (alone.mmi, alone.csis, alone.left_s) == pytest.approx((each.mmi, each.csis, each.left_s), abs=1e-9)
        assert each.by == "source"
        assert each.left_s == pytest.approx((each.s_ns - declared_ns) / NS_PER_S - publish_s, abs=1e-6)


#: GB/T 17742 takes velocity alone from VI on, and its mean with acceleration below: where these disagree, a step down.
STEP_AT_SIX = 1.0


@settings(deadline=None)
@given(sources, st.floats(0, 290_000), st.floats(2000, 20_000))
def test_farther_away_it_shakes_less_and_later(times, source, away_m, more_m):
    near, far = expectations(source, places_at(away_m, away_m + more_m), times, source.origin_time_ns)
    assert far.mmi <= near.mmi
    assert far.csis <= near.csis + STEP_AT_SIX
    assert far.s_ns > near.s_ns


@settings(deadline=None)
@given(sources, st.integers(-(10**17), 10**17))
def test_shifting_time_shifts_arrivals_and_nothing_else(times, source, shift_ns):
    places = places_at(0.0, 50_000.0)
    moved = replace(source, origin_time_ns=source.origin_time_ns + shift_ns)
    for one, other in zip(
        expectations(source, places, times, source.origin_time_ns),
        expectations(moved, places, times, moved.origin_time_ns),
        strict=True,
    ):
        assert other == replace(one, s_ns=one.s_ns + shift_ns)


@settings(deadline=None)
@given(sources, st.floats(0, 120), st.sampled_from(sorted(PUBLISH_S.values())))
def test_the_blind_zone_ends_where_nothing_is_left(times, source, after_s, publish_s):
    declared_ns = source.origin_time_ns + round(after_s * NS_PER_S)
    radius_m = blind_zone_m(source, times, declared_ns, publish_s=publish_s)
    (at_epicentre,) = expectations(source, places_at(0.0), times, declared_ns, publish_s=publish_s)
    if radius_m == 0:
        assert at_epicentre.left_s >= -1e-6
    else:
        columns = np.array([[source.latitude_deg, source.longitude_deg, 760.0]])
        assert foretold(source, columns, times, declared_ns, publish_s=publish_s).left_s[0] <= 0
        edge_s = float(times.seconds("S", radius_m, source.depth_m, 0.0)) - after_s - publish_s
        assert -1e-6 <= edge_s < 0.05


def test_the_blind_zone_in_one_kind_of_rock_is_as_in_textbooks():
    rock = VelocityModel("rock", "", np.array([0.0]), np.array([6000.0]), np.array([3500.0]))
    times = TravelTimes(rock, max_distance_m=100e3, min_depth_m=0.0, max_depth_m=30e3, elevations_m=[0.0])
    for after_s, publish_s in ((6.0, 0.0), (6.0, 2.0), (15.0, 1.5)):
        declared_ns = ORIGIN_NS + round(after_s * NS_PER_S)
        textbook = np.sqrt((3500.0 * (after_s + publish_s)) ** 2 - 10_000.0**2)
        assert blind_zone_m(Source(), times, declared_ns, publish_s=publish_s) == pytest.approx(textbook, abs=250)
    assert blind_zone_m(Source(), times, ORIGIN_NS + 2 * NS_PER_S) == 0.0


@settings(deadline=None)
@given(sources, st.floats(2, 9), st.sampled_from(["mmi", "csis"]), st.floats(150, 1000))
def test_the_reach_of_an_intensity_ends_where_less_is_expected(times, source, level, scale, vs30_mps):
    radius_m = reach_m(source, level, scale=scale, vs30_mps=vs30_mps)
    inside, outside = (
        getattr(each, scale)
        for each in expectations(
            source, places_at(max(radius_m - 100, 0.0), radius_m + 300, vs30_mps=vs30_mps), times, ORIGIN_NS
        )
    )
    assert inside >= level or radius_m == 0
    assert outside < level or radius_m >= 400_000


def test_soft_ground_shakes_more():
    assert reach_m(Source(), 6.0, vs30_mps=250.0) > 1.3 * reach_m(Source(), 6.0)


def test_a_long_rupture_reaches_farther_than_a_point():
    # M 7.8 breaks some 145 km: what a point would shake at 30 km, it shakes half as far again
    peaks = [np.exp(expected(measure, 7.8, 30_000.0).ln_median) for measure in ("pga", "pgv")]
    assert reach_m(Source(magnitude=7.8), float(mmi(*peaks))) > 1.4 * 30_000


def test_a_deep_source_shakes_its_epicentre_less(times):
    shallow, deep = (
        expectations(Source(depth_m=depth_m), places_at(0.0), times, ORIGIN_NS)[0].mmi for depth_m in (35e3, 90e3)
    )
    assert deep < shallow - 1


def test_what_is_no_number_is_refused(times):
    for wrong in ({"magnitude": np.nan}, {"latitude_deg": 91.0}, {"depth_m": np.inf}, {"longitude_deg": np.nan}):
        with pytest.raises(DataFault, match="quake"):
            expectations(Source(**wrong), places_at(0.0), times, ORIGIN_NS)
    for wrong in (Place("bog", 30.0, 103.0, 0.0), Place("bog", np.nan, 103.0), Place("bog", 30.0, 103.0, np.nan)):
        with pytest.raises(DataFault, match="'bog'"):
            columns_of([*places_at(0.0), wrong])
    assert expectations(Source(), (), times, ORIGIN_NS) == ()


def heard(folder, pattern, inventory=None):
    memory, stations = Recent(3600.0), []
    for path in sorted(folder.glob(pattern)):
        data = path.read_bytes()
        stations.extend(stations_from_waveforms(data, path.name))
        for batch in read_waveforms(data, path.name).batches:
            memory.append(batch)
    known = inventory or Inventory(tuple(stations))
    said = station_shaking(None, memory.channels(), known, memory.segments, lambda _: None)
    return [each for each in said if not each.refused and each.latitude_deg is not None]


def quake_of(folder, name):
    with (folder / "truth" / "events.csv").open(newline="", encoding="utf-8") as handle:
        (row,) = [row for row in csv.DictReader(handle) if row["event_id"] == name]
    # the Mexican catalogue says no depth: that of its subduction zone's quakes, which matters to S alone
    depth_m = 1000 * float(row["depth_km"] or 20.0)
    return Source(
        parse_instant(row["origin_time"]),
        float(row["latitude"]),
        float(row["longitude"]),
        depth_m,
        float(row["magnitude"]),
    )


def beyond(source, stations, times):
    """What stations saw beyond what was expected there, MMI, and how far away, m."""
    places = [Place(each.station_key, each.latitude_deg, each.longitude_deg) for each in stations]
    told = expectations(source, places, times, source.origin_time_ns)
    away_m = [distance_m(source.latitude_deg, source.longitude_deg, p.latitude_deg, p.longitude_deg) for p in places]
    return np.array([seen.mmi - each.mmi for seen, each in zip(stations, told, strict=True)]), np.array(away_m)


def test_the_magnitude_7_of_mexico_was_as_expected(houfeng_data, times):
    folder = houfeng_data / "openeew_mexico_a"
    path = folder / "stations" / "stations_derived.xml"
    stations = heard(
        folder / "waveforms", "2018_2_16.mseed", Inventory(tuple(read_inventory(path.read_bytes(), path.name).stations))
    )
    residual, away_m = beyond(quake_of(folder, "ssn_2018_2_16"), stations, times)
    assert len(residual) == 13
    assert away_m.min() < 70_000
    assert abs(np.median(residual)) < 0.2
    assert np.abs(residual).max() < 1.0


def test_aomori_was_as_expected(houfeng_data, times):
    folder = houfeng_data / "knet_aomori_2018"
    residual, _ = beyond(quake_of(folder, "us2000cnnl"), heard(folder / "waveforms", "*"), times)
    assert len(residual) == 9
    assert abs(np.median(residual)) < 0.3
    assert np.abs(residual).max() < 1.0
