"""A conduct profile as one TOML document, and read from a plain table of conversations.

Every wrong value is told by the key it stands at, and a document with one is no profile: what a guard holds
everything against is not to be guessed.
"""

import csv
import ipaddress
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, Final

import tomli_w

from houfeng.words.conduct import ASKING, Allowed, Conduct, Envelope, Host, Reads, Window
from houfeng.words.finding import Finding

#: A profile lists some dozens of conversations; this is a hundred times more than any station needs.
MOST_BYTES: Final = 1 << 20

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW: Final = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?-(\d\d):(\d\d)(?::(\d\d))? ?(.*)")
_EVERY: Final = re.compile(r"every (\d{1,6}(?:\.\d{1,3})?) s", re.ASCII)
_TABLE_HEAD: Final = ("client", "server", "proto", "server_port", "service", "rhythm")

Read = tuple[Conduct | None, list[Finding]]


def write_conduct(conduct: Conduct) -> bytes:
    """The document. read_conduct gives the same conduct back."""
    return tomli_w.dumps(plain_of(conduct)).encode("utf-8")


def read_conduct(data: bytes, name: str) -> Read:
    """Read a document, or the table of conversations.

    data  TOML, or CSV with the header client,server,proto,server_port,service,rhythm
    name  of the file, for findings and for a profile from a table

    Returns the profile, None where anything in it is wrong, and a finding "profile-refused" for that.
    """
    if len(data) > MOST_BYTES:
        return None, [_refused(name, f"is larger than {MOST_BYTES} bytes")]
    try:
        text = data.decode("utf-8-sig")
        if text.startswith(",".join(_TABLE_HEAD)):
            return _of_table(text, name), []
        return conduct_of(tomllib.loads(text)), []
    except (TypeError, ValueError, csv.Error, RecursionError) as error:
        return None, [_refused(name, str(error))]


def plain_of(conduct: Conduct) -> dict[str, Any]:
    """A conduct as tables, lists, texts and numbers. What has its usual value is left out."""
    return {
        "name": conduct.name,
        "closed": conduct.closed,
        "chatter": list(conduct.chatter),
        "host": [_plain(host) for host in conduct.hosts],
        "allowed": [_plain(allowed) for allowed in conduct.allowed],
        "reads": [_plain(reads) for reads in conduct.reads],
    }


def conduct_of(table: Mapping[str, Any]) -> Conduct:
    """The inverse of plain_of. Raises ValueError or TypeError, naming the place and what is wrong."""
    given = _keys(table, "the document", {"name", "closed", "chatter", "host", "allowed", "reads"})
    hosts = _each(given, "host", Host, {"name": str, "role": str, "addresses": tuple, "macs": tuple})
    reads = _each(given, "reads", Reads, {"reader": str, "patterns": tuple})
    allowed = _each(given, "allowed", Allowed, _ALLOWED)
    chatter = _value(given.get("chatter", list(Conduct("").chatter)), tuple, "chatter")
    closed = _value(given.get("closed", True), bool, "closed")
    return Conduct(_value(given.get("name"), str, "name"), hosts, allowed, chatter, reads, closed)


def window_of(text: str) -> Window:
    """Read "02:00-04:00", with days behind it where not every day: "22:00-24:00 sat sun". Raises ValueError."""
    match = _WINDOW.fullmatch(text)
    days = tuple(match[7].split()) if match else ()
    if match is None or not set(days) <= set(_DAYS):
        raise ValueError(f"{_short(text)} is no window such as 02:00-04:00 or 02:00-04:00 mon wed")
    start, end = (int(match[k]) * 3600 + int(match[k + 1]) * 60 + int(match[k + 2] or 0) for k in (1, 4))
    return Window(start, end, tuple(_DAYS.index(day) for day in days) or tuple(range(7)))


def window_text(window: Window) -> str:
    """The inverse of window_of."""
    days = "" if len(window.days) == 7 else " " + " ".join(_DAYS[day] for day in window.days)
    return f"{_clock(window.start_s)}-{_clock(window.end_s)}{days}"


def _clock(second: int) -> str:
    hour, rest = divmod(second, 3600)
    minute, left = divmod(rest, 60)
    return f"{hour:02d}:{minute:02d}" + (f":{left:02d}" if left else "")


