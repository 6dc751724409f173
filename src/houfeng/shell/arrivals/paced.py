"""Packets in the order they arrived turned into slices to hear: the same live and played by arrival."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from houfeng.quake.acquire import Pace, Slice
from houfeng.shell.arrivals.arrivals import Arrivals
from houfeng.shell.replay.replay import OnArrival
from houfeng.wire import mseed
from houfeng.wire.decoded import Decoded
from houfeng.words.alert import Alert
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Station

#: Packets that arrive within this are looked at together, at its end.
AT_ONCE_NS = NS_PER_S // 20


class Paced:
    """Packets in, slices of data time out."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def handle(self, packets: Sequence[Packet], clock_ns: int) -> Iterator[Finding | Slice]:
        """Packets arrived by clock_ns."""
        decoded = decode_packets(packets)
        yield from decoded.findings
        for batch in decoded.batches:
            yield from self._pace.handle(batch, clock_ns)
        yield from self._pace.elapse(clock_ns)

    def finish(self) -> Iterator[Slice]:
        """Nothing more will arrive: what is left."""
        yield from self._pace.finish()


def first_ns(packets: Sequence[Packet]) -> int | None:
    """About when the first samples of packets were taken: the middle one of their starts; None without samples."""
    decoded = decode_packets(packets)
    starts = [batch.start_ns for batch in decoded.batches]
    return int(np.median(np.concatenate(starts))) if starts else None


class ByArrival:
    """Recordings played as they reached a centre, for replay() to hear.

    patience_ns  how much data time channels that are behind are waited for
    """

    def __init__(self, arrivals: Arrivals, patience_ns: int) -> None:
        self._arrivals = arrivals
        self._patience_ns = patience_ns

    @property
    def channels(self) -> tuple[SourceId, ...]:
        """Every channel with samples, in order."""
        return self._arrivals.channels

    @property
    def stations(self) -> tuple[Station, ...]:
        """What self-describing files say of their own stations."""
        return self._arrivals.stations

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything odd met on opening."""
        return self._arrivals.findings

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """First and last instant of all samples, or None without any."""
        return self._arrivals.span_ns

    def play(self) -> Iterator[tuple[int, tuple[PacketBatch, ...], tuple[Finding, ...]]]:
        """Every packet once, in slices of data time, each as soon as a centre would have had it: a second's at once."""
        for now_ns, batches, said in self.play_watched(None):
            yield now_ns, batches, tuple(value for value in said if isinstance(value, Finding))

    def play_watched(
        self, on_arrival: OnArrival | None
    ) -> Iterator[tuple[int, tuple[PacketBatch, ...], tuple[Finding | Alert, ...]]]:
        """As play(), and every packet first to on_arrival, those of one instant together; its alerts are told too."""
        paced = Paced(Pace(self.channels, patience_ns=self._patience_ns))
        said: list[Finding | Alert] = []
        for _, together in groupby(self._arrivals, key=lambda packet: packet.arrival_ns // NS_PER_S):
            packets = list(together)
            if on_arrival is not None:
                said += _at_once(packets, on_arrival)
            for value in paced.handle(packets, packets[-1].arrival_ns):
                if isinstance(value, Finding):
                    said.append(value)
                else:
                    yield value.now_ns, value.batches, tuple(said)
                    said = []
        said += self._arrivals.take_findings()
        for value in paced.finish():
            yield value.now_ns, value.batches, tuple(said)
            said = []


def _at_once(packets: Sequence[Packet], on_arrival: OnArrival) -> Iterator[Alert]:
    for ticks, together in groupby(packets, key=lambda packet: packet.arrival_ns // AT_ONCE_NS):
        for batch in decode_packets(list(together)).batches:
            yield from on_arrival(batch, (ticks + 1) * AT_ONCE_NS)


def decode_packets(packets: Sequence[Packet]) -> Decoded:
    """The samples of packets, in their order. What is damaged in one touches no other, and is said of its station."""
    decoded = _decode(packets)
    if not decoded.findings or len(packets) == 1:
        return _named(decoded, packets)
    parts = [_named(_decode([packet]), [packet]) for packet in packets]
    return Decoded(decoded.batches, tuple(finding for part in parts for finding in part.findings))


def _decode(packets: Sequence[Packet]) -> Decoded:
    lengths = np.array([len(packet.content) for packet in packets], dtype=np.int64)
    offsets = np.cumsum(lengths) - lengths
    return mseed.decode_records(b"".join(packet.content for packet in packets), offsets, lengths)


def _named(decoded: Decoded, packets: Iterable[Packet]) -> Decoded:
    """Findings with the station and the feed they came from."""
    first = next(iter(packets), None)
    if first is None or not decoded.findings:
        return decoded
    findings = tuple(
        Finding(each.kind, each.reason, first.feed, each.station or first.station_key, each.time_ns)
        for each in decoded.findings
    )
    return Decoded(decoded.batches, findings)
