"""What a search spares changes nothing it finds."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.warn.likelihood import LIKELIEST
from houfeng.quake.warn.size import (
    detectable,
    log_missed,
    pd_log_likelihood,
    shaking_by_distance,
    shaking_by_size,
    stray_pd_density,
)

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
