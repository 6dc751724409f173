"""Ruptures as patches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.twin.made import MadeQuake
from houfeng.twin.rupture import FINITE_MAGNITUDE, rupture
from houfeng.twin.source import moment_nm

FREQUENCY = np.geomspace(0.05, 30.0, 50)


def made(scenario, magnitude, depth_m=12e3, dip=60.0, seed=1):
    quake = MadeQuake(0, 30.0, 104.0, depth_m, magnitude, 40.0, dip, 90.0, 8e6)
    return rupture(quake, scenario.crust, np.random.default_rng(seed))


def test_small_ones_are_one_patch(scenario):
    one = made(scenario, FINITE_MAGNITUDE - 0.01)
    assert len(one.weight) == 1
    assert one.moment_nm == pytest.approx(moment_nm(4.99))
    assert one.restored(FREQUENCY) == pytest.approx(np.ones(50))


@settings(max_examples=30)
@given(
    magnitude=st.floats(FINITE_MAGNITUDE, 7.5),
    depth_m=st.floats(3e3, 25e3),
    dip=st.floats(10.0, 90.0),
    seed=st.integers(0, 99),
)
def test_patches_break_from_the_hypocentre_outwards_below_the_ground(scenario, magnitude, depth_m, dip, seed):
    one = made(scenario, magnitude, depth_m, dip, seed)
    assert one.delay_s[0] == one.east_m[0] == one.north_m[0] == 0.0
    assert one.depth_m[0] == depth_m
    assert (one.delay_s[1:] > 0).all()
    assert one.depth_m.min() > 0
    away = np.sqrt(one.east_m**2 + one.north_m**2 + (one.depth_m - depth_m) ** 2)
    assert np.all(np.diff(away) >= -1e-6)


@pytest.mark.parametrize("magnitude", [5.0, 6.0, 7.0])
def test_together_they_have_the_spectrum_of_the_point_source(scenario, magnitude):
    one = made(scenario, magnitude)
    patches = one.weight[:, None] * one.restored(FREQUENCY)
    patches /= 1 + (FREQUENCY / one.class_hz[one.patch_class][:, None]) ** 2
    assert np.sqrt((patches**2).sum(axis=0)) == pytest.approx(1 / (1 + (FREQUENCY / one.corner_hz) ** 2))


def test_later_patches_have_lower_corners(scenario):
    one = made(scenario, 6.5)
    corners = one.class_hz[one.patch_class]
    assert corners[0] == corners.max() > corners[-1] == corners.min()
