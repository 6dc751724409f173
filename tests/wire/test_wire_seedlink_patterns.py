"""Which stations and streams a pattern takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.seedlink.patterns import Selector, matcher, selector_of_v3, selector_of_v4, selects, station_pattern

names = st.text("AB_", max_size=8)
patterns = st.text("AB_*?", max_size=8)


def slowly(pattern, name):
    """What a pattern means, said once more."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return slowly(pattern[1:], name) or (bool(name) and slowly(pattern, name[1:]))
    return bool(name) and pattern[0] in ("?", name[0]) and slowly(pattern[1:], name[1:])


@given(patterns, names)
def test_a_pattern_is_what_it_says(pattern, name):
    assert bool(matcher(pattern)(name)) == slowly(pattern, name)


def test_a_pattern_made_to_be_slow_is_not():
    # With backtracking this takes longer than the universe has been there.
    assert not matcher("*A" * 30 + "B")("A" * 200)


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_no_pattern(text):
    for read in (station_pattern, selector_of_v3, selector_of_v4):
        try:
            read(text)
        except (ValueError, LookupError):
            continue
        assert re.fullmatch(r"[A-Za-z0-9_?*!.:-]+", text)


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("00BHZ.D", Selector("00_B_H_Z", "?D")),
        ("BH?", Selector("*_B_H_?")),
        ("?0BHZ", Selector("?0_B_H_Z")),
        ("--BHZ", Selector("_B_H_Z")),
        ("!LOG", Selector("*_L_O_G", excludes=True)),
        ("*", Selector("*")),
        ("*.D", Selector("*", "?D")),
        ("E", Selector("*", "?E")),
        ("!E", Selector("*", "?E", excludes=True)),
    ],
)
def test_selectors_of_version_3(text, selector):
    assert selector_of_v3(text) == selector


@pytest.mark.parametrize("text", ["", "!", "B", "BH", "0BHZ", "00BHZZ", "BHZ.", "BHZ.X", "B_H_Z", "BHZ D", "[BHZ"])
def test_no_selectors_of_version_3(text):
    with pytest.raises(ValueError, match="a selector is"):
        selector_of_v3(text)


def test_the_examples_of_the_specification():
    excluding = [selector_of_v4(text) for text in ("_B*", "!*.*E")]
    assert selects(excluding, "_B_H_Z", "2D")
    assert not selects(excluding, "_B_H_Z", "2E")
    assert not selects(excluding, "00_B_H_Z", "2D")
    assert matcher("_*Z")("_B_H_Z")
    assert not matcher("_*Z")("00_B_H_Z")
    assert not matcher("_*Z")("_B_Z_H")
    # A format is tied to its beginning only.
    assert selects([selector_of_v4("*.2")], "_B_H_Z", "2D")
    assert not selects([selector_of_v4("*.D")], "_B_H_Z", "2D")


def test_a_channel_without_its_location_is_that_of_any():
    assert selector_of_v4("B_H_?.2D") == Selector("*_B_H_?", "2D")
    assert selector_of_v4("_B_H_Z") == Selector("_B_H_Z")


def test_without_any_that_takes_all_is_taken_that_is_not_excluded():
    assert selects([], "00_H_H_Z", "2D")
    assert selects([selector_of_v4("!*_L_O_G")], "00_H_H_Z", "2D")
    assert not selects([selector_of_v4("!*_L_O_G")], "_L_O_G", "2L")


def test_a_selector_is_written_as_it_is_read():
    for text in ("00_H_H_Z.2D", "!*_L_O_G", "*.3"):
        assert str(selector_of_v4(text)) == text
