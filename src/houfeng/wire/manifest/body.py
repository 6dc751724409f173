"""The canonical bytes of statements: fixed fields, big-endian, nothing left to choose.

A statement is its body followed by its proof: a truncated MAC for a manifest, Ed25519 signatures for the others.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from houfeng.wire.manifest.values import Clock, ClockState, Manifest, Name, Opening, Signature
from houfeng.words.assurance import Place
from houfeng.words.errors import DataFault

Stated = Opening | Manifest | Signature

#: "HF", then version 1.
MAGIC: Final = b"HF\x01"

OPENING, MANIFEST, SIGNATURE = b"O", b"M", b"S"

#: How a manifest begins, and where a statement tells its session.
MANIFEST_BEGINS: Final = MAGIC + MANIFEST
SESSION: Final = slice(4, 20)

SESSION_BYTES: Final = 16
KEY_BYTES: Final = 32
DIGEST_BYTES: Final = 32
MAC_BYTES: Final = 16
SIGNATURE_BYTES: Final = 64

#: Largest statement: with base64 and the wrapping around it, it stays below the 65,535 bytes of extra headers.
LARGEST_BYTES: Final = 49_000

#: Names in one manifest; with channels of 26 bytes they would just fit.
MOST_NAMES: Final = 700

#: NET_STA, and LOC_B_S_SS, where the last four may be empty.
STATION: Final = re.compile(rb"[A-Za-z0-9]{1,8}_[A-Za-z0-9-]{1,8}")
CHANNEL: Final = re.compile(rb"[A-Za-z0-9-]{0,8}(_[A-Za-z0-9]{0,8}){3}")

_HEAD = struct.Struct(">3sc16s")
_OPENING = struct.Struct(">QqBBB")  # counter, time, place, length of station, number of identities
_MANIFEST = struct.Struct(">Qq32sBBqH")  # sequence, second, previous, clock state, quality, offset, names
_NAME = struct.Struct(">q32sB")  # start, digest, length of channel
_SIGNATURE = struct.Struct(">qQI32s")

_MANIFEST_AT: Final = _HEAD.size
_NAMES_AT: Final = _HEAD.size + _MANIFEST.size
_NAME_BYTES: Final = _NAME.size

_PLACES: tuple[Place, ...] = ("sensor", "gateway")
_CLOCK_STATES: tuple[ClockState, ...] = ("unknown", "locked", "free-running")

#: How "not known" is written.
_NO_QUALITY: Final = 255
_NO_OFFSET: Final = -(1 << 63)

_REMEDY = "see docs/reference/manifest.md"

#: What reading bytes that are no statement comes to.
_UNREADABLE = (struct.error, UnicodeDecodeError, ValueError, IndexError)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement read, its proof unchecked.

    value  what it says
    body   its canonical bytes, which the proof covers
    proof  MAC or signatures
    """

    value: Stated
    body: bytes
    proof: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of body and proof: what the next statement of a chain names."""
        return sha256(self.body + self.proof).digest()


#: A record named: channel, start and digest as in Name, which costs five times as much to make.
Line = tuple[str, int, bytes]


@dataclass(slots=True)  # one a second of every station: frozen ones take four times as long to make
class Lines:
    """A manifest as far as a centre follows it; see Manifest."""

    sequence: int
    second_s: int
    previous: bytes
    names: list[Line]


def body_of(value: Stated) -> bytes:
    """Write a statement's canonical bytes. Raises DataFault when a field is outside what the format can say."""
    try:
        body = _WRITERS[type(value)](value)
    except (struct.error, UnicodeEncodeError, ValueError) as error:
        raise DataFault("statement", f"a field cannot be written: {error}", _REMEDY) from error
    if len(body) + 2 * SIGNATURE_BYTES > LARGEST_BYTES:
        raise DataFault("statement", f"{len(body)} bytes are more than one record carries", "name fewer records")
    return body


