"""What the walk over frames is given and gives: thresholds, columns, one frame, accusations."""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.guard.judge import session_memory as m
from houfeng.guard.judge.session_memory import Memory

#: Accusations of one call at most; the walk goes on where it stopped once they were taken.
ROOM: Final = 4096
#: Columns of an accusation: frame, kind, place, end that is accused, and up to three figures.
(AT, KIND, PLACE, END, FIGURE, FIGURE_2, FIGURE_3, ACCUSATION_FIELDS) = range(8)

#: Sequence numbers are counted modulo this (RFC 9293, 3.4).
WORD: Final = 1 << 32
_HALF: Final = 1 << 31


class Limits(NamedTuple):
    """The thresholds of rules/session.toml; durations in nanoseconds."""

    least_payload_bytes: int
    payloads_before: int
    repeats_per_payload: float
    settle_ns: int
    apart_bytes: int
    inside_bytes: int
    late_segments: int
    late_share: float
    episode_ns: int
    forget_ns: int
    barren_frames: int
    barren_ns: int
    answered_ns: int
    answer_sends: int
    answer_over_ns: int
    first_frames: int
    settled_frames: int
    counter_uses: int
    counter_skip: int
    counter_steps: int


class Columns(NamedTuple):
    """The columns of a FrameBatch that the walk reads, by their names there, all as signed 64-bit numbers.

    Addresses stay unsigned; the digest keeps its bits.
    """

    time_ns: m.Wholes
    src_mac: m.Wholes
    src_hi: m.Words
    src_lo: m.Words
    dst_hi: m.Words
    dst_lo: m.Words
    src_port: m.Wholes
    dst_port: m.Wholes
    tcp_flags: m.Wholes
    sequence: m.Wholes
    acknowledged: m.Wholes
    payload_bytes: m.Wholes
    payload_kept: m.Wholes
    digest: m.Wholes
    counter: m.Wholes


class Frame(NamedTuple):
    """One frame on its way through the walk: where it is, and what it says, as plain integers."""

    at: int
    place: int
    end: int
    time_ns: int
    flags: int
    seq: int
    ack: int
    payload_bytes: int
    digest: int
    counter: int


@njit(cache=True)
def apart(later: int, earlier: int) -> int:
    """How far a sequence number lies after another, by the shorter way round (RFC 9293, 3.4)."""
    return ((later - earlier + _HALF) & (WORD - 1)) - _HALF


@njit(cache=True)
def mixed(value: np.uint64) -> np.uint64:
    """Spread bits over the word (splitmix64, Steele et al. 2014, doi:10.1145/2660193.2660195)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True)
def accuse(
    frame: Frame, kind: int, figures: tuple[int, int, int], memory: Memory, limits: Limits, told: NDArray[np.int64],
    count: int,
) -> int:  # fmt: skip
    """Note an accusation, once an episode of the session."""
    last_ns = memory.told_ns[frame.place, kind]
    memory.told_ns[frame.place, kind] = frame.time_ns
    if last_ns and frame.time_ns - last_ns <= limits.episode_ns:
        return count
    told[count, AT], told[count, KIND], told[count, PLACE], told[count, END] = frame.at, kind, frame.place, frame.end
    told[count, FIGURE], told[count, FIGURE_2], told[count, FIGURE_3] = figures
    return count + 1
