"""The test vectors of docs/reference/manifest.md, by our codec and by the verifier that knows only that page."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

import independent_verifier
from houfeng.wire.manifest import Chain, Clock, Name, carried, opening, session_key, statement_of

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/manifest.md").read_text()
OPENED_S, NS = 1_700_000_000, 1_000_000_000


@pytest.fixture(scope="module")
def vectors():
    text = PAGE.split("```text\n")[1].split("```")[0]
    found = re.findall(r"^([a-z ]+):\n((?:    [0-9a-f]+\n)+)", text, re.MULTILINE)
    assert len(found) == 17
    return {name: bytes.fromhex("".join(lines.split())) for name, lines in found}


def test_our_codec_writes_them(vectors):
    identity = Ed25519PrivateKey.from_private_bytes(vectors["identity private"])
    ephemeral = X25519PrivateKey.from_private_bytes(vectors["ephemeral private"])
    begun = opening(
        station="XX_AB1",
        place="gateway",
        identity=identity,
        ephemeral=ephemeral,
        centre=vectors["centre public"],
        session=bytes.fromhex("00112233445566778899aabbccddeeff"),
        counter=7,
        time_ns=OPENED_S * NS,
    )
    assert (begun.identity, begun.ephemeral) == (vectors["identity public"], vectors["ephemeral public"])
    chain = Chain(begun, identity, ephemeral)
    names = [
        Name("00_H_H_Z", OPENED_S * NS, sha256(b"abc").digest()),
        Name("_L_O_G", OPENED_S * NS - 1, sha256(b"").digest()),
    ]
    record = chain.manifest(OPENED_S, Clock("locked", -1500, 90), names)
    assert record == vectors["manifest record"]
    said = {
        "opening": statement_of(carried(chain.first)[1]),
        "manifest": statement_of(carried(record)[1]),
        "signature": statement_of(carried(chain.sign((OPENED_S + 59) * NS))[1]),
    }
    for name, statement in said.items():
        assert (statement.body, statement.proof) == (vectors[f"{name} body"], vectors[f"{name} proof"])
    assert said["opening"].digest == vectors["opening digest"]
    assert said["manifest"].digest == vectors["manifest digest"]
    centre = X25519PrivateKey.from_private_bytes(vectors["centre private"])
    shared = centre.exchange(X25519PublicKey.from_public_bytes(begun.ephemeral))
    assert (shared, session_key(begun, shared)) == (vectors["shared secret"], vectors["session key"])


def test_a_verifier_that_knows_only_the_page_reads_them(vectors):
    verifier = independent_verifier
    kind, said, body, proof = verifier.parts(vectors["opening body"] + vectors["opening proof"])
    assert (kind, said["station"], said["place"], said["counter"]) == ("O", "XX_AB1", "gateway", 7)
    assert verifier.signed_by(vectors["identity public"], body, proof)
    assert verifier.session_key(body, vectors["shared secret"]) == vectors["session key"]
    raw = verifier.statement_in(vectors["manifest record"])
    assert raw == vectors["manifest body"] + vectors["manifest proof"]
    kind, said, body, proof = verifier.parts(raw)
    assert (kind, said["sequence"], said["clock"]) == ("M", 0, (1, 90, -1500))
    assert said["previous"] == vectors["opening digest"]
    assert verifier.mac(vectors["session key"], body) == proof
    assert sha256(raw).digest() == vectors["manifest digest"]
    kind, said, body, proof = verifier.parts(vectors["signature body"] + vectors["signature proof"])
    assert (kind, said["sequence"], said["count"], said["head"]) == ("S", 0, 1, vectors["manifest digest"])
    assert verifier.signed_by(vectors["identity public"], body, proof)


def test_the_sizes_the_page_tells_are_so(vectors):
    opening_bytes = len(vectors["opening body"] + vectors["opening proof"])
    signature_bytes = len(vectors["signature body"] + vectors["signature proof"])
    carrier = 40 + len("FDSN:XX_AB1__A_X_M") + len('{"Houfeng":{"Statement":""}}')
    sizes = {"opening": opening_bytes, "signature": signature_bytes, "manifest": 80 + 3 * 49 + 16}
    records = {name: carrier + -(-size // 3) * 4 for name, size in sizes.items()}
    assert sizes["manifest"] == 243
    assert records == {"opening": 362, "signature": 270, "manifest": 410}
    assert round(records["manifest"] + (records["opening"] + records["signature"]) / 60) == 421
    for told in (
        "manifest of 243 bytes in a record of 410",
        "signature (270)",
        "opening (362)",
        "**421 bytes a second**",
    ):
        assert told in " ".join(PAGE.split())
