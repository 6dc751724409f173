"""Where every session is remembered, and which gives way to a new one."""

import numpy as np
from numba import njit

from houfeng.guard.judge import session_memory as m
from houfeng.guard.judge.session_frame import Columns, Limits, mixed
from houfeng.guard.judge.session_memory import Memory


@njit(cache=True)
def place_of(frames: Columns, i: int, memory: Memory, limits: Limits) -> tuple[int, int]:
    """Where the session of a frame is remembered, and which of its ends sent it; -1 when it is not worth a place."""
    a_hi, a_lo, b_hi, b_lo = frames.src_hi[i], frames.src_lo[i], frames.dst_hi[i], frames.dst_lo[i]
    a_port, b_port = frames.src_port[i], frames.dst_port[i]
    end = 0
    if (a_hi, a_lo, a_port) > (b_hi, b_lo, b_port):
        a_hi, a_lo, b_hi, b_lo, a_port, b_port, end = b_hi, b_lo, a_hi, a_lo, b_port, a_port, 1
    ports = a_port * 65536 + b_port
    spread = mixed(a_lo ^ mixed(b_lo ^ mixed(a_hi ^ mixed(b_hi ^ np.uint64(ports)))))
    first = int(np.int64(spread % np.uint64(m.SETS))) * m.WAYS
    now_ns = frames.time_ns[i]
    for place in range(first, first + m.WAYS):
        if memory.ports[place] == ports:
            kept = memory.address[place]
            if kept[0] == a_hi and kept[1] == a_lo and kept[2] == b_hi and kept[3] == b_lo:
                if now_ns - memory.session[place, m.LAST_NS] > limits.forget_ns:
                    open_session(memory, place, now_ns)
                return place, end
    # Only what carries data is worth a place: a flood of handshakes costs nothing.
    if frames.payload_bytes[i] == 0:
        return -1, end
    place = _free_place(memory, first, now_ns - limits.forget_ns)
    memory.ports[place] = ports
    memory.address[place, 0], memory.address[place, 1] = a_hi, a_lo
    memory.address[place, 2], memory.address[place, 3] = b_hi, b_lo
    memory.told_ns[place] = 0
    open_session(memory, place, now_ns)
    return place, end


@njit(cache=True)
def _free_place(memory: Memory, first: int, forgotten_ns: int) -> int:
    """The place of a set to give away: a free one, one long quiet, or that of the session with the fewest frames."""
    worst, worst_frames = first, 1 << 62
    for place in range(first, first + m.WAYS):
        if memory.ports[place] < 0 or memory.session[place, m.LAST_NS] < forgotten_ns:
            return place
        if memory.session[place, m.FRAMES] < worst_frames:
            worst, worst_frames = place, memory.session[place, m.FRAMES]
    return worst


@njit(cache=True)
def open_session(memory: Memory, place: int, time_ns: int) -> None:
    """Begin a session anew in its place."""
    memory.session[place] = 0
    memory.session[place, m.LAST_NS] = time_ns
    memory.session[place, m.BEGUN_NS] = time_ns
    memory.counted[0] += 1
    memory.session[place, m.UID] = memory.counted[0]
    memory.end[place] = -1
    for end in range(2):
        for field in (m.SENT, m.MAC_NEW_FRAMES, m.LATE, m.LATE_OF, m.OTHER_RUN, m.PUT, m.ANSWER_SENT):
            memory.end[place, end, field] = 0
    memory.lengths[place] = 0
    memory.segment[place] = 0
