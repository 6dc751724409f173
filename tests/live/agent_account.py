"""A sceptic's account of what an agent sent: every statement checked from public keys and the centre's own."""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from houfeng.wire.manifest import (
    Manifest,
    Opening,
    carried,
    is_carrier,
    mac_holds,
    session_key,
    signature_holds,
    statement_of,
)


@dataclass
class Session:
    """One session, as far as it was followed."""

    opening: Opening
    key: bytes
    head: bytes
    due: int = 0
    signed: int = -1
    second_s: int = 0


@dataclass
class Account:
    """What one station's packets, in order, amount to. Any breach is an AssertionError."""

    centre: object
    identities: tuple[bytes, ...]
    came: Counter = field(default_factory=Counter)
    named: Counter = field(default_factory=Counter)
    sessions: dict = field(default_factory=dict)
    manifests: int = 0
    signatures: int = 0
    handovers: int = 0

    def add(self, content):
        """Take the next packet of the station."""
        if not is_carrier(content):
            self.came[sha256(content).digest()] += 1
            return
        raw = carried(content)[1]
        statement = statement_of(raw)
        said = statement.value
        if isinstance(said, Opening):
            self._open(said, statement)
        elif isinstance(said, Manifest):
            self._follow(self.sessions[said.session], said, raw)
        else:
            session = self.sessions[said.session]
            assert signature_holds(statement, session.opening.identity)
            assert (said.sequence, said.head) == (session.due - 1, session.head)
            assert said.count == said.sequence - session.signed
            session.signed = said.sequence
            self.signatures += 1

    def _open(self, said, statement):
        assert said.identity in self.identities
        assert said.centre == self.centre.public_key().public_bytes_raw()
        assert signature_holds(statement, said.identity)
        if said.replaces:
            assert signature_holds(statement, said.replaces, 1)
        if said.session in self.sessions:  # told again, with each signature
            assert self.sessions[said.session].opening == said
            return
        self.handovers += bool(said.replaces)
        assert all(said.counter > other.opening.counter for other in self.sessions.values())
        shared = self.centre.exchange(X25519PublicKey.from_public_bytes(said.ephemeral))
        self.sessions[said.session] = Session(said, session_key(said, shared), statement.digest)

    def _follow(self, session, said, raw):
        assert mac_holds(raw, session.key)
        assert said.sequence == session.due
        assert said.previous == session.head
        assert said.second_s >= session.second_s
        session.due, session.head, session.second_s = said.sequence + 1, sha256(raw).digest(), said.second_s
        self.manifests += 1
        for name in said.names:
            assert self.came[name.digest] == 1, "a record is named before it came"
            self.named[name.digest] += 1
            assert self.named[name.digest] == 1, "a record is named twice"

    def settle(self):
        """At the end: every record came once and is named once, every session but the last signed to its end."""
        assert set(self.came.values()) <= {1}, "a record came twice"
        assert self.named == self.came, "a record is not named"
        *over, _ = self.sessions.values()
        assert all(session.signed == session.due - 1 for session in over), "a session ended unsigned"
