"""The words of the flow kernel: what it is given of a frame, and what it keeps of a flow."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.wire.eyes.frames import ACK, FIN, RST
from houfeng.words.instant import NS_PER_S

Words = NDArray[np.int64]

#: What the kernel is given of a frame, under its names in FrameBatch; unsigned words by their bits.
FRAME_COLUMNS = (
    "number", "time_ns", "six", "src_hi", "src_lo", "dst_hi", "dst_lo", "protocol", "src_port", "dst_port", "tcp_flags",
    "ip_bytes", "payload_bytes", "src_mac", "payload_at", "payload_kept",
)  # fmt: skip
(
    NUMBER, TIME_NS, SIX, SRC_HI, SRC_LO, DST_HI, DST_LO, PROTOCOL, SRC_PORT, DST_PORT, TCP_FLAGS, IP_BYTES,
    PAYLOAD_BYTES, SRC_MAC, PAYLOAD_AT, PAYLOAD_KEPT,
) = range(len(FRAME_COLUMNS))  # fmt: skip

#: A flow's words. Its ends are A and B, in the order of their addresses and ports, so that both directions have one
#: key, the first words; PORTS holds both ports, the protocol and whether it is IPv6. What B did lies behind what A
#: did. BORN and HEARD are on the eye's clock; FIRST is the number of its first frame; CLIENT is 1 when that is B;
#: ANSWERS are packets that are no resets; FLAGS those of TCP, together.
(
    A_HI, A_LO, B_HI, B_LO, PORTS, FIRST, START_NS, END_NS, BORN_NS, HEARD_NS, TOLD_NS, TOLD_PACKETS, OUTCOME_TOLD,
    CLIENT, BEGUN, REFUSED, ICMP_TYPE, PACKETS, PACKETS_B, BYTES, BYTES_B, PAYLOAD, PAYLOAD_B, ANSWERS, ANSWERS_B,
    FLAGS, FLAGS_B, MAC, MAC_B, ALIVE, FLOW_WHOLES,
) = range(31)  # fmt: skip
KEY_WHOLES = PORTS + 1

#: A row given out: a flow's words, the frame at which it was told, whether for the last
#: time, its place in the table and how it went.
ROW_AT, ROW_LAST, ROW_SLOT, ROW_OUTCOME, ROW_WHOLES = range(FLOW_WHOLES, FLOW_WHOLES + 5)

#: What the table remembers besides: the eye's clock, when something is due; places used so far, and free again;
#: where a sweep stands (-1: none) and what it found due; the next frame, rows and tapped frames given so far.
CLOCK_NS, DUE_NS, USED, FREE, SWEEP, SWEEP_DUE_NS, AT_FRAME, AT_ROW, AT_TAPPED, STATE_WHOLES = range(10)

#: How long flows may be silent: of TCP, of TCP that came to its end or to nothing, of anything else.
IDLE_TCP_NS, IDLE_OVER_NS, IDLE_OTHER_NS, LIMIT_WHOLES = range(4)

#: How a flow went.
UNKNOWN, UNANSWERED, REFUSED_OUTCOME, ANSWERED = range(4)

#: The clock before the first stamp, and a time nothing is due at.
NO_CLOCK = -1
NEVER_NS = 1 << 62

#: A flow is told at the first whole second two seconds after it began at the latest: by then a refusal or an answer
#: has come, even to a first retransmission (after one second, RFC 6298 section 2.1); and a minute after it was told
#: last, if there is news.
YOUNG_NS = 2 * NS_PER_S
AGAIN_NS = 60 * NS_PER_S

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58

#: ICMP messages that want an answer, and the answers, IPv4's and IPv6's (RFC 792; RFC 4443; RFC 4861): by type the
#: request that it is or answers, -1 when it is neither.
_EXCHANGES = (((8, 0), (10, 9), (13, 14), (15, 16), (17, 18)), ((128, 129), (133, 134), (135, 136), (139, 140)))
_ASKED = np.full((2, 256), -1, dtype=np.int64)
for _version, _pairs in enumerate(_EXCHANGES):
    for _request, _answer in _pairs:
        _ASKED[_version, [_request, _answer]] = _request


@njit(nogil=True, cache=True)
def protocol_of(flow: Words) -> int:
    """A flow's IP protocol."""
    return int((flow[PORTS] >> 32) & 0xFF)


