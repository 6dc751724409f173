"""Read a TOML file strictly: every fault names its key, and a key that nobody knows is a fault."""

import ipaddress
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from houfeng.words.errors import WorldFault

#: A settings file is a page or two.
_MOST_BYTES = 1 << 20

_STATION = re.compile(r"[A-Z0-9]{1,8}\.[A-Z0-9-]{1,8}")
_SELECTOR = re.compile(r"!?[A-Za-z0-9*?_.:-]{1,32}")
_HOST = re.compile(r"[A-Za-z0-9:]([A-Za-z0-9.:-]{0,253})")

Value = TypeVar("Value")
_REQUIRED = object()


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or number, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


_KINDS: dict[type, str] = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "a table"}


class Table:
    """One table of a settings file, of which every key must be taken before finish().

    path    the file, for messages and for paths beside it
    values  what it holds
    name    of the table, with a dot at its end, "" for the file's own
    """

    def __init__(self, path: Path, values: dict[str, object], name: str = "") -> None:
        self._path = path
        self._values = dict(values)
        self._name = name

    def fault(self, key: str, reason: str, remedy: str = "") -> WorldFault:
        """A fault about one of its keys."""
        return WorldFault(f"{self._path}: {self._name}{key}", reason, remedy)

    def take(self, key: str, kind: type[Value], default: object = _REQUIRED) -> Value:
        """The value of a key. Raises WorldFault when it is missing without default, or of another kind."""
        value = self._values.pop(key, default)
        if value is _REQUIRED:
            raise self.fault(key, "is missing", f"write {_KINDS[kind]}")
        if type(value) is not kind:
            raise self.fault(key, f"must be {_KINDS[kind]}")
        return value

    def table(self, key: str) -> "Table | None":
        """A table below this one, None when there is none."""
        if key not in self._values:
            return None
        return Table(self._path, self.take(key, dict), f"{self._name}{key}.")

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.take(key, int, default)
        if not least <= value <= most:
            raise self.fault(key, f"must lie between {least} and {most}")
        return value

    def address(self, key: str, default: str | None = None, *, least_port: int = 1) -> Address:
        """A host and TCP port, host:port or [IPv6]:port; port 0, where allowed, lets the system choose."""
        text = self.take(key, str, _REQUIRED if default is None else default)
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        whole = bool(colon) and _HOST.fullmatch(host) is not None and re.fullmatch(r"[0-9]{1,5}", port) is not None
        if not whole or not least_port <= int(port) <= 65535:
            raise self.fault(key, "is no address", "write host:port, or [IPv6]:port")
        return Address(host, int(port))

    def optional_address(self, key: str) -> Address | None:
        """An address to listen on that may be absent."""
        return self.address(key, least_port=0) if key in self._values else None

    def file(self, key: str, default: str | None = None) -> Path:
        """A path, taken from the settings file's folder."""
        value = self.take(key, str, _REQUIRED if default is None else default)
        if not value or "\0" in value:
            raise self.fault(key, "is no path")
        return self._path.parent / value

    def optional_file(self, key: str) -> Path | None:
        """A path that may be absent."""
        return self.file(key) if key in self._values else None

    def stations(self, key: str) -> tuple[str, ...]:
        """One or more stations, each once."""
        values = self._texts(key, _STATION, "no station as NET.STA")
        if not values or len(set(values)) != len(values):
            raise self.fault(key, "must name one or more stations, each once")
        return values

    def selectors(self, key: str) -> tuple[str, ...]:
        """What SeedLink takes behind SELECT; () for all streams."""
        return self._texts(key, _SELECTOR, "no SeedLink selector") if key in self._values else ()

    def choice(self, key: str, default: str, known: tuple[str, ...]) -> str:
        """One of the words known."""
        value = self.take(key, str, default)
        if value not in known:
            raise self.fault(key, f"must be one of {', '.join(known)}")
        return value

    def finish(self) -> None:
        """Raise WorldFault when a key was not taken: a misspelt setting must not be silently without effect."""
        for key in self._values:
            raise self.fault(key, "is no setting known here", "remove it or correct its spelling")

    def _texts(self, key: str, form: re.Pattern[str], otherwise: str) -> tuple[str, ...]:
        values = self.take(key, list)
        for value in values:
            if not isinstance(value, str) or form.fullmatch(value) is None:
                raise self.fault(key, f"holds {otherwise}")
        return tuple(values)


def read_table(path: Path) -> Table:
    """Read a TOML file. Raises WorldFault when it cannot be read, is far too long or is no TOML."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise WorldFault(str(path), f"cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise WorldFault(str(path), "is too long for a settings file")
    try:
        return Table(path, tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorldFault(str(path), f"is no TOML: {error}") from error
