"""Peaks against distance: the band is the map's own scatter and sigma, and odd stations are passed over."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_serve_figures import colours, scene, size_px
from test_serve_shaking_map_figure import NO_MAPS, WUHAN, fading, flat, station

from houfeng.serve.figures import attenuation_figure
from houfeng.serve.figures.attenuation import _band
from houfeng.words.earth import distance_m


def measured(count=9):
    one = station(30.6, 114.4)
    return [
        replace(
            one,
            distance_m=4e3 * (at + 1),
            pga_mps2=1 / (at + 1),
            pgv_mps=0.1 / (at + 1),
            refused="clipped" if at == 3 else "",
        )
        for at in range(count)
    ]


@given(st.floats(0.0, 0.9), st.floats(0.5, 2.0))
def test_the_band_of_a_map_that_only_fades_is_its_sigma(sigma, power):
    quake = scene(0, *WUHAN)[0]
    shaking = flat(5.0, rows=41)
    places = np.meshgrid(shaking.longitude_deg, shaking.latitude_deg)
    away_m = np.maximum(distance_m(*WUHAN, places[1], places[0]), 1e3)
    faded = replace(shaking, median={"pga": 1e3 / away_m**power}, sigma={"pga": np.full(away_m.shape, sigma)})
    band = _band(quake.origin, faded, "pga")
    # within a tenth of a decade the field itself falls by at most this much
    fall = power * 0.1 * np.log(10)
    assert len(band) > 5
    assert np.all(np.abs(band[:, 1] - np.log(1e3 / band[:, 0] ** power)) <= fall)
    assert np.all(band[:, 2] >= sigma - 1e-9)
    assert np.all(band[:, 2] <= np.hypot(sigma, fall))


def test_the_picture_is_whole_and_the_same_each_time():
    quake, shaking, _ = fading(*WUHAN)
    png = attenuation_figure(quake, measured(), shaking)
    assert size_px(png) == (1500, 690)
    assert colours(png) > 100
    assert png == attenuation_figure(quake, measured(), shaking)
    assert png != attenuation_figure(quake, measured())
    assert png != attenuation_figure(quake, measured()[:-1], shaking)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 1e300])
def test_odd_stations_are_passed_over(value):
    quake = scene(0, *WUHAN)[0]
    first = measured()[0]
    odd = [replace(first, distance_m=value), replace(first, pga_mps2=value, pgv_mps=value)]
    assert attenuation_figure(quake, [*measured(), *odd]) == attenuation_figure(quake, measured())


@pytest.mark.parametrize("name", NO_MAPS)
def test_a_map_that_is_none_gives_no_band(name):
    quake = scene(0, *WUHAN)[0]
    assert attenuation_figure(quake, measured(), NO_MAPS[name]) == attenuation_figure(quake, measured())


@pytest.mark.parametrize("median", [np.nan, 0.0, -1.0, np.inf])
def test_medians_that_are_none_give_no_band(median):
    quake, shaking, _ = fading(*WUHAN, rows=15)
    spoilt = replace(shaking, median=MappingProxyType({"pga": np.full((15, 15), median), "pgv": np.ones(3)}))
    assert attenuation_figure(quake, measured(), spoilt) == attenuation_figure(quake, measured())


def test_without_anything_it_says_so():
    assert size_px(attenuation_figure(scene(0)[0], []))[0] == 1500
