"""The packets of a stretch as miniSEED."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from houfeng.twin.digitiser import NEVER_NS, Transport
from houfeng.twin.recording import Stretch
from houfeng.wire import mseed
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId


@dataclass(frozen=True, slots=True)
class Packed:
    """One packet that reaches the centre.

    channel     which of the station's three
    stamp_ns    what it says of its first sample
    arrival_ns  when it arrives
    content     whole miniSEED records
    """

    channel: int
    stamp_ns: int
    arrival_ns: int
    content: bytes


def pack(stretch: Stretch, sources: Sequence[SourceId], rate_hz: float, transport: Transport) -> Iterator[Packed]:
    """Pack a stretch, channel by channel; what is lost on the way is left out.

    sources  of the station's channels Z, N, E
    """
    begin = stretch.begin.tolist()
    for channel, source in enumerate(sources):
        stamps, arrivals = stretch.carried.stamp_ns[channel].tolist(), stretch.carried.arrival_ns[channel].tolist()
        for k, (stamp_ns, arrival_ns) in enumerate(zip(stamps, arrivals, strict=True)):
            if arrival_ns != NEVER_NS:
                packet = Segment(source, stamp_ns, rate_hz, stretch.counts[channel, begin[k] : begin[k + 1]])
                content = mseed.encode([packet], version=transport.version, record_length=transport.record_length)
                yield Packed(channel, stamp_ns, arrival_ns, content)
