"""What the ring holds: which streams, from when to when, and where a time window lies. Standard library only."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from houfeng.shell.seedlink.parcels import Parcel, Stream, parcel_of, read_header
from houfeng.wire.seedlink.info import StationHeld, StreamHeld
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

#: A station with more streams than this makes them up; so does a network.
MOST_STREAMS_OF_STATION = 256
MOST_STREAMS = 250_000

#: Different things told about packets that cannot be served.
_MOST_FINDINGS = 1000

#: Packets whose times are known together, a power of two.
_BLOCK_BITS = 10


@dataclass(slots=True)
class _Extent:
    """Of one stream: numbers of its first and last packet here, and from when to when."""

    first: int
    last: int
    start_ns: int
    end_ns: int
    fits_v3: bool


class TimeIndex:
    """From when to when the packets of each thousand numbers are: so that a time window is found without reading."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[int, int]] = {}

    def add(self, parcel: Parcel) -> None:
        """Count a packet in."""
        block = parcel.sequence >> _BLOCK_BITS
        known = self._blocks.get(block)
        if known is None:
            self._blocks[block] = (parcel.start_ns, parcel.end_ns)
        elif parcel.start_ns < known[0] or parcel.end_ns > known[1]:
            self._blocks[block] = (min(known[0], parcel.start_ns), max(known[1], parcel.end_ns))

    def forget(self, first: int) -> None:
        """Forget all that is wholly below a number. The blocks are in order of their numbers."""
        while self._blocks and (oldest := next(iter(self._blocks))) < first >> _BLOCK_BITS:
            del self._blocks[oldest]

    def earliest_ns(self) -> int:
        """No packet of the oldest block begins before this."""
        return next(iter(self._blocks.values()))[0]

    def skip(self, sequence: int, stop: int, covers: Callable[[int, int], bool]) -> int:
        """The first number from sequence on, up to stop, where a packet with a part in a time window can be."""
        while sequence < stop:
            extent = self._blocks.get(sequence >> _BLOCK_BITS)
            if extent is not None and covers(*extent):
                return sequence
            sequence = ((sequence >> _BLOCK_BITS) + 1) << _BLOCK_BITS
        return stop


class Holdings:
    """The streams of the ring. Memory is bounded however many names a feed makes up."""

    def __init__(self) -> None:
        self.times = TimeIndex()
        self._stations: dict[str, dict[tuple[str, str], Stream]] = {}
        self._extents: dict[Stream, _Extent] = {}
        self._told: set[Finding] = set()
        self._findings: list[Finding] = []

    def __len__(self) -> int:
        return len(self._extents)

    def streams(self, stations: Iterable[str] | None = None) -> Iterator[Stream]:
        """The streams of some stations, or every stream."""
        if stations is None:
            return iter(self._extents)
        return (stream for station in stations for stream in self._stations.get(station, {}).values())

    def end_ns(self, stream: Stream) -> int:
        """Until when there are records of a stream."""
        return self._extents[stream].end_ns

    def take(self, sequence: int, packet: Packet) -> Parcel | None:
        """Count a packet in and frame it; None for a note of the owner's, and when it cannot be served: see
        take_findings().
        """
        if not packet.station_key:
            return None
        try:
            station_id, header = read_header(packet)
            stream = self._stream(station_id, header.stream_id, header.format)
        except DataFault as fault:
            self._tell(Finding("not-served", f"SeedLink cannot serve a record: {fault.reason}", "", packet.station_key))
            return None
        parcel = parcel_of(sequence, packet, stream, header)
        extent = self._extents.get(stream)
        if extent is None:
            self._extents[stream] = _Extent(sequence, sequence, header.start_ns, header.end_ns, header.fits_v3)
        else:
            extent.last = sequence
            extent.fits_v3 = extent.fits_v3 or header.fits_v3
            extent.start_ns = min(extent.start_ns, header.start_ns)
            extent.end_ns = max(extent.end_ns, header.end_ns)
        self.times.add(parcel)
        return parcel

    def again(self, sequence: int, packet: Packet) -> Parcel | None:
        """Frame a packet that was counted in before; None when it was not."""
        try:
            station_id, header = read_header(packet)
        except DataFault:
            return None
        stream = self._stations.get(station_id, {}).get((header.stream_id, header.format))
        return None if stream is None else parcel_of(sequence, packet, stream, header)

    def forget(self, first: int) -> list[Stream]:
        """Forget what lies wholly below a number, which the ring has dropped. Gives the streams that are no more."""
        self.times.forget(first)
        gone = [stream for stream, extent in self._extents.items() if extent.last < first]
        for stream in gone:
            del self._extents[stream]
            station = self._stations[stream.station_id]
            del station[stream.stream_id, stream.format]
            if not station:
                del self._stations[stream.station_id]
        return gone

    def station_ids(self) -> list[str]:
        """The stations, sorted."""
        return sorted(self._stations)

    def station(self, station_id: str, first: int) -> StationHeld | None:
        """What is held of a station, None when nothing is any more.

        first  oldest number in the ring: where a stream is older its begin is said no later than it is
        """
        streams = sorted(self._stations.get(station_id, {}).values(), key=lambda each: (each.stream_id, each.format))
        if not streams:
            return None
        extents = [self._extents[stream] for stream in streams]
        return StationHeld(
            station_id,
            max(first, min(extent.first for extent in extents)),
            max(extent.last for extent in extents) + 1,
            tuple(map(self._held, streams)),
        )

    def take_findings(self) -> list[Finding]:
        """What could not be served since the last call, each said once."""
        found, self._findings = self._findings, []
        return found

    def _held(self, stream: Stream) -> StreamHeld:
        extent = self._extents[stream]
        start_ns = max(extent.start_ns, self.times.earliest_ns())
        return StreamHeld(stream.stream_id, stream.format, start_ns, extent.end_ns, extent.fits_v3)

    def _stream(self, station_id: str, stream_id: str, format_: str) -> Stream:
        known = self._stations.get(station_id, {})
        stream = known.get((stream_id, format_))
        if stream is None:
            if len(known) >= MOST_STREAMS_OF_STATION or len(self._extents) >= MOST_STREAMS:
                raise DataFault("record", f"more than {MOST_STREAMS_OF_STATION} streams of one station, or too many")
            stream = self._stations.setdefault(station_id, known)[stream_id, format_] = Stream(
                station_id, stream_id, format_
            )
        return stream

    def _tell(self, finding: Finding) -> None:
        if finding not in self._told and len(self._told) < _MOST_FINDINGS:
            self._told.add(finding)
            self._findings.append(finding)
