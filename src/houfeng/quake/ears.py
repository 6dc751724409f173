"""The ears of a share of the network: packets in; packets put in order, gaps, findings and picks out.

What is heard of one station depends on no other (but for clocks in doubt, see acquire), so stations can be shared
between processes. What ears remember of the ground can be asked for, wherever they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from houfeng.quake.acquire import Acquire, Acquired, Recent
from houfeng.quake.associate.octo import plan_search
from houfeng.quake.detect.picker import Picker
from houfeng.quake.detect.stage import Detect, wait_ns
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.quake import Phase, Pick
from houfeng.words.samples import Gap, Late, PacketBatch, Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory

#: A PacketBatch heard is what acquire accepted: every sample once, in order.
Caught = PacketBatch | Late | Gap | Finding | Pick


class Listening(Protocol):
    """What ears can be told and asked, here or in other processes."""

    def handle(self, batch: PacketBatch) -> Iterable[Caught]:
        """Packets arrived."""
        ...

    def elapse(self, now_ns: int) -> Iterable[Caught]:
        """Every packet with samples before now_ns has been handled, or will never come. Picks come sorted by key."""
        ...

    def look(self, station_key: str, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        """The best onset of a phase at a station within half a width of when it is expected, or None."""
        ...

    def listening(self, station_key: str, time_ns: int) -> bool:
        """Whether a station gave samples at an instant."""
        ...

    def channels(self) -> Sequence[SourceId]:
        """Every channel that ever gave samples, in order."""
        ...

    def segments(self, source: SourceId, begin_ns: int, end_ns: int) -> Sequence[Segment]:
        """What is remembered of a channel from one instant to another."""
        ...


class Ears:
    """Acquire and detect with the memory they share.

    network    of all stations, not only of this share: it decides how long S may take, and how long to remember
    inventory  what is known of the stations; picker: what turns triggers into onsets
    """

    def __init__(self, network: Network, inventory: Inventory, picker: Picker, times: TravelTimes) -> None:
        self._recent = Recent(horizon_ns(network, times) / NS_PER_S)
        self._acquire = Acquire(self._recent)  # which also fills it
        self._detect = Detect(network, inventory, picker, times)

    def handle(self, batch: PacketBatch) -> Iterator[Caught]:
        """Packets arrived."""
        yield from self._acquired(self._acquire.handle(batch))

    def elapse(self, now_ns: int) -> Iterator[Caught]:
        """Every packet with samples before now_ns has been handled, or will never come."""
        yield from self._acquired(self._acquire.elapse(now_ns))
        yield from self._detect.elapse(now_ns, self._recent)

    def look(self, station_key: str, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        """The best onset of a phase at a station within half a width of when it is expected, or None."""
        return self._detect.look(self._recent, station_key, phase, expected_ns, half_width_s)

    def listening(self, station_key: str, time_ns: int) -> bool:
        """Whether a station gave samples at an instant."""
        return any(
            source.station_key == station_key and (self._recent.until_ns(source) or 0) > time_ns
            for source in self._recent.channels()
        )

    def channels(self) -> Sequence[SourceId]:
        """Every channel that ever gave samples, in order."""
        return sorted(self._recent.channels())

    def segments(self, source: SourceId, begin_ns: int, end_ns: int) -> Sequence[Segment]:
        """What is remembered of a channel from one instant to another."""
        return self._recent.segments(source, begin_ns, end_ns)

    def _acquired(self, acquired: Acquired) -> Iterator[Caught]:
        yield from acquired.findings
        yield from acquired.gaps
        yield from acquired.late
        for batch in acquired.batches:
            self._detect.handle(batch)
            yield batch


def horizon_ns(network: Network, times: TravelTimes) -> int:
    """How far back samples and quakes can still matter."""
    crossing_s = plan_search(network, times).crossing_s if network.stations else 0.0
    return seconds_to_ns(4 * crossing_s) + 2 * wait_ns(network, times)
