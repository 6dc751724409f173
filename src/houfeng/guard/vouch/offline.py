"""Verify what a station signed from its records and its public key alone: what anybody may do, years later."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from houfeng.wire.manifest import Manifest, Name, Opening, Signature, Statement, carried, is_carrier, signature_holds
from houfeng.wire.manifest.body import statement_of
from houfeng.wire.manifest.carrier import crc_holds
from houfeng.words.assurance import Place
from houfeng.words.errors import DataFault

_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Second:
    """What one manifest says and how far it is proven.

    session   whose
    sequence  its number
    second_s  UTC second in which it was made, since 1970
    proven    whether a signature of the identity key reaches it through an unbroken chain
    present   records named that are among those given, byte for byte
    absent    records named that are not
    """

    session: bytes
    sequence: int
    second_s: int
    proven: bool
    present: tuple[Name, ...]
    absent: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What records prove.

    station  NET_STA as signed, "" when nothing is proven
    place    where it signed, None when nothing is proven
    seconds  in order of time
    unnamed  SHA-256 of records that no proven manifest names
    faults   everything that is not as it should be, one sentence each; () when the whole is proven
    before_revocation  whether it was signed before the key was revoked, None when the key was not
    """

    station: str
    place: Place | None
    seconds: tuple[Second, ...]
    unnamed: tuple[bytes, ...]
    faults: tuple[str, ...]
    before_revocation: bool | None = None

    @property
    def whole(self) -> bool:
        """Whether every record is named by a proven manifest, every named record is there, and no link is missing."""
        return not self.faults


def verify_offline(
    records: Iterable[bytes], identity: bytes, *, revoked_ns: int | None = None, received_ns: int | None = None
) -> Report:
    """Say what a station's records prove.

    records      raw records, of samples and of statements, in any order, repeated or not
    identity     the station's public Ed25519 key, 32 bytes
    revoked_ns   instant from which the key is not believed any more, None when it is
    received_ns  instant by which all of these records had been received, by the clock of whoever says when the key was
                 revoked; None when nobody can say

    MACs are not looked at: they prove something to the centre only. What a signature reaches by way of hashes is proven
    to anybody. The times in statements do not show that a key was still believed: its thief may write any time.
    """
    before = None if revoked_ns is None else received_ns is not None and received_ns < revoked_ns
    samples: dict[bytes, bytes] = {}
    statements: dict[bytes, Statement] = {}
    faults: list[str] = []
    for record in records:
        if not is_carrier(record):
            samples[sha256(record).digest()] = record
            continue
        try:
            statement = statement_of(carried(record)[1])
        except DataFault as fault:
            faults.append(f"a record of statements is damaged: {fault.reason}")
            continue
        if not crc_holds(record):
            faults.append("the CRC of a record of statements is wrong")
        statements[statement.digest] = statement
    if before is False:
        assert revoked_ns is not None
        faults.append("the key was revoked, and nothing shows that these records were received before")
        late = _claimed_from(statements, revoked_ns)
        if late:
            faults.append(f"{len(late)} statements say themselves that they were made after the key was revoked")
        for digest in late:
            del statements[digest]
    sessions, odd = _sessions(statements, identity)
    faults += odd
    proven, odd = _proven(statements, sessions)
    faults += odd
    seconds = tuple(_seconds(statements, proven, samples))
    named = {name.digest for second in seconds if second.proven for name in second.present}
    unnamed = tuple(digest for digest in samples if digest not in named)
    faults += _gaps(seconds, sessions)
    if unnamed:
        faults.append(f"{len(unnamed)} records are named by no proven manifest")
    told = [value for value in sessions.values() if isinstance(value, Opening)]
    first = min(told, key=lambda opening: opening.counter, default=None)
    station, place = (first.station, first.place) if first else ("", None)
    return Report(station, place, seconds, unnamed, tuple(faults), before)


def _claimed_from(statements: Mapping[bytes, Statement], revoked_ns: int) -> list[bytes]:
    """Hashes of the openings and signatures made at an instant or later, by their own word."""
    return [
        digest
        for digest, statement in statements.items()
        if not isinstance(statement.value, Manifest) and statement.value.time_ns >= revoked_ns
    ]


def _sessions(statements: Mapping[bytes, Statement], identity: bytes) -> tuple[dict[bytes, Opening], list[str]]:
    """Openings that the identity signed, by the hash their chains begin with."""
    sessions, faults = {}, []
    for digest, statement in statements.items():
        value = statement.value
        if isinstance(value, Opening):
            if value.identity == identity and signature_holds(statement, identity):
                sessions[digest] = value
            else:
                faults.append("an opening is not signed with this key")
    if len({opening.station for opening in sessions.values()}) > 1:
        faults.append("openings name several stations")
    return sessions, faults


def _proven(statements: Mapping[bytes, Statement], sessions: Mapping[bytes, Opening]) -> tuple[set[bytes], list[str]]:
    """Hashes of the manifests that signatures reach."""
    identities = {opening.session: opening.identity for opening in sessions.values()}
    begins: dict[bytes, int] = {}
    for statement in statements.values():
        if isinstance(value := statement.value, Manifest):
            begins[value.session] = min(begins.get(value.session, value.sequence), value.sequence)
    proven: set[bytes] = set()
    faults = []
    for statement in statements.values():
        value = statement.value
        if not isinstance(value, Signature):
            continue
        if value.session not in identities or not signature_holds(statement, identities[value.session]):
            faults.append("a signature is not made with this key, or its opening is missing")
            continue
        faults += _walk(statements, value, begins.get(value.session, 0), proven)
    return proven, faults


def _walk(statements: Mapping[bytes, Statement], signature: Signature, begins: int, proven: set[bytes]) -> list[str]:
    """Follow a chain back from its signed head until what is proven already, or the first manifest given."""
    digest, sequence = signature.head, signature.sequence
    while digest not in proven and sequence >= begins:
        value = statements[digest].value if digest in statements else None
        if not isinstance(value, Manifest) or value.session != signature.session or value.sequence != sequence:
            return [f"manifest {sequence} of a session is missing or altered"]
        proven.add(digest)
        digest, sequence = value.previous, sequence - 1
    if sequence == -1 and digest not in statements:
        return ["a chain does not begin with an opening that is given"]
    return []


def _seconds(statements: Mapping[bytes, Statement], proven: set[bytes], samples: Mapping[bytes, bytes]) -> list[Second]:
    seconds = []
    for digest, statement in statements.items():
        value = statement.value
        if isinstance(value, Manifest):
            present = tuple(name for name in value.names if name.digest in samples)
            absent = tuple(name for name in value.names if name.digest not in samples)
            seconds.append(Second(value.session, value.sequence, value.second_s, digest in proven, present, absent))
    return sorted(seconds, key=lambda second: (second.second_s, second.session, second.sequence))


def _gaps(seconds: tuple[Second, ...], sessions: Mapping[bytes, Opening]) -> list[str]:
    faults = []
    unproven = sum(not second.proven for second in seconds)
    if unproven:
        faults.append(f"{unproven} manifests are reached by no signature")
    absent = sum(len(second.absent) for second in seconds if second.proven)
    if absent:
        faults.append(f"{absent} records that were signed are missing or altered")
    if not sessions:
        faults.append("no opening is signed with this key")
    return faults
