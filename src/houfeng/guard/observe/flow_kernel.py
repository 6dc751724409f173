"""The flow kernel: one compiled pass from frames to the counters of two-way flows.

flowtable.py owns the arrays and calls `account`. For each frame

1. the eye's clock is moved on, and what has become due is told (`tick`): flows two seconds old, flows with news a
   minute after they were told last, and, for the last time, flows that fell silent;
2. its flow is found by addresses, ports and protocol, or begun;
3. the flow counts it, and is told when that settled its outcome.

Telling is copying the flow's words into `rows`. Nothing depends on how frames are cut into batches: the pass stops
when the table or `rows` is full, and goes on where it stood when it is called again.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.guard.observe import flow_words as word
from houfeng.guard.observe.flow_due import tell_outcome, tick, whole_second
from houfeng.guard.observe.flow_refusal import is_unreachable, refuse
from houfeng.guard.observe.flow_words import Words, asked_by, key_of, port_of, protocol_of, same_addresses
from houfeng.guard.observe.places import find, mix
from houfeng.wire.eyes.frames import ACK, NO_MAC, RST, SYN

Bytes = NDArray[np.uint8]

#: Why a pass stopped.
DONE, NEEDS_PLACE, NEEDS_ROOM = range(3)

#: Ports below are a server's (RFC 6335 section 6).
SYSTEM_PORTS = 1024

#: Pairs of addresses of which the last flow is remembered, for fragments, which have no ports.
RECENT = 4096


@njit(nogil=True, cache=True)
def account(
    frames: Words, data: Bytes, flows: Words, index: Words, free: Words, recent: Words, state: Words, limits: Words,
    salt: int, tapped: NDArray[np.bool_], rows: Words, tapped_rows: Words,
) -> int:  # fmt: skip
    """Take frames from state[AT_FRAME] on; gives why it stopped.

    frames       [n, FRAME_COLUMNS]
    data         what PAYLOAD_AT points into
    flows        [m, FLOW_WHOLES], found through index (places.py); free holds places to be used again
    recent       [RECENT] places of the last flow of some pairs of addresses
    state        [STATE_WHOLES], limits [LIMIT_WHOLES]
    tapped       [65536] ports whose flows are listened to
    rows         out, [k, ROW_WHOLES]
    tapped_rows  out, [n, 3]: frame, place of its flow, 1 when its client sent it; of flows listened to
    """
    key = np.empty(word.KEY_WHOLES, dtype=np.int64)
    while state[word.AT_FRAME] < len(frames):
        i = state[word.AT_FRAME]
        frame = frames[i]
        if not tick(frame[word.TIME_NS], flows, index, free, state, limits, salt, rows):
            return NEEDS_ROOM
        if frame[word.PROTOCOL] >= 0:
            if state[word.AT_ROW] + 2 > len(rows):
                return NEEDS_ROOM
            from_b = key_of(frame, key)
            slot = _slot(frame, from_b, key, flows, index, free, recent, state, salt)
            if slot < 0:
                return NEEDS_PLACE
            flow = flows[slot]
            _count(frame, from_b, flow, state)
            tell_outcome(flow, slot, state, rows)
            if frame[word.PROTOCOL] in (word.TCP, word.UDP) and tapped[port_of(flow, 1 - flow[word.CLIENT])]:
                tapped_rows[state[word.AT_TAPPED], 0] = i
                tapped_rows[state[word.AT_TAPPED], 1] = slot
                tapped_rows[state[word.AT_TAPPED], 2] = from_b == flow[word.CLIENT]
                state[word.AT_TAPPED] += 1
            if is_unreachable(frame):
                refuse(frame, data, key, flows, index, state, salt, rows)
        state[word.AT_FRAME] += 1
    return DONE


@njit(nogil=True, cache=True)
def _slot(
    frame: Words,
    from_b: int,
    key: Words,
    flows: Words,
    index: Words,
    free: Words,
    recent: Words,
    state: Words,
    salt: int,
) -> int:
    """Find the place of a frame's flow, or begin one; -1 when there is no place."""
    pair = mix(mix(frame[word.SRC_HI], frame[word.SRC_LO]), mix(frame[word.DST_HI], frame[word.DST_LO])) & (RECENT - 1)
    # A later fragment has no ports (protocol 0 in FrameBatch): it belongs to what its sender last sent there.
    if frame[word.PROTOCOL] == 0:
        flow = flows[recent[pair]]
        if flow[word.ALIVE] and same_addresses(flow, key):
            return int(recent[pair])
    spot = find(flows, index, key, word.KEY_WHOLES, salt)
    slot = index[spot]
    if slot < 0:
        if state[word.FREE] > 0:
            state[word.FREE] -= 1
            slot = free[state[word.FREE]]
        elif state[word.USED] < len(flows):
            slot = state[word.USED]
            state[word.USED] += 1
        else:
            return -1
        index[spot] = slot
        _begin(frame, from_b, key, flows[slot], state)
    recent[pair] = slot
    return int(slot)


