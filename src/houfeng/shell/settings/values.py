"""The kinds of value a settings file may hold: addresses, paths beside the file, names, lists."""

import glob
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

#: Names that go into file names, metrics and log lines.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
#: Network and station, each with * and ? standing for any letters and any one letter.
_STATION = re.compile(r"([A-Za-z0-9*?-]{1,8})[._]([A-Za-z0-9*?-]{1,8})")
#: What SeedLink takes behind SELECT, v3 (BHZ, 00BHZ.D, !LOG) and v4 (00_B_H_Z.3).
_SELECTOR = re.compile(r"!?[A-Za-z0-9*?_-]{1,20}(\.[A-Za-z0-9?*]{1,2})?")


class Section(BaseModel):
    """A table of the settings file: nothing unknown in it, nothing of another type, nothing changed afterwards."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        revalidate_instances="never",
    )


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


def refuse(reason: str, remedy: str) -> NoReturn:
    """Say that a value will not do. For validators; becomes a DataFault that names file and key."""
    raise PydanticCustomError("refused", "{reason}", {"reason": reason, "remedy": remedy})


def parse_address(text: str, *, least_port: int = 1) -> Address:
    """Read host:port or [IPv6]:port. Raises ValueError for anything else."""
    host, colon, port = text.rpartition(":")
    numbered = host.startswith("[") and host.endswith("]")
    if not colon or re.fullmatch(r"[0-9]{1,5}", port) is None or not least_port <= int(port) <= 65535:
        raise ValueError(f"{text!r} is no host:port")
    if numbered:
        host = str(ipaddress.IPv6Address(host[1:-1]))
    elif _HOST.fullmatch(host) is None:
        raise ValueError(f"{text!r} is no host:port")
    return Address(host, int(port))


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_address(value)
    except ValueError:
        refuse("is no address", "write host:port, or [IPv6]:port")


def _listen(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return parse_address(value, least_port=0)
    except ValueError:
        refuse("is no address to listen on", 'write host:port, such as "127.0.0.1:18000", or "" for off')


def _path(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str | Path):  # a Path is a default
        return value
    if not str(value) or "\0" in str(value):
        refuse("is no path", "write the path of a file or folder, absolute or from this file's folder")
    return folder_of(info) / value


def _pattern(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    path = _path(value, info)
    wild = glob.has_magic(value) and not path.exists() and not Path(value).is_absolute()
    return f"{glob.escape(str(folder_of(info)))}/{value}" if wild else str(path)


def folder_of(info: ValidationInfo) -> Path:
    """The folder that relative paths are taken from."""
    folder = (info.context or {}).get("folder", Path())
    assert isinstance(folder, Path)
    return folder


def _name(value: Any) -> Any:
    if isinstance(value, str) and _NAME.fullmatch(value) is None:
        refuse("is no name", "use 1 to 32 letters, digits, - and _, beginning with a letter or digit")
    return value


def _variable(value: Any) -> Any:
    if isinstance(value, str) and _VARIABLE.fullmatch(value) is None:
        # The text is not shown: it may be the secret itself.
        refuse("is no name of an environment variable", "write the variable's name, not what it holds")
    return value


def _station(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _STATION.fullmatch(value)
    if match is None:
        refuse("is no station", 'write NET.STA, such as "GE.WLF" or "GE.*"')
    return f"{match[1]}.{match[2]}"


def _selector(value: Any) -> Any:
    if isinstance(value, str) and _SELECTOR.fullmatch(value) is None:
        refuse("is no selector", 'write what SeedLink takes, such as "HH?" or "00HHZ.D"')
    return value


def _web(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    # What is wrong is said without the text, which may hold a password.
    if not whole or not value.isprintable() or " " in value:
        refuse("is no web address", "write https://HOST/PATH")
    if parts.username is not None or parts.query or parts.fragment:
        refuse("has more than host and path in it", "give the user as user, and the password as password_file")
    return value.rstrip("/")


Item = TypeVar("Item")

#: A list of TOML, held as a tuple so that nothing changes it.
Listed = Annotated[tuple[Item, ...], Field(strict=False)]

PeerAddress = Annotated[InstanceOf[Address], BeforeValidator(_address)]
ListenAddress = Annotated[InstanceOf[Address] | None, BeforeValidator(_listen)]
Beside = Annotated[Path, BeforeValidator(_path)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Name = Annotated[str, BeforeValidator(_name)]
Variable = Annotated[str, BeforeValidator(_variable)]
StationPattern = Annotated[str, BeforeValidator(_station)]
Selector = Annotated[str, BeforeValidator(_selector)]
WebAddress = Annotated[str, BeforeValidator(_web)]


class Login(Section):
    """Who we are to a server: nobody, or a user with a password. The password is named, not held."""

    user: str = Field("", max_length=64, pattern=r"^[!-~]*$", description="user name, with a password")
    password_file: Beside | None = Field(None, description="file that holds the password, mode 0600")
    password_env: Variable | None = Field(None, description="environment variable that holds the password")

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if self.password_file and self.password_env:
            refuse("has two passwords", "keep one of password_file and password_env")
        if bool(self.user) != bool(self.password_file or self.password_env):
            refuse("has half a login", "give both user and password_file (or password_env), or neither")
        return self


def stay_home(beyond: bool, *addresses: Address | None) -> None:
    """Refuse an address that other machines can reach, unless that was asked for."""
    for address in addresses:
        if address is not None and not address.is_loopback and not beyond:
            refuse(
                f"listens on {address}, which other machines can reach",
                "set beyond_loopback = true beside it if that is meant",
            )