def statement_of(raw: bytes) -> Statement:
    """Read a statement. Raises DataFault for bytes that are none; its proof is not checked."""
    if len(raw) > LARGEST_BYTES or len(raw) < _HEAD.size or raw[:3] != MAGIC or raw[3:4] not in _READERS:
        raise DataFault("statement", "not a statement of this version of the format", _REMEDY)
    try:
        value, length = _READERS[raw[3:4]](raw)
    except _UNREADABLE as error:
        raise DataFault("statement", f"cannot be read: {error}", _REMEDY) from error
    proof = raw[length:]
    if len(proof) != proof_bytes(value):
        raise DataFault("statement", f"its proof has {len(proof)} bytes", _REMEDY)
    return Statement(value, raw[:length], proof)


def lines_of(raw: bytes) -> Lines:
    """Read a statement known to be a manifest, where there are many. Raises DataFault as statement_of does."""
    if len(raw) > LARGEST_BYTES:
        raise DataFault("statement", "not a statement of this version of the format", _REMEDY)
    try:
        lines, _, length = _read_lines(raw)
    except _UNREADABLE as error:
        raise DataFault("statement", f"cannot be read: {error}", _REMEDY) from error
    if len(raw) - length != MAC_BYTES:
        raise DataFault("statement", f"its proof has {max(0, len(raw) - length)} bytes", _REMEDY)
    return lines


def front_of(raw: bytes, names: bytes, count: int) -> tuple[int, int, bytes] | None:
    """Sequence number, second and previous of a manifest that names just what was foreseen, where there are many.

    raw    known to be a manifest, if anything
    names  what written_name gives of each record foreseen, joined
    count  how many these are, at most MOST_NAMES

    None for any other manifest and for bytes that are none: lines_of tells more.
    """
    if len(raw) != _NAMES_AT + len(names) + MAC_BYTES or not raw.startswith(names, _NAMES_AT):
        return None
    sequence, second_s, previous, state, quality, _, told = _MANIFEST.unpack_from(raw, _MANIFEST_AT)
    if told != count or state >= len(_CLOCK_STATES) or 100 < quality < _NO_QUALITY:
        return None
    return sequence, second_s, previous


def kind_and_session(raw: bytes) -> tuple[bytes, bytes]:
    """The kind and session of a statement at a glance, (b"", b"") when it is none."""
    if len(raw) < _HEAD.size or raw[:3] != MAGIC:
        return b"", b""
    return raw[3:4], raw[4:20]


@lru_cache(maxsize=1024)
def written_channel(channel: str) -> bytes:
    """A channel as it stands behind start and digest of a name. Raises ValueError for what is none."""
    written = _text(channel, CHANNEL)
    return bytes([len(written)]) + written


def proof_bytes(value: Stated) -> int:
    """How long a statement's proof is."""
    if isinstance(value, Manifest):
        return MAC_BYTES
    return SIGNATURE_BYTES * (2 if isinstance(value, Opening) and value.replaces else 1)


def _write_opening(value: Opening) -> bytes:
    station = _text(value.station, STATION)
    identities = [_exact(value.identity, KEY_BYTES)] + ([_exact(value.replaces, KEY_BYTES)] if value.replaces else [])
    return b"".join(
        [
            _HEAD.pack(MAGIC, OPENING, _exact(value.session, SESSION_BYTES)),
            _OPENING.pack(value.counter, value.time_ns, _PLACES.index(value.place), len(station), len(identities)),
            station,
            _exact(value.ephemeral, KEY_BYTES),
            _exact(value.centre, KEY_BYTES),
            *identities,
        ]
    )


def _read_opening(raw: bytes) -> tuple[Opening, int]:
    counter, time_ns, place, station_bytes, identities = _OPENING.unpack_from(raw, _HEAD.size)
    at = _HEAD.size + _OPENING.size
    station = _codes(raw[at : at + station_bytes], STATION)
    at += station_bytes
    end = at + KEY_BYTES * (2 + identities)
    if identities not in (1, 2) or end > len(raw):
        raise ValueError("wrong number of keys")
    ephemeral, centre, identity, *replaces = (raw[k : k + KEY_BYTES] for k in range(at, end, KEY_BYTES))
    return (
        Opening(
            station,
            raw[4:20],
            counter,
            time_ns,
            _PLACES[place],
            identity,
            ephemeral,
            centre,
            replaces[0] if replaces else b"",
        ),
        end,
    )


