"""An agent's wish to be believed: a small file signed by the key it names, and in a rotation by the old key too.

Standard library and `cryptography` only, so that a station's agent can use it.
"""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from houfeng.shell.keys.files import write_whole
from houfeng.shell.keys.keys import fingerprint
from houfeng.shell.keys.texts import base64_text, place_of, public_bytes, public_text, quoted, read_toml, station_of
from houfeng.words.assurance import Place
from houfeng.words.errors import DataFault

_MOST_STATIONS = 1000

#: What a request's signatures begin with, so that they are good for nothing else.
_REQUEST_CONTEXT = b"houfeng enrolment request 1\n"


@dataclass(frozen=True, slots=True)
class Request:
    """An agent's wish to be believed.

    stations  NET.STA of each it signs for
    place     where the private key is
    public    its key, 32 bytes
    previous  the key it takes over from, None for a first key
    """

    stations: tuple[str, ...]
    place: Place
    public: bytes
    previous: bytes | None = None


def write_request(path: Path, request: Request, key: Ed25519PrivateKey, previous: Ed25519PrivateKey | None) -> None:
    """Write an enrolment request, signed by the new key and, in a rotation, by the old one too.

    Raises WorldFault when the disk refuses.
    """
    signed = _request_bytes(request)
    lines = [f"stations = [{', '.join(quoted(station) for station in request.stations)}]"]
    lines += [f"place = {quoted(request.place)}", f"public = {quoted(public_text('ed25519', request.public))}"]
    lines += [f"proof = {quoted(base64_text(key.sign(signed)))}"]
    if previous is not None and request.previous is not None:
        lines += [f"previous = {quoted(public_text('ed25519', request.previous))}"]
        lines += [f"previous_proof = {quoted(base64_text(previous.sign(signed)))}"]
    write_whole(path, "\n".join([*lines, ""]).encode(), secret=False, replace=True)


def read_request(path: Path) -> Request:
    """Read an enrolment request and check its signatures: whoever wrote it has the keys it names.

    That it comes from the station is for a person to establish, by its fingerprint.
    Raises WorldFault when the file cannot be read, DataFault when it is no request or a signature is wrong.
    """
    subject = str(path)
    values = read_toml(path)
    stations = values.get("stations")
    if not (isinstance(stations, list) and 0 < len(stations) <= _MOST_STATIONS):
        raise DataFault(subject, "names no stations")
    names = tuple(station_of(subject, name) for name in stations)
    previous = public_bytes(subject, "ed25519", values["previous"]) if "previous" in values else None
    public = public_bytes(subject, "ed25519", values.get("public"))
    request = Request(names, place_of(subject, values.get("place")), public, previous)
    signed = _request_bytes(request)
    _verify(subject, public, values.get("proof"), signed)
    if previous is not None:
        _verify(subject, previous, values.get("previous_proof"), signed)
    return request


def _verify(subject: str, public: bytes, proof: object, signed: bytes) -> None:
    try:
        if not isinstance(proof, str):
            raise DataFault(subject, "is not signed by every key it names")
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(proof, validate=True), signed)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise DataFault(subject, f"is not signed by the key {fingerprint(public)} it names") from error


def _request_bytes(request: Request) -> bytes:
    """What a request's signatures are made over."""
    previous = base64_text(request.previous) if request.previous is not None else "-"
    lines = [*request.stations, request.place, base64_text(request.public), previous]
    return _REQUEST_CONTEXT + "\n".join(lines).encode()
