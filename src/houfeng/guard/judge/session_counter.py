"""The protocol's own counter: whether messages are numbered in turn."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.guard.judge import session_memory as m
from houfeng.guard.judge.session_frame import Frame, Limits, accuse
from houfeng.guard.judge.session_memory import Memory


@njit(cache=True)
def numbered(
    frame: Frame, unbroken: bool, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """The protocol's own counter: it goes on in one of its two lanes, requests' and unsolicited messages'."""
    own = memory.end[frame.place, frame.end]
    first, second = own[m.LANE : m.LANE + 4], own[m.LANE_TOO : m.LANE_TOO + 4]
    for lane in (first, second):
        if lane[m.LANE_VALUE] == frame.counter and frame.digest and lane[m.LANE_DIGEST] == frame.digest:
            return count  # the application asks again, word for word
    for lane in (first, second):
        if lane[m.LANE_VALUE] == frame.counter and lane[m.LANE_USES] < limits.counter_uses:
            lane[m.LANE_USES] += 1
            lane[m.LANE_DIGEST] = frame.digest
            return count
    for skip in range(1, limits.counter_skip + 1):
        for lane in (first, second):
            if lane[m.LANE_VALUE] >= 0 and _steps(frame.counter, lane[m.LANE_VALUE]) == skip:
                steps = lane[m.LANE_STEPS] + 1 if skip == 1 else lane[m.LANE_STEPS]
                lane[m.LANE_VALUE], lane[m.LANE_USES], lane[m.LANE_STEPS] = frame.counter, 1, steps
                lane[m.LANE_DIGEST] = frame.digest
                return count
    return _out_of_turn(frame, unbroken, memory, limits, told, count)


@njit(cache=True)
def _steps(later: int, earlier: int) -> int:
    """How many steps a counter made, whatever power of two it wraps at; a large number when it went back."""
    if later >= earlier:
        return later - earlier
    turn = 16
    while turn <= earlier:
        turn *= 2
    return later + turn - earlier


@njit(cache=True)
def _out_of_turn(
    frame: Frame, unbroken: bool, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """A number that continues neither lane: a lane's first, a gap in what was captured, or a forgery."""
    own = memory.end[frame.place, frame.end]
    first, second = own[m.LANE : m.LANE + 4], own[m.LANE_TOO : m.LANE_TOO + 4]
    repeats = frame.counter in {first[m.LANE_VALUE], second[m.LANE_VALUE]}
    lane = first if first[m.LANE_STEPS] <= second[m.LANE_STEPS] else second
    settled = min(first[m.LANE_STEPS], second[m.LANE_STEPS]) >= limits.counter_steps
    if unbroken and repeats:
        count = accuse(frame, m.COUNTER_REPEAT, (frame.counter, lane[m.LANE_VALUE], 0), memory, limits, told, count)
    elif unbroken and settled:
        figures = (frame.counter, lane[m.LANE_VALUE], 0)
        count = accuse(frame, m.COUNTER_JUMP, figures, memory, limits, told, count)
    if not repeats:
        lane[m.LANE_VALUE], lane[m.LANE_USES], lane[m.LANE_STEPS], lane[m.LANE_DIGEST] = (
            frame.counter,
            1,
            0,
            frame.digest,
        )
    return count
