"""The noise models against ObsPy's copy of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy.signal.spectral_estimation import get_nhnm, get_nlnm

from houfeng.twin.peterson import noise_db


@pytest.mark.parametrize(("percentile", "published"), [(0.0, get_nlnm), (1.0, get_nhnm)], ids=["low", "high"])
def test_the_ends_are_the_published_models(percentile, published):
    period_s, level_db = published()
    inside = period_s > 0.1
    ours = noise_db(1 / period_s[inside], percentile)
    # ObsPy gives values at the corners, where two lines meet within a few tenths of a decibel
    assert np.abs(ours - level_db[inside]).max() < 0.5


@given(st.floats(1e-5, 50.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_higher_percentile_is_louder(frequency_hz, one, other):
    low, high = sorted((one, other))
    assert noise_db(frequency_hz, low) <= noise_db(frequency_hz, high) + 1e-9


def test_beyond_ten_hertz_the_level_stays():
    assert noise_db(40.0, 0.3) == pytest.approx(noise_db(10.0, 0.3))
