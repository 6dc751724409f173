"""What a centre counts of itself: one object, told what happens, read by health and by Prometheus."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from houfeng.shell.health.supervise import Standing
from houfeng.words.alert import Alert, AlertKind
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.quake import Phase, Pick, Quake
from houfeng.words.samples import Gap, PacketBatch

#: Upper ends of what delays are sorted into, s: from one network hop to a link that was down for an hour.
DELAYS_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 3600.0)

#: Delays remembered for quantiles: enough for p99 to mean something, of the last minutes.
REMEMBERED = 128

#: Delays beyond this, either way, are of clocks that are wrong, s.
LONGEST_S = 1e6

#: NET.STA is no longer than this: each code has 16 letters at most.
LONGEST_KEY = 33

#: Stations nobody expected are counted by name up to this many, so that made-up names fill no memory.
MOST_STRANGERS = 1_000

#: Kinds of finding counted by name; those beyond are "other".
MOST_KINDS = 200

OTHER = "other"

FeedState = Literal["connecting", "connected"]


class Recent:
    """The last REMEMBERED delays, in s."""

    __slots__ = ("_next", "_values")

    def __init__(self) -> None:
        self._values = array("f")
        self._next = 0

    def add(self, delay_s: float) -> None:
        """Remember one delay, and forget the oldest."""
        if len(self._values) < REMEMBERED:
            self._values.append(delay_s)
        else:
            self._values[self._next] = delay_s
            self._next = (self._next + 1) % REMEMBERED

    def quantiles(self, *shares: float) -> tuple[float | None, ...]:
        """For each share the delay that this share of the remembered ones does not exceed, s; None without any."""
        ordered = sorted(self._values)
        last = len(ordered) - 1
        return tuple(ordered[min(int(share * len(ordered)), last)] if ordered else None for share in shares)


class Delays:
    """Delays in s: how many, their sum, how many up to each of DELAYS_S and beyond, and the recent ones."""

    __slots__ = ("buckets", "count", "recent", "sum_s")

    def __init__(self) -> None:
        self.count = 0
        self.sum_s = 0.0
        self.buckets = [0] * (len(DELAYS_S) + 1)
        self.recent = Recent()

    def add(self, delays_s: NDArray[np.float64]) -> None:
        """Take in delays. Below zero, from a clock that is ahead, counts as zero in the sum."""
        self.count += len(delays_s)
        self.sum_s += float(np.maximum(delays_s, 0.0).sum())
        places = np.searchsorted(DELAYS_S, delays_s)
        for place, count in enumerate(np.bincount(places, minlength=len(self.buckets)).tolist()):
            self.buckets[place] += count
        for delay_s in delays_s[-REMEMBERED:].tolist():
            self.recent.add(delay_s)


@dataclass(slots=True)
class FeedCount:
    """What came over one feed, and how it stands.

    steady   whether its silence is odd
    reason   why it is not connected, in words
    last_ns  when something last came, None when nothing did yet
    """

    steady: bool = True
    state: FeedState = "connecting"
    reason: str = ""
    packets: int = 0
    content_bytes: int = 0
    samples: int = 0
    refused: int = 0
    last_ns: int | None = None
    delays: Delays = field(default_factory=Delays)


@dataclass(slots=True)
class StationCount:
    """What came from one station, and how late it is. feed is what last brought something."""

    feed: str = ""
    packets: int = 0
    gaps: int = 0
    last_ns: int | None = None
    delays: Recent = field(default_factory=Recent)


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits before a stage: how much, and how much may."""

    depth: int
    most: int


@dataclass(slots=True)
class StageCount:
    """How often a stage ran, and for how long in all."""

    runs: int = 0
    sum_s: float = 0.0


@dataclass(slots=True)
class ReadersCount:
    """Who reads from us, and what was sent."""

    connected: int = 0
    records: int = 0
    content_bytes: int = 0


@dataclass(frozen=True, slots=True)
class OutletCount:
    """What became of alerts at one outlet: let out, dropped, and waiting now."""

    given: int = 0
    dropped: int = 0
    waiting: int = 0


