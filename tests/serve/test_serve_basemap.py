"""The Earth under the maps: land where land is, nothing along cuts, the same wherever longitudes start."""

import hashlib
from importlib import resources
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from houfeng.serve.figures.basemap import (
    BORDER,
    COAST,
    LAND,
    SEA,
    _clipped,
    _earth,
    aspect,
    draw_earth,
    draw_scale,
    graticule,
    veil_sea,
)
from houfeng.serve.figures.style import new_figure, png
from houfeng.words.earth import distance_m

FOLDER = resources.files("houfeng.serve.figures") / "earth"


def bare(width_in=2.0, height_in=2.0):
    """Axes that fill a figure, without frame or ticks."""
    figure = new_figure(width_in, height_in)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    return figure, axes


def pixels(figure):
    return imread(BytesIO(png(figure)), format="png")[:, :, :3]


def drawn(west, south, east, north, **how):
    figure, axes = bare()
    draw_earth(axes, west, south, east, north, **how)
    return pixels(figure)


def lines(axes, colour):
    return [
        one for one in axes.get_children() if isinstance(one, PathPatch) and one.get_edgecolor()[:3] == to_rgb(colour)
    ]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0.2, 3.0), min_size=3, max_size=40),
    st.floats(-2, 1), st.floats(-2, 1), st.floats(0.3, 3), st.floats(0.3, 3),
)  # fmt: skip
def test_a_clipped_shape_holds_what_the_shape_held_inside_the_box(radii, west, south, width, height):
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    shape = np.column_stack([np.array(radii) * np.cos(angle), np.array(radii) * np.sin(angle)])
    box = np.array([[west, south], [west + width, south + height]])
    part = _clipped(shape, box)
    assert np.all(part >= box[0] - 1e-9)
    assert np.all(part <= box[1] + 1e-9)
    x, y = np.meshgrid(np.linspace(0.013, 0.987, 23), np.linspace(0.017, 0.983, 23))
    places = box[0] + np.column_stack([x.ravel(), y.ravel()]) * (box[1] - box[0])
    before = np.array([Path(np.vstack([shape, shape[:1]])).contains_points(places, radius=r) for r in (-1e-6, 1e-6)])
    after = (
        Path(np.vstack([part, part[:1]])).contains_points(places)
        if len(part) > 2
        else np.zeros(len(places), dtype=bool)
    )
    sure = before[0] == before[1]
    assert np.array_equal(after[sure], before[0][sure])


PLACES = {
    "Wuhan": (30.6, 114.3, LAND),
    "Changning": (28.4, 104.9, LAND),
    "Suva inland": (-17.8, 178.0, LAND),
    "Chukotka west of 180": (67.0, 178.5, LAND),
    "Chukotka at 180": (67.5, 180.0, LAND),
    "Chukotka east of 180": (67.0, -178.5, LAND),
    "Wrangel at 180": (71.2, 180.0, LAND),
    "Vatnajokull": (64.4, -16.8, LAND),
    "Sierra Nevada": (37.0, -118.9, LAND),
    "near the South Pole": (-89.5, 12.0, LAND),
    "South Pole at 180": (-88.0, 180.0, LAND),
    "middle of the Pacific": (-10.0, -150.0, SEA),
    "Koro Sea at 180": (-17.9, 180.0, SEA),
    "North Pole": (89.5, 40.0, SEA),
    "Caspian Sea": (42.0, 50.5, SEA),
    "off California": (35.0, -123.5, SEA),
    "Taiwan Strait": (24.3, 119.3, SEA),
}


