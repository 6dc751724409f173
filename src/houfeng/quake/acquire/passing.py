"""The compiled fast path of acquire: packets that simply continue their channel, and their time base."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.acquire.recent import (
    BASE,
    RATE_TOLERANCE,
    SIZE,
    WRITTEN,
    append_one,
    needs_ring,
)
from houfeng.words.instant import EARLIEST_NS, LATEST_NS
from houfeng.words.samples import Samples

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: What became of a packet: set aside for the slow path, passed on, a copy of what was had, nothing in it (or from a
#: channel too many), no possible packet.
ODD, PASSED, COPY, EMPTY, ABSURD = range(5)

#: No packet lasts longer (SDS keeps a day per file; ten leave room for odd archives).
LONGEST_PACKET_S = 864_000.0

#: A channel's whole numbers: has it spoken, is it out of the fast path, start and length of its last packet, where
#: the next is due; then two anchors of its time base (instant, samples since), the older one at least BASELINE
#: samples back once there is one; 1 when its rate has been found off, and said to be; samples since the last break;
#: the last call it had packets in, and the latest of their starts.
SPOKEN, ASIDE, LAST_NS, LAST_COUNT, DUE_NS, OLD_NS, OLD_COUNT, NEW_NS, NEW_COUNT = range(9)
RATE_OFF, RATE_SAID, RUN, CALL, CALL_NS, STATE_WHOLES = range(9, 15)
#: A channel's real numbers: stated rate, sample interval as its stamps tell, the interval hinted at by the packet
#: that broke (0 when it could not be one).
STATED_HZ, STEP_NS, HINT_NS, STATE_REALS = range(4)

#: A packet this near to where it is due goes on: with less than a sample's slip none is missing and none doubled. (The
#: usual jitter of stamps is microseconds; devices that stamp in software slip by most of a sample.)
NEAR_SAMPLES = 0.95

#: The stamps' own rate is believed over this many samples: each stamp being good to half a sample, 2048 of them tell
#: a rate to 0.05 %. Beyond RATE_DIFFERS the stated rate is called wrong.
BASELINE = 2048
RATE_DIFFERS = 1e-3


@njit(cache=True)
def pass_packets(
    turn: int,
    todo: Wholes,
    rows: Wholes,
    start_ns: Wholes,
    rate_hz: Reals,
    offset: Wholes,
    samples: Samples,
    verdict: NDArray[np.int8],
    true_hz: Reals,
    earliest_ns: int,
    latest_ns: int,
    whole: Wholes,
    real: Reals,
    kind: int,
    span_s: float,
    line: Wholes,
    pool: Samples,
    mark_at: Wholes,
    mark_ns: Wholes,
    mark_hz: Reals,
    mark_first: NDArray[np.bool_],
) -> int:
    """Judge packets, remembering those that pass; returns the turn it stopped at: the end, or where a ring is needed.

    turn, todo  which packets to judge, in order, and from which of them on
    rows       of each packet's channel, -1 for strangers there was no room for
    earliest_ns, latest_ns  a channel's first packet passes only between these
    verdict    out [packets]
    true_hz    out [packets], the rate to believe
    """
    while turn < len(todo):
        packet = todo[turn]
        row = rows[packet]
        first, last = offset[packet], offset[packet + 1]
        if row < 0 or first == last:
            verdict[packet] = EMPTY
        elif not (EARLIEST_NS < start_ns[packet] < LATEST_NS and last - first <= LONGEST_PACKET_S * rate_hz[packet]):
            verdict[packet] = ABSURD
        elif needs_ring(row, line, kind, span_s, rate_hz[packet]):
            break
        elif whole[row, ASIDE] == 1:
            verdict[packet] = ODD
        else:
            again = repeats(row, whole, real, start_ns[packet], rate_hz[packet], samples, first, last, line, pool)
            if again == last - first:
                verdict[packet] = COPY
            elif again == 0 and follows(row, whole, real, start_ns[packet], rate_hz[packet], earliest_ns, latest_ns):
                verdict[packet] = PASSED
                true_hz[packet] = accept(row, whole, real, start_ns[packet], last - first, rate_hz[packet])
                append_one(
                    row,
                    line,
                    pool,
                    mark_at,
                    mark_ns,
                    mark_hz,
                    mark_first,
                    start_ns[packet],
                    true_hz[packet],
                    samples,
                    first,
                    last,
                )
            else:
                verdict[packet] = ODD
                whole[row, ASIDE] = 1
        turn += 1
    return turn


@njit(cache=True)
def is_disordered(rows: Wholes, start_ns: Wholes, call: int, whole: Wholes) -> bool:
    """Whether a channel's packets in this call come in another order than their starts."""
    for packet in range(len(rows)):
        row = rows[packet]
        if row >= 0:
            if whole[row, CALL] == call and start_ns[packet] < whole[row, CALL_NS]:
                return True
            whole[row, CALL], whole[row, CALL_NS] = call, start_ns[packet]
    return False


