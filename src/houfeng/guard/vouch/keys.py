"""Whether an opening is the station's: by the keys it was enrolled with, their heirs, and a counter that only grows."""

from typing import Final

from houfeng.guard.vouch.session import NEVER_NS
from houfeng.wire.manifest import Opening, Statement, signature_holds
from houfeng.words.assurance import SIGNED_TIERS, EnrolledKey, Enrolment, Place, Tier

#: Keys remembered that took over from enrolled ones; more handovers than that need a new enrolment.
MOST_HEIRS: Final = 8


class Keys:
    """The keys of one station.

    heirs     keys that took over, with the key each took over from
    counters  highest counter of an opening, by identity
    """

    __slots__ = ("_enrolled", "counters", "heirs")

    def __init__(
        self,
        enrolment: Enrolment,
        heirs: tuple[tuple[bytes, EnrolledKey], ...] = (),
        counters: dict[bytes, int] | None = None,
    ) -> None:
        self._enrolled = {key.public: key for key in enrolment.keys}
        self.heirs = heirs
        self.counters = counters or {}

    def enrol(self, enrolment: Enrolment) -> None:
        """Replace the enrolment; heirs of keys it no longer names go."""
        self._enrolled = {key.public: key for key in enrolment.keys}
        kept: list[tuple[bytes, EnrolledKey]] = []
        for replaced, heir in self.heirs:
            if replaced in self._enrolled or any(other.public == replaced for _, other in kept):
                kept.append((replaced, heir))
        self.heirs = tuple(kept)

    def refusal(self, statement: Statement, now_ns: int) -> tuple[str, str] | None:
        """Why an opening is not believed, as kind and reason of a finding; None when it is.

        now_ns  by the centre's clock: a thief of keys also sets the station's
        """
        opening = statement.value
        assert isinstance(opening, Opening)
        key = self.key_of(opening.identity)
        if key is None and opening.replaces:
            return self._refused_heir(statement, opening, now_ns)
        if key is None:
            return "unknown-key", "it opened a session with a key it was not enrolled with"
        if self.is_replaced(opening.identity) or now_ns >= self.revoked_ns(opening.identity):
            return "revoked-key", "it opened a session with a key that was revoked or replaced"
        if not _is_valid(key, now_ns):
            return "unknown-key", "it opened a session with a key that is not enrolled for this time"
        if not signature_holds(statement, opening.identity):
            return "wrong-key", "the opening of a session is not signed with the key it names"
        return None

    def grows(self, opening: Opening) -> bool:
        """Whether an opening's counter is higher than any before it."""
        return opening.counter > self.counters.get(opening.identity, -1)

    def accept(self, opening: Opening) -> bool:
        """Note a believed opening; True when it hands over to a new key."""
        self.counters[opening.identity] = opening.counter
        if self.key_of(opening.identity) is not None:
            return False
        forebear = self.key_of(opening.replaces)
        assert forebear is not None
        heir = EnrolledKey(opening.identity, forebear.place, forebear.from_ns, forebear.until_ns)
        self.heirs = (*self.heirs, (opening.replaces, heir))
        return True

    def key_of(self, public: bytes) -> EnrolledKey | None:
        """A key of the station, enrolled or an heir."""
        return self._enrolled.get(public) or next((key for _, key in self.heirs if key.public == public), None)

    def is_replaced(self, public: bytes) -> bool:
        """Whether an heir took over from a key, which may not be used any more."""
        return any(replaced == public for replaced, _ in self.heirs)

    def revoked_ns(self, public: bytes) -> int:
        """From when a key is not believed any more: revoked, or heir of one that is; NEVER_NS for any other."""
        key = self._enrolled.get(public)
        if key is not None:
            return NEVER_NS if key.revoked_ns is None else key.revoked_ns
        forebears = (replaced for replaced, heir in self.heirs if heir.public == public)
        return min((self.revoked_ns(forebear) for forebear in forebears), default=NEVER_NS)

    def tier_of(self, opening: Opening) -> Tier:
        """The tier its manifests give: the lesser of what the opening says and the enrolment allows."""
        key = self.key_of(opening.identity)
        place: Place = key.place if key is not None else "gateway"
        return min(SIGNED_TIERS[opening.place], SIGNED_TIERS[place])

    def _refused_heir(self, statement: Statement, opening: Opening, now_ns: int) -> tuple[str, str] | None:
        forebear = self.key_of(opening.replaces)
        if forebear is None or not _is_valid(forebear, now_ns) or len(self.heirs) >= MOST_HEIRS:
            return "unknown-key", "a new key claims to take over from one the station is not enrolled with"
        if self.is_replaced(opening.replaces) or now_ns >= self.revoked_ns(opening.replaces):
            return "revoked-key", "a new key claims to take over from one that was revoked or replaced"
        if not (signature_holds(statement, opening.identity) and signature_holds(statement, opening.replaces, 1)):
            return "wrong-key", "the handover to a new key is not signed by both"
        return None


def _is_valid(key: EnrolledKey, now_ns: int) -> bool:
    return key.from_ns <= now_ns and (key.until_ns is None or now_ns < key.until_ns)
