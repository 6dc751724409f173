"""Packets of SeedLink 3 and 4 around a record. Standard library only."""

import struct

from houfeng.wire.seedlink.requests import V3_SEQUENCES

_HEADER_4 = struct.Struct("<2s2sIQB")

#: The longest station id that clients take.
MOST_STATION_BYTES = 21

#: After the last packet in dial-up mode, or of a time window.
END = b"END"


def frame_v3(sequence: int, record: bytes) -> bytes:
    """A packet of version 3.

    sequence  of which the lowest 24 bits are sent
    record    miniSEED 2, 512 bytes
    """
    return b"SL%06X" % (sequence % V3_SEQUENCES) + record


def frame_v4(format_: str, sequence: int, station_id: str, payload: bytes) -> bytes:
    """A packet of version 4.

    format_     format and subformat, two characters
    station_id  NET_STA, at most 21 characters, "" in the answer to INFO
    """
    station = station_id.encode("ascii")
    return _HEADER_4.pack(b"SE", format_.encode("ascii"), len(payload), sequence, len(station)) + station + payload
