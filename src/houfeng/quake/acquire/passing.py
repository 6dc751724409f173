"""The compiled fast path of acquire: packets that simply continue their channel, and their time base."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.acquire.recent import (
    BASE,
    RATE_TOLERANCE,
    SIZE,
    SLIP_SAMPLES,
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

#: A packet may slip by more than half a sample only if this share of its length covers the slip: a lost or doubled
#: sample in a packet of a few is not jitter.
SLIP_SHARE = 0.1

#: The stamps' own rate is believed over this many samples: each stamp being good to half a sample, 2048 of them tell
#: a rate to 0.05 %. Beyond RATE_DIFFERS the stated rate is called wrong.
BASELINE = 2048
RATE_DIFFERS = 1e-3


@njit(cache=True)
def pass_packets(
    packet: int,
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
    """Judge packets from one on, remembering those that pass; returns where it stopped: the end, or a ring is needed.

    rows       of each packet's channel, -1 for strangers there was no room for
    earliest_ns, latest_ns  a channel's first packet passes only between these
    verdict    out [packets]
    true_hz    out [packets], the rate to believe
    """
    while packet < len(rows):
        row = rows[packet]
        first, last = offset[packet], offset[packet + 1]
        if row < 0 or first == last:
            verdict[packet] = EMPTY
        elif not (EARLIEST_NS < start_ns[packet] < LATEST_NS and last - first <= LONGEST_PACKET_S * rate_hz[packet]):
            verdict[packet] = ABSURD
        elif needs_ring(line[row], kind, span_s, rate_hz[packet]):
            break
        elif whole[row, ASIDE] == 1:
            verdict[packet] = ODD
        elif follows(whole[row], real[row], start_ns[packet], last - first, rate_hz[packet], earliest_ns, latest_ns):
            true_hz[packet] = accept(whole[row], real[row], start_ns[packet], last - first, rate_hz[packet])
            append_one(
                line[row],
                pool,
                mark_at[row],
                mark_ns[row],
                mark_hz[row],
                mark_first[row],
                start_ns[packet],
                true_hz[packet],
                samples,
                first,
                last,
            )
            verdict[packet] = PASSED
        elif is_copy(whole[row], real[row], start_ns[packet], rate_hz[packet], samples, first, last, line[row], pool):
            verdict[packet] = COPY
        else:
            verdict[packet] = ODD
            whole[row, ASIDE] = 1
        packet += 1
    return packet


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
    whole: Wholes, real: Reals, start_ns: int, count: int, rate_hz: float, earliest_ns: int, latest_ns: int
) -> bool:
    """Whether a packet continues its channel, or is its plausible first."""
    if whole[SPOKEN] == 0:
        return earliest_ns <= start_ns <= latest_ns
    if abs(rate_hz / real[STATED_HZ] - 1.0) > RATE_TOLERANCE:
        return False
    allowed = max(0.5, min(SLIP_SAMPLES, SLIP_SHARE * min(count, whole[LAST_COUNT]))) * real[STEP_NS]
    return bool(abs(start_ns - whole[DUE_NS]) <= allowed or _by_hint_ns(whole, real, start_ns) <= allowed)


@njit(cache=True)
def _by_hint_ns(whole: Wholes, real: Reals, start_ns: int) -> float:
    """How far a packet is from where the hinted interval would have it."""
    if real[HINT_NS] == 0.0:
        return np.inf
    return float(abs(start_ns - whole[LAST_NS] - whole[LAST_COUNT] * real[HINT_NS]))


@njit(cache=True)
def accept(whole: Wholes, real: Reals, start_ns: int, count: int, rate_hz: float) -> float:
    """Move the channel's time base on by a packet; returns the rate to believe.

    A packet that breaks the run may do so because the stated rate is wrong: then the next one is as far from it as it
    was from the last. That interval is kept as a hint.
    """
    stated_ns = 1e9 / rate_hz
    same_rate = whole[SPOKEN] == 1 and abs(rate_hz / real[STATED_HZ] - 1.0) <= RATE_TOLERANCE
    near_ns = SLIP_SAMPLES * real[STEP_NS]
    hinted = same_rate and abs(start_ns - whole[DUE_NS]) > near_ns and _by_hint_ns(whole, real, start_ns) <= near_ns
    if same_rate and (hinted or abs(start_ns - whole[DUE_NS]) <= near_ns):
        whole[OLD_COUNT] += whole[LAST_COUNT]
        whole[NEW_COUNT] += whole[LAST_COUNT]
        if hinted:
            real[STEP_NS] = real[HINT_NS]
        elif whole[OLD_COUNT] >= BASELINE:
            real[STEP_NS] = (start_ns - whole[OLD_NS]) / whole[OLD_COUNT]
        if whole[NEW_COUNT] >= BASELINE:
            whole[OLD_NS], whole[OLD_COUNT] = whole[NEW_NS], whole[NEW_COUNT]
            whole[NEW_NS], whole[NEW_COUNT] = start_ns, 0
        whole[RATE_OFF] = int(abs(real[STEP_NS] / stated_ns - 1.0) > RATE_DIFFERS)
    else:
        between = (start_ns - whole[LAST_NS]) / max(1, whole[LAST_COUNT])
        real[HINT_NS] = between if same_rate and abs(between / stated_ns - 1.0) <= RATE_TOLERANCE else 0.0
        real[STEP_NS] = stated_ns
        whole[OLD_NS], whole[OLD_COUNT] = start_ns, 0
        whole[NEW_NS], whole[NEW_COUNT] = start_ns, 0
        whole[RATE_OFF], whole[RUN] = 0, 0
    whole[SPOKEN] = 1
    real[STATED_HZ] = rate_hz
    whole[RUN] += count
    whole[LAST_NS], whole[LAST_COUNT] = start_ns, count
    whole[DUE_NS] = start_ns + np.int64(np.floor(count * real[STEP_NS] + 0.5))
    return float(1e9 / real[STEP_NS]) if whole[RATE_OFF] == 1 else rate_hz


@njit(cache=True)
def is_copy(
    whole: Wholes,
    real: Reals,
    start_ns: int,
    rate_hz: float,
    samples: Samples,
    first: int,
    last: int,
    line: Wholes,
    pool: Samples,
) -> bool:
    """Whether a packet says again, to the sample, what the present run has said."""
    if whole[SPOKEN] == 0 or abs(rate_hz / real[STATED_HZ] - 1.0) > RATE_TOLERANCE:
        return False
    back = np.int64(np.floor((whole[DUE_NS] - start_ns) / real[STEP_NS] + 0.5))
    if back < last - first or back > min(whole[RUN], line[SIZE]):
        return False
    at = line[WRITTEN] - back
    differ = 0
    for k in range(last - first):
        differ += pool[line[BASE] + (at + k) % line[SIZE]] != samples[first + k]
        if differ:
            break
    return differ == 0
