"""A station's side of a session: each statement follows from the one before."""

from collections.abc import Iterable
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from houfeng.wire.manifest.carrier import carry
from houfeng.wire.manifest.proof import maced, session_key, signed
from houfeng.wire.manifest.values import Clock, Manifest, Name, Opening, Signature
from houfeng.words.assurance import Place

_NS_PER_S = 1_000_000_000


def opening(
    *,
    station: str,
    place: Place,
    identity: Ed25519PrivateKey,
    ephemeral: X25519PrivateKey,
    centre: bytes,
    session: bytes,
    counter: int,
    time_ns: int,
    replaced: Ed25519PrivateKey | None = None,
) -> Opening:
    """The opening of a session, from private keys; arguments as in Opening."""
    return Opening(
        station,
        session,
        counter,
        time_ns,
        place,
        identity.public_key().public_bytes_raw(),
        ephemeral.public_key().public_bytes_raw(),
        centre,
        replaced.public_key().public_bytes_raw() if replaced is not None else b"",
    )


class Chain:
    """One session of a station, from its opening on; gives the records to send, in the order to send them.

    begun      the opening; its private halves follow
    identity   the station's key, kept for the signatures
    ephemeral  the session's key, let go of at once
    replaced   the identity taken over from, None when none

    first is the opening's record: sent before anything else. Raises DataFault when the opening cannot be written.
    """

    def __init__(
        self,
        begun: Opening,
        identity: Ed25519PrivateKey,
        ephemeral: X25519PrivateKey,
        replaced: Ed25519PrivateKey | None = None,
    ) -> None:
        self._opening = signed(begun, identity, replaced)
        self.first = carry(self._opening, begun.station, begun.time_ns)
        self._begun = begun
        self._identity = identity
        self._key = session_key(begun, ephemeral.exchange(X25519PublicKey.from_public_bytes(begun.centre)))
        self._head = sha256(self._opening).digest()
        self._sequence = 0
        self._unsigned = 0

    def again(self, time_ns: int) -> bytes:
        """The opening once more, due with every signature: a centre that missed it loses a minute at most.

        time_ns  now, for the record's header: some servers cannot seek among records whose times go back
        """
        return carry(self._opening, self._begun.station, time_ns)

    def manifest(self, second_s: int, clock: Clock, names: Iterable[Name]) -> bytes:
        """The record that names what was passed on since the manifest before.

        second_s  UTC second now, not before that of the manifest before
        names     at most 700; none is fine, and says that nothing was recorded

        Raises DataFault when they do not fit into one record; the chain is then as it was.
        """
        said = Manifest(self._begun.session, self._sequence, second_s, self._head, clock, tuple(names))
        statement = maced(said, self._key)
        record = carry(statement, self._begun.station, second_s * _NS_PER_S)
        self._head = sha256(statement).digest()
        self._sequence += 1
        self._unsigned += 1
        return record

    def sign(self, time_ns: int) -> bytes:
        """The record that signs every manifest so far: due once a minute, and before a session ends.

        Raises ValueError when there is no manifest yet.
        """
        if self._sequence == 0:
            raise ValueError("no manifest to sign")
        said = Signature(self._begun.session, time_ns, self._sequence - 1, self._unsigned, self._head)
        record = carry(signed(said, self._identity), self._begun.station, time_ns)
        self._unsigned = 0
        return record
