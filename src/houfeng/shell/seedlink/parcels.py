"""Records ready to send: framed once for all readers, the newest kept in memory. Standard library only."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from houfeng.wire.seedlink.framing import MOST_STATION_BYTES, frame_v3, frame_v4
from houfeng.wire.seedlink.outline import Outline, outline
from houfeng.words.errors import DataFault
from houfeng.words.packet import Packet

#: Records kept in memory for readers that follow closely, counted by what they take in version 4.
TAIL_BYTES = 16 << 20

#: What is sent to a reader in one go, so that one who does not read costs no more than this and a record.
PIECE_BYTES = 256 << 10

_KEY = re.compile(r"[A-Za-z0-9-]*\.[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A stream of a station. There is one of these for each, so that it is its own key."""

    station_id: str
    stream_id: str
    format: str


class Parcel(NamedTuple):
    """A record with what surrounds it in either version.

    v3  "" when version 3 cannot carry it
    """

    sequence: int
    stream: Stream
    start_ns: int
    end_ns: int
    v3: bytes
    v4: bytes


def station_id_of(packet: Packet) -> str:
    """NET_STA of the station that a feed says a packet is of, whatever the record says.

    Raises DataFault when SeedLink has no such name.
    """
    station_id = packet.station_key.replace(".", "_", 1)
    if not _KEY.fullmatch(packet.station_key) or len(station_id) > MOST_STATION_BYTES:
        raise DataFault("record", "its station has no name that SeedLink can say")
    return station_id


def read_header(packet: Packet) -> tuple[str, Outline]:
    """The station id and header of a packet. Raises DataFault when it cannot be served."""
    return station_id_of(packet), outline(packet.content)


def parcel_of(sequence: int, packet: Packet, stream: Stream, header: Outline) -> Parcel:
    """Frame a packet of a stream."""
    content = packet.content
    v3 = frame_v3(sequence, content) if header.fits_v3 else b""
    v4 = frame_v4(header.format, sequence, stream.station_id, content)
    return Parcel(sequence, stream, header.start_ns, header.end_ns, v3, v4)


class Tail:
    """The newest parcels, in order of their numbers.

    first  every parcel from this number on is here
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._parcels: list[Parcel] = []
        self._start = 0
        self._bytes = 0

    def extend(self, parcels: Iterable[Parcel]) -> None:
        """Add parcels with higher numbers than those here; the oldest leave when there are too many."""
        for parcel in parcels:
            self._parcels.append(parcel)
            self._bytes += len(parcel.v4)
        while self._bytes > TAIL_BYTES:
            oldest = self._parcels[self._start]
            self._bytes -= len(oldest.v4)
            self._start += 1
            self.first = oldest.sequence + 1
        # Cut seldom, so that it costs next to nothing per parcel.
        if self._start > len(self._parcels) // 2:
            del self._parcels[: self._start]
            self._start = 0

    def take(self, sequence: int, most: int) -> list[Parcel]:
        """Some parcels from a number on, which is not below first: at most so many, and no more than PIECE_BYTES."""
        begin = bisect_left(self._parcels, sequence, lo=self._start, key=lambda parcel: parcel.sequence)
        return piece_of(self._parcels[begin : begin + most])


def piece_of(parcels: list[Parcel]) -> list[Parcel]:
    """The first of some parcels, together no more than PIECE_BYTES; one at least."""
    taken_bytes = 0
    for number, parcel in enumerate(parcels):
        taken_bytes += len(parcel.v4)
        if number and taken_bytes > PIECE_BYTES:
            return parcels[:number]
    return parcels
