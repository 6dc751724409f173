"""Travel times against exact rays, ObsPy's TauP and physics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.optimize import brentq

from houfeng.quake.locate.traveltime import ELEVATION_LINES, TravelTimes
from houfeng.wire.model import default_model
from houfeng.words.earth import EARTH_RADIUS_M
from houfeng.words.model import VelocityModel

HALFSPACE = VelocityModel("one speed", "test", np.array([0.0]), np.array([6000.0]), np.array([3500.0]))
TWO = VelocityModel("two layers", "test", np.array([0.0, 30e3]), np.array([6000.0, 8000.0]), np.array([3500.0, 4500.0]))
SPEEDS = {"P": (6000.0, 8000.0), "S": (3500.0, 4500.0)}


@pytest.fixture(scope="module")
def two():
    return TravelTimes(TWO, max_distance_m=400e3, min_depth_m=-3e3, max_depth_m=60e3, elevations_m=[0.0, 500.0, 2500.0])


@pytest.fixture(scope="module")
def half():
    return TravelTimes(HALFSPACE, max_distance_m=300e3, min_depth_m=-4e3, max_depth_m=50e3, elevations_m=[0.0, 1800.0])


def exact_two_layers_s(phase, distance_m, depth_m, elevation_m):
    """Straight rays in two spherical shells: the direct one, and the one through the faster lower shell."""
    v1, v2 = SPEEDS[phase]
    source, station, moho = EARTH_RADIUS_M - depth_m, EARTH_RADIUS_M + elevation_m, EARTH_RADIUS_M - 30e3
    angle = distance_m / EARTH_RADIUS_M
    times = [np.sqrt(source**2 + station**2 - 2 * source * station * np.cos(angle)) / v1]

    def leg_angle(p):
        return sum(np.arccos(p * v1 / r) - np.arccos(p * v1 / moho) for r in (source, station))

    grazing = moho / v2
    if angle > leg_angle(grazing):
        p = brentq(lambda p: leg_angle(p) + 2 * np.arccos(min(1.0, p * v2 / moho)) - angle, 0.9 * grazing, grazing)
        legs = sum((np.sqrt(r**2 - (p * v1) ** 2) - np.sqrt(moho**2 - (p * v1) ** 2)) / v1 for r in (source, station))
        times.append(legs + 2 * np.sqrt(max(moho**2 - (p * v2) ** 2, 0.0)) / v2)
    return min(times)


@pytest.mark.parametrize("phase", ["P", "S"])
def test_two_layers_agree_with_exact_rays_to_1_ms(two, phase):
    rng = np.random.default_rng(1)
    distances = two.table.distances_m[two.table.distances_m < 300e3]
    depths = two.table.depths_m[two.table.depths_m <= 30e3]
    for _ in range(400):  # on the lines of the table: what the rays give
        x, z, e = rng.choice(distances), rng.choice(depths), rng.choice(two.table.elevations_m)
        assert float(two.seconds(phase, x, z, e)) == pytest.approx(exact_two_layers_s(phase, x, z, e), abs=1e-3)
    errors = []
    for _ in range(400):  # between them: linear interpolation bends where the refracted wave overtakes
        x, z, e = rng.uniform(0, 300e3), rng.uniform(-2.4e3, 29.9e3), rng.choice(two.table.elevations_m)
        errors.append(abs(float(two.seconds(phase, x, z, e)) - exact_two_layers_s(phase, x, z, e)))
    assert np.quantile(errors, 0.95) < 1e-3
    assert np.quantile(errors, 0.99) < 10e-3


def test_iasp91_agrees_with_taup_to_50_ms():
    taup = pytest.importorskip("obspy.taup").TauPyModel("iasp91")
    times = TravelTimes(
        default_model(), max_distance_m=3_100e3, min_depth_m=-1e3, max_depth_m=610e3, elevations_m=[0.0]
    )
    assert times.table.slowness_spm.nbytes < 30e6
    for depth_km in (0, 10, 33, 120, 400, 600):
        for degrees in (0.02, 0.3, 1.2, 2.5, 6.0, 13.0, 19.0, 23.0, 27.0):
            for phase, names in (("P", ["p", "P", "Pn", "Pg"]), ("S", ["s", "S", "Sn", "Sg"])):
                first = taup.get_travel_times(depth_km, degrees, names)[0]
                x = np.radians(degrees) * EARTH_RADIUS_M
                assert float(times.seconds(phase, x, depth_km * 1e3, 0.0)) == pytest.approx(first.time, abs=0.05)
                takeoff = float(times.takeoff_deg(phase, x, depth_km * 1e3, 0.0))
                assert takeoff == pytest.approx(first.takeoff_angle, abs=4)


@given(x=st.floats(0, 290e3), z=st.floats(-3.9e3, 49e3), e=st.sampled_from([0.0, 1800.0]))
def test_one_speed_is_the_straight_line_even_from_above_the_station(half, x, z, e):
    a, b = EARTH_RADIUS_M - z, EARTH_RADIUS_M + e
    straight = np.sqrt((a - b) ** 2 + 4 * a * b * np.sin(x / EARTH_RADIUS_M / 2) ** 2)
    # A source above the station may send its first wave along the top of the station's shell: never later.
    assert float(half.seconds("P", x, z, e)) == pytest.approx(straight / 6000.0, abs=1.8e-3)
    assert float(half.seconds("S", x, z, e)) == pytest.approx(straight / 3500.0, abs=3e-3)


def test_takeoff_points_at_the_station_in_one_speed(half):
    for x, z in ((0.0, 10e3), (5e3, 10e3), (10e3, 10e3), (40e3, 10e3), (4e3, -3.5e3)):
        expected = 180.0 - np.degrees(np.arctan2(x, z + 1800.0))
        assert float(half.takeoff_deg("P", x, z, 1800.0)) == pytest.approx(expected, abs=1.5)


def test_gradient_agrees_with_the_circular_ray():
    # Speed a - b r^2 makes rays circles on a round Earth; straight lines between 200 m points stand in for it. The time
    # follows by quadrature over the turning ray.
    radius = EARTH_RADIUS_M
    b = 0.05 / (2 * radius)
    depth = np.arange(0.0, 60e3, 200.0)
    speed = 4000.0 + b * (radius**2 - (radius - depth) ** 2)
    model = VelocityModel("circular", "test", depth, speed, speed / 1.8, gradient=True)
    times = TravelTimes(model, max_distance_m=150e3, min_depth_m=0.0, max_depth_m=20e3, elevations_m=[0.0])

    def along(p, low, high):
        """Angle and time between radii of a ray of parameter p, integrated finely towards the turning point."""
        u = np.linspace(0, 1, 40_001)
        r = low + (high - low) * u**2
        v = 4000.0 + b * (radius**2 - r**2)
        root = np.sqrt(np.maximum((r / v) ** 2 - p**2, 1e-12))
        weight = 2 * (high - low) * u
        angle, time = p / (r * root) * weight, (r / v) ** 2 / (r * root) * weight
        return trapezoid(angle[1:], u[1:]), trapezoid(time[1:], u[1:])

    for turning_m in (2e3, 6e3, 15e3):
        low = radius - turning_m
        p = low / (4000.0 + b * (radius**2 - low**2))
        angle, time = along(p, low, radius)
        found = float(times.seconds("P", 2 * angle * radius, 0.0, 0.0))
        assert found == pytest.approx(2 * time, abs=4e-3)


def test_every_distance_has_a_time_through_a_slow_layer():
    model = VelocityModel(
        "slow layer", "test", np.array([0.0, 5e3, 9e3]), np.array([6e3, 4e3, 7e3]), np.array([3.4e3, 2.2e3, 4e3])
    )
    times = TravelTimes(model, max_distance_m=200e3, min_depth_m=-2e3, max_depth_m=40e3, elevations_m=[0.0, 1e3])
    assert np.all(np.isfinite(times.table.slowness_spm))
    distance = np.linspace(0, 190e3, 400)
    for depth in (-1e3, 2e3, 5e3, 7e3, 9e3, 20e3):
        seconds = times.seconds("P", distance, depth, 0.0)
        assert np.all(np.diff(seconds) > -1e-3)
        assert np.all(seconds >= np.hypot(distance, depth) * 0.999 / 7e3)


def test_s_is_later_than_p_and_arguments_broadcast(two):
    p = two.seconds("P", np.linspace(0, 300e3, 7)[:, None], np.array([0.0, 10e3, 50e3]), 500.0)
    s = two.seconds("S", np.linspace(0, 300e3, 7)[:, None], np.array([0.0, 10e3, 50e3]), 500.0)
    assert p.shape == s.shape == (7, 3)
    assert np.all(s > p)


def test_a_nation_of_elevations_shares_lines_and_stays_within_5_ms():
    rng = np.random.default_rng(3)
    elevations = rng.uniform(-50, 4500, 15_900)
    shared = TravelTimes(TWO, max_distance_m=300e3, min_depth_m=-5e3, max_depth_m=60e3, elevations_m=elevations)
    assert len(shared.table.elevations_m) <= ELEVATION_LINES
    assert shared.table.slowness_spm.nbytes < 60e6
    few = elevations[:3]
    own = TravelTimes(TWO, max_distance_m=300e3, min_depth_m=-5e3, max_depth_m=60e3, elevations_m=few)
    x, z = rng.uniform(0, 200e3, (500, 1)), rng.uniform(-4e3, 29e3, (500, 1))
    difference = np.abs(shared.seconds("P", x, z, few) - own.seconds("P", x, z, few))
    assert np.quantile(difference, 0.99) < 5e-3


def test_empty_ranges_are_refused():
    for wrong in ({"elevations_m": []}, {"max_depth_m": -5e3}, {"max_distance_m": 0.0}):
        arguments = {"max_distance_m": 1e5, "min_depth_m": 0.0, "max_depth_m": 1e4, "elevations_m": [0.0]} | wrong
        with pytest.raises(ValueError, match="travel times need"):
            TravelTimes(TWO, **arguments)
