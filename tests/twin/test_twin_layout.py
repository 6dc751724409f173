"""Where stations stand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.twin.layout import Group, places
from houfeng.words.earth import distance_m


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.floats(5e3, 3e5), st.floats(0.5, 1.0), st.integers(0, 99))
def test_stations_stand_around_their_centre_on_their_ground(count, radius_m, density, seed):
    group = Group("P", 36.0, 104.0, radius_m, count, density, 1500.0, 300.0)
    latitude, longitude, elevation = places(group, np.random.default_rng(seed))
    assert len(latitude) == len(longitude) == len(elevation) == count
    assert distance_m(36.0, 104.0, latitude, longitude).max() < 2.5 * radius_m
    assert elevation.min() >= 1500.0
    assert elevation.max() <= 1800.0


@pytest.mark.parametrize("count", [30, 300])
def test_none_crowd_and_none_are_far(count):
    group = Group("P", 36.0, 104.0, 1e5, count, 0.5)
    latitude, longitude, _ = places(group, np.random.default_rng(4))
    apart = distance_m(latitude[:, None], longitude[:, None], latitude, longitude) + 1e9 * np.eye(count)
    spacing_m = 1e5 * np.sqrt(np.pi / count)
    nearest = apart.min(axis=1)
    assert np.percentile(nearest, 5) > 0.25 * spacing_m
    assert nearest.max() < 2.0 * spacing_m
