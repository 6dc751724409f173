"""Derive a conduct profile from what a station is: its channels say how much it must send, its site to whom."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from houfeng.wire.seedlink.patterns import matcher
from houfeng.words.conduct import Allowed, Conduct, Envelope, Host, Reads, Rhythm, Window
from houfeng.words.station import Channel, Station

#: Bytes a sample takes in Steim2 frames on the stillest day (seven differences of 4 bits to a word) and in the
#: strongest shaking (one difference of 30 bits). Uncompressed 32-bit samples take as many as the latter, so no
#: earthquake and no encoding goes beyond it. Source: SEED 2.4, appendix B.
STEIM_BYTES: Final = (4 / 7, 4.0)

#: In between, as ambient noise of broadband stations does: three differences of 10 bits to a word.
USUAL_STEIM_BYTES: Final = 4 / 3

#: A 512-byte record has 64 bytes of headers and 7 frames of 16 words; every frame spends one on control, the first two
#: more on the constants of integration. Source: SEED 2.4, appendix B.
RECORD_BYTES: Final = 512
_SAMPLE_BYTES: Final = 4 * (7 * 15 - 2)

#: Headers a record gets at least (SeedLink 3: 8 bytes) and at most (DataLink: a line of text with a stream id and
#: three times). Sources: SeedLink 3 and 4.0; DataLink 1.0, WRITE and PACKET.
FRAMING_BYTES: Final = (8, 160)

#: IP and TCP headers of a segment: 40 bytes (IPv4 without options) to 72 (IPv6 with time stamps).
SEGMENT_BYTES: Final = (40, 72)

#: A record goes out in one segment where the writer is careful, and in one for each of its few writes (preheader,
#: header, halves of the payload, end) where Nagle's algorithm is off.
MOST_SEGMENTS: Final = 6

#: A digitiser of low latency ends a record every second, full or not, and no oftener: samples come in seconds.
MOST_RECORDS_PER_S: Final = 1.0

#: Of what is sent, this share again: at a loss of 5 % TCP no longer keeps up with a stream over a distance.
#: Source: Mathis et al., CCR 27(3), 1997: throughput falls with the root of the loss.
MOST_SENT_AGAIN: Final = 0.05


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who takes channels of the station.

    name, address  of the reader
    channels       patterns of NET.STA.LOC.CHA
    server         address of the station's server
    port           of the server
    protocol       "seedlink", or "datalink": a digitiser that writes to the server at that port
    """

    name: str
    address: str
    channels: tuple[str, ...]
    server: str
    port: int = 18_000
    protocol: Literal["seedlink", "datalink"] = "seedlink"


@dataclass(frozen=True, slots=True)
class Site:
    """What an inventory does not say.

    hosts        the station's own hosts and whoever else it talks to, with their roles; time servers, resolvers and
                 maintenance hosts are known by them
    readers      who takes or writes the data
    windows      when maintenance hosts may come; none: at any time, rarely
    poll_s       seconds between two time requests of the station
    """

    hosts: tuple[Host, ...]
    readers: tuple[Reader, ...]
    windows: tuple[Window, ...] = ()
    poll_s: float = 64.0


def derive(station: Station, site: Site, *, at_ns: int) -> Conduct:
    """The profile of a station.

    station  its epoch with the channels and their rates_hz; a channel without a rate adds nothing to the bounds
    at_ns    the instant for which channels are taken
    """
    channels = [
        channel
        for channel in station.channels
        if (channel.start_ns is None or channel.start_ns <= at_ns)
        and (channel.end_ns is None or at_ns < channel.end_ns)
    ]
    allowed = [_reading(reader, channels) for reader in site.readers]
    conduct = Conduct(station.key, site.hosts)
    own = conduct.addresses("station")
    allowed += _served(own, conduct.addresses("time"), 123, "NTP", site.poll_s)
    allowed += _served(own, conduct.addresses("resolver"), 53, "DNS")
    if maintenance := conduct.addresses("maintenance"):
        rhythm: Rhythm = "window" if site.windows else "rare"
        allowed += [Allowed(maintenance, own, "tcp", 22, "maintenance", rhythm, 0.0, site.windows)]
    reads = tuple(Reads(reader.address, reader.channels) for reader in site.readers if reader.protocol == "seedlink")
    return Conduct(station.key, site.hosts, tuple(allowed), reads=reads)


def stream_envelope(rates_hz: Sequence[float]) -> Envelope:
    """IP bytes per second of a stream of channels of these sampling rates, from the still to the shaken."""
    samples_hz = sum(rates_hz)
    high = _wire(samples_hz * STEIM_BYTES[1], FRAMING_BYTES[1] + MOST_SEGMENTS * SEGMENT_BYTES[1])
    # A record cut short still has its headers.
    cut = len(rates_hz) * MOST_RECORDS_PER_S * (64 + FRAMING_BYTES[1] + MOST_SEGMENTS * SEGMENT_BYTES[1])
    return Envelope(
        _wire(samples_hz * STEIM_BYTES[0], FRAMING_BYTES[0] + SEGMENT_BYTES[0]),
        _wire(samples_hz * USUAL_STEIM_BYTES, FRAMING_BYTES[0] + SEGMENT_BYTES[1]),
        (high + cut) * (1 + MOST_SENT_AGAIN),
        samples_hz * USUAL_STEIM_BYTES / _SAMPLE_BYTES,
    )


def _wire(sample_bytes_per_s: float, overhead_bytes: float) -> float:
    """IP bytes per second for compressed samples, the overhead being that of a record."""
    return sample_bytes_per_s / _SAMPLE_BYTES * (RECORD_BYTES + overhead_bytes)


def _answer_envelope(stream: Envelope) -> Envelope:
    """What comes back: an acknowledgement for every other segment at least, for every one and a line each at most."""
    least = stream.low_bytes_per_s / (2 * 1460) * SEGMENT_BYTES[0]
    most = (
        stream.high_bytes_per_s
        / (RECORD_BYTES + FRAMING_BYTES[0])
        * (MOST_SEGMENTS * SEGMENT_BYTES[1] + FRAMING_BYTES[1])
    )
    return Envelope(least, max(least, stream.packets_per_s * SEGMENT_BYTES[1]), most, stream.packets_per_s)


def _reading(reader: Reader, channels: Iterable[Channel]) -> Allowed:
    rates_hz = [
        channel.rate_hz
        for channel in channels
        if channel.rate_hz and any(matcher(pattern)(channel.source.nslc) for pattern in reader.channels)
    ]
    stream = stream_envelope(rates_hz) if rates_hz else None
    answer = _answer_envelope(stream) if stream else None
    # A digitiser is the client that sends; a reader is the client that takes.
    sent, got = (stream, answer) if reader.protocol == "datalink" else (answer, stream)
    sides = (reader.address,), (reader.server,), "tcp", reader.port
    return Allowed(*sides, f"{reader.protocol}: {reader.name}", "continuous", 0.0, (), sent, got)


def _served(
    own: tuple[str, ...], servers: tuple[str, ...], port: int, service: str, every_s: float = 0.0
) -> list[Allowed]:
    if not own or not servers:
        return []
    return [Allowed(own, servers, "udp", port, service, "every" if every_s else "rare", every_s)]
