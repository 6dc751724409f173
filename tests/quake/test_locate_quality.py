"""Gap, grade, ellipse and posterior against independent computations."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.quake.locate.agreement import agree
from houfeng.quake.locate.octtree import Generation, box
from houfeng.quake.locate.posterior import ellipse, posterior_of, representative
from houfeng.quake.locate.quality import Reliability, gap_deg, grade

FINE = Reliability(horizontal_m=400, depth_m=800, offset_m=50, gap_deg=70, phases=20, misfit=1.0)


@given(st.lists(st.integers(0, 359), min_size=2, max_size=12, unique=True), st.integers(0, 359))
def test_gap_is_the_widest_empty_sector_however_the_map_is_turned(azimuths, turn):
    # By sweeping: the longest run of whole degrees without a station, plus one.
    occupied = np.zeros(720, bool)
    occupied[np.array(azimuths)] = occupied[np.array(azimuths) + 360] = True
    runs = np.diff(np.flatnonzero(occupied)).max()
    assert gap_deg(np.array(azimuths, float)) == pytest.approx(runs)
    assert gap_deg(np.array(azimuths, float) + turn) == pytest.approx(runs)


def test_gap_of_one_station_is_the_whole_circle():
    assert gap_deg(np.array([12.0])) == gap_deg(np.array([])) == 360.0


def test_grades_fall_with_every_fact():
    assert grade(FINE) == "A"
    order = "ABCD"
    for worse in (
        {"horizontal_m": 3e3}, {"horizontal_m": 9e3}, {"horizontal_m": 40e3}, {"depth_m": 6e3}, {"offset_m": 3e3},
        {"gap_deg": 150.0}, {"gap_deg": 250.0}, {"gap_deg": 300.0}, {"phases": 6}, {"phases": 5}, {"phases": 4},
        {"misfit": 2.5}, {"misfit": 3.5},
    ):  # fmt: skip
        assert order.index(grade(replace(FINE, **worse))) > 0, worse
    assert grade(replace(FINE, gap_deg=300.0)) == "D"
    assert grade(replace(FINE, horizontal_m=3e3)) == "B"


@given(
    major=st.floats(100, 1e4), ratio=st.floats(0.1, 0.95), azimuth=st.floats(0, 179.9), confidence=st.floats(0.3, 0.99)
)
def test_ellipse_recovers_axes_and_azimuth(major, ratio, azimuth, confidence):
    along = np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])  # east, north
    across = np.array([along[1], -along[0]])
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = major**2 * np.outer(along, along) + (major * ratio) ** 2 * np.outer(across, across)
    found = ellipse(covariance, confidence)
    stretch = np.sqrt(-2 * np.log(1 - confidence))
    assert found.semi_major_m == pytest.approx(major * stretch, rel=1e-6)
    assert found.semi_minor_m == pytest.approx(major * ratio * stretch, rel=1e-6)
    assert min(abs(found.azimuth_deg - azimuth), 180 - abs(found.azimuth_deg - azimuth)) < 0.01


def test_ellipse_holds_its_share_of_draws():
    covariance = np.array([[9e6, 2e6, 0.0], [2e6, 1e6, 0.0], [0.0, 0.0, 1.0]])
    draws = np.random.default_rng(0).multivariate_normal([0, 0], covariance[:2, :2], 20_000)
    for confidence in (0.68, 0.95):
        found = ellipse(covariance, confidence)
        turn = np.radians(found.azimuth_deg)
        along = draws @ [np.sin(turn), np.cos(turn)] / found.semi_major_m
        across = draws @ [np.cos(turn), -np.sin(turn)] / found.semi_minor_m
        assert np.mean(along**2 + across**2 <= 1) == pytest.approx(confidence, abs=0.01)


def test_posterior_of_a_normal_density_has_its_moments():
    covariance = np.array([[4e6, 1e6, 0.0], [1e6, 2e6, -1e6], [0.0, -1e6, 9e6]])
    mean = np.array([300.0, -500.0, 12e3])
    points = box(16e3, 0.0, 25e3, 1000.0)
    off = points - mean
    value = -0.5 * np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off)
    generation = Generation(points, 1000.0, value)
    posterior = posterior_of(generation)
    np.testing.assert_allclose(posterior.mean_m, mean, atol=20)
    np.testing.assert_allclose(posterior.covariance_m2, covariance + np.eye(3) * 1e6 / 12, atol=1e5)
    np.testing.assert_allclose(representative(generation, posterior, mean), posterior.mean_m)


def test_of_two_tops_the_report_is_not_the_empty_middle():
    points = box(20e3, 0.0, 4e3, 1000.0)
    left = ((points - [-15e3, 0.0, 2e3]) ** 2).sum(axis=1) / 2e6
    right = ((points - [15e3, 0.0, 2e3]) ** 2).sum(axis=1) / 2e6
    generation = Generation(points, 1000.0, np.logaddexp(-left, -right + 0.2))
    best = np.array([15e3, 0.0, 2e3])
    found = representative(generation, posterior_of(generation), best)
    assert abs(abs(found[0]) - 15e3) < 3e3


def test_agreement_finds_time_scale_and_strangers():
    rng = np.random.default_rng(4)
    sigma = rng.uniform(0.05, 0.3, 200)
    delay = 12.5 + 2.0 * sigma * rng.standard_normal(200)
    delay[:60] += rng.uniform(3, 30, 60)
    found = agree(delay, sigma, np.ones(200))
    assert found.time_s == pytest.approx(12.5, abs=0.05)
    assert found.scale == pytest.approx(2.0, rel=0.2)
    assert np.all(found.weight[:60] < 0.05)
    assert found.agreeing == pytest.approx(140, rel=0.1)


def test_few_residuals_leave_the_stated_errors_standing():
    found = agree(np.array([1.0, 1.001, 0.999, 1.0]), np.full(4, 0.1), np.ones(4))
    assert found.scale == pytest.approx(1.0, abs=0.1)
