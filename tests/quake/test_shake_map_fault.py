"""Distances to ruptures, known and usual ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.shake.fault import rjb_m, rrup_m, usual_rjb_m
from houfeng.wire.fault import Fault
from houfeng.words.earth import distance_m, travelled


def make_fault(latitude_deg, longitude_deg, length_m, strike_deg, dip_deg, width_m=12_000.0, top_m=2_000.0) -> Fault:
    """A rectangle: its upper edge starts at a place and runs along the strike, dipping to the right."""
    strike, dip = np.radians(strike_deg), np.radians(dip_deg)
    along, down = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    across = down * width_m * np.cos(dip)
    east = along * length_m * np.sin(strike) + across * np.cos(strike)
    north = along * length_m * np.cos(strike) - across * np.sin(strike)
    latitude, longitude = travelled(latitude_deg, longitude_deg, east, north)
    return Fault((np.column_stack((latitude, longitude, top_m + down * width_m * np.sin(dip))),))


def sampled_m(fault, latitude_deg, longitude_deg, *, surface: bool) -> float:
    """Slow twin: the nearest of very many points on the rectangle."""
    corners = fault.polygons[0].copy()
    corners[:, 1] = np.unwrap(corners[:, 1], period=360)
    top_left, top_right, _, bottom_left = corners
    u, v = np.meshgrid(np.linspace(0, 1, 400), np.linspace(0, 1, 400))
    points = top_left + u[..., None] * (top_right - top_left) + v[..., None] * (bottom_left - top_left)
    flat = distance_m(points[..., 0], points[..., 1], latitude_deg, longitude_deg)
    return float(flat.min() if surface else np.hypot(flat, points[..., 2]).min())


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-60, 60),
    st.sampled_from([-122.3, 179.95, -179.99]),
    st.floats(1_000, 80_000),
    st.floats(0, 360),
    st.floats(5, 90),
    st.floats(-150_000, 150_000),
    st.floats(-150_000, 150_000),
)
def test_distances_are_those_of_the_nearest_of_many_points(latitude, longitude, length, strike, dip, east, north):
    fault = make_fault(latitude, longitude, length, strike, dip)
    there = travelled(latitude, longitude, [east], [north])
    for found, surface in ((rjb_m(fault, *there), True), (rrup_m(fault, *there), False)):
        slow = sampled_m(fault, *there, surface=surface)
        assert found[0] == pytest.approx(slow, rel=0.004, abs=300)


def test_above_a_dipping_rupture_the_distance_to_its_projection_is_nothing():
    fault = make_fault(38.0, -122.0, 40_000, 90.0, 30.0)
    there = travelled(38.0, -122.0, [20_000.0, 20_000.0], [-5_000.0, 5_000.0])
    np.testing.assert_allclose(rjb_m(fault, *there), [0.0, 5_000.0], atol=30)
    assert rrup_m(fault, *there)[0] == pytest.approx(
        (2_000 + 5_000 * np.tan(np.radians(30))) * np.cos(np.radians(30)), rel=0.02
    )


def test_of_two_polygons_the_nearer_counts():
    one, other = make_fault(38.0, -122.0, 10_000, 0.0, 90.0), make_fault(38.0, -121.0, 10_000, 0.0, 90.0)
    both = Fault(one.polygons + other.polygons)
    there = np.array([38.05, 38.05]), np.array([-122.1, -121.1])
    np.testing.assert_allclose(rjb_m(both, *there), np.minimum(rjb_m(one, *there), rjb_m(other, *there)), atol=50)


@given(st.floats(0, 400_000), st.floats(-1, 10))
def test_a_usual_rupture_is_no_farther_than_its_epicentre(epicentral_m, magnitude):
    mean, spread = usual_rjb_m(np.array([epicentral_m]), magnitude)
    assert 0 <= mean[0] <= epicentral_m
    assert 0 <= spread[0] <= 200_000


@pytest.mark.parametrize(("magnitude", "length_m"), [(6.0, 12_590.0), (7.0, 48_980.0)])
def test_far_away_the_usual_rupture_is_a_quarter_of_its_length_nearer_or_so(magnitude, length_m):
    # seen from afar it points anywhere: the nearest of its points is on average 0.32 lengths closer than its middle
    mean, _ = usual_rjb_m(np.array([40 * length_m]), magnitude)
    assert 40 * length_m - mean[0] == pytest.approx(length_m / np.pi, rel=0.03)


def test_random_ruptures_have_the_mean_that_is_stated():
    rng = np.random.default_rng(1)
    length_m = 1000 * 10 ** (-2.44 + 0.59 * 6.5)
    strike, begin = rng.uniform(0, 2 * np.pi, 40_000), rng.uniform(-0.5, 0.5, 40_000)
    for epicentral_m in (3_000.0, 10_000.0, 30_000.0):
        along = epicentral_m * np.cos(strike) - begin * length_m
        across = epicentral_m * np.sin(strike)
        away = np.hypot(np.maximum(np.abs(along) - length_m / 2, 0), across)
        mean, spread = usual_rjb_m(np.array([epicentral_m]), 6.5)
        assert mean[0] == pytest.approx(away.mean(), rel=0.03)
        assert spread[0] == pytest.approx(away.std(), rel=0.05)
