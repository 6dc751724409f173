"""Which Zeek logs say what: for each log the fields that are read and what is made of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from houfeng.wire.eyes.log_values import LineFault, address, address_if_any, count_if_any, text
from houfeng.wire.eyes.zeek_conn import CONN_FIELDS, CONN_NEEDED, flow_of
from houfeng.words.network import Login, Lookup, Notice, Observation, Seen


@dataclass(frozen=True, slots=True)
class ZeekLog:
    """How one of Zeek's logs is read.

    fields  what is read of a record, "ts" first
    needed  fields without which the log is refused
    make    from its time, the values of fields and where it stands: the observation, or None where it is only counted
    """

    fields: tuple[str, ...]
    needed: tuple[str, ...]
    make: Callable[[int, Sequence[Any], Seen], Observation | None]


def zeek_log(path: str) -> ZeekLog:
    """How the log of a path is read. Of those not named here (http, ssl ...) records are counted by their time."""
    return _LOGS.get(path, _ANY)


def path_by_fields(fields: Collection[str] | Mapping[str, Any]) -> str:
    """Which log has such fields, "" when none that is read here. JSON logs do not name themselves."""
    for path, telling in _TELLING:
        if all(field in fields for field in telling):
            return path
    return ""


def _lookup(time_ns: int, values: Sequence[Any], seen: Seen) -> Lookup | None:
    _, orig, resp, query, kind, answer = values
    client, server = address(orig, "id.orig_h"), address(resp, "id.resp_h")
    if query is None:  # an answer to nothing that was seen
        return None
    kind = text(kind, "qtype_name")
    # Zeek writes the type of RFC 1035, section 3.2.3, as *; the other sensors say ANY.
    kind = "ANY" if kind == "*" else kind
    return Lookup(seen, time_ns, client, server, text(query, "query"), kind, text(answer, "rcode_name"))


def _ssh_login(time_ns: int, values: Sequence[Any], seen: Seen) -> Login | None:
    """Zeek infers from sizes whether somebody was let in; where it does not say, nothing is said here.

    Attempts before a success are not told as failures: a second factor counts as an attempt (Zeek's SSH::Info).
    """
    _, orig, resp, success, attempts = values
    source, host = address(orig, "id.orig_h"), address(resp, "id.resp_h")
    if success is None:
        return None
    accepted = _yes(success, "auth_success")
    tries = 1 if accepted else max(1, count_if_any(attempts, "auth_attempts") or 1)
    return Login(seen, time_ns, source, host, "ssh", "", accepted, tries)


def _ftp_login(time_ns: int, values: Sequence[Any], seen: Seen) -> Login | None:
    """The answer to PASS, where the log was told to hold it: 230 lets in, 5xx does not (RFC 959, section 5.4)."""
    _, orig, resp, user, command, reply = values
    source, host = address(orig, "id.orig_h"), address(resp, "id.resp_h")
    code = count_if_any(reply, "reply_code")
    if command != "PASS" or code is None or not (code == 230 or 500 <= code < 600):
        return None
    return Login(seen, time_ns, source, host, "ftp", text(user, "user"), code == 230)


def _notice(time_ns: int, values: Sequence[Any], seen: Seen) -> Notice:
    _, name, orig, resp, src, dst = values
    client = address_if_any(orig if orig is not None else src, "id.orig_h or src")
    server = address_if_any(resp if resp is not None else dst, "id.resp_h or dst")
    return Notice(seen, time_ns, "zeek", text(name, "its name"), client, server)


def _counted(time_ns: int, values: Sequence[Any], seen: Seen) -> None:
    """Nothing is made of it."""


def _yes(value: Any, field: str) -> bool:
    if value is True or value == "T":
        return True
    if value is False or value == "F":
        return False
    raise LineFault(f"{field} is neither T nor F")


_ENDS: Final = ("id.orig_h", "id.resp_h")

_LOGS: Final[Mapping[str, ZeekLog]] = MappingProxyType({
    "conn": ZeekLog(CONN_FIELDS, CONN_NEEDED, flow_of),
    "dns": ZeekLog(("ts", *_ENDS, "query", "qtype_name", "rcode_name"), ("ts", *_ENDS, "query"), _lookup),
    "ssh": ZeekLog(("ts", *_ENDS, "auth_success", "auth_attempts"), ("ts", *_ENDS), _ssh_login),
    "ftp": ZeekLog(("ts", *_ENDS, "user", "command", "reply_code"), ("ts", *_ENDS), _ftp_login),
    "notice": ZeekLog(("ts", "note", *_ENDS, "src", "dst"), ("ts", "note"), _notice),
    "weird": ZeekLog(("ts", "name", *_ENDS, "src", "dst"), ("ts", "name"), _notice),
})  # fmt: skip

#: Two fields, so that picking them gives a tuple, as for the others.
_ANY: Final = ZeekLog(("ts", "uid"), (), _counted)

#: Fields that only one of the logs has.
_TELLING: Final = (
    ("conn", ("conn_state",)),
    ("dns", ("query", "trans_id")),
    ("ssh", ("auth_attempts",)),
    ("ftp", ("command", "reply_code")),
    ("notice", ("note", "actions")),
    ("weird", ("name", "notice")),
)
