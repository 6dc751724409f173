"""What detect heard in one slice, on its way to associate."""

from collections.abc import Iterator
from dataclasses import dataclass

from houfeng.shell.cluster.fields import VERSION, Fields, f64, i64, text, u8, u16
from houfeng.shell.cluster.record_frames import MESSAGE_BYTES
from houfeng.words.finding import Finding
from houfeng.words.quake import Phase, Pick
from houfeng.words.samples import Gap
from houfeng.words.source import SourceId

#: What is said of a slice, besides the samples themselves, which stay with detect.
Value = Gap | Finding | Pick

#: A slice that takes more messages than this is not one.
MOST_PARTS = 1000

_GAP, _FINDING, _PICK = range(3)
_NO_TIME = -(2**63)


@dataclass(frozen=True, slots=True)
class SliceHeard:
    """All that a share of the stations told of one slice.

    elapsed  when time reached now_ns; handled: when the packets that begin there were taken
    """

    now_ns: int
    elapsed: tuple[Value, ...]
    handled: tuple[Value, ...]


def encode_slice(heard: SliceHeard) -> list[bytes]:
    """A slice as one message, or several where much was said."""
    parts: list[list[bytes]] = [[]]
    size = 0
    for door, values in enumerate((heard.elapsed, heard.handled)):
        for value in values:
            entry = u8(door) + _encode(value)
            if size + len(entry) > MESSAGE_BYTES and parts[-1]:
                parts.append([])
                size = 0
            parts[-1].append(entry)
            size += len(entry)
    last = len(parts) - 1
    return [
        u8(VERSION) + i64(heard.now_ns) + u16(number) + u8(number == last) + b"".join(entries)
        for number, entries in enumerate(parts)
    ]


class Assembly:
    """Slices put together from their messages. What a writer that died left unfinished gives way to its successor's."""

    def __init__(self) -> None:
        self._now_ns: int | None = None
        self._parts: list[list[tuple[int, Value]]] = []

    def take(self, data: bytes, subject: str) -> SliceHeard | None:
        """One more message; the slice when it is the last one of it. Raises DataFault when it is damaged."""
        fields = Fields(data, subject)
        now_ns, number, last = fields.i64(), fields.u16(), fields.u8()
        if now_ns != self._now_ns:
            self._now_ns, self._parts = now_ns, []
        if number > min(len(self._parts), MOST_PARTS):
            raise fields.fault("lacks a part")
        self._parts[number:] = [list(_entries(fields))]
        if not last:
            return None
        whole = [entry for part in self._parts for entry in part]
        self._now_ns, self._parts = None, []
        doors = (tuple(value for door, value in whole if door == wanted) for wanted in (0, 1))
        return SliceHeard(now_ns, *doors)


def is_last_part(data: bytes, subject: str) -> int | None:
    """The slice a message completes, by its now_ns; None when more of it must follow."""
    fields = Fields(data, subject)
    now_ns, _, last = fields.i64(), fields.u16(), fields.u8()
    return now_ns if last else None


def encode_source(source: SourceId) -> bytes:
    """A channel's name."""
    return text(source.nslc)


def decode_source(fields: Fields) -> SourceId:
    """A channel's name. Raises DataFault when it is none."""
    try:
        return SourceId(*fields.text().split("."))
    except (TypeError, ValueError) as error:
        raise fields.fault("names no channel") from error


def encode_pick(pick: Pick) -> bytes:
    """A pick, exactly."""
    return b"".join(
        (
            encode_source(pick.source),
            u8(pick.phase == "S"),
            i64(pick.time_ns),
            *(f64(value) for value in (pick.uncertainty_s, pick.snr, pick.probability, pick.polarity_confidence)),
            u8(pick.polarity + 1),
            text(pick.method),
        )
    )


def decode_pick(fields: Fields) -> Pick:
    """A pick, exactly."""
    source = decode_source(fields)
    phase: Phase = "S" if fields.u8() else "P"
    time_ns = fields.i64()
    uncertainty_s, snr, probability, confidence = (fields.f64() for _ in range(4))
    polarity = fields.u8() - 1
    return Pick(source, phase, time_ns, uncertainty_s, snr, probability, polarity, confidence, fields.text())


def _entries(fields: Fields) -> Iterator[tuple[int, Value]]:
    while fields.left:
        yield fields.u8(), _decode(fields)


def _encode(value: Value) -> bytes:
    if isinstance(value, Gap):
        return u8(_GAP) + encode_source(value.source) + i64(value.start_ns) + i64(value.end_ns)
    if isinstance(value, Pick):
        return u8(_PICK) + encode_pick(value)
    time_ns = _NO_TIME if value.time_ns is None else value.time_ns
    return u8(_FINDING) + b"".join(map(text, (value.kind, value.reason, value.file, value.station))) + i64(time_ns)


def _decode(fields: Fields) -> Value:
    kind = fields.u8()
    if kind == _GAP:
        return Gap(decode_source(fields), fields.i64(), fields.i64())
    if kind == _PICK:
        return decode_pick(fields)
    if kind != _FINDING:
        raise fields.fault("says something unknown")
    said, reason, file, station = (fields.text() for _ in range(4))
    time_ns = fields.i64()
    return Finding(said, reason, file, station, None if time_ns == _NO_TIME else time_ns)
