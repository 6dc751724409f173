"""The centre's thinking: the journal in; archive, catalogue and what is told out; and after a crash, on from there.

What it does follows from the journal alone, packets taken by the second in which they arrived. After a crash it
begins a little way back, so that filters, gaps and waiting picks are as they were, and keeps silent until it gets to
where it had told everything. What it had given to the archive and to the catalogue these know, and take once.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from houfeng.guard.vouch import Vouch, memory_bytes, memory_of
from houfeng.quake.acquire import Pace, Slice
from houfeng.quake.acquire.pace import PATIENCE_NS, SLICE_NS
from houfeng.quake.detect.picker import Picker
from houfeng.quake.ears import horizon_ns
from houfeng.quake.hearing import Hearing, Portrait, alone, travel_times
from houfeng.quake.network import network_of
from houfeng.quake.size.attenuation import attenuation
from houfeng.shell.archive.archive import Archive
from houfeng.shell.arrivals.paced import Paced, first_ns
from houfeng.shell.catalogue.catalogue import Catalogue
from houfeng.shell.centre.notes import finding_of
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.replay.replay import END_OF_TIME_NS, Told, told
from houfeng.words.assurance import Enrolment, Tier
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS, NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.packet import Packet
from houfeng.words.samples import Gap, Late, PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory

#: What is kept is made durable for good once it lies so far back, in data time: by then a record has filled up.
SETTLE_NS = 300 * NS_PER_S

#: A record waits so long for the manifest that names it, which follows it within seconds.
MANIFEST_PATIENCE_NS = 5 * NS_PER_S

#: How long to wait before the disk or the database is asked again, s; doubling from the first to the last.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0

Numbered = tuple[int, Packet]


class Stopped(Exception):
    """Work was to stop while the world still refused; nothing of it counts."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What an engine is told.

    inventory, model, picker  of the ground, and how onsets are found
    slice_ns, patience_ns     how time is cut, and how long those behind are waited for
    notes                     on every quake
    enrolments                stations that sign; centre_key: the centre's half of the keys agreed with them
    secured_feeds             feeds that come protected from a server that is known
    """

    inventory: Inventory
    model: VelocityModel
    picker: Picker
    slice_ns: int = SLICE_NS
    patience_ns: int = PATIENCE_NS
    notes: tuple[str, ...] = ()
    enrolments: tuple[Enrolment, ...] = ()
    centre_key: X25519PrivateKey | None = field(default=None, repr=False)
    secured_feeds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Keepers:
    """Where an engine keeps what it hears."""

    archive: Archive
    catalogue: Catalogue
    store: ToldStore


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place from which to begin again.

    now_ns    the slice that had just been heard; everything before it is in the archive for good
    sequence  of the last packet before it
    memory    what was known of the stations that sign
    """

    now_ns: int
    sequence: int
    memory: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an engine has got.

    told_ns   slices up to this one have been told
    sequence  packets up to this number have been told of
    anchors   the oldest first; as far back as filters, gaps and waiting picks remember, or to the beginning
    """

    told_ns: int = EARLIEST_NS
    sequence: int = 0
    anchors: tuple[Anchor, ...] = ()

    @classmethod
    def read(cls, content: bytes | None) -> "Progress":
        """From what write() made; from nothing, the beginning."""
        if content is None:
            return cls(anchors=(Anchor(EARLIEST_NS, 0, memory_bytes(())),))
        said = json.loads(content)
        anchors = (Anchor(now_ns, number, memory.encode()) for now_ns, number, memory in said["anchors"])
        return cls(said["told_ns"], said["sequence"], tuple(anchors))

    def write(self) -> bytes:
        """As bytes to keep."""
        anchors = [(each.now_ns, each.sequence, each.memory.decode()) for each in self.anchors]
        return json.dumps({"told_ns": self.told_ns, "sequence": self.sequence, "anchors": anchors}).encode()

    @property
    def begin(self) -> int:
        """The number of the first packet to read after a restart. What lies before it is not needed any more."""
        return self.anchors[0].sequence + 1


class Engine:
    """Hears what is in a journal.

    wait      called with seconds while the disk or the database refuses, and with why; False to give up
    on_told   called with everything told, once, and with the gaps themselves
    scratch   a folder for the associator
    """

    def __init__(
        self,
        knowledge: Knowledge,
        keepers: Keepers,
        scratch: Path,
        *,
        wait: Callable[[float, WorldFault], bool],
        on_told: Callable[[Told | Gap], None] = lambda _: None,
    ) -> None:
        self._knowledge = knowledge
        self._keepers = keepers
        self._scratch = scratch
        self._wait = wait
        self._on_told = on_told
        self._kept = Progress.read(keepers.store.progress)
        # what lies behind is walked again
        self._reached = replace(self._kept, anchors=self._kept.anchors[:1])
        self._next = self._kept.begin
        self._vouch = Vouch(
            knowledge.enrolments,
            knowledge.centre_key or X25519PrivateKey.generate(),
            secured_feeds=knowledge.secured_feeds,
            patience_ns=MANIFEST_PATIENCE_NS,
            memory=memory_of(self._kept.anchors[0].memory),
        )
        self._paced: Paced | None = None
        self._hearing: Hearing | None = None
        self._second: list[Numbered] = []
        self._second_heard = self._next
        self._warm_ns = 0

    @property
    def next(self) -> int:
        """The number of the packet to be handled next."""
        return self._next

    @property
    def needed(self) -> int:
        """The number of the first packet that a restart would need."""
        return self._kept.begin

    @property
    def second(self) -> int:
        """The number of the first packet of the second that is being heard, or was last."""
        return self._second_heard

    @property
    def told_ns(self) -> int:
        """The slice up to which everything has been told."""
        return self._kept.told_ns

    def handle(self, packets: Sequence[Numbered]) -> None:
        """Packets of the journal, from number `next` on. The last second is held back until the next has begun.

        Raises Stopped when wait() gave up.
        """
        for number, packet in packets:
            if self._second and packet.arrival_ns // NS_PER_S != self._second[0][1].arrival_ns // NS_PER_S:
                self._take_second()
            self._second.append((number, packet))
            self._next = number + 1

    def finish(self) -> None:
        """Nothing more will ever come: tell what is left, as a replay does at its end."""
        self._take_second()
        if self._hearing is not None and self._paced is not None:
            for ready in self._paced.finish():
                self._hear(ready)
            self._tell(told(self._hearing.elapse(END_OF_TIME_NS)))
            self._commit()
        self._insist(self._keepers.archive.flush)

    def _take_second(self) -> None:
        """Hear a second's packets, and commit what came of it."""
        if not self._second:
            return
        self._second_heard = self._second[0][0]
        last, clock_ns = self._second[-1][0], max(packet.arrival_ns for _, packet in self._second)
        spoken = [packet for _, packet in self._second if packet.station_key]
        noted = [finding_of(packet) for _, packet in self._second if not packet.station_key]
        self._second = []
        fresh = last > self._kept.sequence
        packets, odd = self._believed(spoken, clock_ns, fresh=fresh)
        heard: list[Told] = [*(finding for finding in noted if finding is not None), *odd]
        if self._paced is not None or self._open(packets):
            assert self._paced is not None
            for value in self._paced.handle(packets, clock_ns):
                if isinstance(value, Slice):
                    self._hear(value)
                    heard += self._drop_anchor(value.now_ns, last)
                else:
                    heard.append(value)
        if fresh:
            self._tell(heard)
            self._reached = replace(self._reached, sequence=last)
            self._commit()

    def _believed(self, packets: Sequence[Packet], clock_ns: int, *, fresh: bool) -> tuple[list[Packet], list[Finding]]:
        """The packets that may be heard now, and what is odd about those that came."""
        believed: list[Packet] = []
        odd: list[Finding] = []
        for value in [*self._vouch.handle(packets), *self._vouch.elapse(clock_ns)]:
            if isinstance(value, Finding):
                odd.append(value)
                continue
            if fresh:
                self._keepers.store.vouch(value)
            if value.tier > Tier.BROKEN:
                believed.append(value.packet)
        return believed, odd

    def _open(self, packets: Sequence[Packet]) -> bool:
        """Begin to hear, with the network of the time at which the first samples were taken."""
        first = first_ns(packets)
        if first is None:
            return False
        known = self._knowledge
        standing = known.inventory.at(first)
        network = network_of(known.inventory, [SourceId(each.network, each.code, "", "") for each in standing], first)
        self._paced = Paced(
            Pace(
                (channel.source for station in standing for channel in station.channels),
                slice_ns=known.slice_ns,
                patience_ns=known.patience_ns,
            )
        )
        self._hearing = alone(
            inventory=known.inventory,
            network=network,
            model=known.model,
            picker=known.picker,
            relation=attenuation(),
            scratch=self._scratch,
            notes=known.notes,
        )
        self._warm_ns = 2 * horizon_ns(network, travel_times(known.model, network)) + SETTLE_NS
        self._on_told(network)
        return True

    def _hear(self, ready: Slice) -> None:
        assert self._hearing is not None
        raw = [*self._hearing.elapse(ready.now_ns)]
        raw += [value for batch in ready.batches for value in self._hearing.handle(batch)]
        heard = [*told(raw)]
        if ready.now_ns <= self._kept.told_ns:
            self._keep(value for value in heard if isinstance(value, PacketBatch | Late))
        else:
            self._tell(heard)
            for gap in (value for value in raw if isinstance(value, Gap)):
                self._on_told(gap)
            self._reached = replace(self._reached, told_ns=ready.now_ns)

    def _tell(self, values: Iterator[Told] | Sequence[Told]) -> None:
        kept = [*values]
        self._keep(kept)
        for value in kept:
            self._keepers.store.tell(value)
            self._on_told(value)

    def _keep(self, values: Iterator[Told] | Sequence[Told]) -> None:
        """Samples to the archive, quakes to the catalogue. Both take the same thing once, however often it is given."""
        for value in values:
            if isinstance(value, PacketBatch | Late):
                batch = value.batch if isinstance(value, Late) else value
                self._insist(partial(self._keepers.archive.append, batch))
            elif isinstance(value, Portrait):
                self._insist(partial(self._keepers.catalogue.revise, value.quake))

    def _drop_anchor(self, now_ns: int, sequence: int) -> tuple[Finding, ...]:
        """Now and then note a place to begin again, once the archive has what lies before; gives what was odd there."""
        anchors = self._reached.anchors
        if now_ns // SETTLE_NS == anchors[-1].now_ns // SETTLE_NS:
            return ()
        self._insist(partial(self._keepers.archive.flush, now_ns - SETTLE_NS))
        anchors = (*anchors, Anchor(now_ns, sequence, memory_bytes(self._vouch.memory())))
        while len(anchors) > 1 and anchors[1].now_ns <= now_ns - self._warm_ns:
            anchors = anchors[1:]
        self._reached = replace(self._reached, anchors=anchors)
        return self._keepers.archive.take_findings()

    def _commit(self) -> None:
        self._insist(partial(self._keepers.store.commit, self._reached.write()))
        self._kept = self._reached

    def _insist(self, act: Callable[[], None]) -> None:
        """Do something the world may refuse for a while: a full disk, a database that is away. Nothing is lost."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                act()
            except WorldFault as fault:
                if not self._wait(wait_s, fault):
                    raise Stopped from fault
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                return
