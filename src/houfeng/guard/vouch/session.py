"""One session as the centre follows it: which manifests came, in what order, and whether they link."""

from typing import Final

from houfeng.guard.vouch.memory import SessionMemory
from houfeng.wire.manifest import Lines, Opening, Signature, keyed
from houfeng.words.assurance import Tier

#: Manifests whose hash is kept, to tell repeats from forgeries and to check signatures against: two minutes.
KEPT: Final = 128

#: A gap up to this long is waited for manifest by manifest; a longer one is told as lost at once.
LONGEST_WAIT: Final = 64

#: Feeds that bring one station; of any more, repeats are not told apart.
MOST_FEEDS: Final = 8

#: Later than any instant.
NEVER_NS: Final = (1 << 63) - 1

#: A station signs every minute; five without a signature are odd.
LONGEST_UNSIGNED_S: Final = 300


class Session:
    """A session, from its opening on.

    opening  verified
    raw      its statement
    digest   SHA-256 of that
    mac      HMAC under the key of its MACs
    tier     of what it names
    ends_ns  when its key's time is over
    joined   whether the centre comes in late and cannot know what was before
    """

    __slots__ = (
        "_by_feed", "_heads", "_needed", "due", "ends_ns", "joined", "mac", "missing", "opening", "raw", "second_s",
        "signed", "signed_s", "tier",
    )  # fmt: skip

    def __init__(self, opening: Opening, raw: bytes, digest: bytes, key: bytes, tier: Tier, *, joined: bool) -> None:
        self.opening = opening
        self.raw = raw
        self.mac = keyed(key)
        self.tier = tier
        self.joined = joined
        self.ends_ns = NEVER_NS
        self.due = 0
        self.second_s = opening.time_ns // 1_000_000_000
        self.signed, self.signed_s = -1, self.second_s
        self.missing: dict[int, int] = {}
        self._heads = {-1: digest}
        self._needed: dict[int, bytes] = {}
        self._by_feed: dict[str, int] = {}

    def goes_on(self, number: int, second_s: int, previous: bytes, digest: bytes, feed: str) -> bool:
        """Take in what nearly every manifest is: the very next one, of a chain without gaps, and new by its feed.

        False for any other, and nothing is changed.
        """
        heads = self._heads
        if (
            number != self.due
            or heads.get(number - 1) != previous
            or not self.second_s <= second_s <= self.signed_s + LONGEST_UNSIGNED_S
            or number <= self._by_feed.get(feed, number)
            or number in self._needed
            or self.missing
            or self.joined
        ):
            return False
        self._by_feed[feed] = number
        self.due, self.second_s = number + 1, second_s
        heads[number] = digest
        if len(heads) > KEPT:
            del heads[next(iter(heads))]
        return True

    def place(self, manifest: Lines, digest: bytes) -> str:
        """Where a manifest with a good MAC belongs.

        "next"   goes on, at once or after a gap
        "late"   fills a gap
        "again"  has come before, or may have
        "fork"   is not the one that has this number, or does not link to its neighbours
        """
        number = manifest.sequence
        known = self._heads.get(number)
        if known is not None:
            return "again" if known == digest else "fork"
        if number < self.due and number not in self.missing and number < min(self._heads):
            return "again"
        below = self._heads.get(number - 1)
        if (below is not None and below != manifest.previous) or self._needed.get(number, digest) != digest:
            return "fork"
        return "next" if number >= self.due else "late"

    def take(self, manifest: Lines, digest: bytes, until_ns: int) -> int:
        """Take in a manifest that is next or late; manifests left out are awaited until an instant.

        Returns how many are lost for certain, because the gap is too long to wait.
        """
        number, lost = manifest.sequence, 0
        if number >= self.due:
            if self.joined:
                self.due, self.signed_s, self.joined = number, manifest.second_s, False
            if number > self.due:
                lost = self.expect(number, until_ns)
            self.due = number + 1
            self.second_s = max(self.second_s, manifest.second_s)
        self.missing.pop(number, None)
        self._needed.pop(number, None)
        self._heads[number] = digest
        if number - 1 not in self._heads:
            self._needed[number - 1] = manifest.previous
        for memory in self._heads, self._needed:
            while len(memory) > KEPT:
                del memory[next(iter(memory))]
        return lost

    def expect(self, number: int, until_ns: int) -> int:
        """Await every manifest before a number until an instant; returns how many are too many to wait for."""
        gap = number - self.due
        self.due = max(self.due, number)
        if gap > LONGEST_WAIT:
            return gap
        self.missing.update(dict.fromkeys(range(number - gap, number), until_ns))
        return 0

    def sign(self, signature: Signature, until_ns: int) -> int:
        """Take in a good signature; what it signs for and has not come is awaited. Returns how many are lost."""
        self.signed, self.signed_s = signature.sequence, self.second_s
        if self.joined or signature.sequence < self.due:
            return 0
        self._needed[signature.sequence] = signature.head
        return self.expect(signature.sequence + 1, until_ns)

    @property
    def unsigned_s(self) -> int:
        """Seconds since the last signature, by the station's clock."""
        return self.second_s - self.signed_s

    def is_new_by(self, feed: str, number: int) -> bool:
        """Whether a feed delivers a manifest for the first time; noted for the next time."""
        highest = self._by_feed.get(feed, -1)
        if feed in self._by_feed or len(self._by_feed) < MOST_FEEDS:
            self._by_feed[feed] = max(highest, number)
        return number > highest

    def restart_at(self, manifest: Lines, digest: bytes) -> None:
        """Go on from a manifest that did not link, so that one break is told once."""
        self.due = max(self.due, manifest.sequence + 1)
        self._heads[manifest.sequence] = digest
        self._needed.clear()

    def fits(self, signature: Signature) -> bool:
        """Whether a signature's head is the manifest that came under its number, as far as that is still known."""
        return self._heads.get(signature.sequence, signature.head) == signature.head

    def give_up(self, now_ns: int) -> int:
        """How many manifests awaited until now_ns or before are lost."""
        lost = 0
        while self.missing and next(iter(self.missing.values())) <= now_ns:
            del self.missing[next(iter(self.missing))]
            lost += 1
        return lost

    def memory(self) -> SessionMemory:
        """What to keep over a restart."""
        head = self._heads.get(self.due - 1, b"")
        return SessionMemory(self.raw, self.due, head, self.second_s, self.signed, self.signed_s)

    def recall(self, memory: SessionMemory) -> None:
        """Go on where a memory ends."""
        self.due, self.second_s = memory.due, memory.second_s
        self.signed, self.signed_s = memory.signed, memory.signed_s
        self._heads = {memory.due - 1: memory.head}