def _write_manifest(value: Manifest) -> bytes:
    if len(value.names) > MOST_NAMES:
        raise ValueError(f"{len(value.names)} records are too many for one manifest")
    clock = value.clock
    if clock.quality_percent is not None and not 0 <= clock.quality_percent <= 100:
        raise ValueError("clock quality outside 0 to 100 percent")
    parts = [
        _HEAD.pack(MAGIC, MANIFEST, _exact(value.session, SESSION_BYTES)),
        _MANIFEST.pack(
            value.sequence,
            value.second_s,
            _exact(value.previous, DIGEST_BYTES),
            _CLOCK_STATES.index(clock.state),
            _NO_QUALITY if clock.quality_percent is None else clock.quality_percent,
            _NO_OFFSET if clock.offset_ns is None else clock.offset_ns,
            len(value.names),
        ),
    ]
    for name in value.names:
        channel = _text(name.channel, CHANNEL)
        parts += [_NAME.pack(name.start_ns, _exact(name.digest, DIGEST_BYTES), len(channel)), channel]
    return b"".join(parts)


def _read_manifest(raw: bytes) -> tuple[Manifest, int]:
    lines, clock, length = _read_lines(raw)
    state, quality, offset_ns = clock
    told = Clock(
        state,
        None if offset_ns == _NO_OFFSET else offset_ns,
        None if quality == _NO_QUALITY else quality,
    )
    names = tuple(Name(*line) for line in lines.names)
    return Manifest(raw[4:20], lines.sequence, lines.second_s, lines.previous, told, names), length


def _read_lines(raw: bytes) -> tuple[Lines, tuple[ClockState, int, int], int]:
    """A manifest's fields, those of its clock as they are written, and where its body ends."""
    sequence, second_s, previous, state, quality, offset_ns, count = _MANIFEST.unpack_from(raw, _MANIFEST_AT)
    if count > MOST_NAMES:
        raise ValueError("too many records")
    if not (quality <= 100 or quality == _NO_QUALITY):
        raise ValueError("clock quality outside 0 to 100 percent")
    names: list[Line] = []
    at, end = _NAMES_AT, len(raw)
    for _ in range(count):
        start_ns, digest, channel_bytes = _NAME.unpack_from(raw, at)
        channel_at = at + _NAME_BYTES
        at = channel_at + channel_bytes
        if at > end:
            raise ValueError("it ends within a channel")
        names.append((_channel(raw[channel_at:at]), start_ns, digest))
    return Lines(sequence, second_s, previous, names), (_CLOCK_STATES[state], quality, offset_ns), at


def _write_signature(value: Signature) -> bytes:
    return _HEAD.pack(MAGIC, SIGNATURE, _exact(value.session, SESSION_BYTES)) + _SIGNATURE.pack(
        value.time_ns, value.sequence, value.count, _exact(value.head, DIGEST_BYTES)
    )


def _read_signature(raw: bytes) -> tuple[Signature, int]:
    time_ns, sequence, count, head = _SIGNATURE.unpack_from(raw, _HEAD.size)
    return Signature(raw[4:20], time_ns, sequence, count, head), _HEAD.size + _SIGNATURE.size


def _exact(part: bytes, length: int) -> bytes:
    """A field of fixed length, which struct would otherwise fill or cut."""
    if len(part) != length:
        raise ValueError(f"{len(part)} bytes where there must be {length}")
    return part


def _codes(written: bytes, form: re.Pattern[bytes]) -> str:
    """Codes of a source identifier. Nothing else is let in: they reach file names and logs."""
    if form.fullmatch(written) is None:
        raise ValueError("not codes of a source identifier")
    return written.decode("ascii")


@lru_cache(maxsize=1 << 16)  # a nation has 50,000 channels, each named once a second, and few kinds of them
def _channel(written: bytes) -> str:
    return _codes(written, CHANNEL)


def _text(text: str, form: re.Pattern[bytes]) -> bytes:
    written = text.encode("ascii")
    _codes(written, form)
    return written


_Reader = Callable[[bytes], tuple[Stated, int]]
_READERS: dict[bytes, _Reader] = {OPENING: _read_opening, MANIFEST: _read_manifest, SIGNATURE: _read_signature}
_Writer = Callable[..., bytes]
_WRITERS: dict[type, _Writer] = {Opening: _write_opening, Manifest: _write_manifest, Signature: _write_signature}
