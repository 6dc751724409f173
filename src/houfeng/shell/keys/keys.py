"""Keys, made where they are used: an agent's identity and the centre's own.

A station's agent has one Ed25519 identity; its private half never leaves the station. The centre has one X25519 key,
whose public half every agent is given, so that agent and centre agree on a session key without a conversation.

Standard library and `cryptography` only, so that a station's agent can use it.
"""

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from houfeng.shell.keys.files import read_private, write_private, write_whole
from houfeng.shell.keys.texts import public_bytes, public_text, read_small
from houfeng.words.errors import DataFault

#: In the folder of keys: what agreements with stations rest on, its public half for their agents, what the centre
#: signs with, and the stations enrolled.
AGREEMENT_KEY, AGREEMENT_PUBLIC, SIGNING_KEY, ENROLLED = "centre.pem", "centre.pub", "signing.pem", "enrolled"


def make_identity(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Make an agent's identity key and keep it in a file of its own. Raises WorldFault when the file exists."""
    key = Ed25519PrivateKey.generate()
    write_private(path, key, passphrase)
    return key


def read_identity(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Read an agent's identity key. Raises WorldFault or DataFault as read_private does, or for another kind."""
    key = read_private(path, passphrase)
    if not isinstance(key, Ed25519PrivateKey):
        raise DataFault(str(path), "is no identity key: Ed25519 is needed")
    return key


def make_centre_key(path: Path, passphrase: bytes | None = None) -> X25519PrivateKey:
    """Make the centre's key and keep it in a file of its own. Raises WorldFault when the file exists."""
    key = X25519PrivateKey.generate()
    write_private(path, key, passphrase)
    return key


def read_centre_key(path: Path, passphrase: bytes | None = None) -> X25519PrivateKey:
    """Read the centre's key. Raises WorldFault or DataFault as read_private does, or for another kind."""
    key = read_private(path, passphrase)
    if not isinstance(key, X25519PrivateKey):
        raise DataFault(str(path), "is no key of a centre: X25519 is needed")
    return key


def public_of(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    """The public half, 32 bytes."""
    return key.public_key().public_bytes_raw()


def write_centre_public(path: Path, public: bytes) -> None:
    """Write the centre's public key, for agents. Raises WorldFault when the disk refuses."""
    write_whole(path, f"{public_text('x25519', public)}\n".encode(), secret=False, replace=True)


def read_centre_public(path: Path) -> bytes:
    """Read the centre's public key. Raises WorldFault when the file cannot be read, DataFault when it is none."""
    public = public_bytes(str(path), "x25519", read_small(path).decode("ascii", "replace").strip())
    try:
        # A point of low order makes a session key that anybody knows: exchange() refuses it.
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise DataFault(str(path), "is no public key that can be used") from error
    return public


def fingerprint(public: bytes) -> str:
    """A short form of a public key for people to compare by voice: 20 hexadecimal digits of its SHA-256."""
    digits = hashlib.sha256(public).hexdigest()[:20]
    return " ".join(digits[at : at + 4] for at in range(0, 20, 4))
