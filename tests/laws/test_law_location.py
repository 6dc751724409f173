"""Law 4: shifting all times, or all coordinates, shifts the origin and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.locate.locator import Locator
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.words.earth import distance_m, travelled
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.source import SourceId
from houfeng.words.station import Station

MODEL = VelocityModel("test", "test", np.array([0.0, 8e3]), np.array([5400.0, 6300.0]), np.array([3100.0, 3600.0]))
EPOCH_NS = 1_600_000_000_000_000_000
COUNT = 9


def _layout():
    rng = np.random.default_rng(17)
    return rng.uniform(-30e3, 30e3, (2, COUNT)), rng.uniform(0, 900, COUNT), rng.normal(0, 1, (COUNT, 2))


OFFSETS, ELEVATIONS, NOISE = _layout()
TIMES = TravelTimes(MODEL, max_distance_m=300e3, min_depth_m=-2e3, max_depth_m=60e3, elevations_m=ELEVATIONS)


def _case(latitude_deg=47.0, longitude_deg=11.0):
    """Stations and picks of one quake, wild pick included, around a place."""
    latitude, longitude = travelled(latitude_deg, longitude_deg, *OFFSETS)
    stations = {
        f"XX.S{i}": Station("XX", f"S{i}", float(latitude[i]), float(longitude[i]), float(ELEVATIONS[i]))
        for i in range(COUNT)
    }
    (at_latitude,), (at_longitude,) = travelled(latitude_deg, longitude_deg, np.array([6e3]), np.array([-9e3]))
    picks = []
    for i, station in enumerate(stations.values()):
        away = distance_m(at_latitude, at_longitude, station.latitude_deg, station.longitude_deg)
        for phase, sigma in (("P", 0.06), ("S", 0.12)):
            onset = float(TIMES.seconds(phase, away, 11e3, station.elevation_m)) + sigma * NOISE[i, "PS".index(phase)]
            late = 5.0 if (i, phase) == (2, "S") else 0.0
            source = SourceId("XX", station.code, "", "HHZ")
            picks.append(Pick(source, phase, EPOCH_NS + round((onset + late) * 1e9), sigma))
    return stations, picks


STATIONS, PICKS = _case()
ORIGIN = Locator(STATIONS, TIMES).locate(PICKS)


def _turned(longitude_deg, by_deg):
    return (longitude_deg + by_deg + 180.0) % 360.0 - 180.0


@given(shift_ns=st.integers(-4 * 10**18, 4 * 10**18))
@settings(max_examples=25, deadline=None)
def test_shifting_all_times_shifts_the_origin_time_and_nothing_else(shift_ns):
    moved = Locator(STATIONS, TIMES).locate([replace(pick, time_ns=pick.time_ns + shift_ns) for pick in PICKS])
    assert moved.time_ns == ORIGIN.time_ns + shift_ns
    back = tuple(
        replace(arrival, pick=replace(arrival.pick, time_ns=arrival.pick.time_ns - shift_ns))
        for arrival in moved.arrivals
    )
    assert np.array_equal(moved.covariance_m2, ORIGIN.covariance_m2)
    rest = {"time_ns": ORIGIN.time_ns, "arrivals": back, "covariance_m2": ORIGIN.covariance_m2}
    assert replace(moved, **rest) == replace(ORIGIN, arrivals=back)
    assert back == ORIGIN.arrivals


@given(by_deg=st.floats(-360, 360))
@settings(max_examples=25, deadline=None)
def test_shifting_all_longitudes_shifts_the_longitude_and_nothing_else(by_deg):
    stations = {
        key: replace(station, longitude_deg=_turned(station.longitude_deg, by_deg)) for key, station in STATIONS.items()
    }
    moved = Locator(stations, TIMES).locate(PICKS)
    assert abs(_turned(moved.longitude_deg - ORIGIN.longitude_deg, -by_deg)) * 111e3 < 2.0
    assert moved.latitude_deg == pytest.approx(ORIGIN.latitude_deg, abs=2e-5)
    assert moved.depth_m == pytest.approx(ORIGIN.depth_m, abs=5.0)
    assert moved.time_ns == pytest.approx(ORIGIN.time_ns, abs=2e6)
    np.testing.assert_allclose(moved.covariance_m2, ORIGIN.covariance_m2, rtol=0.02, atol=200.0)
    assert moved.quality == ORIGIN.quality
    assert moved.gap_deg == pytest.approx(ORIGIN.gap_deg, abs=0.05)


@given(latitude_deg=st.floats(-80, 80), longitude_deg=st.floats(-180, 180))
@settings(max_examples=25, deadline=None)
def test_the_same_network_elsewhere_finds_the_same_quake_there(latitude_deg, longitude_deg):
    stations, picks = _case(latitude_deg, longitude_deg)
    origin = Locator(stations, TIMES).locate(picks)
    (at_latitude,), (at_longitude,) = travelled(latitude_deg, longitude_deg, np.array([6e3]), np.array([-9e3]))
    here = float(distance_m(at_latitude, at_longitude, origin.latitude_deg, origin.longitude_deg))
    (home_latitude,), (home_longitude,) = travelled(47.0, 11.0, np.array([6e3]), np.array([-9e3]))
    home = float(distance_m(home_latitude, home_longitude, ORIGIN.latitude_deg, ORIGIN.longitude_deg))
    assert here == pytest.approx(home, abs=60.0)
    assert origin.depth_m == pytest.approx(ORIGIN.depth_m, abs=150.0)


@given(order=st.permutations(range(len(PICKS))))
@settings(max_examples=25, deadline=None)
def test_the_order_of_picks_changes_nothing(order):
    again = Locator(STATIONS, TIMES).locate([PICKS[i] for i in order])
    assert np.array_equal(again.covariance_m2, ORIGIN.covariance_m2)
    assert replace(again, covariance_m2=ORIGIN.covariance_m2) == replace(ORIGIN)
