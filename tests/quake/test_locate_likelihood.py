"""The compiled likelihood against its slow readable twin."""

import numpy as np
import pytest

from houfeng.quake.locate.frame import Frame, middle_deg, places_m
from houfeng.quake.locate.likelihood import BLUR, arc_kernel
from houfeng.quake.locate.observations import ModelError, Observations
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.words.earth import distance_m, travelled
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.source import SourceId
from houfeng.words.station import Station

MODEL = VelocityModel("test", "test", np.array([0.0, 12e3]), np.array([5500.0, 6500.0]), np.array([3200.0, 3700.0]))
ERROR = ModelError(share=0.02, least_s=0.05, most_s=2.0)


@pytest.fixture(scope="module")
def observed():
    rng = np.random.default_rng(5)
    latitude, longitude = travelled(46.0, 8.0, *rng.uniform(-40e3, 40e3, (2, 9)))
    stations = [Station("XX", f"S{i}", float(latitude[i]), float(longitude[i]), float(100 * i)) for i in range(9)]
    times = TravelTimes(
        MODEL,
        max_distance_m=300e3,
        min_depth_m=-2e3,
        max_depth_m=60e3,
        elevations_m=[station.elevation_m for station in stations],
    )
    picks, owners = [], []
    for station in stations:
        for phase in ("P", "S"):
            away = distance_m(46.05, 8.1, station.latitude_deg, station.longitude_deg)
            onset = float(times.seconds(phase, away, 9e3, station.elevation_m)) + rng.normal(0, 0.1)
            picks.append(Pick(SourceId("XX", station.code, "", "HHZ"), phase, round(onset * NS_PER_S), 0.1))
            owners.append(station)
    return Observations(picks, owners, times, ERROR), times


def slow_log_mean(observations, times, point, frame, *, scale, width_m, pairs):
    (latitude,), (longitude,) = frame.degrees(point[None, :])
    residual, variance, weight = [], [], []
    for i in range(len(observations)):
        k = observations.columns.station[i]
        away = distance_m(latitude, longitude, observations.latitude_deg[k], observations.longitude_deg[k])
        elevation = observations.columns.elevation_m[k]
        travel = float(times.seconds(observations.picks[i].phase, away, point[2], elevation))
        own = observations.picks[i].uncertainty_s ** 2 + np.clip(0.02 * travel, 0.05, 2.0) ** 2
        blur = BLUR * width_m * travel / np.hypot(away, point[2] + elevation)
        residual.append(observations.columns.time_s[i] - travel)
        variance.append(own * scale**2 + blur**2)
        weight.append(variance[-1] ** -0.25)
    total = 0.0
    for i, j in pairs:
        u = (residual[i] - residual[j]) ** 2 / (variance[i] + variance[j])
        total += weight[i] * weight[j] * max(1 - u / 16, 0.0) ** 16
    return np.log(total / len(pairs))


@pytest.mark.parametrize("width_m", [0.0, 3000.0])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_fast_and_slow_agree(observed, width_m, scale):
    observations, times = observed
    frame = Frame(46.0, 8.0)
    count = len(observations)
    points = np.array([[8e3, 5e3, 9e3], [8.3e3, 5.2e3, 7e3], [-20e3, 11e3, 30e3], [0.0, 0.0, -1e3]])
    fast = observations.log_likelihood(frame, power=1.0, scale=scale, most_pairs=10_000)(points, width_m)
    pairs = [(i, j) for i in range(count) for j in range(i)]
    slow = [
        slow_log_mean(observations, times, point, frame, scale=scale, width_m=width_m, pairs=pairs) for point in points
    ]
    np.testing.assert_allclose(fast, slow, atol=2e-3)


def test_a_sample_of_pairs_is_fair(observed):
    observations, _ = observed
    frame = Frame(46.0, 8.0)
    points = np.random.default_rng(1).uniform([0, 0, 2e3], [16e3, 12e3, 16e3], (200, 3))
    whole = observations.log_likelihood(frame, power=1.0, scale=3.0, most_pairs=10_000)(points, 0.0)
    sample = observations.log_likelihood(frame, power=1.0, scale=3.0, most_pairs=60)(points, 0.0)
    assert abs(np.median(sample - whole)) < 0.2
    assert np.corrcoef(sample, whole)[0, 1] > 0.95


@pytest.mark.parametrize("latitude", [0.0, 52.0, -78.0, 89.9])
@pytest.mark.parametrize("reach_m", [1e3, 100e3, 1_500e3])
def test_distances_through_space_are_those_along_the_ground(latitude, reach_m):
    for azimuth in range(0, 360, 40):
        east, north = reach_m * np.sin(np.radians(azimuth)), reach_m * np.cos(np.radians(azimuth))
        there = travelled(latitude, 179.9, east, north)
        a, b = places_m(latitude, 179.9), places_m(*there)
        true = float(distance_m(latitude, 179.9, *there))
        assert arc_kernel(*(a - b)) == pytest.approx(true, rel=2e-4)


def test_the_middle_of_places_across_the_date_line_lies_between_them():
    latitude, longitude = middle_deg(np.array([-17.0, -17.0]), np.array([179.5, -179.5]))
    assert abs(longitude) == pytest.approx(180.0)
    assert latitude == pytest.approx(-17.0, abs=0.01)