@njit(nogil=True, cache=True)
def port_of(flow: Words, side: int) -> int:
    """The port of A (side 0) or B (side 1)."""
    return int((flow[PORTS] >> (16 * side)) & 0xFFFF)


@njit(nogil=True, cache=True)
def asked_by(protocol: int, icmp_type: int) -> int:
    """The type of ICMP request that a type is or answers, -1 when it is neither."""
    return int(_ASKED[int(protocol == ICMP6), icmp_type]) if 0 <= icmp_type < 256 else -1


@njit(nogil=True, cache=True)
def outcome_of(flow: Words, ack: int) -> int:
    """How a flow went; see Outcome in words/network.py. Unanswered needs something that wanted an answer.

    ack  the TCP flag: a client that acknowledges was answered, though not before this eye
    """
    client = flow[CLIENT]
    spoken = flow[PACKETS + client] > 0
    if spoken and flow[ANSWERS + 1 - client] > 0:
        return ANSWERED
    if flow[REFUSED] or (spoken and flow[PACKETS + 1 - client] > 0):
        return REFUSED_OUTCOME
    protocol = protocol_of(flow)
    wanted = protocol == UDP
    if protocol == TCP:
        wanted = flow[FLAGS + client] & ack == 0
    elif protocol in (ICMP, ICMP6):
        wanted = asked_by(protocol, flow[ICMP_TYPE]) >= 0
    return UNANSWERED if spoken and wanted else UNKNOWN


@njit(nogil=True, cache=True)
def came_to_end(flow: Words) -> bool:
    """Whether a TCP conversation was closed by both sides, broken off, or never answered."""
    together = flow[FLAGS] | flow[FLAGS_B]
    return bool(flow[FLAGS] & flow[FLAGS_B] & FIN or together & RST or outcome_of(flow, ACK) == UNANSWERED)


@njit(nogil=True, cache=True)
def key_of(frame: Words, key: Words) -> int:
    """Fill in the key of a frame's flow; 1 when its sender is B."""
    portless = frame[PROTOCOL] != TCP and frame[PROTOCOL] != UDP
    from_port, to_port = (0, 0) if portless else (frame[SRC_PORT], frame[DST_PORT])
    return fill_key(
        key, frame[SRC_HI], frame[SRC_LO], from_port, frame[DST_HI], frame[DST_LO], to_port, frame[PROTOCOL], frame[SIX]
    )


@njit(nogil=True, cache=True)
def fill_key(
    key: Words,
    src_hi: int,
    src_lo: int,
    src_port: int,
    dst_hi: int,
    dst_lo: int,
    dst_port: int,
    protocol: int,
    six: int,
) -> int:
    """Fill in a key; 1 when the source is B."""
    swapped = src_hi > dst_hi
    if src_hi == dst_hi:
        swapped = src_lo > dst_lo or (src_lo == dst_lo and src_port > dst_port)
    key[A_HI], key[A_LO], a_port = (dst_hi, dst_lo, dst_port) if swapped else (src_hi, src_lo, src_port)
    key[B_HI], key[B_LO], b_port = (src_hi, src_lo, src_port) if swapped else (dst_hi, dst_lo, dst_port)
    key[PORTS] = a_port | (b_port << 16) | (protocol << 32) | (six << 40)
    return 1 if swapped else 0


@njit(nogil=True, cache=True)
def same_addresses(flow: Words, key: Words) -> bool:
    """Whether a flow is between the addresses of a key."""
    high = flow[A_HI] == key[A_HI] and flow[B_HI] == key[B_HI]
    return bool(high and flow[A_LO] == key[A_LO] and flow[B_LO] == key[B_LO])