@pytest.mark.parametrize("turn", [-360.0, 0.0, 360.0, 720.0])
@pytest.mark.parametrize("name", PLACES)
def test_land_is_land_and_sea_is_sea(name, turn):
    latitude, longitude, colour = PLACES[name]
    view = drawn(longitude + turn - 0.02, latitude - 0.02, longitude + turn + 0.02, latitude + 0.02)
    assert np.allclose(view[view.shape[0] // 2, view.shape[1] // 2], to_rgb(colour), atol=0.01)


@settings(deadline=None, max_examples=15)
@given(st.floats(-180, 180), st.floats(-89, 80), st.floats(0.5, 30), st.sampled_from([-720, -360, 360, 720]))
def test_whole_turns_change_nothing(west, south, size, turn):
    here, there = (drawn(at, south, at + size, south + size * 0.3) for at in (west, west + turn))
    assert np.mean(np.abs(here - there) > 0.1) < 0.01


def test_no_coast_follows_the_cut_at_180_degrees_or_the_south_pole():
    earth = _earth()
    before, after = earth.points[: earth.first[earth.rings] - 1], earth.points[1 : earth.first[earth.rings]]
    along = (np.abs(np.abs(before[:, 0] % 360.0) - 180.0) < 1e-6) & (np.abs(before[:, 0] - after[:, 0]) < 1e-6)
    same_line = np.ones(len(before), dtype=bool)
    same_line[earth.first[1 : earth.rings] - 1] = False
    assert np.abs(before[:, 1] - after[:, 1])[along & same_line].max(initial=0.0) < 0.01
    assert earth.points[:, 1].min() > -89.0
    figure, axes = bare()
    draw_earth(axes, -180, -90, 180, -86)
    assert not lines(axes, COAST)
    assert np.allclose(pixels(figure)[5:-5, 5:-5], to_rgb(LAND), atol=0.01)


def test_every_coast_is_closed_but_the_one_round_the_pole():
    earth = _earth()
    ends = earth.points[earth.first[1 : earth.rings + 1] - 1] - earth.points[earth.first[: earth.rings]]
    open_ones = np.abs(ends).max(axis=1) > 1e-9
    assert open_ones.sum() == 1
    assert np.allclose(np.abs(ends[open_ones]), [360.0, 0.0])


def test_inland_there_is_land_and_no_coast():
    figure, axes = bare()
    draw_earth(axes, 113.0, 29.0, 116.0, 32.0)
    assert not lines(axes, COAST)
    assert np.allclose(pixels(figure), to_rgb(LAND), atol=0.01)


def test_all_borders_are_one_line_and_can_be_left_out():
    (_, with_them), (_, without) = bare(), bare()
    draw_earth(with_them, 60, 10, 145, 55)
    draw_earth(without, 60, 10, 145, 55, borders=False)
    assert len(lines(with_them, BORDER)) == 1
    assert not lines(without, BORDER)
    assert len(lines(without, COAST)) == len(lines(with_them, COAST)) == 1


@pytest.mark.parametrize(
    "box",
    [
        (1.0, 0.0, 1.0, 5.0),
        (5.0, 0.0, 1.0, 5.0),
        (0.0, np.nan, 1.0, 5.0),
        (0.0, 0.0, np.inf, 5.0),
        (0.0, 0.0, 1e9, 5.0),
    ],
    ids=["no width", "turned round", "nan", "infinite", "too wide"],
)
def test_a_box_that_is_none_is_left_alone(box):
    _, axes = bare()
    before = len(axes.get_children()), axes.get_xlim(), axes.get_ylim()
    draw_earth(axes, *box)
    veil_sea(axes, *box)
    assert (len(axes.get_children()), axes.get_xlim(), axes.get_ylim()) == before


@settings(deadline=None, max_examples=15)
@given(st.floats(-400, 400), st.floats(-100, 95), st.floats(1e-3, 500), st.floats(1e-3, 200))
def test_any_box_can_be_drawn_and_the_axes_end_there(west, south, width, height):
    figure, axes = bare()
    draw_earth(axes, west, south, west + width, south + height)
    graticule(axes)
    assert axes.get_xlim() == (west, west + width)
    assert axes.get_ylim() == (south, south + height)
    assert pixels(figure).shape[2] == 3


def test_the_veil_pales_the_sea_and_spares_the_land():
    figure, axes = bare()
    box = (-124.0, 35.0, -118.0, 39.0)
    draw_earth(axes, *box)
    axes.axvspan(box[0], box[2], color="black", zorder=1.0)
    veil_sea(axes, *box)
    view = pixels(figure)
    high, wide = view.shape[:2]
    # Sierra Nevada, and the ocean off Monterey
    assert view[high // 2, int(wide * 5.1 / 6)].max() < 0.05
    assert view[high // 2, int(wide * 0.5 / 6)].min() > 0.3


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("latitude_deg", [-60.0, -17.0, 0.0, 35.0, 64.0])
def test_the_bar_is_as_long_as_it_says(latitude_deg, side):
    figure, axes = bare(4.0, 4.0)
    half = aspect(latitude_deg, latitude_deg)
    draw_earth(axes, 10 - half, latitude_deg - 1, 10 + half, latitude_deg + 1)
    room = draw_scale(axes, side)
    bar, text = axes.lines[-1], axes.texts[0].get_text()
    share = float(np.ptp(bar.get_xdata()))
    length_m = share * distance_m(latitude_deg, 10 - half, latitude_deg, 10 + half)
    assert length_m / 1000 == pytest.approx(float(text.removesuffix(" km")), rel=0.01)
    assert 0 <= room.x0 < room.x1 <= 1
    assert pixels(figure).shape[2] == 3


@given(st.floats(-80, 80), st.floats(0.1, 5))
def test_a_degree_north_is_as_long_on_paper_as_on_the_ground(middle, half):
    east_m = distance_m(middle, 0.0, middle, 0.01)
    north_m = distance_m(middle - 0.005, 0.0, middle + 0.005, 0.0)
    assert aspect(middle - half, middle + half) == pytest.approx(float(north_m / east_m), rel=0.01)


def test_the_lines_are_those_the_readme_speaks_of_and_small():
    content = (FOLDER / "natural_earth.npz").read_bytes()
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert hashlib.sha256(content).hexdigest() in readme
    assert len(content) < 1_200_000
    for word in ("Natural Earth", "public domain", "world-atlas", "no position"):
        assert word in " ".join(readme.split())
