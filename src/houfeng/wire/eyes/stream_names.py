"""What data servers and their protocols call channels, as NET.STA.LOC.CHA; in requests with * and ?."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from houfeng.wire.mseed.names import keyed_source
from houfeng.words.source import parse_source

#: Everything: what a request is taken for that cannot be said as a pattern of channels.
ANY: Final = "*.*.*.*"

#: Longest stream id: MAXSTREAMID of ringserver is 64.
_MOST_STREAM: Final = 64

#: Expressions over stream ids of the kind that programs make: alternatives, or a group of them before the rest.
_ALTERNATIVE: Final = re.compile(r"\^?(?:FDSN:|\(FDSN:\)\??)?([A-Za-z0-9_.*\\-]+)(?:/.*|\$)?")
_GROUPED: Final = re.compile(r"\^?(?:FDSN:|\(FDSN:\)\??)?\(([A-Za-z0-9_.*\\|-]+)\)([A-Za-z0-9_.*-]*(?:/.*|\$)?)")
_PLAIN: Final = re.compile(r"[A-Za-z0-9*?-]{0,16}")

#: miniSEED 2: sequence number, quality letter, and codes at bytes 8 to 19; miniSEED 3: identifier behind 40 bytes.
_HEAD_2: Final = re.compile(rb"[0-9 \0]{6}[DRQM][ \0]")
_ID_AT_3, _ID_LENGTH_AT_3 = 40, 33

#: Bytes of a record that tell its channel.
HEAD_BYTES: Final = _ID_AT_3 + 255


@lru_cache(maxsize=1 << 16)
def channel_of_stream(stream_id: str) -> str:
    """Read FDSN:NET_STA_LOC_B_S_SS/MSEED or NET_STA_LOC_CHA/MSEED. Raises ValueError for anything else."""
    if len(stream_id) > _MOST_STREAM:
        raise ValueError("longer than any stream id")
    name, _, _ = stream_id.partition("/")
    if not name.startswith("FDSN:"):
        name = name.replace("_", ".")
    return parse_source(name).nslc


def channel_of_record(head: bytes) -> str:
    """The channel that a miniSEED record names, "" when it is none.

    head  its first HEAD_BYTES, or all of it
    """
    if head[:3] == b"MS\x03" and len(head) > _ID_AT_3:
        found = keyed_source(head[_ID_AT_3 : _ID_AT_3 + head[_ID_LENGTH_AT_3]], 3)
    elif len(head) >= 20 and _HEAD_2.match(head):
        found = keyed_source(head[8:20], 2)
    else:
        found = None
    return "" if found is None else found[0]


def patterns_of_match(expression: str) -> tuple[str, ...]:
    """What a regular expression over stream ids asks for, as patterns of channels that take at least as much."""
    match = _GROUPED.fullmatch(expression)
    if match is not None:
        found = (_of_alternative(f"{part}{match[2]}") for part in match[1].split("|"))
    else:
        found = (_of_alternative(part) for part in expression.split("|"))
    return tuple(dict.fromkeys(found))


def patterns_of_request(station: str, streams: Iterable[str]) -> tuple[str, ...]:
    """What a STATION and its SELECTs of SeedLink ask for.

    station  pattern of NET_STA
    streams  patterns of LOC_B_S_SS, with !STREAM for what is not wanted and .FORMAT behind
    """
    network, _, code = station.partition("_")
    if not code:
        network, code = "*", network
    taken = [stream for stream in streams if not stream.startswith("!")] or ["*"]
    return tuple(dict.fromkeys(f"{network}.{code}.{_stream(stream)}" for stream in taken))


def _stream(pattern: str) -> str:
    parts = pattern.partition(".")[0].split("_")
    if len(parts) != 4 or not all(_PLAIN.fullmatch(part) for part in parts):
        return "*.*"
    return f"{parts[0]}.{_channel(parts[1:])}"


def _channel(parts: Sequence[str]) -> str:
    if set(parts) == {"*"}:
        return "*"
    return "".join(parts) if all(len(part) <= 1 for part in parts) else "_".join(parts)


def _of_alternative(expression: str) -> str:
    """One alternative as a pattern, ANY when it is not of the plain kind NET_STA_LOC_B_S_SS with .* and . in it."""
    match = _ALTERNATIVE.fullmatch(expression)
    if match is None:
        return ANY
    parts = match[1].replace("\\-", "-").replace(".*", "*").replace(".", "?").split("_")
    if not all(_PLAIN.fullmatch(part) for part in parts):
        return ANY
    if len(parts) == 6:
        return f"{parts[0]}.{parts[1]}.{parts[2]}.{_channel(parts[3:])}"
    # Fewer parts end in one that is open, whether it says so or not: an expression need not reach to the end.
    network, station = (*parts[:2], "*")[:2] if len(parts) < 3 else parts[:2]
    if len(parts) < 3:
        return f"{network}.{station.rstrip('*')}*.*.*" if len(parts) == 2 else ANY
    return f"{network}.{station}.*.*"