@njit(cache=True)
def gather(packets: Wholes, offset: Wholes, samples: Samples, out: Samples) -> None:
    """Copy the samples of these packets one after the other."""
    at = 0
    for packet in packets:
        length = offset[packet + 1] - offset[packet]
        out[at : at + length] = samples[offset[packet] : offset[packet + 1]]
        at += length


@njit(cache=True)
def follows(
    row: int, whole: Wholes, real: Reals, start_ns: int, rate_hz: float, earliest_ns: int, latest_ns: int
) -> bool:
    """Whether a packet continues its channel, or is its plausible first."""
    if whole[row, SPOKEN] == 0:
        return earliest_ns <= start_ns <= latest_ns
    if abs(rate_hz / real[row, STATED_HZ] - 1.0) > RATE_TOLERANCE:
        return False
    allowed = NEAR_SAMPLES * real[row, STEP_NS]
    return bool(abs(start_ns - whole[row, DUE_NS]) <= allowed or _by_hint_ns(row, whole, real, start_ns) <= allowed)


@njit(cache=True)
def _by_hint_ns(row: int, whole: Wholes, real: Reals, start_ns: int) -> float:
    """How far a packet is from where the hinted interval would have it."""
    if real[row, HINT_NS] == 0.0:
        return np.inf
    return float(abs(start_ns - whole[row, LAST_NS] - whole[row, LAST_COUNT] * real[row, HINT_NS]))


@njit(cache=True)
def _interval_ns(start_ns: int, before_ns: int, before: int, stated_ns: float) -> float:
    """The sample interval that two packets' starts would make; 0 when no rate is misstated by so much."""
    between = (start_ns - before_ns) / max(1, before)
    return float(between) if abs(between / stated_ns - 1.0) <= RATE_TOLERANCE else 0.0


@njit(cache=True)
def hint(row: int, whole: Wholes, real: Reals, before_ns: int, before: int, cut: int) -> None:
    """Note the interval by which the packet just accepted, taken with what was cut off it, follows the one before."""
    stated_ns = 1e9 / real[row, STATED_HZ]
    start_ns = whole[row, LAST_NS] - int(np.floor(cut * stated_ns + 0.5))
    interval_ns = _interval_ns(start_ns, before_ns, before, stated_ns)
    if interval_ns > 0.0:
        real[row, HINT_NS] = interval_ns
        whole[row, LAST_NS], whole[row, LAST_COUNT] = start_ns, whole[row, LAST_COUNT] + cut
        whole[row, OLD_NS], whole[row, OLD_COUNT] = start_ns, 0
        whole[row, NEW_NS], whole[row, NEW_COUNT] = start_ns, 0


