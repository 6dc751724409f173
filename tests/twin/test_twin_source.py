"""What a rupture sends out: against moment tensors, published means and hand calculation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.twin.source import (
    MEAN_P,
    MEAN_SH,
    MEAN_SV,
    corner_hz,
    moment_nm,
    radiation,
    seen_radiation,
    usual_stress_pa,
)

ANGLES = st.tuples(st.floats(0, 360), st.floats(0, 90), st.floats(-180, 180))
RAYS = st.tuples(st.floats(0, 360), st.floats(0, 180))


def tensor(strike, dip, rake):
    """Moment tensor from slip and normal, north, east, down."""
    s, d, r = np.radians((strike, dip, rake))
    slip = np.array(
        [
            np.cos(r) * np.cos(s) + np.cos(d) * np.sin(r) * np.sin(s),
            np.cos(r) * np.sin(s) - np.cos(d) * np.sin(r) * np.cos(s),
            -np.sin(r) * np.sin(d),
        ]
    )
    normal = np.array([-np.sin(d) * np.sin(s), np.sin(d) * np.cos(s), -np.cos(d)])
    return np.outer(slip, normal) + np.outer(normal, slip)


@given(ANGLES, RAYS)
def test_radiation_is_that_of_the_moment_tensor(angles, ray):
    azimuth, takeoff = np.radians(ray)
    along = np.array([np.sin(takeoff) * np.cos(azimuth), np.sin(takeoff) * np.sin(azimuth), np.cos(takeoff)])
    steeper = np.array([np.cos(takeoff) * np.cos(azimuth), np.cos(takeoff) * np.sin(azimuth), -np.sin(takeoff)])
    across = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    moment = tensor(*angles)
    p, sv, sh = radiation(*angles, *ray)
    assert float(p) == pytest.approx(along @ moment @ along, abs=1e-9)
    assert float(sv) == pytest.approx(steeper @ moment @ along, abs=1e-9)
    assert float(sh) == pytest.approx(across @ moment @ along, abs=1e-9)


@pytest.mark.parametrize("angles", [(20.0, 90.0, 0.0), (110.0, 45.0, 90.0), (250.0, 60.0, -30.0)])
def test_means_over_the_focal_sphere(angles):
    takeoff = np.degrees(np.arccos(np.linspace(-0.9995, 0.9995, 400)))
    azimuth = np.linspace(0, 360, 400, endpoint=False)
    patterns = radiation(*angles, azimuth[:, None], takeoff)
    p, sv, sh = (float(np.mean(pattern**2)) for pattern in patterns)
    assert np.sqrt(p) == pytest.approx(MEAN_P, rel=1e-2)
    assert sv + sh == pytest.approx(MEAN_SV**2 + MEAN_SH**2, rel=1e-2)


def test_numbers_by_hand():
    assert moment_nm(6.0) == pytest.approx(10**18.1)
    # M 5, 10 MPa, 3.5 km/s: 0.4906 * 3500 * (1e7 / 3.98e16)^(1/3)
    assert float(corner_hz(moment_nm(5.0), 1e7, 3500.0)) == pytest.approx(1.0836, rel=1e-3)
    assert usual_stress_pa(6.5) == usual_stress_pa(5.0)
    assert usual_stress_pa(3.0) == pytest.approx(usual_stress_pa(5.0) * np.exp(-0.458))


@given(st.floats(-1, 1))
def test_scattering_makes_patterns_round(pattern):
    seen = seen_radiation(np.array([0.1, 0.9, 3.1, 20.0]), pattern, MEAN_P)
    assert seen[0] == seen[1] == pytest.approx(max(abs(pattern), 0.1 * MEAN_P))
    assert seen[2] == seen[3] == pytest.approx(MEAN_P)
