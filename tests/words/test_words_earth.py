"""Distances on the ellipsoid, beside Vincenty's and at their limits."""

import warnings

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from obspy.geodetics import gps2dist_azimuth

from houfeng.words.earth import EQUATORIAL_RADIUS_M, FLATTENING, distance_m

latitude = st.integers(-90_000_000, 90_000_000).map(lambda millionths: millionths / 1e6)
longitude = st.integers(-180_000_000, 180_000_000).map(lambda millionths: millionths / 1e6)


@given(latitude, longitude, latitude, longitude)
def test_distances_are_vincentys_as_far_as_quakes_are_heard(lat, lon, other_lat, other_lon):
    assume((lat, lon) != (other_lat, other_lon))  # theirs divides by zero there
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it gives up: between antipodes
        theirs_m = gps2dist_azimuth(lat, lon, other_lat, other_lon)[0]
    assume(theirs_m < 10_000_000)
    assert abs(float(distance_m(lat, lon, other_lat, other_lon)) - theirs_m) < 25


@given(latitude, longitude, st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3))
def test_between_antipodes_it_is_still_a_distance(lat, lon, off_lat, off_lon):
    away_m = float(distance_m(lat, lon, np.clip(-lat + off_lat, -90, 90), lon + 180 + off_lon))
    half_round_m = np.pi * EQUATORIAL_RADIUS_M
    assert (1 - FLATTENING) * half_round_m - 500 < away_m <= half_round_m
