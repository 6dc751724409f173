"""Records on their way from intake to detect: several of one station in a message, and the clock between slices."""

from collections.abc import Iterable, Iterator

from houfeng.shell.cluster.fields import VERSION, Fields, blob, i64, text, u8
from houfeng.words.packet import Packet

#: NATS takes messages of a megabyte unless told otherwise. Smaller ones keep the broker's memory even.
MESSAGE_BYTES = 256 * 1024

#: The largest record that is passed on; the largest in use are of 4,096 bytes.
LARGEST_RECORD_BYTES = 512 * 1024


def encode_packets(packets: Iterable[Packet]) -> Iterator[bytes]:
    """Packets as messages of at most MESSAGE_BYTES, or of one packet each where that is larger."""
    parts: list[bytes] = []
    size = 0
    for packet in packets:
        part = encode_packet(packet)
        if parts and size + len(part) > MESSAGE_BYTES:
            yield u8(VERSION) + b"".join(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        yield u8(VERSION) + b"".join(parts)


def encode_packet(packet: Packet) -> bytes:
    """One packet, all of it."""
    return b"".join(
        (
            text(packet.feed),
            text(packet.station_key),
            i64(packet.sequence),
            i64(packet.arrival_ns),
            blob(packet.content),
        )
    )


def decode_packets(data: bytes, subject: str) -> list[Packet]:
    """The packets of one message. Raises DataFault when it is damaged."""
    fields = Fields(data, subject)
    packets = []
    while fields.left:
        packets.append(Packet(fields.text(), fields.text(), fields.i64(), fields.i64(), fields.blob()))
    return packets


def encode_clock(now_ns: int, first: int) -> bytes:
    """The end of a slice, which began at now_ns; first is the sequence of its first message in the log."""
    return u8(VERSION) + i64(now_ns) + i64(first)


def decode_clock(data: bytes, subject: str) -> tuple[int, int]:
    """Where a slice that is now complete began, in time and in the log. Raises DataFault when damaged."""
    fields = Fields(data, subject)
    return fields.i64(), fields.i64()
