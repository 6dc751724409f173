"""Who may read which stations from the SeedLink server: the file readers.toml, passwords and tokens.

Importable with the standard library alone; argon2, PyJWT and cryptography are needed by those who log in.
"""

import re
import secrets
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

from houfeng.wire.seedlink.patterns import matcher
from houfeng.words.errors import DataFault, WorldFault

Algorithm = Literal["EdDSA", "HS256"]

_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,48}")
_PATTERN = re.compile(r"!?[A-Za-z0-9?*-]{1,16}\.[A-Za-z0-9?*-]{1,16}|!?\*")
_SECTIONS = {"open", "tokens", "readers"}
_NS_PER_S = 1_000_000_000

#: A shared secret shorter than the hash it keys can be guessed (RFC 7518, section 3.2).
_LEAST_SECRET_BYTES = 32

#: No name or password that fits a command line is longer.
_MOST_PASSWORD_BYTES = 220


@dataclass(frozen=True, slots=True)
class Permit:
    """The stations somebody may read.

    patterns  of NET.STA, with ? and *; one that begins with ! takes away
    beside    what may be read as well, whatever patterns take away
    """

    patterns: tuple[str, ...] = ()
    beside: "Permit | None" = None

    def allows(self, station_id: str) -> bool:
        """Whether a station, given as NET_STA, may be read."""
        key = station_id.replace("_", ".", 1)
        hits = [pattern for pattern in self.patterns if matcher(pattern.lstrip("!"))(key)]
        if hits and not any(pattern.startswith("!") for pattern in hits):
            return True
        return self.beside is not None and self.beside.allows(station_id)


