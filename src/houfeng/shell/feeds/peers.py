"""Who a feed's server is, and who we are to it."""

import re
import ssl
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path

from houfeng.words.errors import DataFault, WorldFault

#: What a login may be made of: the protocols part words at spaces and lines at line ends.
_WORD = re.compile(r"[!-~]{1,4000}")


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to a server: a user with a password, or the bearer of a token. Neither shows when printed.

    Raises DataFault when a word holds anything but visible ASCII.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        words = [self.token] if self.token else [self.user, self.password]
        if not all(_WORD.fullmatch(word) for word in words):
            raise DataFault(
                "login", "its user, password or token holds spaces or letters other than ASCII, or is empty"
            )

    def scrub(self, text: str) -> str:
        """A text without the secret, should a server have sent it back."""
        for secret in (self.password, self.token):
            text = text.replace(secret, "***") if secret else text
        return text


@dataclass(frozen=True, slots=True)
class Peer:
    """A server, and how it is reached.

    tls      encrypt, and take its word only when its certificate says it is this host
    ca       certificates to trust, PEM; the system's when None
    """

    host: str
    port: int
    tls: bool = False
    ca: Path | None = None
    login: Login | None = None

    def scrub(self, text: str) -> str:
        """A text without our secret."""
        return self.login.scrub(text) if self.login else text

    def context(self) -> ssl.SSLContext | None:
        """What TLS goes by, None without it. Raises WorldFault when the certificates cannot be read."""
        return tls_context(self.ca) if self.tls else None


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """TLS that checks the peer's certificate and name. Raises WorldFault when the certificates cannot be read."""
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise WorldFault(str(ca), "holds no certificates that can be read", "give certificates in PEM") from error


@dataclass(frozen=True, slots=True)
class Stations:
    """Which stations a feed is asked for.

    patterns  NET.STA, each with * and ?; none: all
    """

    patterns: tuple[str, ...] = ()
    _match: "re.Pattern[str]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_match", re.compile("|".join(map(translate, self.patterns or ("*.*",)))))

    def __contains__(self, station_key: object) -> bool:
        return isinstance(station_key, str) and self._match.match(station_key) is not None