@njit(cache=True)
def accept(row: int, whole: Wholes, real: Reals, start_ns: int, count: int, rate_hz: float) -> float:
    """Move the channel's time base on by a packet; returns the rate to believe.

    A packet that breaks the run may do so because the stated rate is wrong: then the next one is as far from it as it
    was from the last. That interval is kept as a hint. A rate once found to be off stays so over gaps.
    """
    stated_ns = 1e9 / rate_hz
    same_rate = whole[row, SPOKEN] == 1 and abs(rate_hz / real[row, STATED_HZ] - 1.0) <= RATE_TOLERANCE
    near_ns = NEAR_SAMPLES * real[row, STEP_NS]
    hinted = (
        same_rate
        and abs(start_ns - whole[row, DUE_NS]) > near_ns
        and _by_hint_ns(row, whole, real, start_ns) <= near_ns
    )
    if same_rate and (hinted or abs(start_ns - whole[row, DUE_NS]) <= near_ns):
        whole[row, OLD_COUNT] += whole[row, LAST_COUNT]
        whole[row, NEW_COUNT] += whole[row, LAST_COUNT]
        if hinted:
            real[row, STEP_NS] = real[row, HINT_NS]
            whole[row, OLD_NS], whole[row, OLD_COUNT] = whole[row, LAST_NS], whole[row, LAST_COUNT]
            whole[row, NEW_NS], whole[row, NEW_COUNT] = whole[row, LAST_NS], whole[row, LAST_COUNT]
        elif whole[row, OLD_COUNT] >= BASELINE:
            interval_ns = _interval_ns(start_ns, whole[row, OLD_NS], whole[row, OLD_COUNT], stated_ns)
            real[row, STEP_NS] = interval_ns if interval_ns > 0.0 else stated_ns
        if whole[row, NEW_COUNT] >= BASELINE:
            whole[row, OLD_NS], whole[row, OLD_COUNT] = whole[row, NEW_NS], whole[row, NEW_COUNT]
            whole[row, NEW_NS], whole[row, NEW_COUNT] = start_ns, 0
        whole[row, RATE_OFF] = int(abs(real[row, STEP_NS] / stated_ns - 1.0) > RATE_DIFFERS)
    else:
        real[row, HINT_NS] = 0.0
        if same_rate:
            real[row, HINT_NS] = _interval_ns(start_ns, whole[row, LAST_NS], whole[row, LAST_COUNT], stated_ns)
        if not (same_rate and whole[row, RATE_OFF] == 1):
            real[row, STEP_NS], whole[row, RATE_OFF] = stated_ns, 0
        whole[row, OLD_NS], whole[row, OLD_COUNT] = start_ns, 0
        whole[row, NEW_NS], whole[row, NEW_COUNT] = start_ns, 0
        whole[row, RUN] = 0
    whole[row, SPOKEN] = 1
    real[row, STATED_HZ] = rate_hz
    whole[row, RUN] += count
    whole[row, LAST_NS], whole[row, LAST_COUNT] = start_ns, count
    whole[row, DUE_NS] = start_ns + np.int64(np.floor(count * real[row, STEP_NS] + 0.5))
    return float(1e9 / real[row, STEP_NS]) if whole[row, RATE_OFF] == 1 else rate_hz


@njit(cache=True)
def repeats(
    row: int,
    whole: Wholes,
    real: Reals,
    start_ns: int,
    rate_hz: float,
    samples: Samples,
    first: int,
    last: int,
    line: Wholes,
    pool: Samples,
) -> int:
    """How many of a packet's samples lie before what is due and say again, exactly, what the present run has said.

    All those that lie there, or none.
    """
    if whole[row, SPOKEN] == 0 or abs(rate_hz / real[row, STATED_HZ] - 1.0) > RATE_TOLERANCE:
        return 0
    back = int(np.floor((whole[row, DUE_NS] - start_ns) / real[row, STEP_NS] + 0.5))
    if back <= 0 or back > min(whole[row, RUN], line[row, SIZE]):
        return 0
    at, count = line[row, WRITTEN] - back, min(back, last - first)
    for k in range(count):
        if pool[line[row, BASE] + (at + k) % line[row, SIZE]] != samples[first + k]:
            return 0
    return int(count)
