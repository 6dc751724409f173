"""Stamps: what is in line in any capture, and what is a lone stamp."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.eyes.frame_times import NOBODY, PATIENCE, judge_times

NOW, MINUTE, HOUR, DAY = 1_700_000_000, 60, 3600, 86_400
YEAR = 365 * DAY


def lone(times_s: list[int], pieces: int = 1) -> list[int]:
    """Positions of the stamps that are out of line, fed in so many pieces."""
    times = np.array([t * 10**9 if t >= 0 else -1 for t in times_s], dtype=np.int64)
    bad: list[bool] = []
    believed = NOBODY
    edges = np.linspace(0, len(times), pieces + 1).astype(int)[1:]
    for edge in edges.tolist():
        waiting = times[len(bad) : edge]
        out = np.zeros(len(waiting), dtype=np.bool_)
        settled, believed = judge_times(waiting, believed, edge == len(times), out)
        bad += out[:settled].tolist()
    assert len(bad) == len(times_s)
    return [k for k, one in enumerate(bad) if one]


@pytest.mark.parametrize(
    ("why", "after_s", "out"),
    [
        ("a busy link", [0, 0, 1, 1, 2], []),
        ("frames that changed places", [0, 5, 3, 4, 6], []),
        ("hours of silence", [0, 1, 9 * HOUR, 9 * HOUR + 1], []),
        ("a day of silence, then another", [0, DAY, 2 * DAY + 5, 2 * DAY + 6], []),
        ("a frame a day", [0, DAY, 2 * DAY, 3 * DAY], []),
        ("a frame an hour, and the last", [0, HOUR, 2 * HOUR], []),
        ("a clock set forward by years, as on a machine without one of its own", [0, 1, 9 * YEAR, 9 * YEAR + 1], []),
        ("a clock set back", [0, 1, -HOUR, -HOUR + 1], []),
        ("1970", [0, 1, -NOW, 2, 3], [2]),
        ("2106", [0, 1, 82 * YEAR, 2, 3], [2]),
        ("a day back", [0, 1, -DAY, 2, 3], [2]),
        ("a day ahead", [0, 1, DAY, 2, 3], [2]),
        ("years ahead in a capture of a frame an hour", [0, HOUR, 9 * YEAR, 2 * HOUR, 3 * HOUR], [2]),
        ("a day back before a silence", [0, 1, -DAY, 5 * HOUR, 5 * HOUR + 1], [2]),
        ("several, apart", [0, 9 * YEAR, 1, -NOW, 2, 3], [1, 3]),
        ("two absurd ones in a row", [0, 9 * YEAR, 82 * YEAR, 1, 2], [1, 2]),
        ("after a silence", [0, HOUR, 9 * YEAR, HOUR + 1, HOUR + 2], [2]),
        ("the first", [-NOW, 0, 1, 2], [0]),
        ("the first, ahead", [9 * YEAR, 0, 1, 2], [0]),
        ("the second", [0, 9 * YEAR, 1, 2], [1]),
        ("the last, back", [0, 1, -DAY], [2]),
        ("the last, years ahead", [0, 1, 9 * YEAR], [2]),
        ("one alone", [0], []),
        ("none at all", [], []),
    ],
)
def test_what_is_in_line(why: str, after_s: list[int], out: list[int]) -> None:
    times = [NOW + t for t in after_s]
    assert lone(times) == out, why
    assert lone(times, pieces=max(len(times), 1)) == out, why


def test_a_capture_whose_clock_stands_in_1970_is_in_line_with_itself() -> None:
    assert lone([0, 1, 2, 3]) == []


def test_frames_without_time_are_passed_over() -> None:
    assert lone([NOW, -1, NOW + 9 * YEAR, -1, NOW + 1]) == [2]


def test_no_stamp_waits_for_ever() -> None:
    times = np.full(1 + PATIENCE, -1, dtype=np.int64)
    times[0] = NOW * 10**9
    out = np.zeros(len(times), dtype=np.bool_)
    assert judge_times(times, NOBODY, False, out)[0] == len(times)
    assert judge_times(times[:5], NOBODY, False, out)[0] == 0


@given(
    steps=st.lists(st.sampled_from([0, 1, 50, 70, HOUR, DAY, -DAY, -YEAR, 2 * YEAR, 40 * DAY]), max_size=30),
    pieces=st.integers(1, 12),
)
@settings(max_examples=150, deadline=None)
def test_the_cut_changes_nothing(steps: list[int], pieces: int) -> None:
    times = (NOW + np.cumsum(steps)).tolist()
    assert lone(times, pieces) == lone(times)
