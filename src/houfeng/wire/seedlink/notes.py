"""The session log of the SeedLink server: who connected, logged in, subscribed to what, and got how much.

One value per line of the log. Never a password or token. Standard library only.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from houfeng.words.errors import DataFault


@dataclass(frozen=True, slots=True)
class Connected:
    """Somebody connected.

    session  number of the connection, counted from 1 since the server started
    address  of the other side, without its port
    """

    time_ns: int
    session: int
    address: str
    port: int
    encrypted: bool


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Somebody tried to log in.

    reader   the name given, or that a token names when it is good
    refusal  "" when accepted, else banned or credentials
    """

    time_ns: int
    session: int
    address: str
    reader: str
    method: str
    accepted: bool
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Somebody asked for stations; one of these per STATION of the request.

    reader    name, "" when nobody logged in
    agent     what the client says it is
    station   pattern of NET_STA
    streams   selectors of LOC_B_S_SS and format; none means all
    begin     "next", "all" or the sequence
    start_ns  begin and end of the time window, None where open
    """

    time_ns: int
    session: int
    address: str
    reader: str
    agent: str
    protocol: int
    dial_up: bool
    station: str
    streams: tuple[str, ...]
    begin: str
    start_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """How much of one channel a connection was sent, told when it ends."""

    time_ns: int
    session: int
    address: str
    reader: str
    station: str
    stream: str
    records: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection ended, and why."""

    time_ns: int
    session: int
    address: str
    reader: str
    reason: str
    records: int
    sent_bytes: int


Note = Connected | LoggedIn | Subscribed | Delivered | Disconnected

_KINDS: dict[str, type[Any]] = {
    "connect": Connected,
    "login": LoggedIn,
    "subscribe": Subscribed,
    "deliver": Delivered,
    "disconnect": Disconnected,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def write_note(note: Note) -> str:
    """One line of JSON without its line end."""
    return json.dumps({"kind": _NAMES[type(note)], **asdict(note)}, separators=(",", ":"))


def read_note(line: str) -> Note:
    """Read a line that write_note() made. Raises DataFault for any other."""
    try:
        told = json.loads(line)
        kind = _KINDS[told.pop("kind")]
        if "streams" in told:
            told["streams"] = tuple(told["streams"])
        note: Note = kind(**told)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataFault("session log", "a line is no note of the SeedLink server") from error
    for each in fields(note):
        if not _is(getattr(note, each.name), str(each.type)):
            raise DataFault("session log", f"{each.name} is no {each.type}")
    return note


def _is(value: object, kind: str) -> bool:
    """Whether a value read from JSON is of the type that a field of a note names."""
    if kind.startswith("tuple"):
        return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    if kind == "<class 'bool'>":
        return isinstance(value, bool)
    if kind == "<class 'str'>":
        return isinstance(value, str)
    return (value is None and "None" in kind) or (isinstance(value, int) and not isinstance(value, bool))
