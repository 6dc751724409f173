"""How hypotheses are judged: what is spared is never missed, and no station weighs more than its cap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.agreement import STEP_S, instants, origin_time_kernel
from houfeng.quake.warn.judging import DEEP_KM, DEEPER_PER_KM, rarer_kernel
from houfeng.quake.warn.likelihood import (
    DEPTH,
    EAST,
    FAR_KM,
    HYPOTHESIS,
    NORTH,
    REACH_KM,
    SCORE,
    SUM,
    TIME,
    TRAVELS,
    About,
    P,
    S,
    Shown,
    promise_kernel,
    travel_kernel,
    voice_kernel,
)
from houfeng.quake.warn.search import NOWHERE, SIZES, judge_one_kernel, judged_room, search_kernel
from houfeng.quake.warn.size import RARER
from houfeng.wire.model import default_model

DEPTH_M, ORIGIN_S = 10_000.0, 3.0


@pytest.fixture(scope="module")
def table():
    times = TravelTimes(
        default_model(), max_distance_m=600_000.0, min_depth_m=-2_000.0, max_depth_m=100_000.0, elevations_m=[0.0]
    )
    return times.table


def shown_by(east_m, north_m, onset_s, front_s=-np.inf, **columns):
    """Stations that have these onsets, the latest first, each with its own domain."""
    n, slots = onset_s.shape
    filled = {
        "pd": np.full((n, slots), np.nan), "window_s": np.zeros((n, slots)), "noise": np.full((n, slots), np.nan),
        "hush": np.full(n, -5.0), "stray": np.full((n, slots), np.log(1 / 600)), **columns,
    }  # fmt: skip
    return Shown(
        np.asarray(east_m, float), np.asarray(north_m, float), np.zeros(n), np.full(n, front_s), onset_s,
        filled["pd"], filled["window_s"], filled["noise"], filled["hush"], filled["stray"], np.full(n, 4.0),
        np.full(n, 2.0), np.arange(n)[:, None], np.full((1, n), 4.0),
    )  # fmt: skip


def ring(count, radius_m=40_000.0):
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return radius_m * np.cos(angle), radius_m * np.sin(angle)


def travel_of(table, shown, east_m=0.0, north_m=0.0):
    travel = np.empty((TRAVELS, len(shown.most)))
    travel_kernel(table, east_m, north_m, DEPTH_M, shown, np.arange(len(shown.most)), travel)
    return travel


def agreed(shown, travel, about_s, half_s):
    speakers = np.flatnonzero(shown.onset_s[:, 0] > -np.inf)
    return origin_time_kernel(shown, speakers, travel, about_s, np.empty((2, instants(half_s))))


@settings(deadline=None)
@given(
    st.floats(0.0, 300.0),
    st.floats(0.0, 300.0),
    st.floats(-9.0, 1.0) | st.just(np.nan),
    st.floats(-9.0, 1.0) | st.just(np.nan),
    st.floats(0.0, 4.0),
    st.floats(1.0, 9.0),
    st.floats(1.0, 250.0),
    st.booleans(),
)
def test_nobody_says_more_than_was_promised(by_p, by_s, pd, noise, window_s, magnitude, km, open_yet):
    column = {"pd": np.array([[pd]]), "window_s": np.array([[window_s]]), "noise": np.array([[noise]])}
    shown = shown_by([0.0], [0.0], np.array([[0.0]]), **column)
    heard = np.array([by_p, by_s, float(open_yet)])
    assert voice_kernel(shown, 0, 0, heard, km, magnitude) <= promise_kernel(shown, 0, 0, heard) + 1e-9


def test_onsets_of_a_quake_agree_on_its_time(table):
    shown = shown_by(*ring(6), np.zeros((6, 1)))
    travel = travel_of(table, shown)
    late_s = np.array([0.1, -0.1, 0.05, -0.05, 0.0, 0.0])
    shown = shown._replace(onset_s=(ORIGIN_S + travel[P] + late_s)[:, None])
    assert agreed(shown, travel, ORIGIN_S + 4.1, 6.0) == pytest.approx(ORIGIN_S, abs=0.02)


def test_no_time_is_agreed_on_without_onsets_nearby(table):
    shown = shown_by(*ring(4), np.full((4, 1), 500.0))
    assert np.isnan(agreed(shown, travel_of(table, shown), 0.0, 6.0))


@given(st.integers(0, 200))
@settings(deadline=None)
def test_attack_a_station_full_of_onsets_weighs_as_much_as_one(table, seed):
    rng = np.random.default_rng(seed)
    shown = shown_by(*ring(3), np.zeros((3, 32)))
    travel = travel_of(table, shown)
    onset_s = np.full((3, 32), -np.inf)
    onset_s[:2, 0] = ORIGIN_S + travel[P, :2]
    onset_s[2] = np.sort(ORIGIN_S + travel[P, 2] + 4.0 + rng.uniform(0.0, 1.0, 32))[::-1]
    found = agreed(shown._replace(onset_s=onset_s), travel, ORIGIN_S, 6.0)
    assert found == pytest.approx(ORIGIN_S, abs=STEP_S)


def test_onsets_that_must_be_s_agree_too(table):
    shown = shown_by(*ring(4), np.zeros((4, 1)))
    travel = travel_of(table, shown)
    shown = shown._replace(onset_s=(ORIGIN_S + np.where(np.arange(4) < 2, travel[P], travel[S]))[:, None])
    assert agreed(shown, travel, ORIGIN_S + 1.0, 3.0) == pytest.approx(ORIGIN_S, abs=0.05)


def test_whoever_is_out_of_reach_says_nothing(table):
    shown = shown_by([0.0, REACH_KM * 1000 + 1], [0.0, 0.0], np.full((2, 1), -np.inf), front_s=1e6)
    travel = travel_of(table, shown)
    assert np.isfinite(travel[P, 0])
    assert travel[P, 1] == travel[S, 1] == np.inf
    assert travel[FAR_KM, 1] > REACH_KM
    quake = np.zeros(HYPOTHESIS)
    quake[DEPTH] = DEPTH_M
    heard = shown._replace(onset_s=np.array([[ORIGIN_S + travel[P, 0]], [-np.inf]]))
    judge_one_kernel(table, heard, quake, About(-1, ORIGIN_S, 1.0), np.array([6.0]))
    alone = quake[SUM]
    nearer = heard._replace(east_m=np.array([0.0, 100_000.0]))
    judge_one_kernel(table, nearer, quake, About(-1, ORIGIN_S, 1.0), np.array([6.0]))
    assert quake[SUM] < alone  # within reach its silence speaks


def test_deep_quakes_must_be_surer(table):
    quakes = []
    for depth_m in (DEEP_KM * 1000, DEEP_KM * 1000 + 50_000):
        shown = shown_by(*ring(5), np.zeros((5, 1)))
        travel = np.empty((TRAVELS, 5))
        travel_kernel(table, 0.0, 0.0, depth_m, shown, np.arange(5), travel)
        quake = np.zeros(HYPOTHESIS)
        quake[DEPTH] = depth_m
        heard = shown._replace(onset_s=(ORIGIN_S + travel[P])[:, None])
        judge_one_kernel(table, heard, quake, About(-1, ORIGIN_S, 1.0), np.array([7.5]))
        quakes.append(quake)
    assert rarer_kernel(DEEP_KM * 1000 + 50_000) == pytest.approx(50 * DEEPER_PER_KM)
    assert quakes[1][SCORE] < quakes[0][SCORE]


def test_the_best_is_sought_near_the_middle_and_the_rest_kept_for_comparison(table):
    east_m, north_m = ring(8)
    shown = shown_by(east_m, north_m, np.zeros((8, 1)))
    quake_east_m = 90_000.0
    travel = travel_of(table, shown, quake_east_m)
    shown = shown._replace(onset_s=(ORIGIN_S + travel[P])[:, None])
    room, about = judged_room(), About(-1, ORIGIN_S, 6.0)
    depths_m = 100_000.0
    free = room[: search_kernel(table, shown, about, 2e5, 2e5, depths_m, SIZES, -np.inf, NOWHERE, room)].copy()
    assert np.hypot(free[0, EAST] - quake_east_m, free[0, NORTH]) < 35_000
    assert free[0, TIME] == pytest.approx(ORIGIN_S, abs=5.0)
    held = room[: search_kernel(table, shown, about, 2e5, 30_000.0, depths_m, SIZES, -np.inf, NOWHERE, room)]
    assert np.hypot(*held[0, [EAST, NORTH]]) <= 30_000.0
    assert np.hypot(held[:, EAST], held[:, NORTH]).max() == pytest.approx(2e5)


@pytest.mark.parametrize("quake_east_m", [20_000.0, 61_000.0, 90_000.0])
def test_a_search_that_begins_at_a_known_place_too_finds_no_worse_one(table, quake_east_m):
    shown = shown_by(*ring(8), np.zeros((8, 1)))
    travel = travel_of(table, shown, quake_east_m)
    shown = shown._replace(onset_s=(ORIGIN_S + travel[P])[:, None])
    about, known = About(-1, ORIGIN_S, 6.0), np.array([[quake_east_m, 0.0, DEPTH_M]])
    there = np.zeros(HYPOTHESIS)
    there[[EAST, NORTH, DEPTH]] = known[0]
    judge_one_kernel(table, shown, there, about, SIZES)
    room = judged_room()
    found = room[: search_kernel(table, shown, about, 2e5, 2e5, 100_000.0, SIZES, -np.inf, known, room)]
    assert found[0, SUM] >= there[SUM] - 0.5 * RARER  # as it prefers, of sizes about as good, the smaller
