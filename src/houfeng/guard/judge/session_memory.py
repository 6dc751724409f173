"""What is remembered of every TCP session, in arrays of a fixed size, however many sessions an intruder opens.

Sessions lie in sets of WAYS places each. When all places of a set are taken, the place of a session that has been
quiet for long is given away, else that of the session with the fewest frames: a flood of new sessions displaces
itself and not the old, long ones that carry data.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Wholes = NDArray[np.int64]
Words = NDArray[np.uint64]

#: Places: a centre of 1,000 stations holds two to four sessions with each.
WAYS: Final = 8
SETS: Final = 1 << 10

#: Segments remembered per direction: at 512 bytes a packet 16 KiB, more than a station's sender has in flight.
SEGMENTS: Final = 32
#: Payloads remembered of all sessions together, in sets of PAYLOAD_WAYS: of 1,000 stations that send three packets a
#: second the last six minutes, of one station alone four days.
PAYLOADS: Final = 1 << 20
PAYLOAD_WAYS: Final = 4
#: Lengths of payloads are told apart by their powers of two.
LENGTHS: Final = 16

#: What a session is accused of.
(REPLAY, OVERLAP, STALE, APART, INSIDE, CUT, STORM, DEAF, HIJACK, COUNTER_REPEAT, COUNTER_JUMP, KINDS) = range(12)

#: Columns of a session: its last frame and its first, its own number, its frames, whether it was closed, and the run
#: of frames that neither carry nor acknowledge anything new: how many, since when, from which ends.
(LAST_NS, BEGUN_NS, UID, FRAMES, CLOSED, BARREN, BARREN_NS, BARREN_SIDES, SESSION_FIELDS) = range(9)

#: Columns of an end, about what it sent.
#: NEXT the sequence number after its last byte, FIRST that of its SYN; ACKED what it acknowledged, since when, and the
#: same before that; SENT frames, at HEARD_NS the last, at DATA_NS the last with new data; all -1 while unknown.
(NEXT, FIRST, ACKED, ACKED_NS, BEFORE, BEFORE_NS, SENT, HEARD_NS, DATA_NS) = range(9)
#: MAC, MAC_TOO  addresses its first frames came from; MAC_NEW one that is neither, and how many frames in a row had it.
(MAC, MAC_TOO, MAC_NEW, MAC_NEW_FRAMES) = range(9, 13)
#: LATE segments that came after their bytes had been acknowledged, since LATE_NS, among LATE_OF segments.
(LATE, LATE_NS, LATE_OF) = range(13, 16)
#: OTHER the sequence number after data of another numbering, seen at OTHER_NS, in OTHER_RUN segments in a row.
(OTHER, OTHER_NS, OTHER_RUN) = range(16, 19)
#: SYN_SEQ of a SYN into the open session; RESET_NS when it sent a reset; PUT segments ever put into the ring.
(SYN_SEQ, RESET_NS, PUT) = range(19, 22)
#: ANSWER the sequence number of data that answered at once, sent ANSWER_SENT times since ANSWER_NS.
(ANSWER, ANSWER_SENT, ANSWER_NS) = range(22, 25)
#: Two counters may run side by side: value, uses of that value, steps ever made, digest of the last message.
(LANE, LANE_TOO, END_FIELDS) = (25, 29, 33)
(LANE_VALUE, LANE_USES, LANE_STEPS, LANE_DIGEST) = range(4)

#: Columns of a segment in the ring.
(SEGMENT_SEQ, SEGMENT_BYTES, SEGMENT_DIGEST, SEGMENT_FIELDS) = range(4)
#: Columns of a remembered payload.
(PAYLOAD_KEY, PAYLOAD_SEQ, PAYLOAD_NS, PAYLOAD_FIELDS) = range(4)


class Memory(NamedTuple):
    """The arrays. A NamedTuple because compiled code takes it as one argument.

    address   [place, 4] both halves of the lower and of the higher end's address
    ports     [place] lower end's port x 65536 + higher end's; -1 where the place is free
    session   [place, SESSION_FIELDS]
    end       [place, 2, END_FIELDS]
    told_ns   [place, KINDS] when the session was last seen to do what it is accused of
    segment   [place, 2, SEGMENTS, SEGMENT_FIELDS] a ring
    lengths   [place, 2, LENGTHS, 2] payloads by length: how many, how many of them had come before
    payload   [PAYLOADS, PAYLOAD_FIELDS]
    counted   [1] sessions ever opened
    """

    address: Words
    ports: Wholes
    session: Wholes
    end: Wholes
    told_ns: Wholes
    segment: Wholes
    lengths: Wholes
    payload: Wholes
    counted: Wholes


def empty_memory() -> Memory:
    """A memory of nothing; pages that are never written cost nothing."""
    places = WAYS * SETS
    return Memory(
        address=np.zeros((places, 4), np.uint64),
        ports=np.full(places, -1, np.int64),
        session=np.zeros((places, SESSION_FIELDS), np.int64),
        end=np.zeros((places, 2, END_FIELDS), np.int64),
        told_ns=np.zeros((places, KINDS), np.int64),
        segment=np.zeros((places, 2, SEGMENTS, SEGMENT_FIELDS), np.int64),
        lengths=np.zeros((places, 2, LENGTHS, 2), np.int64),
        payload=np.zeros((PAYLOADS, PAYLOAD_FIELDS), np.int64),
        counted=np.zeros(1, np.int64),
    )
