"""Signed baselines: a host report that somebody vouched for while the host was known to be good.

The file is one line that names the key and holds the signature, and then the report's document as it was signed:

    houfeng host baseline 1 ed25519:<public key, base64> <signature, base64>

Nothing in the line is believed: the signature must be by a key that the reader already trusts. The line is not part of
the document, so that what is signed is bytes and not somebody's way of writing JSON. Source: RFC 8032 (Ed25519).
"""

import base64
import binascii
from collections.abc import Collection
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from houfeng.wire.host_report import read_host_report, write_host_report
from houfeng.words.errors import DataFault
from houfeng.words.host import HostReport

#: How a signed baseline begins.
BEGINS: Final = b"houfeng host baseline 1 ed25519:"

#: What is signed begins with this, so that no signature made for anything else with the same key fits.
_SIGNED: Final = b"Houfeng host baseline 1\0"

#: 44 characters of base64 for 32 bytes, a space, 88 for 64 bytes.
_PROOF_BYTES: Final = 44 + 1 + 88


def sign_baseline(report: HostReport, key: Ed25519PrivateKey) -> bytes:
    """The signed file of a report."""
    document = write_host_report(report)
    public = key.public_key().public_bytes_raw()
    proof = base64.b64encode(public) + b" " + base64.b64encode(key.sign(_SIGNED + document))
    return BEGINS + proof + b"\n" + document


def is_signed(data: bytes) -> bool:
    """Whether a file claims to be a signed baseline."""
    return data.startswith(BEGINS)


def read_baseline(data: bytes, name: str, trusted: Collection[bytes]) -> HostReport:
    """The report of a signed baseline.

    trusted  public Ed25519 keys that may vouch for it, 32 bytes each
    name     of the file, for messages

    Raises DataFault when it is not signed, not by one of these keys, was changed since, or holds no report.
    """
    head, _, document = data.partition(b"\n")
    if not is_signed(data) or len(head) != len(BEGINS) + _PROOF_BYTES:
        raise DataFault(name, "is no signed baseline", "sign it with houfeng guard pull --sign")
    try:
        public, proof = (base64.b64decode(part, validate=True) for part in head[len(BEGINS) :].split(b" "))
        if public not in trusted:
            raise DataFault(name, "is signed by a key that was not given", "give the key with --key")
        Ed25519PublicKey.from_public_bytes(public).verify(proof, _SIGNED + document)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise DataFault(name, "was changed after it was signed", "take the copy that was kept apart") from error
    return read_host_report(document, name)
