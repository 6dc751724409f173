"""miniSEED 2 and 3 in bulk: bytes to packets, packets to bytes."""

from houfeng.wire.decoded import Decoded
from houfeng.wire.mseed.decode import decode, decode_records
from houfeng.wire.mseed.encode import encode, fits_version_2
from houfeng.wire.mseed.index import RecordIndex, index

__all__ = ["Decoded", "RecordIndex", "decode", "decode_records", "encode", "fits_version_2", "index"]