def _plain(value: Host | Allowed | Reads | Envelope) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field in fields(value):
        said = getattr(value, field.name)
        if said == field.default:
            continue
        if isinstance(said, Envelope):
            out[field.name] = _plain(said)
        elif isinstance(said, tuple):
            out[field.name] = [window_text(each) if isinstance(each, Window) else each for each in said]
        else:
            out[field.name] = said
    return out


def _each(given: Mapping[str, Any], key: str, kind: Any, types: Mapping[str, Any]) -> tuple[Any, ...]:
    tables = given.get(key, [])
    if not isinstance(tables, list):
        raise TypeError(f"{key} is no array of tables: write [[{key}]]")
    return tuple(_one(table, f"[[{key}]] {number}", kind, types) for number, table in enumerate(tables, start=1))


def _one(table: Any, place: str, kind: Any, types: Mapping[str, Any]) -> Any:
    given = _keys(table, place, set(types))
    missing = [field.name for field in fields(kind) if field.default is MISSING and field.name not in given]
    if missing:
        raise ValueError(f"{place}: {missing[0]} is missing")
    try:
        return kind(**{key: _value(value, types[key], key) for key, value in given.items()})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from error


def _keys(table: Any, place: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise TypeError(f"{place} is no table")
    unknown = sorted(set(table) - known)
    if unknown:
        raise ValueError(f"{place}: unknown key {_short(unknown[0])}; known here: {', '.join(sorted(known))}")
    return table


def _value(value: Any, kind: Any, key: str) -> Any:
    if kind is tuple:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError(f"{key} is no list of texts")
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in _SAID:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{key} = {_short(value)} is no {_SAID[kind]}")
        return value
    return kind(value, key)


_SAID: Final = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def _envelope(table: Any, key: str) -> Envelope:
    envelope: Envelope = _one(table, key, Envelope, {field.name: float for field in fields(Envelope)})
    return envelope


def _windows(value: Any, key: str) -> tuple[Window, ...]:
    return tuple(window_of(text) for text in _value(value, tuple, key))


_ALLOWED: Final[Mapping[str, Any]] = {
    "client": tuple,
    "server": tuple,
    "protocol": str,
    "server_port": int,
    "service": str,
    "rhythm": str,
    "every_s": float,
    "windows": _windows,
    "client_rate": _envelope,
    "server_rate": _envelope,
}


def _of_table(text: str, name: str) -> Conduct:
    """Read the table: a conversation a row; "always open" and "every N s" are rhythms, all else is rare."""
    rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    allowed = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(_TABLE_HEAD):
            raise ValueError(f"line {number} has {len(row)} fields, not {len(_TABLE_HEAD)}")
        try:
            allowed.append(_of_row(row))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return Conduct(name, _hosts_of(allowed), tuple(allowed))


def _of_row(row: Sequence[str]) -> Allowed:
    client, server, protocol, port, service, said = (cell.strip() for cell in row)
    # An empty port of ICMP is the echo request: it is what a monitor sends.
    usual = str(next(iter(ASKING[protocol]))) if protocol in ASKING else "0"
    if not (port or usual).isascii() or not (port or usual).isdecimal():
        raise ValueError(f"{_short(port)} is no port")
    every = _EVERY.search(said)
    rhythm: dict[str, Any] = {}
    if said.startswith("always open"):
        rhythm = {"rhythm": "continuous"}
    elif every and float(every[1]) > 0:
        rhythm = {"rhythm": "every", "every_s": float(every[1])}
    return Allowed((client,), (server,), protocol, int(port or usual), service, **rhythm)


def _hosts_of(allowed: Sequence[Allowed]) -> tuple[Host, ...]:
    """The single addresses a table names. It binds none to a MAC address and says nothing of roles."""
    sides = (side for each in allowed for side in (*each.client, *each.server))
    single = {side for side in sides if ipaddress.ip_network(side).num_addresses == 1}
    return tuple(Host(address, (address,)) for address in sorted(single, key=_in_order))


def _in_order(address: str) -> tuple[int, int]:
    read = ipaddress.ip_address(address)
    return read.version, int(read)


def _refused(name: str, reason: str) -> Finding:
    return Finding("profile-refused", reason[:300], file=name)


def _short(value: object) -> str:
    return repr(value)[:60]
