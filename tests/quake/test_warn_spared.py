"""What a search spares changes nothing it finds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.asking import listen_kernel, room_of
from houfeng.quake.warn.likelihood import LIKELIEST, NOTHING, SILENT, SUM, About, P, S, Shown, showing_kernel
from houfeng.quake.warn.search import NOWHERE, SIZES, judged_room, refused_kernel, search_kernel
from houfeng.quake.warn.size import (
    detectable,
    log_missed,
    pd_log_likelihood,
    shaking_by_distance,
    shaking_by_size,
    stray_pd_density,
)
from houfeng.wire.model import default_model

WIDEST_M, DEEPEST_M = 200_000.0, 100_000.0
MAGNITUDES, DISTANCES_KM = st.floats(1.0, 9.0), st.floats(0.1, 2_000.0)


@settings(deadline=None)
@given(MAGNITUDES, DISTANCES_KM, st.floats(-9.0, 1.0) | st.just(math.nan), st.floats(0.1, 3.0))
def test_silence_says_to_the_bit_what_a_miss_is_worth(magnitude: float, km: float, noise: float, least: float) -> None:
    felt = shaking_by_size(magnitude) + shaking_by_distance(km)
    assert log_missed(felt, noise, least) == max(math.log(1 - detectable(magnitude, km, noise)), -least)


@settings(deadline=None)
@given(MAGNITUDES, DISTANCES_KM, st.floats(-9.0, 1.0), st.floats(-9.0, 1.0) | st.just(math.nan), st.floats(0.01, 4.0))
def test_no_displacement_is_likelier_than_said(magnitude: float, km: float, pd: float, noise: float, s: float) -> None:
    by_quake = math.exp(pd_log_likelihood(pd, noise, magnitude, km, s))
    assert by_quake / stray_pd_density(pd, noise) <= LIKELIEST


@pytest.fixture(scope="module")
def table():
    times = TravelTimes(
        default_model(), max_distance_m=900_000.0, min_depth_m=-2_000.0, max_depth_m=DEEPEST_M, elevations_m=[0.0]
    )
    return times.table


def scene(seed):
    """Stations about one, strays at some, some that follow it as a quake somewhere would have them, some silent."""
    rng = np.random.default_rng(seed)
    n, slots = int(rng.integers(1, 60)), int(rng.integers(1, 5))
    spread_m = 10 ** rng.uniform(4.0, 5.4)
    east_m, north_m = rng.uniform(-spread_m, spread_m, (2, n))
    east_m[0], north_m[0] = 0.0, 0.0
    onset_s = rng.uniform(-60.0, 5.0, (n, slots))
    onset_s[rng.random((n, slots)) < rng.uniform(0.3, 1.0)] = -np.inf
    away_m = np.hypot(east_m - rng.uniform(-spread_m, spread_m), north_m - rng.uniform(-spread_m, spread_m))
    follow = rng.random(n) < rng.choice([0.0, 0.2, 0.6])
    onset_s[follow, 0] = ((away_m - away_m[0]) / 6_000.0 + rng.normal(0.0, 0.5, n))[follow]
    onset_s[0, 0] = 0.0
    onset_s = -np.sort(-onset_s, axis=1)
    known = rng.random((n, slots)) < 0.8
    pd = np.where(known, rng.normal(-5.5, 1.0, (n, slots)), np.nan)
    front_s = np.where(rng.random(n) < 0.1, -np.inf, rng.uniform(0.0, 4.0) + rng.uniform(0.0, 1.0, n))
    hush = np.where(rng.random(n) < 0.1, np.nan, rng.uniform(-6.0, -2.0, n))
    most = rng.choice([0.0, 3.4, 4.0], n, p=[0.05, 0.15, 0.8])
    shown = Shown(
        east_m, north_m, np.zeros(n), front_s, onset_s, pd, np.where(known, 1.0, 0.0), np.full((n, slots), -6.2), hush,
        np.log(rng.uniform(1 / 900, 1 / 10, (n, slots))), most, most / 2, rng.integers(0, n, (n, 1)),
        np.full((1, n), 4.0),
    )  # fmt: skip
    return shown, About(0, float(rng.choice(onset_s[0][onset_s[0] > -np.inf])), 1.5)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1_000_000), least=st.sampled_from([2.0, 4.0, 7.2, 12.0]))
def test_what_is_refused_no_search_would_have_found(table, seed: int, least: float) -> None:
    shown, about = scene(seed)
    room = judged_room()
    refused = refused_kernel(table, shown, about, WIDEST_M, DEEPEST_M, SIZES, least, room)
    search_kernel(table, shown, about, WIDEST_M, WIDEST_M, DEEPEST_M, SIZES, least, NOWHERE, room)
    assert not (refused and room[0, SUM] >= least)


def test_most_that_is_no_quake_is_refused(table) -> None:
    room = judged_room()
    found, refused = [], []
    for seed in range(150):
        shown, about = scene(seed)
        refused.append(refused_kernel(table, shown, about, WIDEST_M, DEEPEST_M, SIZES, 7.2, room))
        search_kernel(table, shown, about, WIDEST_M, WIDEST_M, DEEPEST_M, SIZES, 7.2, NOWHERE, room)
        found.append(room[0, SUM] >= 7.2)
    assert sum(found) >= 5
    assert sum(refused) >= 0.5 * (len(found) - sum(found))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1_000_000), origin_s=st.floats(-30.0, 5.0))
def test_all_at_once_show_what_each_alone_shows(seed: int, origin_s: float) -> None:
    shown, about = scene(seed)
    room = room_of(shown, about)
    p_s = np.hypot(shown.east_m, shown.north_m) / 6_000.0
    room.travel[P], room.travel[S] = p_s, 1.73 * p_s
    room.travel[2] = 6.0 * p_s
    spoken, silent = listen_kernel(shown, origin_s, room)
    said = dict(zip(room.who[:spoken].tolist(), zip(room.showing, room.heard.copy(), strict=True), strict=False))
    silents = set(room.who[silent:].tolist())
    heard = np.empty(3)
    for i in room.speakers.tolist():
        showing = showing_kernel(shown, i, p_s[i], 1.73 * p_s[i], origin_s, heard)
        assert (showing == SILENT) == (i in silents)
        assert (showing in (SILENT, NOTHING)) == (i not in said)
        if i in said:
            assert said[i][0] == showing
            assert said[i][1].tolist() == heard.tolist()