@dataclass(frozen=True, slots=True)
class Reader:
    """An account.

    password  its argon2 hash, "" when it logs in by token only
    """

    name: str
    permit: Permit
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TokenRule:
    """Which JSON Web Tokens are believed: those signed by this key with this algorithm, and no other.

    key  public key in PEM, or the shared secret
    """

    algorithm: Algorithm
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Readers:
    """Everybody who may read, and what is open to those without a name. The default is nobody and nothing."""

    open: Permit = Permit()
    accounts: Mapping[str, Reader] = field(default_factory=lambda: MappingProxyType({}))
    tokens: TokenRule | None = None

    @classmethod
    def everything_open(cls) -> Self:
        """Everybody may read everything: for a server that only this machine can reach."""
        return cls(Permit(("*",)))

    @property
    def logins(self) -> tuple[str, ...]:
        """The ways to log in that exist: USERPASS, JWT."""
        passwords = any(reader.password for reader in self.accounts.values())
        return ("USERPASS",) * passwords + ("JWT",) * (self.tokens is not None)

    def permit_of(self, name: str) -> Permit:
        """What an account may read beside what is open; "" and unknown names only that."""
        reader = self.accounts.get(name)
        return self.open if reader is None else Permit(reader.permit.patterns, self.open)

    def check_password(self, name: str, password: str) -> bool:
        """Whether a password is that of an account. Slow on purpose, and as slow for names that do not exist."""
        import argon2  # noqa: PLC0415  a server without accounts runs without it

        reader = self.accounts.get(name)
        known = reader is not None and bool(reader.password)
        if len(password.encode()) > _MOST_PASSWORD_BYTES:
            return False
        try:
            argon2.PasswordHasher().verify(reader.password if reader and known else _nobodys_hash(), password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        return known

    def check_token(self, token: str, now_ns: int) -> str:
        """The account that a token names, "" when the token is not to be believed now."""
        if self.tokens is None:
            return ""
        import jwt  # noqa: PLC0415  a server without tokens runs without it

        try:
            # The times are compared with the server's own clock below, not with PyJWT's.
            claims = jwt.decode(
                token,
                self.tokens.key,
                algorithms=[self.tokens.algorithm],
                options={"require": ["sub", "exp"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            return ""
        name, expires_s, begins_s = claims["sub"], claims["exp"], claims.get("nbf", 0)
        if not all(type(each) is int for each in (expires_s, begins_s)):
            return ""
        valid = begins_s * _NS_PER_S <= now_ns < expires_s * _NS_PER_S
        return name if valid and name in self.accounts else ""


def load_readers(path: Path) -> Readers:
    """Read readers.toml: see docs/reference/seedlink.md.

    Raises WorldFault when it, or a key that it names, cannot be read or is open to others; DataFault when it says
    what cannot be.
    """
    from houfeng.shell.keys.files import read_secret  # noqa: PLC0415  needs cryptography

    subject = str(path)
    try:
        told = tomllib.loads(read_secret(path).decode("utf-8"))
    except ValueError as error:
        raise DataFault(subject, f"is no TOML: {error}") from error
    _refuse_others(subject, told, _SECTIONS)
    accounts = {}
    for name, account in _table(subject, told, "readers").items():
        if not _NAME.fullmatch(name) or not isinstance(account, dict):
            raise DataFault(subject, f"{name[:48]!r} is no reader", "a section [readers.NAME] of letters and digits")
        _refuse_others(subject, account, {"stations", "password"})
        accounts[name] = Reader(name, _permit(subject, account), _hash_of(subject, name, account))
    open_section = _table(subject, told, "open")
    _refuse_others(subject, open_section, {"stations"})
    return Readers(_permit(subject, open_section), MappingProxyType(accounts), _token_rule(path, told))


def add_reader(path: Path, name: str, stations: Iterable[str], password: str = "") -> None:
    """Write an account into readers.toml, making the file when there is none; an account of that name is replaced.

    stations  patterns of NET.STA
    password  "" for an account that logs in by token only

    Other readers keep what they have; comments in the file are lost. Raises as load_readers(), and DataFault for a
    name, pattern or password that cannot be.
    """
    import tomli_w  # noqa: PLC0415  an agent does not write accounts

    from houfeng.shell.keys.files import read_secret, write_whole  # noqa: PLC0415  needs cryptography

    if not _NAME.fullmatch(name):
        raise DataFault(name[:48], "is no name for a reader", "use letters, digits and _ . @ -, at most 48")
    told: dict[str, Any] = {}
    if path.exists():
        load_readers(path)
        told = tomllib.loads(read_secret(path).decode("utf-8"))
    account: dict[str, Any] = {"stations": list(stations)}
    _permit(str(path), account)
    if password:
        account["password"] = hash_password(password)
    told.setdefault("readers", {})[name] = account
    write_whole(path, tomli_w.dumps(told).encode(), secret=True, replace=True)


def hash_password(password: str) -> str:
    """The argon2id hash of a password, for readers.toml.

    Raises DataFault when it cannot be sent in a SeedLink command: no spaces, printable ASCII, at most 220 characters.
    """
    import argon2  # noqa: PLC0415  an agent without accounts runs without it

    if not (password.isascii() and password.isprintable()) or not password or " " in password:
        raise DataFault(
            "password", "has spaces or other characters that SeedLink cannot send", "use letters and digits"
        )
    if len(password) > _MOST_PASSWORD_BYTES:
        raise DataFault("password", f"is longer than {_MOST_PASSWORD_BYTES} characters", "choose a shorter one")
    return argon2.PasswordHasher().hash(password)


def issue_token(name: str, expires_ns: int, key: bytes, algorithm: Algorithm) -> str:
    """A token for a reader, short enough for a SeedLink command line.

    expires_ns  until when it is good, UTC
    key         private key in PEM, or the shared secret

    Raises DataFault when the name leaves no room in the 255 bytes of a line.
    """
    import jwt  # noqa: PLC0415  a server without tokens runs without it

    # Without "typ" the token is shorter, and nobody needs it.
    claims = {"sub": name, "exp": expires_ns // _NS_PER_S}
    token = jwt.encode(claims, key, algorithm=algorithm, headers={"typ": None})
    if len(f"AUTH JWT {token}\r\n") > 255:
        raise DataFault(name[:48], "is too long a name for a token", "choose a shorter one")
    return token


def _permit(subject: str, section: Mapping[str, Any]) -> Permit:
    patterns = section.get("stations", [])
    good = isinstance(patterns, list) and all(isinstance(each, str) and _PATTERN.fullmatch(each) for each in patterns)
    if not good:
        raise DataFault(subject, "stations is no list of patterns", 'write stations = ["NET.STA", "NET.*", "!NET.STA"]')
    return Permit(tuple(patterns))


def _hash_of(subject: str, name: str, account: Mapping[str, Any]) -> str:
    password = account.get("password", "")
    if not isinstance(password, str) or not (password == "" or password.startswith("$argon2")):
        # Without showing it: it may be the password itself.
        raise DataFault(subject, f"the password of {name} is no argon2 hash", "add the reader again")
    return password


def _token_rule(path: Path, told: Mapping[str, Any]) -> TokenRule | None:
    from houfeng.shell.keys.files import read_secret  # noqa: PLC0415  needs cryptography

    section = _table(str(path), told, "tokens")
    if not section:
        return None
    _refuse_others(str(path), section, {"algorithm", "key_file"})
    algorithm, key_file = section.get("algorithm"), section.get("key_file")
    if algorithm not in ("EdDSA", "HS256") or not isinstance(key_file, str):
        raise DataFault(str(path), "[tokens] needs algorithm and key_file", 'algorithm is "EdDSA" or "HS256"')
    key_path = path.parent / key_file
    if algorithm == "HS256":
        key = read_secret(key_path).strip()
        if len(key) < _LEAST_SECRET_BYTES:
            raise DataFault(str(key_path), f"is shorter than {_LEAST_SECRET_BYTES} bytes", "make a longer secret")
        return TokenRule("HS256", key)
    try:
        key = key_path.read_bytes()
    except OSError as error:
        raise WorldFault(str(key_path), f"cannot be read: {error.strerror}") from error
    if b"PUBLIC KEY" not in key:
        raise DataFault(str(key_path), "holds no public key in PEM", "name the public key, never the private one")
    return TokenRule("EdDSA", key)


def _table(subject: str, told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = told.get(name, {})
    if not isinstance(section, dict):
        raise DataFault(subject, f"{name} is no section", f"write [{name}]")
    return section


def _refuse_others(subject: str, section: Mapping[str, Any], known: set[str]) -> None:
    for name in sorted(set(section) - known):
        raise DataFault(
            subject, f"says {name[:48]!r}, which means nothing here", f"it knows {', '.join(sorted(known))}"
        )


@cache
def _nobodys_hash() -> str:
    """A hash that no password has, made once, with the parameters of the real ones."""
    return hash_password(secrets.token_urlsafe(32))
