"""Packets of the journal cut into slices of data time, still as they came.

What the engine of a single machine does up to its pace is done here: packets by the second in which they arrived,
vouched for, and let go of when all have got so far or have been waited for. Only their headers are read; what lies in
them is for detect.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from houfeng.guard.vouch import Vouch, memory_bytes, memory_of
from houfeng.quake.acquire import Pace, Slice
from houfeng.quake.acquire.pace import KEPT_UP
from houfeng.shell.arrivals.paced import first_ns
from houfeng.shell.centre.engine import MANIFEST_PATIENCE_NS, Anchor, Knowledge, Numbered, Progress
from houfeng.shell.centre.notes import finding_of
from houfeng.shell.cluster.detect import WARM_NS
from houfeng.wire.mseed import layout
from houfeng.wire.mseed.records import chosen_records
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS, LATEST_NS, NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.samples import PacketBatch, Samples

#: Data time between two places to begin again.
ANCHOR_NS = 60 * NS_PER_S

#: Packets without samples that wait for the next slice; beyond that they are dropped.
MOST_ASIDE = 10_000

#: Packets are told apart by a number that goes round: far more than are ever held.
_NUMBERS = 2**31


@dataclass(frozen=True, slots=True)
class Cut:
    """A slice, and its packets in the order in which they are to be heard."""

    now_ns: int
    packets: tuple[Packet, ...]


class Cutter:
    """Numbered packets in, slices out.

    kept     how far an earlier one got: slices and findings up to there were kept
    on_told  called with findings, and with every packet as it was vouched for, each once over all lives
    """

    def __init__(self, knowledge: Knowledge, kept: Progress, on_told: Callable[[Finding | Vouched], None]) -> None:
        self._knowledge = knowledge
        self._on_told = on_told
        self._told = self._taken = kept.sequence
        self._cut_ns = kept.told_ns
        self._anchors = [(kept.anchors[0], EARLIEST_NS)]
        self._vouch = Vouch(
            knowledge.enrolments,
            knowledge.centre_key or X25519PrivateKey.generate(),
            secured_feeds=knowledge.secured_feeds,
            patience_ns=MANIFEST_PATIENCE_NS,
            memory=memory_of(kept.anchors[0].memory),
        )
        # As long as it takes until nothing of how it began is left in the pace; detect keeps records no longer.
        self._back_ns = min(knowledge.patience_ns + 2 * KEPT_UP * knowledge.slice_ns, WARM_NS)
        self._pace: Pace | None = None
        self._second: list[Numbered] = []
        self._held: dict[int, Packet] = {}
        self._aside: list[Packet] = []
        self._number = 0
        self.next = kept.begin
        self.asof_ns: int | None = None

    def handle(self, packets: Sequence[Numbered]) -> Iterator[Cut]:
        """Packets of the journal, from number `next` on. The last second is held back until the next has begun."""
        for number, packet in packets:
            if self._second and packet.arrival_ns // NS_PER_S != self._second[0][1].arrival_ns // NS_PER_S:
                yield from self._take_second()
            self._second.append((number, packet))
            self.next = number + 1

    def finish(self) -> Iterator[Cut]:
        """Nothing more will ever come: all that is left."""
        yield from self._take_second()
        if self._pace is not None:
            for ready in self._pace.finish():
                yield self._cut(ready)
        if self._aside:
            yield Cut(self._cut_ns + self._knowledge.slice_ns, tuple(self._aside))

    def progress(self) -> Progress:
        """Where to begin after a restart. To be kept once every slice given is kept, and never before."""
        since = [packet.arrival_ns for packet in (*self._held.values(), *self._aside)]
        oldest_ns = min([*since, self._vouch.waiting_since_ns or LATEST_NS])
        while len(self._anchors) > 1:
            anchor, clock_ns = self._anchors[1]
            if anchor.now_ns > self._cut_ns - self._back_ns or clock_ns >= oldest_ns:
                break
            self._anchors.pop(0)
        return Progress(self._cut_ns, self._told, (self._anchors[0][0],))

    def _take_second(self) -> Iterator[Cut]:
        if not self._second:
            return
        last, clock_ns = self._second[-1][0], max(packet.arrival_ns for _, packet in self._second)
        spoken = [packet for _, packet in self._second if packet.station_key]
        noted = [finding_of(packet) for _, packet in self._second if not packet.station_key]
        self._second = []
        fresh = last > self._told
        self._told, self._taken = max(last, self._told), last
        for finding in noted:
            if fresh and finding is not None:
                self._on_told(finding)
        packets = self._believed(spoken, clock_ns, fresh=fresh)
        if self._pace is not None or self._open(packets):
            yield from self._paced(packets, clock_ns)

    def _believed(self, packets: Sequence[Packet], clock_ns: int, *, fresh: bool) -> list[Packet]:
        """The packets that may be heard now."""
        believed = []
        for value in [*self._vouch.handle(packets), *self._vouch.elapse(clock_ns)]:
            if fresh:
                self._on_told(value)
            if isinstance(value, Vouched) and value.tier > Tier.BROKEN:
                believed.append(value.packet)
        return believed

    def _open(self, packets: Sequence[Packet]) -> bool:
        """Begin to wait for the stations of the time at which the first samples were taken."""
        self.asof_ns = first_ns(packets)
        if self.asof_ns is None:
            return False
        known = self._knowledge
        self._pace = Pace(
            (channel.source for station in known.inventory.at(self.asof_ns) for channel in station.channels),
            slice_ns=known.slice_ns,
            patience_ns=known.patience_ns,
        )
        return True

    def _paced(self, packets: Sequence[Packet], clock_ns: int) -> Iterator[Cut]:
        assert self._pace is not None
        for batch in self._stand_ins(packets):
            for ready in self._pace.handle(batch, clock_ns):
                yield self._settled(ready, clock_ns)
        for ready in self._pace.elapse(clock_ns):
            yield self._settled(ready, clock_ns)

    def _settled(self, ready: Slice, clock_ns: int) -> Cut:
        cut = self._cut(ready)
        if cut.now_ns >= self._anchors[-1][0].now_ns + ANCHOR_NS:
            anchor = Anchor(cut.now_ns, self._taken, memory_bytes(self._vouch.memory()))
            self._anchors.append((anchor, clock_ns))
        return cut

    def _cut(self, ready: Slice) -> Cut:
        """A slice with the packets that its stand-ins stand for."""
        numbers = [number for batch in ready.batches for number in batch.samples[batch.offset[:-1]].tolist()]
        packets = (*(self._held.pop(int(number)) for number in numbers), *self._aside)
        self._aside = []
        self._cut_ns = max(self._cut_ns, ready.now_ns)
        return Cut(ready.now_ns, packets)

    def _stand_ins(self, packets: Sequence[Packet]) -> Iterator[PacketBatch]:
        """What the pace is shown: every packet as long and as dense as it is, each of its samples the packet's number.

        Channels, kinds and order are those that decoding would give.
        """
        lengths = np.array([len(packet.content) for packet in packets], dtype=np.int64)
        begins = np.cumsum(lengths) - lengths
        records = chosen_records(b"".join(packet.content for packet in packets), begins, lengths)
        rows = records.rows[records.rows["count"] > 0]
        owner = np.searchsorted(begins, rows["offset"], side="right") - 1
        numbers = (self._number + np.arange(len(packets))) % _NUMBERS
        self._number = (self._number + len(packets)) % _NUMBERS
        spoken = set(owner.tolist())
        self._held.update((int(numbers[place]), packets[place]) for place in sorted(spoken))
        self._put_aside([packet for place, packet in enumerate(packets) if place not in spoken])
        floating = layout.IS_FLOAT[rows["encoding"]]
        for chosen, kind in ((~floating, np.int32), (floating, np.float64)):
            part = rows[chosen]
            if len(part):
                offset = np.concatenate([[0], np.cumsum(part["count"].astype(np.int64))])
                samples = cast("Samples", np.repeat(numbers[owner[chosen]], part["count"]).astype(kind))
                columns = (part["channel"].copy(), part["start_ns"].copy(), part["rate_hz"].copy())
                yield PacketBatch(records.channels, *columns, offset, samples)

    def _put_aside(self, packets: Sequence[Packet]) -> None:
        """Text and the unreadable, which have no time: detect sees them with the next slice."""
        room = MOST_ASIDE - len(self._aside)
        self._aside += packets[:room]
        for packet in packets[room : room + 1]:
            reason = "far too many packets without samples; what comes beyond them is dropped"
            self._on_told(Finding("no-samples", reason, packet.feed, packet.station_key, packet.arrival_ns))
