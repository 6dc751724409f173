"""Records that wait for their name, and names that wait for their record; neither without bounds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from houfeng.guard.vouch.memory import AwaitedMemory, MetMemory
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.packet import Packet

#: Most that one station may have waiting: at 100 times the rate of three channels, a second and a half.
MOST_HELD: Final = 512
MOST_HELD_BYTES: Final = 1 << 20

#: Names of records that have not come, and records remembered that have: a minute and a half of three channels.
MOST_AWAITED: Final = 4096
REMEMBERED: Final = 256

#: Of these, records remembered over a restart.
RECALLED: Final = 32


@dataclass(slots=True)  # one for every record: frozen ones take four times as long to make
class Read:
    """A record whose header has been read.

    identifier  FDSN source identifier
    channel     LOC_B_S_SS of it
    transport   tier it has by the way it came
    """

    packet: Packet
    identifier: str
    channel: str
    start_ns: int
    transport: Tier

    def vouched(self, tier: Tier) -> Vouched:
        """The record with its tier."""
        return Vouched(self.packet, self.identifier, self.start_ns, tier)


@dataclass(slots=True)
class Held:
    """A record without a name yet; the same record may have come by several feeds.

    due_ns   when it stops waiting
    altered  whether a manifest names other bytes of the same channel and start
    """

    reads: list[Read]
    due_ns: int
    size_bytes: int
    altered: bool


@dataclass(slots=True)
class Awaited:
    """A name without a record yet.

    told    nothing is to be said when the record never comes: it came altered, or the manifest is a repeat
    """

    channel: str
    start_ns: int
    tier: Tier
    due_ns: int
    told: bool


@dataclass(frozen=True, slots=True)
class Met:
    """A record that went on.

    feed   that brought it
    named  whether a manifest has named it
    """

    tier: Tier
    feed: str
    named: bool


@lru_cache(maxsize=1024)
def met_as(tier: Tier, feed: str, *, named: bool) -> Met:
    """The same value for every record that went on alike: a nation remembers four million of them."""
    return Met(tier, feed, named)


@dataclass(slots=True)
class Waiting:
    """What one station has waiting, by the SHA-256 of the record.

    awaited_at  the names among awaited by channel and start
    """

    held: dict[bytes, Held] = field(default_factory=dict)
    held_records: int = 0
    held_bytes: int = 0
    awaited: dict[bytes, Awaited] = field(default_factory=dict)
    awaited_at: dict[tuple[str, int], Awaited] = field(default_factory=dict)
    met: dict[bytes, Met] = field(default_factory=dict)

    def hold(self, digest: bytes, held: Held) -> None:
        """Let a record wait."""
        self.held[digest] = held
        self.held_records += len(held.reads)
        self.held_bytes += held.size_bytes

    def hold_again(self, digest: bytes, read: Read, size_bytes: int) -> None:
        """Let another copy of a record wait with it."""
        held = self.held[digest]
        held.reads.append(read)
        held.size_bytes += size_bytes
        self.held_bytes += size_bytes
        self.held_records += 1

    def release(self, digest: bytes) -> Held | None:
        """Take a record out, None when it does not wait."""
        held = self.held.pop(digest, None)
        if held is not None:
            self.held_bytes -= held.size_bytes
            self.held_records -= len(held.reads)
        return held

    def overdue(self, now_ns: int) -> Iterator[tuple[bytes, Held]]:
        """Take out records that have waited long enough."""
        while self.held and next(iter(self.held.values())).due_ns <= now_ns:
            yield self._first()

    def too_many(self) -> Iterator[tuple[bytes, Held]]:
        """Take out the oldest records until the rest is within bounds."""
        while self.held_bytes > MOST_HELD_BYTES or self.held_records > MOST_HELD:
            yield self._first()

    def await_record(self, digest: bytes, awaited: Awaited) -> None:
        """Let a name wait."""
        self.awaited[digest] = awaited
        self.awaited_at[awaited.channel, awaited.start_ns] = awaited

    def arrive(self, digest: bytes) -> Awaited | None:
        """Take a name out, None when it does not wait."""
        awaited = self.awaited.pop(digest, None)
        if awaited is not None and self.awaited_at.get((awaited.channel, awaited.start_ns)) is awaited:
            del self.awaited_at[awaited.channel, awaited.start_ns]
        return awaited

    def never_came(self, now_ns: int) -> Iterator[Awaited]:
        """Take out names whose records have not come in time, or are too many to wait for."""
        while self.awaited:
            digest, awaited = next(iter(self.awaited.items()))
            if awaited.due_ns > now_ns and len(self.awaited) <= MOST_AWAITED:
                return
            self.arrive(digest)
            yield awaited

    def remember(self, digest: bytes, met: Met) -> None:
        """Note a record that went on."""
        self.met[digest] = met
        if len(self.met) > REMEMBERED:
            del self.met[next(iter(self.met))]

    def memory(self) -> tuple[tuple[AwaitedMemory, ...], tuple[MetMemory, ...]]:
        """What to keep over a restart: names waiting, and records that came last. Records waiting come again."""
        named = [(digest, met) for digest, met in self.met.items() if met.named][-RECALLED:]
        return (
            tuple(AwaitedMemory(digest, a.channel, a.start_ns, a.tier, a.due_ns) for digest, a in self.awaited.items()),
            tuple(MetMemory(digest, met.tier, met.feed) for digest, met in named),
        )

    def recall(self, awaited: tuple[AwaitedMemory, ...], met: tuple[MetMemory, ...]) -> None:
        """Go on where a memory ends."""
        for one in awaited:
            self.await_record(one.digest, Awaited(one.channel, one.start_ns, one.tier, one.due_ns, told=False))
        for other in met:
            self.remember(other.digest, met_as(other.tier, other.feed, named=True))

    def due_ns(self) -> int | None:
        """When something stops waiting."""
        dues = []
        if self.held:
            dues.append(next(iter(self.held.values())).due_ns)
        if self.awaited:
            dues.append(next(iter(self.awaited.values())).due_ns)
        return min(dues, default=None)

    def _first(self) -> tuple[bytes, Held]:
        digest = next(iter(self.held))
        held = self.release(digest)
        assert held is not None
        return digest, held
