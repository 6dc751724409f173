"""Host reports as JSON documents: written one way, read strictly, bounded."""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any, Final

from houfeng.wire.eyes.json_objects import JsonObjects
from houfeng.words.errors import DataFault
from houfeng.words.host import HostDeleted, HostFile, HostKey, HostReport, HostSchedule, HostSocket
from houfeng.words.instant import format_instant, parse_instant

#: What a document says it is; another version has another number.
FORMAT: Final = "houfeng host report 1"

#: Largest document. A full Debian has 5,000 watched files at 150 bytes; this is forty times that.
MOST_BYTES: Final = 32 << 20

#: Entries of a part: files of a large host are tens of thousands, everything else is less.
MOST_ENTRIES: Final = 200_000

#: Characters of a text: a path of Linux has at most 4,096 bytes (PATH_MAX).
MOST_CHARACTERS: Final = 4096

_REMEDY: Final = "make it anew with houfeng guard pull"

_HOWS: Final = ("agent", "ssh")
_STATES: Final = ("listening", "established", "closing")
_INSTANTS: Final = ("time_ns", "clock_ns", "boot_ns")


def write_host_report(report: HostReport) -> bytes:
    """The document of a report, with its line end. read_host_report gives the same report back."""
    told: dict[str, Any] = {"format": FORMAT}
    for name, value in asdict(report).items():
        if value is not None:
            told[name.removesuffix("_ns")] = format_instant(value, 9) if name in _INSTANTS else value
    return json.dumps(told, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def read_host_report(data: bytes, name: str) -> HostReport:
    """The report of a document.

    data  the whole document
    name  of the file, for messages

    Raises DataFault for anything that write_host_report would not have written.
    """
    if len(data) > MOST_BYTES:
        raise DataFault(name, f"more than {MOST_BYTES >> 20} MiB are no host report", _REMEDY)
    try:
        return _report(data)
    except ValueError as error:
        raise DataFault(name, f"no host report: {str(error)[:200]}", _REMEDY) from error


def _report(data: bytes) -> HostReport:
    objects = JsonObjects()
    told = objects.read(data)
    if objects.doubtful:
        raise ValueError(objects.doubtful)
    if told.pop("format", None) != FORMAT:
        raise ValueError(f'it does not say "{FORMAT}"')
    given = {f"{key}_ns" if f"{key}_ns" in _INSTANTS else key: value for key, value in told.items()}
    return HostReport(**_fields(HostReport, given, _OF_REPORT))


_Read = Callable[[Any], Any]


def _fields(kind: Any, given: Mapping[str, Any], reads: Mapping[str, _Read]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(reads))
    if unknown:
        raise ValueError(f"unknown key {_short(unknown[0])}")
    missing = [one.name for one in fields(kind) if one.default is MISSING and one.name not in given]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    read: dict[str, Any] = {}
    for key, value in given.items():
        try:
            read[key] = reads[key](value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
    return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MOST_CHARACTERS or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(f"{_short(value)} is no text")
    return value


def _instant(value: Any) -> int:
    return parse_instant(_text(value))


def _digest(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ValueError(f"{_short(value)} is no SHA-256")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{_short(value)} is neither true nor false")  # noqa: TRY004 - one kind of refusal
    return value


def _whole(most: int) -> _Read:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise ValueError(f"{_short(value)} is no whole number from 0 to {most}")
        return value

    return read


def _maybe(read: _Read) -> _Read:
    return lambda value: None if value is None else read(value)


def _one_of(known: tuple[str, ...]) -> _Read:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{_short(value)} is none of {', '.join(known)}")
        return value

    return read


def _each(read: _Read) -> _Read:
    def each(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > MOST_ENTRIES:
            raise ValueError(f"{_short(value)} is no list of at most {MOST_ENTRIES}")
        return tuple(map(read, value))

    return each


def _tables(kind: Any, reads: Mapping[str, _Read]) -> _Read:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"{_short(value)} is no table")  # noqa: TRY004 - one kind of refusal
        return kind(**_fields(kind, value, reads))

    return _each(read)


def _short(value: object) -> str:
    # Only so much of it is ever written out, however large it is.
    told = value if isinstance(value, str | int | bool | None) else type(value).__name__
    if isinstance(told, int) and abs(told) >= 1 << 64:
        return "a very long number"
    return ascii(told[:60] if isinstance(told, str) else told)[:60]


_FILE: Final[Mapping[str, _Read]] = {
    "path": _text,
    "sha256": lambda value: value if value == "" else _digest(value),
    "mode": _maybe(_whole(0o7777)),
    "owner": _text,
    "size_bytes": _maybe(_whole(1 << 62)),
}
_SOCKET: Final[Mapping[str, _Read]] = {
    "protocol": _one_of(("tcp", "udp")),
    "state": _one_of(_STATES),
    "local": _text,
    "local_port": _whole(65_535),
    "remote": _text,
    "remote_port": _whole(65_535),
    "process": _text,
}
_OF_REPORT: Final[Mapping[str, _Read]] = {
    "station": _text,
    "host": _text,
    "time_ns": _instant,
    "how": _one_of(_HOWS),
    "clock_ns": _instant,
    "boot_ns": _instant,
    "files": _tables(HostFile, _FILE),
    "keys": _tables(HostKey, dict.fromkeys(("user", "fingerprint", "kind", "options"), _text)),
    "schedules": _tables(HostSchedule, dict.fromkeys(("place", "entry"), _text)),
    "units": _each(_text),
    "modules": _each(_text),
    "sockets": _tables(HostSocket, _SOCKET),
    "routes": _each(_text),
    "resolvers": _each(_text),
    "firewall": _digest,
    "deleted": _tables(HostDeleted, {"pid": _whole(1 << 31), "path": _text}),
    "preload": _each(_text),
    "forwards": _truth,
}
