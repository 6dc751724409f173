"""Files with secrets: written whole or not at all, for their owner only, and refused otherwise.

Standard library and `cryptography` only, so that a station's agent can use it.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from houfeng.words.errors import DataFault, WorldFault

PrivateKey = Ed25519PrivateKey | X25519PrivateKey

#: No key, passphrase or password file comes near this; a file that does is some other file.
_MOST_BYTES = 1 << 16

_OWNER_ONLY = 0o600
_READ_BY_ALL = 0o644


def read_secret(path: Path) -> bytes:
    """The bytes of a file that only its owner can read.

    Raises WorldFault when it cannot be read, is no plain file, is too long, is not ours, or others may open it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe would keep us waiting
        with os.fdopen(descriptor, "rb") as file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                raise WorldFault(str(path), "is not a plain file")
            if seen.st_mode & 0o077:
                mode = stat.S_IMODE(seen.st_mode)
                raise WorldFault(str(path), f"holds a secret and others may open it (mode {mode:04o})", "chmod 600")
            if seen.st_uid not in {os.geteuid(), 0}:
                raise WorldFault(str(path), "holds a secret and belongs to another user", "chown it to this user")
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise WorldFault(str(path), f"cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise WorldFault(str(path), "is too long for a secret", "name the right file")
    return content


def read_passphrase(path: Path | None) -> bytes | None:
    """The first line of a passphrase file, None without a file.

    Raises WorldFault as read_secret does, DataFault when the line is empty.
    """
    if path is None:
        return None
    line = read_secret(path).split(b"\n", 1)[0].rstrip(b"\r")
    if not line:
        raise DataFault(str(path), "holds no passphrase in its first line")
    return line


def write_whole(path: Path, content: bytes, *, secret: bool, replace: bool) -> None:
    """Write a file so that a crash leaves the old one or the new one, and make that durable.

    secret   for its owner only; else for all to read
    replace  whether an existing file may be replaced

    Raises WorldFault when the disk refuses, or the file exists and may not be replaced.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY if secret else _READ_BY_ALL)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                aside.replace(path)
            else:
                _name(path, aside)
        finally:
            with contextlib.suppress(FileNotFoundError):
                aside.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise WorldFault(str(path), f"cannot be written: {error.strerror}") from error


def write_private(path: Path, key: PrivateKey, passphrase: bytes | None = None, *, replace: bool = False) -> None:
    """Write a private key as PKCS#8 PEM, encrypted when a passphrase is given.

    Raises WorldFault as write_whole does.
    """
    locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        locked = serialization.BestAvailableEncryption(passphrase)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    write_whole(path, pem, secret=True, replace=replace)


def read_private(path: Path, passphrase: bytes | None = None) -> PrivateKey:
    """Read a private key of either kind.

    Raises WorldFault as read_secret does, DataFault when it is no such key or the passphrase does not open it.
    """
    pem = read_secret(path)
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except TypeError as error:
        reason = "is locked by a passphrase" if passphrase is None else "is not locked, yet a passphrase is given"
        raise DataFault(str(path), reason, "set or remove the passphrase file") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise DataFault(str(path), "holds no key that can be read, or the passphrase is wrong") from error
    if not isinstance(key, Ed25519PrivateKey | X25519PrivateKey):
        raise DataFault(str(path), "holds a key that is neither Ed25519 nor X25519")
    return key


def _name(path: Path, aside: Path) -> None:
    """Give a file its name, which fails when that is taken, in one step."""
    try:
        path.hardlink_to(aside)
    except FileExistsError as error:
        raise WorldFault(str(path), "exists already and is not written over", "move it away first") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
