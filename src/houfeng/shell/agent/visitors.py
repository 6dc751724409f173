"""Who may read at a station: readers.toml, with passwords and tokens checked by `cryptography` alone."""

import base64
import binascii
import hmac
import json
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from houfeng.shell.seedlink.readers import Readers, TokenRule, load_readers

_NS_PER_S = 1_000_000_000

#: A password hash in readers.toml: $argon2id$v=19$m=65536,t=3,p=4$SALT$HASH (PHC string format).
_PHC_PARTS = 6

#: Memory, rounds and lanes that a hash may ask for; more would be a way to bring the station's computer down.
_MOST = {"m": 1 << 17, "t": 16, "p": 16}

_MOST_PASSWORD_BYTES = 220


class Visitors(Readers):
    """Readers, where neither argon2 nor PyJWT is at hand."""

    __slots__ = ()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read readers.toml. Raises as load_readers() does."""
        told = load_readers(path)
        return cls(told.open, told.accounts, told.tokens)

    def check_password(self, name: str, password: str) -> bool:
        """Whether a password is that of an account. As slow for names that do not exist, when any account has one."""
        reader = self.accounts.get(name)
        hashes = [account.password for account in self.accounts.values() if account.password]
        known = reader is not None and bool(reader.password)
        told = password.encode()
        if not hashes or len(told) > _MOST_PASSWORD_BYTES:
            return False
        fits = _fits(reader.password if reader is not None and known else hashes[0], told)
        return known and fits

    def check_token(self, token: str, now_ns: int) -> str:
        """The account that a JSON Web Token names, "" when it is not to be believed now (RFC 7519)."""
        if self.tokens is None:
            return ""
        try:
            signed, _, proof = token.rpartition(".")
            header, _, claims = signed.partition(".")
            if not _is_signed(self.tokens, json.loads(_decoded(header)), signed.encode(), _decoded(proof)):
                return ""
            told = json.loads(_decoded(claims))
            name, expires_s, begins_s = told["sub"], told["exp"], told.get("nbf", 0)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return ""
        if type(expires_s) is not int or type(begins_s) is not int or not isinstance(name, str):
            return ""
        return name if name in self.accounts and begins_s * _NS_PER_S <= now_ns < expires_s * _NS_PER_S else ""


def _fits(phc: str, password: bytes) -> bool:
    """Whether an Argon2id hash is that of a password."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415  not in releases before 44

    parts = phc.split("$")
    try:
        if len(parts) != _PHC_PARTS or parts[1:3] != ["argon2id", "v=19"]:
            return False
        costs = {key: int(value) for key, value in (part.split("=") for part in parts[3].split(","))}
        if costs.keys() != _MOST.keys() or any(not 0 < costs[key] <= _MOST[key] for key in _MOST):
            return False
        salt, expected = (base64.b64decode(part + "=" * (-len(part) % 4), validate=True) for part in parts[4:])
        lanes, rounds, memory = costs["p"], costs["t"], costs["m"]
        kdf = Argon2id(salt=salt, length=len(expected), iterations=rounds, lanes=lanes, memory_cost=memory)
        return hmac.compare_digest(kdf.derive(password), expected)
    except (ValueError, binascii.Error):
        return False


def _is_signed(rule: TokenRule, header: dict[str, object], signed: bytes, proof: bytes) -> bool:
    """Whether a token is signed as the rule says; what the token says of its algorithm must be that too."""
    if header.get("alg") != rule.algorithm or "crit" in header:
        return False
    if rule.algorithm == "HS256":
        return hmac.compare_digest(hmac.digest(rule.key, signed, "sha256"), proof)
    key = load_pem_public_key(rule.key)
    if not isinstance(key, Ed25519PublicKey):
        return False
    try:
        key.verify(proof, signed)
    except InvalidSignature:
        return False
    return True


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
