"""What associate asks detect about the ground, and the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from houfeng.shell.cluster.fields import VERSION, Fields, blob, f64, i64, text, u8, u32
from houfeng.shell.cluster.heard_frames import decode_pick, decode_source, encode_pick, encode_source
from houfeng.words.quake import Phase, Pick
from houfeng.words.samples import Samples, Segment
from houfeng.words.source import SourceId

#: Bytes of an answer in one message; a longer answer is asked for piece by piece.
PIECE_BYTES = 512 * 1024

#: An hour of float samples at 1,000 Hz is less.
LARGEST_ANSWER_BYTES = 64 * 2**20

_KINDS = (np.dtype("<i4"), np.dtype("<f8"))
_OURS = (np.dtype(np.int32), np.dtype(np.float64))


@dataclass(frozen=True, slots=True)
class AskReach:
    """Asks which channels have given samples, and up to when."""


@dataclass(frozen=True, slots=True)
class AskLook:
    """Asks for the best onset of a phase at a station within half a width of when it is expected."""

    station_key: str
    phase: Phase
    expected_ns: int
    half_width_s: float


@dataclass(frozen=True, slots=True)
class AskSegments:
    """Asks for what is remembered of a channel from one instant to another."""

    source: SourceId
    begin_ns: int
    end_ns: int


Question = AskReach | AskLook | AskSegments

_REACH, _LOOK, _SEGMENTS = range(3)
_PIECE, _WAIT, _REFUSED = range(3)


def encode_question(now_ns: int, question: Question, first_byte: int = 0) -> bytes:
    """A question as of the slice that began at now_ns, for the answer from its first_byte on."""
    head = u8(VERSION) + i64(now_ns) + u32(first_byte)
    if isinstance(question, AskReach):
        return head + u8(_REACH)
    if isinstance(question, AskLook):
        asked = (text(question.station_key), u8(question.phase == "S"))
        return head + u8(_LOOK) + b"".join(asked) + i64(question.expected_ns) + f64(question.half_width_s)
    return head + u8(_SEGMENTS) + encode_source(question.source) + i64(question.begin_ns) + i64(question.end_ns)


def decode_question(data: bytes) -> tuple[int, Question, int]:
    """now_ns, question, first byte wanted of the answer. Raises DataFault when it is damaged."""
    fields = Fields(data, "question")
    now_ns, first_byte, kind = fields.i64(), fields.u32(), fields.u8()
    question: Question
    if kind == _REACH:
        question = AskReach()
    elif kind == _LOOK:
        question = AskLook(fields.text(), "S" if fields.u8() else "P", fields.i64(), fields.f64())
    elif kind == _SEGMENTS:
        question = AskSegments(decode_source(fields), fields.i64(), fields.i64())
    else:
        raise fields.fault("asks for something unknown")
    return now_ns, question, first_byte


def encode_piece(answer: bytes, first_byte: int) -> bytes:
    """A reply that holds an answer from its first_byte on, as much as one message takes."""
    return u8(VERSION) + u8(_PIECE) + u32(len(answer)) + blob(answer[first_byte : first_byte + PIECE_BYTES])


#: The reply of one that has not come to that slice yet, or has to go back to it: ask again later.
WAIT = u8(VERSION) + u8(_WAIT)


def encode_refusal(reason: str) -> bytes:
    """The reply to what is no question."""
    return u8(VERSION) + u8(_REFUSED) + text(reason)


def decode_reply(data: bytes) -> tuple[int, bytes] | None:
    """Length of the whole answer and this piece of it; None when the answer is to wait.

    Raises DataFault when the reply is damaged or a refusal.
    """
    fields = Fields(data, "answer")
    kind = fields.u8()
    if kind == _WAIT:
        return None
    if kind != _PIECE:
        raise fields.fault(f"is a refusal: {fields.text()}" if kind == _REFUSED else "is something unknown")
    length, piece = fields.u32(), fields.blob()
    if length > LARGEST_ANSWER_BYTES or len(piece) > length or (length and not piece):
        raise fields.fault("has a length that cannot be")
    return length, piece


def encode_reach(reach: Sequence[tuple[SourceId, int]]) -> bytes:
    """Channels and the instants up to which they have spoken."""
    return u8(VERSION) + b"".join(encode_source(source) + i64(until_ns) for source, until_ns in reach)


def decode_reach(data: bytes) -> dict[SourceId, int]:
    """Channels and the instants up to which they have spoken."""
    fields = Fields(data, "answer")
    reach = {}
    while fields.left:
        source = decode_source(fields)
        reach[source] = fields.i64()
    return reach


def encode_look(pick: Pick | None) -> bytes:
    """A pick, or none."""
    return u8(VERSION) + (b"" if pick is None else encode_pick(pick))


def decode_look(data: bytes) -> Pick | None:
    """A pick, or none."""
    fields = Fields(data, "answer")
    return decode_pick(fields) if fields.left else None


def encode_segments(segments: Sequence[Segment]) -> bytes:
    """Segments of one channel, their samples as they lie in memory, little-endian."""
    parts = [u8(VERSION)]
    for segment in segments:
        kind = int(segment.samples.dtype == np.float64)
        content = np.ascontiguousarray(segment.samples, dtype=_KINDS[kind]).tobytes()
        parts += [i64(segment.start_ns), f64(segment.rate_hz), u8(kind), blob(content)]
    return b"".join(parts)


def decode_segments(data: bytes, source: SourceId) -> list[Segment]:
    """Segments of a channel. Raises DataFault when they are damaged."""
    fields = Fields(data, "answer")
    segments = []
    while fields.left:
        start_ns, rate_hz, kind, content = fields.i64(), fields.f64(), fields.u8(), fields.blob()
        try:
            samples = np.frombuffer(content, dtype=_KINDS[kind])
            segments.append(Segment(source, start_ns, rate_hz, cast("Samples", samples.astype(_OURS[kind]))))
        except (IndexError, ValueError) as error:
            raise fields.fault("holds samples that cannot be") from error
    return segments
