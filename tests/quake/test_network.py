"""Geometry of a network, and what follows from it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.network import (
    DEEPEST_QUAKE_M,
    HEARD_BY,
    LARGEST_REACH_M,
    LEAST_DEPTH_RANGE_M,
    LEAST_REACH_M,
    network_of,
)
from houfeng.words.earth import distance_m, travelled
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

NOW_NS = 1_700_000_000 * 10**9


def _sources(stations, channels=("HHZ",)):
    return [SourceId(station.network, station.code, "", channel) for station in stations for channel in channels]


def _scattered(east_m, north_m):
    latitude, longitude = travelled(36.0, 140.0, np.asarray(east_m), np.asarray(north_m))
    return [Station("XX", f"S{i:03d}", float(latitude[i]), float(longitude[i]), 10.0 * i) for i in range(len(latitude))]


def _network(stations, sources=None):
    return network_of(Inventory(tuple(stations)), _sources(stations) if sources is None else sources, NOW_NS)


def _grid(count, step_m):
    east, north = np.meshgrid(np.arange(count) * step_m, np.arange(count) * step_m)
    return _scattered(east.ravel(), north.ravel())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), count=st.integers(0, 40), width_m=st.floats(1e3, 3e6))
def test_reach_and_depth_stay_within_what_the_earth_allows(seed, count, width_m):
    network = _network(_scattered(*np.random.default_rng(seed).uniform(-width_m, width_m, (2, count)) / 2))
    assert LEAST_REACH_M <= network.reach_m <= LARGEST_REACH_M
    assert LEAST_DEPTH_RANGE_M <= network.deepest_m <= DEEPEST_QUAKE_M
    assert 0.0 <= network.aperture_m <= 1.05 * np.sqrt(2) * width_m
    if network.reach_m > LEAST_REACH_M:
        assert network.reach_m <= network.aperture_m


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 9_999),
    count=st.integers(2, 70),
    width_deg=st.sampled_from([1e-6, 0.1, 3.0, 60.0, 180.0]),
    opposite=st.booleans(),
)
def test_the_geometry_is_to_the_bit_that_of_all_distances(seed, count, width_deg, opposite):
    rng = np.random.default_rng(seed)
    latitude = np.clip(rng.uniform(-80, 80) + rng.uniform(-0.5, 0.5, count) * width_deg, -90, 90)
    longitude = rng.uniform(-180, 180) + rng.uniform(-1, 1, count) * width_deg
    if opposite:
        latitude[::2], longitude[::2] = -latitude[::2], longitude[::2] + 180.0
    longitude = (longitude + 180.0) % 360.0 - 180.0
    stations = [Station("XX", f"S{i:03d}", float(latitude[i]), float(longitude[i])) for i in range(count)]
    all_m = np.array([distance_m(latitude[i], longitude[i], latitude, longitude) for i in range(count)])
    ranked_m = np.sort(all_m, axis=1)[:, min(count - 1, HEARD_BY)]
    network = _network(stations)
    assert network.aperture_m == all_m.max()
    assert network.reach_m == np.clip(np.median(ranked_m), LEAST_REACH_M, LARGEST_REACH_M)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(9)))
def test_order_and_number_of_channels_change_nothing(order):
    stations = _grid(3, 70e3)
    network = _network(stations)
    shuffled = [stations[i] for i in order]
    again = _network(shuffled, _sources(shuffled, ("HHZ", "HHN", "HNZ")))
    assert dict(again.stations) == dict(network.stations)
    assert list(again.stations) == list(network.stations)
    assert (again.aperture_m, again.reach_m) == (network.aperture_m, network.reach_m)


def test_aperture_is_the_largest_distance():
    network = _network(_scattered([0.0, 30e3, 0.0], [0.0, 0.0, 40e3]))
    assert network.aperture_m == pytest.approx(50e3, rel=2e-3)


def test_reach_grows_with_the_spacing_of_stations():
    reaches = [_network(_grid(7, step_m)).reach_m for step_m in (1e3, 30e3, 60e3, 120e3)]
    assert reaches[0] == LEAST_REACH_M
    assert reaches[1] < reaches[2] < reaches[3]
    assert reaches[3] == pytest.approx(2 * reaches[2], rel=0.1)


def test_more_stations_at_the_same_spacing_do_not_widen_the_reach_much():
    small, large = _network(_grid(6, 50e3)), _network(_grid(16, 50e3))
    assert large.aperture_m > 2.5 * small.aperture_m
    assert large.reach_m <= small.reach_m


def test_a_far_outpost_widens_the_aperture_only():
    inner = _grid(6, 20e3)
    network = _network(inner)
    with_outpost = _network([*inner, Station("XX", "FAR", -20.0, 140.0)])
    assert with_outpost.aperture_m > 10 * network.aperture_m
    assert with_outpost.reach_m == pytest.approx(network.reach_m, rel=0.05)


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_stations_there_is_no_geometry(count):
    network = _network(_scattered([0.0] * count, [0.0] * count))
    assert (network.aperture_m, network.reach_m) == (0.0, LEAST_REACH_M)
    assert network.highest_m == 0.0


def test_stations_without_coordinates_are_named_apart():
    known, nowhere = _scattered([0.0, 10e3], [0.0, 0.0]), Station("XX", "LOST", None, None)
    stranger = SourceId("YY", "NEW", "", "HHZ")
    network = _network([*known, nowhere], [*_sources([*known, nowhere]), stranger])
    assert list(network.stations) == ["XX.S000", "XX.S001"]
    assert network.unplaced == ("XX.LOST", "YY.NEW")


def test_stations_that_do_not_speak_take_no_part():
    stations = _grid(3, 50e3)
    assert len(_network(stations, _sources(stations[:4])).stations) == 4


def test_a_station_stands_where_it_stood_then():
    before = Station("XX", "MOVED", 36.0, 140.0, end_ns=NOW_NS)
    after = Station("XX", "MOVED", 37.0, 141.0, start_ns=NOW_NS)
    inventory = Inventory((before, after))
    assert network_of(inventory, _sources([before]), NOW_NS - 1).stations["XX.MOVED"] == before
    assert network_of(inventory, _sources([before]), NOW_NS).stations["XX.MOVED"] == after


def test_distances_come_in_the_order_of_stations():
    stations = _grid(3, 50e3)
    away_m = _network(stations[::-1]).away_m(36.5, 140.5)
    expected = [distance_m(36.5, 140.5, *station.place) for station in stations]
    np.testing.assert_allclose(away_m, expected)
    assert _network([]).away_m(0.0, 0.0).shape == (0,)


def test_highest_station():
    assert _network(_grid(3, 10e3)).highest_m == 80.0
