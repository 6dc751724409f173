"""Segments with data: those that continue the stream, repeat it, contradict it, or are a repeat of something old."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.guard.judge import session_memory as m
from houfeng.guard.judge.session_counter import numbered
from houfeng.guard.judge.session_frame import WORD, Frame, Limits, accuse, apart, mixed
from houfeng.guard.judge.session_memory import Memory
from houfeng.guard.judge.session_places import open_session
from houfeng.wire.eyes.frames import SYN


@njit(cache=True)
def data(
    frame: Frame, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """A segment with data: known already, the next one, one of another numbering, or one that contradicts."""
    own, peer = memory.end[frame.place, frame.end], memory.end[frame.place, 1 - frame.end]
    ahead = apart(frame.seq, own[m.NEXT]) if own[m.NEXT] >= 0 else 0
    if abs(ahead) > limits.apart_bytes:
        _other_numbering(frame, memory, limits)
        return count
    if own[m.OTHER] >= 0:
        # The old numbering goes on beside the other: two senders, of whom one borrows the name.
        if frame.time_ns - own[m.OTHER_NS] <= limits.episode_ns:
            figures = (own[m.OTHER], frame.payload_bytes, 0)
            count = accuse(frame, m.APART, figures, memory, limits, told, count)
        own[m.OTHER], own[m.OTHER_RUN] = -1, 0
    if frame.payload_bytes == 1 and ahead < 0:
        return count  # a keep-alive's byte of nothing (RFC 1122, 4.2.3.6)
    if own[m.SYN_SEQ] >= 0 and not frame.flags & SYN:
        count = accuse(frame, m.CUT, (SYN, frame.time_ns, 0), memory, limits, told, count)
        own[m.SYN_SEQ] = -1
    known = _known(frame, memory) if ahead < 0 else 0
    if known > 0:
        return _again(frame, memory, limits, told, count)
    if known < 0:
        figures = (frame.seq, frame.payload_bytes, 0)
        return accuse(frame, m.OVERLAP, figures, memory, limits, told, count)
    count = _late(frame, memory, limits, told, count)
    _answer(frame, own, peer, limits)
    if ahead >= 0 or own[m.NEXT] < 0:
        count = _new(frame, ahead == 0 and own[m.NEXT] >= 0, memory, limits, told, count)
        own[m.NEXT] = (frame.seq + frame.payload_bytes) % WORD
        own[m.DATA_NS] = frame.time_ns
    _put(frame, memory)
    return count


@njit(cache=True)
def _other_numbering(frame: Frame, memory: Memory, limits: Limits) -> None:
    """Data too far from the stream to be a loss: remembered, and taken for the stream if they go on alone."""
    own = memory.end[frame.place, frame.end]
    follows = own[m.OTHER] >= 0 and 0 <= apart(frame.seq, own[m.OTHER]) <= limits.inside_bytes
    run = own[m.OTHER_RUN] + 1 if follows else 1
    own[m.OTHER], own[m.OTHER_NS], own[m.OTHER_RUN] = (frame.seq + frame.payload_bytes) % WORD, frame.time_ns, run
    # The first frames of a session that began unseen, with the ports of an old one.
    if run >= limits.first_frames:
        open_session(memory, frame.place, frame.time_ns)
        own[m.NEXT] = (frame.seq + frame.payload_bytes) % WORD


@njit(cache=True)
def _known(frame: Frame, memory: Memory) -> int:
    """1 when all bytes of a segment were sent before, -1 when other ones were in their place, 0 when some are new."""
    own, ring = memory.end[frame.place, frame.end], memory.segment[frame.place, frame.end]
    have = min(own[m.PUT], m.SEGMENTS)
    oldest_ahead = 1
    covered = 0
    for k in range(have):
        # The newest first: what is sent again was mostly sent last.
        kept = ring[(own[m.PUT] - 1 - k) % m.SEGMENTS]
        ahead = apart(kept[m.SEGMENT_SEQ], frame.seq)
        if ahead == 0 and kept[m.SEGMENT_BYTES] == frame.payload_bytes:
            both = kept[m.SEGMENT_DIGEST] and frame.digest
            return -1 if both and kept[m.SEGMENT_DIGEST] != frame.digest else 1
        covered += max(min(ahead + kept[m.SEGMENT_BYTES], frame.payload_bytes) - max(ahead, 0), 0)
        oldest_ahead = min(oldest_ahead, ahead)
    # Cut into other segments, or older than all that is remembered: taken as known, for it cannot be compared.
    too_old = own[m.PUT] > m.SEGMENTS and apart(frame.seq, own[m.NEXT]) < 0 and oldest_ahead > 0
    return 1 if covered >= frame.payload_bytes or too_old else 0


@njit(cache=True)
def _put(frame: Frame, memory: Memory) -> None:
    own = memory.end[frame.place, frame.end]
    kept = memory.segment[frame.place, frame.end, own[m.PUT] % m.SEGMENTS]
    kept[m.SEGMENT_SEQ], kept[m.SEGMENT_BYTES], kept[m.SEGMENT_DIGEST] = frame.seq, frame.payload_bytes, frame.digest
    own[m.PUT] += 1


@njit(cache=True)
def _late(
    frame: Frame, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """New bytes for a place in the stream that the peer has long acknowledged."""
    own, peer = memory.end[frame.place, frame.end], memory.end[frame.place, 1 - frame.end]
    if own[m.LATE_NS] < 0 or frame.time_ns - own[m.LATE_NS] > limits.episode_ns:
        own[m.LATE], own[m.LATE_OF], own[m.LATE_NS] = 0, 0, frame.time_ns
    own[m.LATE_OF] += 1
    settled_ns = frame.time_ns - limits.settle_ns
    by_now = peer[m.ACKED] >= 0 and peer[m.ACKED_NS] < settled_ns and apart(peer[m.ACKED], frame.seq) > 0
    before = peer[m.BEFORE] >= 0 and peer[m.BEFORE_NS] < settled_ns and apart(peer[m.BEFORE], frame.seq) > 0
    if not (by_now or before):
        return count
    own[m.LATE] += 1
    if own[m.LATE] >= limits.late_segments and own[m.LATE] >= limits.late_share * own[m.LATE_OF]:
        figures = (frame.seq, frame.payload_bytes, 0)
        count = accuse(frame, m.STALE, figures, memory, limits, told, count)
    return count


@njit(cache=True)
def _answer(frame: Frame, own: NDArray[np.int64], peer: NDArray[np.int64], limits: Limits) -> None:
    """Remember data that answer, at once, the last the peer said."""
    at_once = peer[m.DATA_NS] >= 0 and 0 <= frame.time_ns - peer[m.DATA_NS] <= limits.answered_ns
    if at_once and frame.ack == peer[m.NEXT]:
        own[m.ANSWER], own[m.ANSWER_SENT], own[m.ANSWER_NS] = frame.seq, 1, frame.time_ns
    else:
        own[m.ANSWER] = -1


@njit(cache=True)
def _again(
    frame: Frame, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """A segment sent again: harmless, unless it is an answer that its asker never hears."""
    own, peer = memory.end[frame.place, frame.end], memory.end[frame.place, 1 - frame.end]
    if frame.seq != own[m.ANSWER] or peer[m.HEARD_NS] > own[m.ANSWER_NS]:
        return count
    own[m.ANSWER_SENT] += 1
    waited_ns = frame.time_ns - own[m.ANSWER_NS]
    if own[m.ANSWER_SENT] >= limits.answer_sends and waited_ns >= limits.answer_over_ns:
        count = accuse(frame, m.DEAF, (own[m.ANSWER_SENT], waited_ns, 0), memory, limits, told, count)
    return count


@njit(cache=True)
def _new(
    frame: Frame, unbroken: bool, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """Data that continue the stream: not seen before in this session, and numbered in turn."""
    if frame.counter >= 0:
        count = numbered(frame, unbroken, memory, limits, told, count)
    if frame.digest and frame.payload_bytes >= limits.least_payload_bytes:
        count = _replayed(frame, memory, limits, told, count)
    return count


@njit(cache=True)
def _replayed(
    frame: Frame, memory: Memory, limits: Limits, told: NDArray[np.int64], count: int
) -> int:  # fmt: skip
    """Look a payload up among those of its session, and remember it."""
    power = 0
    while power < m.LENGTHS - 1 and frame.payload_bytes >> (power + 1):
        power += 1
    seen = memory.lengths[frame.place, frame.end, power]
    uid = memory.session[frame.place, m.UID] * 2 + frame.end
    key = np.int64(mixed(np.uint64(frame.digest) ^ mixed(np.uint64(uid) ^ mixed(np.uint64(frame.payload_bytes)))))
    first = int(key & (m.PAYLOADS // m.PAYLOAD_WAYS - 1)) * m.PAYLOAD_WAYS
    oldest = first
    for at in range(first, first + m.PAYLOAD_WAYS):
        kept = memory.payload[at]
        if kept[m.PAYLOAD_KEY] == key:
            own = memory.end[frame.place, frame.end]
            last = memory.segment[frame.place, frame.end, (own[m.PUT] - 1) % m.SEGMENTS]
            rare = seen[1] <= limits.repeats_per_payload * seen[0] and seen[0] >= limits.payloads_before
            # A payload equal to the one before it is a run of equal blocks.
            if rare and last[m.SEGMENT_DIGEST] != frame.digest:
                figures = (frame.time_ns - kept[m.PAYLOAD_NS], seen[0], seen[1])
                count = accuse(frame, m.REPLAY, figures, memory, limits, told, count)
            seen[1] += 1
            oldest = at
            break
        if kept[m.PAYLOAD_NS] < memory.payload[oldest, m.PAYLOAD_NS]:
            oldest = at
    seen[0] += 1
    kept = memory.payload[oldest]
    kept[m.PAYLOAD_KEY], kept[m.PAYLOAD_SEQ], kept[m.PAYLOAD_NS] = key, frame.seq, frame.time_ns
    return count
