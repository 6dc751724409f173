"""The picture of station magnitudes: whole, repeatable, and not to be broken from outside."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from test_serve_figures import HOSTILE, colours, scene, size_px

from houfeng.serve.figures import magnitudes_figure
from houfeng.serve.figures.magnitudes import MOST_SCALES
from houfeng.words.quake import Magnitude, StationMagnitude


def sized(count=12, kinds=("Mw", "ML"), refused=(3,)):
    """A quake with magnitudes of so many stations."""
    quake, *_ = scene(3)
    said = tuple(
        StationMagnitude(
            (), f"XX.S{at:03d}", 5.0 + 0.3 * math.sin(at), 9e3 * (at + 1), "clipped" if at in refused else ""
        )
        for at in range(count)
    )
    return replace(quake, magnitudes=tuple(Magnitude(kind, 5.0, 0.2, "Author 1999", said) for kind in kinds))


def test_the_picture_is_whole_and_the_same_each_time():
    png = magnitudes_figure(sized())
    assert size_px(png)[0] == 1500
    assert colours(png) > 100
    assert png == magnitudes_figure(sized())


def test_each_scale_has_its_panel_up_to_a_page():
    heights = [size_px(magnitudes_figure(sized(kinds=["M"] * count)))[1] for count in range(MOST_SCALES + 4)]
    assert heights[0] == heights[1]
    assert all(low < high for low, high in pairwise(heights[1 : MOST_SCALES + 1]))
    assert len(set(heights[MOST_SCALES:])) == 1


def test_a_refused_station_looks_refused():
    assert magnitudes_figure(sized(refused=(3,))) != magnitudes_figure(sized(refused=(4,)))


def test_the_value_of_the_network_is_drawn():
    quake = sized()
    first, *rest = quake.magnitudes
    assert magnitudes_figure(replace(quake, magnitudes=(replace(first, value=5.1), *rest))) != magnitudes_figure(quake)


def test_without_a_magnitude_it_says_so():
    assert colours(magnitudes_figure(sized(kinds=()))) > 20


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e300, 1e300])
def test_odd_numbers_are_passed_over(value):
    quake = sized()
    first = quake.magnitudes[0]
    odd = (
        StationMagnitude((), "XX.ODD", value, 1e4),
        StationMagnitude((), "XX.FAR", 5.0, value),
        StationMagnitude((), "XX.NEAR", 5.0, -5.0, "behind"),
    )
    spoilt = replace(first, value=value, uncertainty=value, stations=(*first.stations, *odd))
    assert size_px(magnitudes_figure(replace(quake, magnitudes=(spoilt,))))[0] == 1500


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_are_only_drawn(text):
    said = (StationMagnitude((), text, 5.0, 1e4, text), StationMagnitude((), text, 4.0, 1e4))
    quake = replace(sized(), magnitudes=(Magnitude(text, 5.0, 0.1, text, said),))
    assert size_px(magnitudes_figure(quake))[0] == 1500