@njit(nogil=True, cache=True)
def _begin(frame: Words, from_b: int, key: Words, flow: Words, state: Words) -> None:
    flow[:] = 0
    flow[: word.KEY_WHOLES] = key
    flow[word.ALIVE] = 1
    flow[word.FIRST] = frame[word.NUMBER]
    flow[word.START_NS] = -1
    flow[word.END_NS] = -1
    flow[word.TOLD_NS] = -1
    flow[word.BORN_NS] = state[word.CLOCK_NS]
    flow[word.MAC] = NO_MAC
    flow[word.MAC + 1] = NO_MAC
    flow[word.ICMP_TYPE] = -1
    flow[word.BEGUN] = 1
    if frame[word.PROTOCOL] == word.TCP:
        flow[word.BEGUN] = frame[word.TCP_FLAGS] & SYN != 0
    flow[word.CLIENT] = from_b if _from_client(frame, flow) else 1 - from_b
    state[word.DUE_NS] = min(state[word.DUE_NS], whole_second(state[word.CLOCK_NS] + word.YOUNG_NS))


@njit(nogil=True, cache=True)
def _from_client(frame: Words, flow: Words) -> bool:
    """Whether the sender of a flow's first frame is its client.

    TCP    who sends SYN is, who answers it is not; else the higher port is
    ICMP   who asks is, who answers is not
    other  who speaks first is, but for a server's port that speaks to one that is none: its question was missed
    """
    protocol, from_port, to_port = frame[word.PROTOCOL], frame[word.SRC_PORT], frame[word.DST_PORT]
    if protocol == word.TCP:
        if frame[word.TCP_FLAGS] & SYN:
            return bool(frame[word.TCP_FLAGS] & ACK == 0)
        return bool(from_port >= to_port)
    if protocol in (word.ICMP, word.ICMP6):
        asked = asked_by(protocol, from_port)
        flow[word.ICMP_TYPE] = from_port if asked < 0 else asked
        return bool(asked in (-1, from_port))
    return not bool(protocol == word.UDP and 0 < from_port < SYSTEM_PORTS <= to_port)


@njit(nogil=True, cache=True)
def _count(frame: Words, from_b: int, flow: Words, state: Words) -> None:
    flow[word.PACKETS + from_b] += 1
    flow[word.BYTES + from_b] += frame[word.IP_BYTES]
    if protocol_of(flow) in (word.TCP, word.UDP):
        flow[word.PAYLOAD + from_b] += frame[word.PAYLOAD_BYTES]
    flow[word.FLAGS + from_b] |= frame[word.TCP_FLAGS]
    if frame[word.TCP_FLAGS] & RST == 0:
        flow[word.ANSWERS + from_b] += 1
    if flow[word.MAC + from_b] == NO_MAC:
        flow[word.MAC + from_b] = frame[word.SRC_MAC]
    flow[word.HEARD_NS] = state[word.CLOCK_NS]
    if frame[word.TIME_NS] >= 0:
        if flow[word.START_NS] < 0:
            flow[word.START_NS] = frame[word.TIME_NS]
        flow[word.END_NS] = max(flow[word.END_NS], frame[word.TIME_NS])
    if flow[word.TOLD_NS] >= 0:
        state[word.DUE_NS] = min(state[word.DUE_NS], whole_second(flow[word.TOLD_NS] + word.AGAIN_NS))
