"""The walk over frames: every TCP frame changes what is remembered of its session, and may contradict it.

Compiled, since a gateway passes some hundred thousand frames a second. What each sign means stands in
rules/session.toml.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.guard.judge import session_memory as m
from houfeng.guard.judge.session_data import data
from houfeng.guard.judge.session_frame import Columns, Frame, Limits, accuse, apart
from houfeng.guard.judge.session_memory import Memory
from houfeng.guard.judge.session_places import open_session, place_of
from houfeng.guard.judge.virtual_macs import is_virtual
from houfeng.wire.eyes.frames import ACK, FIN, NO_MAC, RST, SYN

_is_virtual = njit(cache=True)(is_virtual)


@njit(cache=True)
def walk(
    frames: Columns, chosen: NDArray[np.int64], begin: int, memory: Memory, limits: Limits, told: NDArray[np.int64]
) -> tuple[int, int]:
    """Let frames pass in their order.

    frames  columns of the batch
    chosen  indices of those that are TCP and whole, in order
    begin   where in chosen to begin
    memory  changed
    limits  thresholds
    told    [ROOM, ACCUSATION_FIELDS], filled

    Returns where in chosen it stopped, and how many accusations there are.
    """
    count = 0
    for k in range(begin, len(chosen)):
        # A frame makes one accusation of each kind at most.
        if count + 12 > len(told):
            return k, count
        i = chosen[k]
        place, end = place_of(frames, i, memory, limits)
        if place < 0:
            continue
        # What was cut off in capturing is not covered by the digest: such payloads are not compared.
        kept, size = frames.payload_kept[i], frames.payload_bytes[i]
        digest = frames.digest[i] if kept in {0, size} else 0
        frame = Frame(
            i, place, end, frames.time_ns[i], frames.tcp_flags[i], frames.sequence[i],
            frames.acknowledged[i], size, digest, frames.counter[i],
        )  # fmt: skip
        count = _pass(frame, frames.src_mac[i], memory, limits, told, count)
    return len(chosen), count


@njit(cache=True)
def _pass(
    frame: Frame, mac: int, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """One frame of a session, in the steps of its life: handshake, address, reset, data, acknowledgement."""
    session, own, peer = memory.session[frame.place], memory.end[frame.place, frame.end], memory.end[
        frame.place, 1 - frame.end
    ]  # fmt: skip
    session[m.LAST_NS] = frame.time_ns
    if frame.flags & SYN:
        count = _handshake(frame, memory, limits, told, count)
    count = _from_where(frame, mac, memory, limits, told, count)
    session[m.FRAMES] += 1
    own[m.SENT] += 1
    if frame.flags & RST:
        own[m.RESET_NS] = frame.time_ns
        session[m.CLOSED] = 1
        return count
    count = _after_reset(frame, memory, limits, told, count)
    if frame.flags & FIN:
        session[m.CLOSED] = 1
    if frame.payload_bytes > 0:
        session[m.BARREN] = 0
        count = data(frame, memory, limits, told, count)
    elif not frame.flags & (SYN | FIN):
        count = _barren(frame, memory, limits, told, count)
    if frame.flags & ACK:
        _acknowledge(own, peer, frame, limits)
    own[m.HEARD_NS] = frame.time_ns
    return count


@njit(cache=True)
def _handshake(
    frame: Frame, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """A SYN: of a new session, of an open one repeated, or of somebody who wants in."""
    session, own, peer = memory.session[frame.place], memory.end[frame.place, frame.end], memory.end[
        frame.place, 1 - frame.end
    ]  # fmt: skip
    if frame.seq == own[m.FIRST]:
        return count
    if own[m.FIRST] < 0 and frame.time_ns - session[m.BEGUN_NS] <= limits.settle_ns:
        own[m.FIRST] = frame.seq  # seen after the first data that it allowed
        return count
    away = apart(frame.seq, own[m.NEXT]) if own[m.NEXT] >= 0 else limits.inside_bytes + 1
    if abs(away) <= limits.inside_bytes and session[m.FRAMES]:
        # Nearer to the old stream than any host begins a new one.
        figures = (frame.seq, frame.payload_bytes, 0)
        count = accuse(frame, m.INSIDE, figures, memory, limits, told, count)
    elif session[m.CLOSED] or own[m.NEXT] < 0:
        open_session(memory, frame.place, frame.time_ns)
        own[m.FIRST] = frame.seq
    elif frame.flags & ACK and peer[m.SYN_SEQ] >= 0 and apart(frame.ack, peer[m.SYN_SEQ]) == 1:
        asked = peer[m.SYN_SEQ]
        open_session(memory, frame.place, frame.time_ns)
        own[m.FIRST], peer[m.FIRST] = frame.seq, asked
    elif not frame.flags & ACK:
        # An open session does not end by a SYN (RFC 5961, 4): it shows whether the other end answers.
        own[m.SYN_SEQ] = frame.seq
    return count


@njit(cache=True)
def _from_where(
    frame: Frame, mac: int, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """The m.MAC address a frame came from, beside those that the first frames of this end came from."""
    own = memory.end[frame.place, frame.end]
    if mac == NO_MAC or _is_virtual(mac):
        return count
    if mac in {own[m.MAC], own[m.MAC_TOO]}:
        own[m.MAC_NEW_FRAMES] = 0
        return count
    if own[m.MAC] == NO_MAC:
        own[m.MAC] = mac
    elif own[m.SENT] < limits.first_frames:
        own[m.MAC_TOO] = mac
    else:
        own[m.MAC_NEW_FRAMES] = own[m.MAC_NEW_FRAMES] + 1 if mac == own[m.MAC_NEW] else 1
        own[m.MAC_NEW] = mac
        count = accuse(frame, m.HIJACK, (own[m.MAC], mac, 0), memory, limits, told, count)
        if own[m.MAC_NEW_FRAMES] >= limits.settled_frames:
            own[m.MAC_TOO], own[m.MAC] = own[m.MAC], mac
            own[m.MAC_NEW_FRAMES] = 0
    return count


@njit(cache=True)
def _after_reset(
    frame: Frame, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """An end that has reset its session says nothing more in it; if it does, the reset was not its own."""
    own = memory.end[frame.place, frame.end]
    if own[m.RESET_NS] < 0 or frame.flags & SYN or frame.time_ns - own[m.RESET_NS] <= limits.settle_ns:
        return count
    if own[m.NEXT] >= 0 and abs(apart(frame.seq, own[m.NEXT])) <= limits.inside_bytes:
        count = accuse(frame, m.CUT, (RST, own[m.RESET_NS], 0), memory, limits, told, count)
    own[m.RESET_NS] = -1
    memory.session[frame.place, m.CLOSED] = 0
    return count


@njit(cache=True)
def _barren(
    frame: Frame, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """An acknowledgement without data: one that says nothing new is barren, and many from both ends are a storm."""
    session, own = memory.session[frame.place], memory.end[frame.place, frame.end]
    if frame.ack != own[m.ACKED]:
        session[m.BARREN] = 0
        return count
    if session[m.BARREN] == 0 or frame.time_ns - session[m.BARREN_NS] > limits.barren_ns:
        session[m.BARREN], session[m.BARREN_NS], session[m.BARREN_SIDES] = 0, frame.time_ns, 0
    session[m.BARREN] += 1
    session[m.BARREN_SIDES] |= 1 << frame.end
    if session[m.BARREN] >= limits.barren_frames and session[m.BARREN_SIDES] == 3:
        figures = (session[m.BARREN], frame.time_ns - session[m.BARREN_NS], 0)
        count = accuse(frame, m.STORM, figures, memory, limits, told, count)
    return count


@njit(cache=True)
def _acknowledge(own: NDArray[np.int64], peer: NDArray[np.int64], frame: Frame, limits: Limits) -> None:
    """What an end has acknowledged, and since when."""
    if own[m.ACKED] >= 0:
        further = apart(frame.ack, own[m.ACKED])
        # Behind is an old frame; far ahead is another numbering, as in a forged frame.
        if further <= 0 or further > limits.apart_bytes:
            return
    elif peer[m.NEXT] >= 0 and abs(apart(frame.ack, peer[m.NEXT])) > limits.apart_bytes:
        return
    if frame.time_ns - own[m.ACKED_NS] > limits.settle_ns:
        own[m.BEFORE], own[m.BEFORE_NS] = own[m.ACKED], own[m.ACKED_NS]
    own[m.ACKED], own[m.ACKED_NS] = frame.ack, frame.time_ns
