"""The shaking map as a picture: its colours are its intensities, and nothing from outside can break it."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.image import imread
from test_serve_figures import HOSTILE, colours, scene, size_px

from houfeng.quake.shake.csis import csis_of_peaks
from houfeng.quake.shake.mmi import mmi
from houfeng.serve.figures import shaking_map_figure
from houfeng.serve.figures.intensity_scale import COLOURS, HIGHEST
from houfeng.words.earth import distance_m
from houfeng.words.shaking import ShakingMap, StationShaking

WUHAN = (30.6, 114.3)


def station(latitude_deg, longitude_deg, intensity=6.0, refused="", key="XX.A"):
    nothing = (0.0,) * 9
    return StationShaking(
        key, "", latitude_deg, longitude_deg, 1e4, *nothing[:8], csis=intensity, jma=4.0, mmi=intensity, components=(),
        refused=refused,
    )  # fmt: skip


def flat(mmi_value, csis_value=3.0, at=WUHAN, rows=21, half_deg=0.5):
    """A map with one intensity everywhere."""
    latitude, longitude = (np.linspace(middle - half_deg, middle + half_deg, rows) for middle in at)
    everywhere = np.ones((rows, rows))
    return ShakingMap(
        latitude, longitude, {}, {}, mmi_value * everywhere, csis_value * everywhere, 0.7 * everywhere, ("model: none",)
    )


def fading(latitude_deg, longitude_deg, half_deg=1.0, rows=61):
    """A map that fades away from its middle, and stations that agree with it."""
    across = half_deg / max(np.cos(np.radians(latitude_deg)), 0.05)
    latitude = np.linspace(latitude_deg - half_deg, latitude_deg + half_deg, rows)
    longitude = np.linspace(longitude_deg - across, longitude_deg + across, rows)
    places = np.meshgrid(longitude, latitude)
    distance_km = np.hypot(distance_m(latitude_deg, longitude_deg, places[1], places[0]) / 1000, 8.0)
    pga, pgv = 40.0 / distance_km**1.3, 4.0 / distance_km**1.3
    shaking = ShakingMap(
        latitude, longitude, {"pga": pga, "pgv": pgv}, {}, mmi(pga, pgv), csis_of_peaks(pga, pgv),
        np.minimum(0.75, 0.2 + distance_km / 100), ("model: made up", "no rupture known"),
    )  # fmt: skip
    stations = [
        station(float(latitude[row]), (float(longitude[row]) + 180) % 360 - 180, 5.0, "" if row % 3 else "clipped")
        for row in range(5, rows, 9)
    ]
    return scene(4, latitude_deg, longitude_deg)[0], shaking, stations


def share(png, colour):
    """How much of a picture has a colour."""
    pixels = np.round(imread(BytesIO(png), format="png")[:, :, :3] * 255).astype(int)
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return float(np.mean(np.abs(pixels - wanted).max(axis=2) <= 1))


@pytest.mark.parametrize(
    ("scale", "number"), [(scale, number) for scale, highest in HIGHEST.items() for number in range(1, highest + 1)]
)
def test_a_place_has_the_colour_of_its_class(scale, number):
    quake = scene(0, *WUHAN)[0]
    shaking = flat(number + 0.4, 1.0) if scale == "mmi" else flat(1.0, number + 0.4)
    png = shaking_map_figure(quake, shaking, [], scale=scale)
    assert share(png, COLOURS[number - 1]) > 0.3
    others = [colour for colour in COLOURS if colour != COLOURS[number - 1]]
    assert max(share(png, colour) for colour in others) < 0.02


def test_a_station_has_the_colour_of_its_own_intensity():
    quake = scene(0, *WUHAN)[0]
    without, with_it = (
        shaking_map_figure(quake, flat(3.0), stations) for stations in ([], [station(30.8, 114.5, 9.2)])
    )
    assert share(with_it, COLOURS[8]) > share(without, COLOURS[8])
    hollow = shaking_map_figure(quake, flat(3.0), [station(30.8, 114.5, 9.2, "clipped")])
    assert share(hollow, COLOURS[8]) <= share(without, COLOURS[8])
    assert hollow != without
    unknown = shaking_map_figure(quake, flat(3.0), [station(30.8, 114.5, np.nan)])
    assert unknown == hollow


@pytest.mark.parametrize(
    "place", [(None, None), (31.9, 114.3), (30.6, -65.7)], ids=["nowhere", "north of it", "antipode"]
)
def test_a_station_off_the_map_is_passed_over(place):
    quake = scene(0, *WUHAN)[0]
    assert shaking_map_figure(quake, flat(4.0), [station(*place)]) == shaking_map_figure(quake, flat(4.0), [])


@pytest.mark.parametrize("scale", ["mmi", "csis"])
@pytest.mark.parametrize(
    "place",
    [WUHAN, (37.0, -122.0), (-17.2, 179.9), (63.95, -21.3), (-77.8, 166.7), (88.9, 10.0)],
    ids=["Wuhan", "California", "Fiji", "Iceland", "Ross Island", "near the Pole"],
)
def test_the_picture_is_whole_1600_wide_and_the_same_each_time(place, scale):
    told = fading(*place)
    png = shaking_map_figure(*told, scale=scale)
    assert size_px(png)[0] == 1600
    assert 1000 < size_px(png)[1] < 1700
    assert colours(png) > 200
    assert png == shaking_map_figure(*told, scale=scale)


def test_the_date_line_leaves_no_seam():
    quake, shaking, stations = fading(-17.2, 179.9)
    turned = replace(shaking, longitude_deg=shaking.longitude_deg - 360.0)
    here, there = (imread(BytesIO(shaking_map_figure(quake, one, stations)), format="png") for one in (shaking, turned))
    assert np.mean(np.abs(here - there).max(axis=2) > 0.1) < 0.001


def test_borders_can_be_left_out():
    told = fading(47.5, 9.6)
    assert shaking_map_figure(*told) != shaking_map_figure(*told, borders=False)


def test_uncertainty_and_notes_are_shown():
    quake, shaking, stations = fading(*WUHAN)
    png = shaking_map_figure(quake, shaking, stations)
    assert shaking_map_figure(quake, replace(shaking, mmi_sigma=shaking.mmi_sigma / 3), stations) != png
    assert shaking_map_figure(quake, replace(shaking, notes=("something else",)), stations) != png


def _spoilt(**changes):
    return replace(flat(5.0), **changes)


NO_MAPS = {
    "empty": _spoilt(latitude_deg=np.empty(0), longitude_deg=np.empty(0), mmi=np.empty((0, 0))),
    "one row": _spoilt(latitude_deg=np.array([30.6]), mmi=np.ones((1, 21))),
    "wrong shape": _spoilt(mmi=np.ones((3, 3))),
    "descending": _spoilt(latitude_deg=np.linspace(31, 30, 21)),
    "places unknown": _spoilt(longitude_deg=np.full(21, np.nan)),
    "off the Earth": _spoilt(latitude_deg=np.linspace(80, 120, 21)),
    "round the Earth twice": _spoilt(longitude_deg=np.linspace(-300, 300, 21)),
    "nothing known": _spoilt(mmi=np.full((21, 21), np.nan)),
    "infinite": _spoilt(mmi=np.full((21, 21), np.inf)),
}


@pytest.mark.parametrize("name", NO_MAPS)
def test_a_map_that_is_none_is_said_to_be_none(name):
    quake = scene(3, *WUHAN)[0]
    png = shaking_map_figure(quake, NO_MAPS[name], [station(30.8, 114.5)])
    assert size_px(png)[0] == 1600
    assert share(png, COLOURS[4]) < 0.02


@pytest.mark.parametrize(
    "field",
    ["holes", "out of scale", "sigma of another shape", "sigma unknown", "sigma negative"],
)
def test_odd_values_leave_the_rest_of_the_map(field):
    shaking = flat(5.0)
    values = shaking.mmi.copy()
    if field == "holes":
        values[::2, 3:5] = np.nan
    if field == "out of scale":
        values[0], values[1] = 1e300, -1e300
    sigma = {
        "sigma of another shape": np.ones(3),
        "sigma unknown": np.full_like(values, np.nan),
        "sigma negative": np.full_like(values, -1.0),
    }.get(field, shaking.mmi_sigma)
    odd = replace(shaking, mmi=values, mmi_sigma=sigma)
    assert share(shaking_map_figure(scene(3, *WUHAN)[0], odd, []), COLOURS[4]) > 0.2


def test_a_fine_grid_is_no_other_picture():
    quake = scene(0, *WUHAN)[0]
    assert share(shaking_map_figure(quake, flat(5.0, rows=1500), []), COLOURS[4]) > 0.3


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_are_only_drawn(text):
    quake, shaking, _ = fading(*WUHAN)
    png = shaking_map_figure(quake, replace(shaking, notes=(text,) * 30), [station(30.6, 114.4, 5.0, text, text)])
    assert size_px(png)[0] == 1600


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(-89, 89), st.floats(-180, 180), st.floats(0.02, 8))
def test_the_map_works_everywhere(latitude_deg, longitude_deg, half_deg):
    half_deg = min(half_deg, 90 - abs(latitude_deg))
    assert colours(shaking_map_figure(*fading(latitude_deg, longitude_deg, half_deg, rows=15))) > 100
