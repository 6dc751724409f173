"""How keys, stations and times are written in files of keys, and read again without belief.

Standard library only, so that a station's agent can use it.
"""

import base64
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from houfeng.words.assurance import SIGNED_TIERS, Place
from houfeng.words.errors import DataFault, WorldFault

#: A file of keys is some lines.
_MOST_BYTES = 1 << 18

_STATION_KEY = re.compile(r"[A-Z0-9]{1,8}\.[A-Z0-9-]{1,8}")
_PUBLIC = re.compile(r"(ed25519|x25519):([A-Za-z0-9+/]{43}=)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_small(path: Path) -> bytes:
    """The bytes of a file of keys. Raises WorldFault when it cannot be read, DataFault when it is too long."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise WorldFault(str(path), f"cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise DataFault(str(path), "is too long for a file of keys")
    return content


def read_toml(path: Path) -> dict[str, object]:
    """A file of keys as TOML. Raises as read_small does, and DataFault when it is none."""
    try:
        return tomllib.loads(read_small(path).decode())
    except ValueError as error:
        raise DataFault(str(path), f"is no TOML: {error}") from error


def station_of(subject: str, value: object) -> str:
    """A value as NET.STA. Raises DataFault about the subject when it is none."""
    if not isinstance(value, str) or _STATION_KEY.fullmatch(value) is None:
        raise DataFault(subject, "names a station that is none", "write NET.STA in capitals")
    return value


def place_of(subject: str, value: object) -> Place:
    """A value as the place of signing. Raises DataFault about the subject when it is none."""
    if not isinstance(value, str) or value not in SIGNED_TIERS:
        raise DataFault(subject, "place must be sensor or gateway")
    return cast("Place", value)


def public_text(kind: str, public: bytes) -> str:
    """A public key as text: ed25519: or x25519: and base64."""
    return f"{kind}:{base64_text(public)}"


def public_bytes(subject: str, kind: str, value: object) -> bytes:
    """A value as a public key of a kind, 32 bytes. Raises DataFault about the subject when it is none."""
    match = _PUBLIC.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] != kind:
        raise DataFault(subject, f"holds no public key where one is needed: {kind}: and 44 characters of base64")
    return base64.b64decode(match[2])


def instant_ns(subject: str, value: object) -> int:
    """A TOML time with a zone as ns. Raises DataFault about the subject when it is none."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise DataFault(subject, "from, until and revoked must be times with a zone", "write 2026-01-01T00:00:00Z")
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000


def time_text(time_ns: int) -> str:
    """An instant as TOML writes it, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=time_ns // 1000)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def base64_text(content: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(content).decode()


def quoted(text: str) -> str:
    """A TOML string; nothing written here has a quote or a backslash in it."""
    return f'"{text}"'
