"""Proofs: session keys agreed with one message, MACs of manifests, Ed25519 of openings and chains.

Sources: RFC 7748 (X25519), RFC 5869 (HKDF), RFC 2104 (HMAC), RFC 8032 (Ed25519).
"""

import hmac
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from houfeng.wire.manifest.body import KEY_BYTES, MAC_BYTES, SIGNATURE_BYTES, Statement, body_of
from houfeng.wire.manifest.values import Manifest, Opening, Signature

#: What is signed begins with this, so that no signature made for anything else with the same key fits.
_SIGNED = b"Houfeng signed data 1\0"

_SESSION = b"Houfeng session key 1\0"


def session_key(opening: Opening, shared: bytes) -> bytes:
    """Derive the key of a session's MACs.

    opening  binds the key to station, session, counter and every public key
    shared   X25519 of one's own private key and the other's public key, 32 bytes

    HKDF-SHA256 without salt; its info holds the SHA-256 of the opening's body.
    """
    info = _SESSION + sha256(body_of(opening)).digest()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)


def maced(manifest: Manifest, key: bytes) -> bytes:
    """A manifest as a whole statement: its body and the first 16 bytes of HMAC-SHA256 over it."""
    body = body_of(manifest)
    return body + hmac.digest(key, body, "sha256")[:MAC_BYTES]


def keyed(key: bytes) -> HMAC:
    """HMAC-SHA256 of nothing yet under a key: a copy of it costs half as much as beginning with the key."""
    return HMAC(key, SHA256())


def mac_holds(raw: bytes, key: bytes | HMAC) -> bool:
    """Whether a manifest's last 16 bytes are the MAC of those before.

    key  of the session, 32 bytes, or what keyed made of it
    """
    mac = keyed(key) if isinstance(key, bytes) else key.copy()
    mac.update(raw[:-MAC_BYTES])
    return hmac.compare_digest(mac.finalize()[:MAC_BYTES], raw[-MAC_BYTES:])


def signed(value: Opening | Signature, identity: Ed25519PrivateKey, replaced: Ed25519PrivateKey | None = None) -> bytes:
    """An opening or signature as a whole statement.

    replaced  private half of the identity that an opening takes over from
    """
    body = body_of(value)
    proof = identity.sign(_SIGNED + body)
    return body + proof + (replaced.sign(_SIGNED + body) if replaced is not None else b"")


def signature_holds(statement: Statement, public: bytes, number: int = 0) -> bool:
    """Whether a signature of an opening or chain is that of a public Ed25519 key.

    number  0 for the identity's own signature, 1 for that of the identity replaced
    """
    proof = statement.proof[number * SIGNATURE_BYTES : (number + 1) * SIGNATURE_BYTES]
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(proof, _SIGNED + statement.body)
    except (InvalidSignature, ValueError):
        return False
    return True
