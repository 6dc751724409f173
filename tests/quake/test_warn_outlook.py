"""What places expect of an alert, by its quake and by what stations nearby feel."""

from dataclasses import replace

import numpy as np
import pytest

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.outlook import Outlook
from houfeng.quake.warn.policy import Policy
from houfeng.wire.model import default_model
from houfeng.words.alert import Alert, Place
from houfeng.words.assurance import Tier
from houfeng.words.instant import NS_PER_S
from houfeng.words.station import Station

ORIGIN_NS = 1_700_000_000 * NS_PER_S
ALERT = Alert(
    "made", 1, "first", "test", ORIGIN_NS + 5 * NS_PER_S, ORIGIN_NS, 30.0, 104.0, 10_000.0, 3_000.0, 4.5, 0.3,
    False, 20.0, 12.0, 2, 2, (), 0.0, (), Tier.NONE, ("operators", "engineers"), None,
)  # fmt: skip
STATIONS = tuple(Station("XX", f"S{k}", 30.9 + 0.05 * k, 104.0, 0.0) for k in range(6))
FAR_TOWN = Place("far", 31.0, 104.0)


@pytest.fixture(scope="module")
def outlook():
    times = TravelTimes(
        default_model(), max_distance_m=400_000.0, min_depth_m=-1_000.0, max_depth_m=100_000.0, elevations_m=[0.0]
    )
    return Outlook([Place("near", 30.1, 104.0), FAR_TOWN], STATIONS, Policy(), times)


def test_where_nothing_is_felt_the_quake_speaks(outlook):
    near, far = outlook.of(ALERT, np.full(6, np.nan), np.ones(6))
    assert (near.by, far.by) == ("source", "source")
    assert near.mmi > far.mmi
    assert near.s_ns < far.s_ns


def test_shaking_nearby_that_enough_stations_show_counts_where_it_is_more(outlook):
    near, far = outlook.of(ALERT, np.full(6, 7.0), np.ones(6))
    assert near.by == "source"
    assert far.by == "shaking nearby"
    assert far.mmi == pytest.approx(7.0, abs=0.5)


def test_one_station_that_shows_it_raises_nothing(outlook):
    felt = np.full(6, 2.0)
    felt[2] = 10.0
    assert outlook.of(ALERT, felt, np.ones(6)) == outlook.of(ALERT, np.full(6, 2.0), np.ones(6))


def test_nobody_is_told_to_expect_a_quake_taken_back(outlook):
    assert outlook.of(replace(ALERT, kind="cancel"), np.full(6, 7.0), np.ones(6)) == ()
