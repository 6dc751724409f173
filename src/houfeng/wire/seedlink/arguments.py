"""The arguments of SeedLink commands. Standard library only.

Each raises ValueError for what is no such argument, LookupError for what is one but not supported.
"""

import re
from collections.abc import Sequence

from houfeng.wire.seedlink.instants import read_instant
from houfeng.wire.seedlink.patterns import station_pattern
from houfeng.wire.seedlink.requests import ALL, NEXT, V3_SEQUENCES, InfoWanted, Login

_HEX = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,12})")
_DECIMAL = re.compile(r"[0-9]{1,19}")
_INFO = re.compile(r"[A-Za-z]{1,20} [A-Za-z0-9_?*-]{1,64} [A-Za-z0-9_?*-]{1,64} [A-Za-z0-9?*]{0,8}")
_CODE = re.compile(r"[A-Za-z0-9?*-]{1,16}")

#: A sequence is a number of 64 bits without sign; ours have a sign, so that half of them is never reached.
_MOST_SEQUENCE = (1 << 63) - 1


def station_v3(arguments: Sequence[str]) -> str:
    """STATION STA [NET] as a pattern NET_STA; any network when none is named."""
    if not 1 <= len(arguments) <= 2 or not all(_CODE.fullmatch(argument) for argument in arguments):
        raise ValueError("STATION takes a station and a network")
    station, network = (*arguments, "*")[:2]
    return station_pattern(f"{network}_{station}")


def data_v3(arguments: Sequence[str]) -> int:
    """DATA or FETCH [SEQUENCE [TIME]]: where to begin, the lowest 24 bits of a sequence, or NEXT.

    The time says when the last packet was; the sequence alone decides, so that no late packet is left out.
    """
    if len(arguments) > 2:
        raise ValueError("DATA takes a sequence and a time")
    if not arguments:
        return NEXT
    match = _HEX.fullmatch(arguments[0])
    if match is None:
        raise ValueError("a sequence is hexadecimal")
    for time in arguments[1:]:
        read_instant(time, 3)
    return int(match[1], 16) % V3_SEQUENCES


def window_v3(arguments: Sequence[str]) -> tuple[int, int | None, int | None]:
    """TIME BEGIN [END]: where to begin, start_ns, end_ns."""
    if not 1 <= len(arguments) <= 2:
        raise ValueError("TIME takes a begin and an end")
    start_ns, end_ns = _window(arguments, 3)
    return ALL, start_ns, end_ns


def data_v4(arguments: Sequence[str]) -> tuple[int, int | None, int | None]:
    """DATA [SEQUENCE|ALL [BEGIN [END]]]: where to begin, start_ns, end_ns."""
    if len(arguments) > 3:
        raise ValueError("DATA takes a sequence, a begin and an end")
    if not arguments:
        return NEXT, None, None
    start_ns, end_ns = _window(arguments[1:], 4)
    if arguments[0].upper() == "ALL":
        return ALL, start_ns, end_ns
    if not _DECIMAL.fullmatch(arguments[0]):
        raise ValueError("a sequence is decimal, or ALL")
    return min(int(arguments[0]), _MOST_SEQUENCE), start_ns, end_ns


def _window(times: Sequence[str], protocol: int) -> tuple[int | None, int | None]:
    start_ns, end_ns = (*(read_instant(time, protocol) for time in times), None, None)[:2]
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        raise ValueError("the end is not after the begin")
    return start_ns, end_ns


def login_of(arguments: Sequence[str], logins: Sequence[str]) -> Login:
    """AUTH USERPASS NAME PASSWORD or AUTH JWT TOKEN, of those ways that are open."""
    method = arguments[0] if arguments else ""
    if method not in logins:
        raise LookupError(f"no such way to log in here; there is {' and '.join(logins) or 'none'}")
    if method == "USERPASS" and len(arguments) == 3:
        return Login("USERPASS", arguments[1], arguments[2])
    if method == "JWT" and len(arguments) == 2:
        return Login("JWT", "", arguments[1])
    raise ValueError("AUTH takes USERPASS, name and password, or JWT and a token")


def info_of(arguments: Sequence[str]) -> InfoWanted:
    """INFO LEVEL [STATION [STREAM[.FORMAT]]]. What is none has the level "": INFO answers with a packet, always."""
    level, station, streams = (*arguments, *("", "*", "*")[len(arguments) :])[:3]
    stream, _, format_ = streams.partition(".")
    given = _INFO.fullmatch(f"{level} {station} {stream} {format_}")
    if len(arguments) > 3 or given is None:
        return InfoWanted("")
    return InfoWanted(level.upper(), station, stream, format_ or "*")
