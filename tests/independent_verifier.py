"""A verifier of signed data, written from docs/reference/manifest.md alone. It imports nothing of houfeng.

    python independent_verifier.py PUBLIC_KEY_HEX FILE

FILE holds raw miniSEED records, each preceded by its length as four bytes, big-endian.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def statement_in(record):
    """Section 2: the statement of a record, None for a record of samples."""
    if record[:3] != b"MS\x03":
        return None
    id_length, extra_length = record[33], int.from_bytes(record[34:36], "little")
    if not record[40 : 40 + id_length].endswith(b"__A_X_M"):
        return None
    extra = record[40 + id_length : 40 + id_length + extra_length]
    return base64.b64decode(json.loads(extra)["Houfeng"]["Statement"], validate=True)


def parts(raw):
    """Section 3: fields of a statement."""
    assert raw[:3] == b"HF\x01"
    kind, said = chr(raw[3]), {"session": raw[4:20]}
    if kind == "O":
        said["counter"], said["time_ns"], place, n_station, n_identities = struct.unpack(">QqBBB", raw[20:39])
        said["place"] = ["sensor", "gateway"][place]
        at = 39 + n_station
        said["station"] = raw[39:at].decode()
        said["ephemeral"], said["centre"] = raw[at : at + 32], raw[at + 32 : at + 64]
        said["identities"] = [raw[at + 64 + 32 * k : at + 96 + 32 * k] for k in range(n_identities)]
        at += 64 + 32 * n_identities
    elif kind == "M":
        said["sequence"], said["second"], said["previous"] = struct.unpack(">Qq32s", raw[20:68])
        state, quality, offset_ns, count = struct.unpack(">BBqH", raw[68:80])
        said["clock"] = (state, quality, offset_ns)
        said["names"], at = [], 80
        for _ in range(count):
            start_ns, digest, n_channel = struct.unpack(">q32sB", raw[at : at + 41])
            said["names"].append((raw[at + 41 : at + 41 + n_channel].decode(), start_ns, digest))
            at += 41 + n_channel
    else:
        assert kind == "S"
        said["time_ns"], said["sequence"], said["count"], said["head"] = struct.unpack(">qQI32s", raw[20:72])
        at = 72
    return kind, said, raw[:at], raw[at:]


def signed_by(public, body, signature):
    """Section 4.1."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, b"Houfeng signed data 1\0" + body)
    except InvalidSignature:
        return False
    return True


def session_key(opening_body, shared):
    """Section 4.2."""
    info = b"Houfeng session key 1\0" + hashlib.sha256(opening_body).digest()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)


def mac(key, body):
    """Section 4.3."""
    return hmac.new(key, body, hashlib.sha256).digest()[:16]


def verify(records, public):
    """Section 6: seconds proven, by number and session, each with what it names; and how many records are proven."""
    samples, statements = set(), {}
    for record in records:
        raw = statement_in(record)
        if raw is None:
            samples.add(hashlib.sha256(record).digest())
        else:
            statements[hashlib.sha256(raw).digest()] = parts(raw)
    opened = {
        said["session"]
        for kind, said, body, proof in statements.values()
        if kind == "O" and said["identities"][0] == public and signed_by(public, body, proof[:64])
    }
    proven = {}
    for kind, said, body, proof in statements.values():
        if kind == "S" and said["session"] in opened and signed_by(public, body, proof):
            digest = said["head"]
            while digest in statements and digest not in proven:
                link, manifest, _, _ = statements[digest]
                if link != "M" or manifest["session"] != said["session"]:
                    break
                proven[digest] = manifest
                digest = manifest["previous"]
    seconds = sorted((said["session"], said["sequence"], said["second"]) for said in proven.values())
    named = {digest for said in proven.values() for _, _, digest in said["names"]}
    return seconds, len(named & samples), len(named - samples), len(samples - named)


def main():
    data = open(sys.argv[2], "rb").read()  # noqa: PTH123, SIM115
    records, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        records.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    seconds, present, absent, unnamed = verify(records, bytes.fromhex(sys.argv[1]))
    print(json.dumps({"seconds": len(seconds), "present": present, "absent": absent, "unnamed": unnamed}))  # noqa: T201


if __name__ == "__main__":
    main()
