"""Refusals by ICMP: an error quotes the packet that it refuses; compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.guard.observe import flow_words as word
from houfeng.guard.observe.flow_due import tell_outcome
from houfeng.guard.observe.flow_words import Words, fill_key
from houfeng.guard.observe.places import find

Bytes = NDArray[np.uint8]

#: ICMP "unreachable" (RFC 792, RFC 4443), and its code that only asks for smaller packets.
UNREACHABLE, TOO_BIG, UNREACHABLE_6 = 3, 4, 1


@njit(nogil=True, cache=True)
def is_unreachable(frame: Words) -> bool:
    """Whether a frame is an ICMP error that says a packet could not be delivered."""
    if frame[word.PROTOCOL] == word.ICMP:
        return bool(frame[word.SRC_PORT] == UNREACHABLE and frame[word.DST_PORT] != TOO_BIG)
    return bool(frame[word.PROTOCOL] == word.ICMP6 and frame[word.SRC_PORT] == UNREACHABLE_6)


@njit(nogil=True, cache=True)
def refuse(
    frame: Words, data: Bytes, key: Words, flows: Words, index: Words, state: Words, salt: int, rows: Words
) -> None:
    """The flow of the packet that an error quotes is refused, if it was sent by who is told."""
    at, kept = frame[word.PAYLOAD_AT], frame[word.PAYLOAD_KEPT]
    if not _quoted_key(data, at, kept, frame, key):
        return
    slot = index[find(flows, index, key, word.KEY_WHOLES, salt)]
    if slot >= 0:
        flows[slot, word.REFUSED] = 1
        tell_outcome(flows[slot], slot, state, rows)


@njit(nogil=True, cache=True)
def _quoted_key(data: Bytes, at: int, kept: int, frame: Words, key: Words) -> bool:
    """Fill in the key of a quoted packet; False when it is cut too short, or was not sent by who is told."""
    six = frame[word.SIX] != 0
    header = 40 if six else 20
    if kept < header:
        return False
    if not six:
        header = int(np.int64(data[at] & 0x0F)) * 4
    protocol = _whole(data, at + (6 if six else 9), 1)
    ports = protocol in (word.TCP, word.UDP)
    if header < 20 or kept < header + (4 if ports else 0):
        return False
    src_hi, src_lo, dst_hi, dst_lo = 0, _whole(data, at + 12, 4), 0, _whole(data, at + 16, 4)
    if six:
        src_hi, src_lo = _whole(data, at + 8, 8), _whole(data, at + 16, 8)
        dst_hi, dst_lo = _whole(data, at + 24, 8), _whole(data, at + 32, 8)
    if src_hi != frame[word.DST_HI] or src_lo != frame[word.DST_LO]:
        return False
    src_port = _whole(data, at + header, 2) if ports else 0
    dst_port = _whole(data, at + header + 2, 2) if ports else 0
    fill_key(key, src_hi, src_lo, src_port, dst_hi, dst_lo, dst_port, protocol, int(six))
    return True


@njit(nogil=True, cache=True)
def _whole(data: Bytes, at: int, count: int) -> int:
    value = np.int64(0)
    for k in range(at, at + count):
        value = (value << 8) | np.int64(data[k])
    return int(value)