class Metrics:
    """Everything counted. Its methods are named after what happens; its values are for reading.

    Told from one thread; another may read, for it only adds.
    """

    def __init__(self) -> None:
        self.feeds: dict[str, FeedCount] = {}
        self.stations: dict[str, StationCount] = {}
        self.expected: frozenset[str] = frozenset()
        self.picks: dict[Phase, int] = {}
        self.pick_delays = Delays()
        self.record_waits = Delays()
        self.pick_waits = Delays()
        self.quakes = 0
        self.quake_delays = Delays()
        self.alerts: dict[AlertKind, int] = {}
        self.alert_delays = Delays()
        self.outlets: dict[str, OutletCount] = {}
        self.outlet_delays = Delays()
        self.findings: dict[str, int] = {}
        self.gaps = 0
        self.queues: dict[str, Queue] = {}
        self.stages: dict[str, StageCount] = {}
        self.disks: dict[str, int] = {}
        self.certificates: dict[str, int] = {}
        self.duties: dict[str, Standing] = {}
        self.troubles: dict[str, str] = {}
        self.readers = ReadersCount()
        self._strangers = 0

    def stations_expected(self, keys: Iterable[str]) -> None:
        """The inventory names these stations, NET.STA; their silence counts."""
        self.expected = frozenset(keys)
        for key in sorted(self.expected):
            self.stations.setdefault(key, StationCount())

    def feed_begun(self, feed: str, *, steady: bool) -> None:
        """A feed was begun. A steady one brings packets all the time; recordings in a folder come to their end."""
        self._feed(feed).steady = steady

    def feed_stands(self, feed: str, state: FeedState, reason: str = "") -> None:
        """How a feed stands, and why it is not connected, in words."""
        count = self._feed(feed)
        count.state, count.reason = state, reason

    def feed_removed(self, feed: str) -> None:
        """A feed is no longer in the settings."""
        self.feeds.pop(feed, None)

    def packets_arrived(self, packets: Sequence[Packet]) -> None:
        """Packets arrived, of any feeds. Ten thousand at once cost as little each as one thousand."""
        for packet in packets:
            feed = self.feeds.get(packet.feed) or self._feed(packet.feed)
            feed.packets += 1
            feed.content_bytes += len(packet.content)
            feed.last_ns = packet.arrival_ns
            station = self.stations.get(packet.station_key) or self._station(packet.station_key)
            if station is not None:
                station.feed = packet.feed
                station.packets += 1
                station.last_ns = packet.arrival_ns

    def feed_brought(self, feed: str, content_bytes: int, now_ns: int) -> None:
        """A feed brought something that is no packet of a station's."""
        count = self._feed(feed)
        count.packets += 1
        count.content_bytes += content_bytes
        count.last_ns = now_ns

    def packets_refused(self, feed: str, count: int = 1) -> None:
        """Packets of a feed could not be read, or were not believed."""
        self._feed(feed).refused += count

    def batch_decoded(self, batch: PacketBatch, arrival_ns: int | NDArray[np.int64]) -> None:
        """Packets were decoded; their delay is from their last sample to their arrival.

        arrival_ns  of all of them, or int64 [n] of each

        They count for the feed that last brought something from their station.
        """
        length = np.diff(batch.offset)
        with np.errstate(over="ignore"):  # a rate of nearly nothing spans for ever
            span_s = length / batch.rate_hz
        delays_s = np.clip((arrival_ns - batch.start_ns) / NS_PER_S - span_s, -LONGEST_S, LONGEST_S)
        stations = [self._station(source.station_key) for source in batch.channels]
        for channel, delay_s in zip(batch.channel.tolist(), delays_s.tolist(), strict=True):
            station = stations[channel]
            if station is not None:
                station.delays.add(delay_s)
        names = [station.feed if station is not None else "" for station in stations]
        for name in {*names} - {""}:
            mine = np.array([one == name for one in names])[batch.channel]
            self._feed(name).samples += int(length[mine].sum())
            self._feed(name).delays.add(delays_s[mine])

    def gap_told(self, gap: Gap) -> None:
        """A channel should have spoken and did not."""
        self.gaps += 1
        station = self._station(gap.source.station_key)
        if station is not None:
            station.gaps += 1

    def finding_told(self, finding: Finding) -> None:
        """Something is odd."""
        kind = finding.kind if finding.kind in self.findings or len(self.findings) < MOST_KINDS else OTHER
        self.findings[kind] = self.findings.get(kind, 0) + 1

    def heard(self, records_s: Sequence[float], picks_s: Sequence[float]) -> None:
        """Records were listened to, and picks told, so long after the arrivals that this took."""
        self.record_waits.add(np.array(records_s))
        self.pick_waits.add(np.array(picks_s))

    def pick_told(self, pick: Pick, now_ns: int) -> None:
        """A pick was told, so long after its onset."""
        self.picks[pick.phase] = self.picks.get(pick.phase, 0) + 1
        self.pick_delays.add(np.array([(now_ns - pick.time_ns) / NS_PER_S]))

    def quake_told(self, quake: Quake, now_ns: int) -> None:
        """A version of a quake was told, so long after its origin time."""
        self.quakes += 1
        self.quake_delays.add(np.array([(now_ns - quake.origin.time_ns) / NS_PER_S]))

    def alert_told(self, alert: Alert, now_ns: int) -> None:
        """A version of an alert was told, so long after the record on which it rests arrived."""
        self.alerts[alert.kind] = self.alerts.get(alert.kind, 0) + 1
        if alert.kind == "first" and alert.ledger is not None:
            self.alert_delays.add(np.array([(now_ns - alert.ledger.arrived_ns) / NS_PER_S]))

    def outlet_stands(self, outlet: str, count: OutletCount, trouble: str) -> None:
        """What an outlet has done, and why it does not work, in words; "" when it does."""
        self.outlets[outlet] = count
        self.trouble(f"outlet {outlet}", trouble)

    def alert_out(self, alert: Alert, now_ns: int) -> None:
        """An outlet let a version of an alert out, so long after it was declared."""
        self.outlet_delays.add(np.array([(now_ns - alert.declared_ns) / NS_PER_S]))

    def queue_stands(self, stage: str, depth: int, most: int) -> None:
        """So much waits before a stage, of so much that may."""
        self.queues[stage] = Queue(depth, most)

    def stage_ran(self, stage: str, took_s: float) -> None:
        """A stage took so long for one slice."""
        count = self.stages.setdefault(stage, StageCount())
        count.runs += 1
        count.sum_s += took_s

    def disk_stands(self, place: str, left_bytes: int) -> None:
        """So much is left on the disk that holds the journal, the archive ..."""
        self.disks[place] = left_bytes

    def certificates_stand(self, ends_ns: Mapping[str, int]) -> None:
        """When the certificates of each part (seedlink, feeds.north ...) end, ns since 1970: of all there are."""
        self.certificates = dict(ends_ns)

    def duty_stands(self, standing: Standing) -> None:
        """How something that runs for long stands: what a Supervisor tells."""
        self.duties[standing.name] = standing

    def trouble(self, part: str, reason: str) -> None:
        """A part (archive, catalogue, broker ...) cannot do its work, for a reason in words; "" when it can again."""
        if reason:
            self.troubles[part] = reason
        else:
            self.troubles.pop(part, None)

    def readers_stand(self, connected: int) -> None:
        """So many readers are connected to the SeedLink server."""
        self.readers.connected = connected

    def records_sent(self, records: int, content_bytes: int) -> None:
        """Records were sent to readers."""
        self.readers.records += records
        self.readers.content_bytes += content_bytes

    def _feed(self, name: str) -> FeedCount:
        return self.feeds.setdefault(name, FeedCount())

    def _station(self, key: str) -> StationCount | None:
        """A station's count; None for a stranger there is no room for."""
        known = self.stations.get(key)
        if known is None and self._strangers < MOST_STRANGERS and len(key) <= LONGEST_KEY and key.isascii():
            self._strangers += 1
            known = self.stations[key] = StationCount()
        return known
