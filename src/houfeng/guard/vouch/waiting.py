"""Records that wait for their name, and names that wait for their record; neither without bounds."""

import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from houfeng.guard.vouch.memory import AwaitedMemory, MetMemory
from houfeng.guard.vouch.session import NEVER_NS
from houfeng.wire.manifest import Names
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

#: Most that one station may have waiting: at 100 times the rate of three channels, a second and a half.
MOST_HELD: Final = 512
MOST_HELD_BYTES: Final = 1 << 20

#: Names of records that have not come, and records remembered that have: a minute and a half of three channels.
MOST_AWAITED: Final = 4096
REMEMBERED: Final = 256

#: Of these, records remembered over a restart.
RECALLED: Final = 32


_START_DIGEST: Final = struct.Struct(">q32s").pack

#: A record whose header has been read: its channel, start, and the tier it has by the way it came. One is made for
#: every record, and a value with named parts takes five times as long to make.
Read = tuple[Packet, Names, int, Tier]


def vouched(read: Read, tier: Tier) -> Vouched:
    """A record with its tier."""
    packet, names, start_ns, _ = read
    return Vouched(packet, names.identifier, start_ns, tier)


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


def met_as(tier: Tier, feed: str, named: bool) -> Met:
    """The same value for every record that went on alike: a nation remembers four million of them."""
    return _mets(feed, named)[tier - 1]


@lru_cache(maxsize=1024)
def _mets(feed: str, named: bool) -> tuple[Met, ...]:
    """By tier, the hash of which takes long."""
    return tuple(Met(tier, feed, named) for tier in Tier)


@dataclass(slots=True)
class Waiting:
    """What one station has waiting, by the SHA-256 of the record.

    patience_ns  how long a record waits for its name
    held         records without a name yet, as they came
    copies       the same records, come again by other feeds
    altered      of those held, such as a manifest names with other bytes
    awaited      names without a record yet
    awaited_at   these by channel and start
    met          records that went on, in the order of met_order
    """

    patience_ns: int
    held: dict[bytes, Read] = field(default_factory=dict)
    held_bytes: int = 0
    copies: dict[bytes, list[Read]] = field(default_factory=dict)
    copied: int = 0
    altered: set[bytes] = field(default_factory=set)
    awaited: dict[bytes, Awaited] = field(default_factory=dict)
    awaited_at: dict[tuple[str, int], Awaited] = field(default_factory=dict)
    met: dict[bytes, Met] = field(default_factory=dict)
    met_order: deque[bytes] = field(default_factory=deque)

    @property
    def held_records(self) -> int:
        """How many records wait."""
        return len(self.held) + self.copied

    @property
    def is_full(self) -> bool:
        """Whether more records wait than may."""
        return self.held_bytes > MOST_HELD_BYTES or len(self.held) + self.copied > MOST_HELD

    def hold(self, digest: bytes, read: Read) -> None:
        """Let a record wait, beside its like where it does already."""
        if digest in self.held:
            self.copies.setdefault(digest, []).append(read)
            self.copied += 1
        else:
            self.held[digest] = read
        self.held_bytes += len(read[0].content)

    def release(self, digest: bytes) -> Sequence[Read]:
        """Take a record out with its copies; () when it does not wait."""
        read = self.held.pop(digest, None)
        if read is None:
            return ()
        self.held_bytes -= len(read[0].content)
        if self.altered:
            self.altered.discard(digest)
        if digest not in self.copies:
            return (read,)
        copies = self.copies.pop(digest)
        self.copied -= len(copies)
        self.held_bytes -= len(copies) * len(read[0].content)
        return (read, *copies)

    def foreseen(self, channels: Mapping[str, bytes]) -> bytes | None:
        """The names of all records that wait, as the next manifest is to say them; None when nothing is foreseen.

        channels  as in Signing
        """
        if self.awaited or self.altered or self.copied:
            return None
        try:
            return b"".join(
                [
                    _START_DIGEST(start_ns, digest) + channels[names.channel]
                    for digest, (_, names, start_ns, _) in self.held.items()
                ]
            )
        except KeyError:  # a channel that was never signed
            return None

    def vouch_all(self, tier: Tier, feed: str, out: list[Vouched | Finding]) -> None:
        """Take out all records that wait, named as foreseen, as a rule by a manifest of the same feed.

        None of them is among those met: no record waits that has been met.
        """
        held, met, met_order = self.held, self.met, self.met_order
        usual = met_as(tier, feed, True)
        for digest, (packet, names, start_ns, _) in held.items():
            met[digest] = usual if packet.feed == feed else met_as(tier, packet.feed, True)
            out.append(Vouched(packet, names.identifier, start_ns, tier))
        met_order.extend(held)
        while len(met_order) > REMEMBERED:
            del met[met_order.popleft()]
        held.clear()
        self.held_bytes = 0

    @property
    def overdue_ns(self) -> int:
        """When the first record has waited long enough, NEVER_NS when none waits."""
        return next(iter(self.held.values()))[0].arrival_ns + self.patience_ns if self.held else NEVER_NS

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
        if digest not in self.met:
            self.met_order.append(digest)
            if len(self.met_order) > REMEMBERED:
                del self.met[self.met_order.popleft()]
        self.met[digest] = met

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
            self.remember(other.digest, met_as(other.tier, other.feed, True))

    def due_ns(self) -> int:
        """When something stops waiting, NEVER_NS when nothing does."""
        return min(self.overdue_ns, next(iter(self.awaited.values())).due_ns if self.awaited else NEVER_NS)
