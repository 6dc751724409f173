"""Bands: for every rate and network size there is something to listen to, below what the digitiser passes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import sosfreqz

from houfeng.quake.detect.bands import USABLE_NYQUIST, choose_bands


@given(st.floats(20, 500), st.floats(0, 2e7))
def test_every_network_listens_within_its_digitisers(rate_hz: float, aperture_m: float) -> None:
    bands = choose_bands(rate_hz, aperture_m)
    assert bands
    assert [band.low_hz for band in bands] == sorted(band.low_hz for band in bands)
    for band in bands:
        assert 0 < band.low_hz < band.high_hz <= USABLE_NYQUIST * rate_hz / 2
        assert 0.1 < band.sta_s < band.lta_s / 2


def test_small_networks_listen_high_and_large_ones_low() -> None:
    near, far = choose_bands(100.0, 10e3), choose_bands(100.0, 5_000e3)
    assert near[-1].high_hz == 40.0
    assert near[0].low_hz >= 2.0
    assert far[0].low_hz == 0.5
    assert far[-1].high_hz <= 8.0


@pytest.mark.parametrize("rate_hz", [0.01, 1.0, 2000.0, 1e9])
def test_rates_of_no_use(rate_hz: float) -> None:
    assert choose_bands(rate_hz, 100e3) == ()


@pytest.mark.parametrize("rate_hz", [20.0, 100.0, 500.0])
def test_corners_are_where_they_are_said_to_be(rate_hz: float) -> None:
    for band in choose_bands(rate_hz, 2_000e3):
        _, response = sosfreqz(band.sections(rate_hz), [band.low_hz, band.high_hz], fs=rate_hz)
        assert np.abs(response) == pytest.approx([np.sqrt(0.5)] * 2, rel=1e-6)
