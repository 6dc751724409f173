"""What a station states, judged: openings, manifests and signatures, one after the other."""

from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from houfeng.guard.vouch.budget import Budget
from houfeng.guard.vouch.episodes import Episodes
from houfeng.guard.vouch.keys import Keys
from houfeng.guard.vouch.memory import SessionMemory
from houfeng.guard.vouch.said import Came, Said, Standing
from houfeng.guard.vouch.session import LONGEST_UNSIGNED_S, NEVER_NS, Session
from houfeng.wire.manifest import (
    Lines,
    Opening,
    Signature,
    Statement,
    front_of,
    lines_of,
    mac_holds,
    session_key,
    signature_holds,
    statement_of,
)
from houfeng.wire.manifest.body import MANIFEST, MANIFEST_BEGINS, SESSION, kind_and_session
from houfeng.words.assurance import Enrolment, Tier
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

_NS_PER_S: Final = 1_000_000_000

#: The session in force and the one before, whose last manifests may still be on their way.
MOST_SESSIONS: Final = 2

#: Names remembered of sessions that are over, and of sessions refused.
MOST_PAST: Final = 32


class Sessions:
    """The sessions of one station.

    station      NET_STA
    keys         whose openings are believed
    episodes     where oddities are told
    centre       the centre's private key
    patience_ns  how long a missing manifest is waited for
    """

    __slots__ = (
        "_budget", "_centre", "_episodes", "_past", "_patience_ns", "_refused", "_revoked_ns", "_station", "keys",
        "live",
    )  # fmt: skip

    def __init__(
        self, station: str, keys: Keys, episodes: Episodes, centre: X25519PrivateKey, patience_ns: int
    ) -> None:
        self._station = station
        self.keys = keys
        self.live: dict[bytes, Session] = {}
        self._episodes = episodes
        self._centre = centre
        self._patience_ns = patience_ns
        self._past: dict[bytes, None] = {}
        self._revoked_ns = NEVER_NS
        self._refused: dict[bytes, tuple[str, str]] = {}
        self._budget = Budget()

    def goes_on(self, raw: bytes, names: bytes, count: int, packet: Packet) -> Tier | None:
        """Take in what nearly every statement is: the next manifest, naming just what was foreseen; see front_of.

        Returns the tier of what it names; None for any other statement, and nothing is changed: hear tells more.
        """
        session = self.live.get(raw[SESSION]) if raw.startswith(MANIFEST_BEGINS) else None
        if session is None or not packet.arrival_ns < session.ends_ns or packet.arrival_ns >= self._revoked_ns:
            return None
        front = front_of(raw, names, count)
        if front is None or not mac_holds(raw, session.mac):
            return None
        return session.tier if session.goes_on(*front, sha256(raw).digest(), packet.feed) else None

    def hear(self, raw: bytes, came: Came) -> Said:
        """A statement arrived in a record that names this station."""
        if came.arrival_ns >= self._revoked_ns:
            self._end_revoked(came.arrival_ns)
        kind, name = kind_and_session(raw)
        session = self.live.get(name)
        if kind == MANIFEST:
            if session is None:
                return self._homeless(name, raw, came)
            if not mac_holds(raw, session.mac):
                return self._refuse(raw, came, "forged-mac", "a manifest does not have the MAC of its session")
        if session is not None and came.arrival_ns >= session.ends_ns:
            return self._refuse(raw, came, "unknown-key", "it goes on with a key whose time is over")
        try:
            if kind == MANIFEST and session is not None:
                return self._manifest(session, lines_of(raw), sha256(raw).digest(), came)
            statement = statement_of(raw)
        except DataFault as fault:
            return Said(self._tell("unreadable-statement", fault.reason, came))
        if isinstance(statement.value, Signature):
            return self._signature(session, statement, statement.value, came)
        assert isinstance(statement.value, Opening)
        return self._opening(statement, statement.value, raw, came)

    def elapse(self, now_ns: int) -> list[Finding]:
        """Give up on manifests that have not come."""
        if now_ns >= self._revoked_ns:
            self._end_revoked(now_ns)
        findings: list[Finding] = []
        for _ in range(sum(session.give_up(now_ns) for session in self.live.values())):
            findings += self._episodes.tell("dropped-manifest", "a manifest of the chain is missing", now_ns)
        return findings

    def due_ns(self) -> int:
        """When a missing manifest is given up, NEVER_NS when none is missing."""
        return min((next(iter(s.missing.values())) for s in self.live.values() if s.missing), default=NEVER_NS)

    def enrol(self, enrolment: Enrolment) -> None:
        """Take in a new enrolment; sessions of keys that are not believed any more end."""
        self.keys.enrol(enrolment)
        for name, session in list(self.live.items()):
            identity = session.opening.identity
            key = self.keys.key_of(identity)
            if key is not None and not self.keys.is_replaced(identity):
                session.ends_ns = NEVER_NS if key.until_ns is None else key.until_ns
                session.tier = min(session.tier, self.keys.tier_of(session.opening))
            else:
                self._end(name)
        self._note_revocations()

    def recall(self, memories: tuple[SessionMemory, ...], past: tuple[bytes, ...]) -> None:
        """Go on where a memory ends; sessions whose keys are not believed any more are left out."""
        for memory in memories:
            opening = statement_of(memory.opening).value
            assert isinstance(opening, Opening)
            if self.keys.key_of(opening.identity) is not None and not self.keys.is_replaced(opening.identity):
                self._begin(opening, memory.opening, joined=False).recall(memory)
        self._past.update(dict.fromkeys(past))

    def memory(self) -> tuple[tuple[SessionMemory, ...], tuple[bytes, ...]]:
        """What to keep over a restart: live sessions, names of past ones."""
        return tuple(session.memory() for session in self.live.values()), tuple(self._past)

    # --- openings ---

    def _opening(self, statement: Statement, opening: Opening, raw: bytes, came: Came) -> Said:
        live = self.live.get(opening.session)
        if live is not None and live.raw == raw:
            return Said()  # an opening in force is sent again every minute
        if opening.centre != self._centre.public_key().public_bytes_raw():
            reason = "it opened a session for another centre"
            self._note_refusal(opening.session, "other-centre", reason)
            return Said(self._tell("other-centre", reason, came, opening.time_ns))
        if opening.station != self._station:
            return Said(
                self._tell("wrong-key", f"an opening of {opening.station} came as its own", came, opening.time_ns)
            )
        if not self._budget.spend(came.arrival_ns):
            return Said(self._tell("flood", "more openings and signatures than can be checked", came))
        refusal = self.keys.refusal(statement, came.arrival_ns)
        if refusal is not None:
            if live is None:
                self._note_refusal(opening.session, *refusal)
            return Said(self._tell(*refusal, came, opening.time_ns))
        if live is not None or not self.keys.grows(opening):
            return Said(self._stale_opening(opening, came))
        return self._begun(opening, raw, came)

    def _begun(self, opening: Opening, raw: bytes, came: Came) -> Said:
        latest_s = max((session.second_s for session in self.live.values()), default=opening.time_ns // _NS_PER_S)
        # A station never heard before may have been signing for long: what it dropped is not known.
        joined = not self.live and not self._past
        findings = []
        if self.keys.accept(opening):
            findings += self._tell("key-rotated", "a new key took over, signed by the old one too", came)
        try:
            self._begin(opening, raw, joined=joined)
        except ValueError:  # X25519 refuses keys that would give everybody the same secret
            return Said(findings + self._tell("wrong-key", "an opening's ephemeral key gives no secret", came))
        if opening.time_ns // _NS_PER_S < latest_s:
            findings += self._tell(
                "clock-rollback", "a session opened earlier than the last manifest", came, opening.time_ns
            )
        while len(self.live) > MOST_SESSIONS:
            name = next(iter(self.live))
            lost = len(self.live.pop(name).missing)
            if lost:
                findings += self._tell("dropped-manifest", f"{lost} manifests of a past session are missing", came)
            self._past[name] = None
            if len(self._past) > MOST_PAST:
                del self._past[next(iter(self._past))]
        return Said(findings)

    def _begin(self, opening: Opening, raw: bytes, *, joined: bool) -> Session:
        shared = self._centre.exchange(X25519PublicKey.from_public_bytes(opening.ephemeral))
        key = session_key(opening, shared)
        tier = self.keys.tier_of(opening)
        session = Session(opening, raw, sha256(raw).digest(), key, tier, joined=joined)
        enrolled = self.keys.key_of(opening.identity)
        session.ends_ns = NEVER_NS if enrolled is None or enrolled.until_ns is None else enrolled.until_ns
        self.live[opening.session] = session
        self._note_revocations()
        return session

    def _stale_opening(self, opening: Opening, came: Came) -> list[Finding]:
        if opening.session in self._past or opening.session in self.live:
            if came.redelivered:
                return []
            return self._tell("replay", "the opening of an earlier session came again", came, opening.time_ns)
        reason = f"an opening's counter went back to {opening.counter}"
        self._note_refusal(opening.session, "clock-rollback", reason)
        return self._tell("clock-rollback", reason, came, opening.time_ns)

    # --- manifests ---

    def _homeless(self, name: bytes, raw: bytes, came: Came) -> Said:
        """A manifest of no session in force."""
        if name in self._refused:
            return self._refuse(raw, came, *self._refused[name])
        if name in self._past:
            again = "a manifest of an earlier session came again"
            return Said() if came.redelivered else Said(self._tell("replay", again, came))
        return Said(self._tell("unknown-session", "a manifest belongs to a session whose opening never came", came))

    def _refuse(self, raw: bytes, came: Came, kind: str, reason: str) -> Said:
        if kind_and_session(raw)[0] != MANIFEST:
            return Said(self._tell(kind, reason, came))
        try:
            manifest = lines_of(raw)
        except DataFault:
            return Said(self._tell(kind, reason, came))
        standing: Standing = "none" if kind == "other-centre" else "broken"
        return Said(self._tell(kind, reason, came, manifest.second_s * _NS_PER_S), standing, manifest.names)

    def _manifest(self, session: Session, manifest: Lines, digest: bytes, came: Came) -> Said:
        due_ns = came.arrival_ns + self._patience_ns
        if session.goes_on(manifest.sequence, manifest.second_s, manifest.previous, digest, came.feed):
            return Said([], "good", manifest.names, session.tier, due_ns)
        place = session.place(manifest, digest)
        time_ns = manifest.second_s * _NS_PER_S
        if place == "fork":
            session.restart_at(manifest, digest)
            reason = f"manifest {manifest.sequence} does not link to those around it"
            return Said(self._tell("chain-mismatch", reason, came, time_ns), "broken", manifest.names)
        first = session.is_new_by(came.feed, manifest.sequence)
        if place == "again":
            if first or came.redelivered:
                return Said([], "again", manifest.names, session.tier, due_ns)
            return Said(self._tell("replay", f"manifest {manifest.sequence} came again", came, time_ns))
        findings = []
        if place == "late":
            reason = f"manifest {manifest.sequence} came after {session.due - 1}"
            findings += self._tell("reordering", reason, came, time_ns)
        elif manifest.second_s < session.second_s:
            reason = f"the station's clock went back by {session.second_s - manifest.second_s} s"
            findings += self._tell("clock-rollback", reason, came, time_ns)
            session.second_s = manifest.second_s
        lost = session.take(manifest, digest, due_ns)
        if lost:
            findings += self._tell("dropped-manifest", f"{lost} manifests in a row are missing", came, time_ns)
        if session.unsigned_s > LONGEST_UNSIGNED_S and place == "next":
            reason = f"{session.unsigned_s} s without a signature over its manifests"
            findings += self._tell("unsigned-chain", reason, came, time_ns)
        return Said(findings, "good", manifest.names, session.tier, due_ns, bool(lost or session.missing))

    # --- signatures ---

    def _signature(self, session: Session | None, statement: Statement, signature: Signature, came: Came) -> Said:
        if session is None or signature.sequence <= session.signed:
            return Said()  # of a session not followed, or come again: it says nothing new
        if not self._budget.spend(came.arrival_ns):
            return Said(self._tell("flood", "more openings and signatures than can be checked", came))
        if not signature_holds(statement, session.opening.identity):
            reason = "the signature of a chain is not the station's"
            return Said(self._tell("wrong-key", reason, came, signature.time_ns))
        if not session.fits(signature):
            # Whoever made those manifests had the session's key but not the station's.
            session.tier = Tier.BROKEN
            reason = "the station signed another chain than the one that came"
            return Said(self._tell("chain-mismatch", reason, came, signature.time_ns))
        lost = session.sign(signature, came.arrival_ns + self._patience_ns)
        if lost:
            reason = f"{lost} manifests that it signed for never came"
            return Said(self._tell("dropped-manifest", reason, came, signature.time_ns))
        return Said()

    # --- revocation ---

    def _note_revocations(self) -> None:
        identities = (session.opening.identity for session in self.live.values())
        self._revoked_ns = min((self.keys.revoked_ns(identity) for identity in identities), default=NEVER_NS)

    def _end_revoked(self, now_ns: int) -> None:
        """End the sessions whose keys are not believed any more."""
        for name, session in list(self.live.items()):
            if now_ns >= self.keys.revoked_ns(session.opening.identity):
                self._end(name)
        self._note_revocations()

    def _end(self, name: bytes) -> None:
        del self.live[name]
        self._note_refusal(name, "revoked-key", "it goes on with a session whose key was revoked")

    # --- common ---

    def _tell(self, kind: str, reason: str, came: Came, time_ns: int | None = None) -> list[Finding]:
        return self._episodes.tell(kind, reason, came.arrival_ns, time_ns)

    def _note_refusal(self, name: bytes, kind: str, reason: str) -> None:
        self._refused[name] = (kind, reason)
        if len(self._refused) > MOST_PAST:
            del self._refused[next(iter(self._refused))]
