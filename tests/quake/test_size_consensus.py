"""The mean of the stations: whom it hears, whom it leaves out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.quake.size.consensus import STATION_SCATTER, consensus, counted
from houfeng.quake.size.remarks import NAMED, Remarks
from houfeng.words.quake import StationMagnitude

MAGNITUDES = st.floats(-2, 9)


def said(*values):
    return [StationMagnitude((), f"XX.S{number}", value, 1e4) for number, value in enumerate(values)]


@given(st.lists(MAGNITUDES, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_the_mean_lies_among_its_stations(values, random):
    one = consensus("ML", said(*values), "made up")
    shuffled = list(values)
    random.shuffle(shuffled)
    assert consensus("ML", said(*shuffled), "made up").value == pytest.approx(one.value)
    assert min(values) - 1e-9 <= one.value <= max(values) + 1e-9


@given(st.lists(st.floats(2.9, 3.1), min_size=5, max_size=9), st.floats(4.5, 9))
def test_one_liar_is_left_out(values, lie):
    magnitude = consensus("ML", said(*values, lie), "made up")
    assert magnitude.value == pytest.approx(np.mean(values))
    assert "from the median" in magnitude.stations[-1].refused


@pytest.mark.parametrize("bad", [math.nan, math.inf], ids=["not-a-number", "infinite"])
def test_what_is_no_number_is_refused(bad):
    magnitude = consensus("ML", said(3.0, bad, 3.0, 3.0), "made up")
    assert magnitude.value == pytest.approx(3.0)
    assert counted(magnitude) == 3
    assert consensus("ML", said(bad), "made up") is None


def test_a_doubtful_station_weighs_less():
    assert consensus("Mw", said(3.0, 3.5), "made up", doubts=[0.01, 1.0]).value < 3.1
    assert consensus("Mw", said(3.0, 3.5), "made up", doubts=[0.1, 0.1]).value == pytest.approx(3.25)


def test_few_stations_are_worth_what_a_station_is_worth():
    assert consensus("ML", said(3.0, 3.0), "made up").uncertainty == STATION_SCATTER
    assert consensus("ML", said(3.0, 3.0), "made up", scatter=0.4).uncertainty == 0.4
    assert consensus("ML", [], "made up") is None


def test_a_remark_is_said_once_and_names_a_handful():
    remarks = Remarks()
    for number in range(NAMED + 3):
        remarks.add("too far", f"XX.S{number}")
    remarks.add("too deep")
    remarks.add("too deep")
    assert remarks.lines() == ("too far: XX.S0, XX.S1, XX.S2, XX.S3, XX.S4, XX.S5 and 3 more", "too deep")
