"""Segments into miniSEED, through libmseed."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pymseed

from houfeng.wire.mseed import layout
from houfeng.words.errors import DataFault
from houfeng.words.samples import Samples, Segment
from houfeng.words.source import SourceId

#: The widest difference of Steim 2 has 30 bits with sign (SEED 2.4, appendix B).
_STEIM2_DIFFERENCES = (-(1 << 29), (1 << 29) - 1)

#: Letters there is room for in a version 2 header: network, station, location, channel (SEED 2.4, chapter 8).
_ROOM_2 = (2, 5, 2, 3)


def encode(segments: Iterable[Segment], *, version: Literal[2, 3] = 2, record_length: int = 512) -> bytes:
    """Write segments as miniSEED records, each segment beginning a new record.

    version        2 keeps whole microseconds of time and a rate as fraction or single; 3 keeps both exactly
    record_length  longest record in bytes; in version 2 a power of two, 128 to 131072

    int32 samples are packed as Steim 2, or as plain integers where Steim 2 cannot hold a difference; float64 as such.
    Raises DataFault for a channel whose codes a version 2 header has no room for, or no FDSN source identifier can say.
    """
    records: list[bytes] = []
    for segment in segments:
        records += _records(segment, version, record_length)
    return b"".join(records)


def fits_version_2(source: SourceId) -> bool:
    """Whether a version 2 header has room for these codes."""
    codes = (source.network, source.station, source.location, source.channel)
    return all(len(code) <= room for code, room in zip(codes, _ROOM_2, strict=True))


def _records(segment: Segment, version: int, record_length: int) -> Iterable[bytes]:
    if not segment.source.has_fdsn:
        raise DataFault(segment.source.nslc, "has codes that no FDSN source identifier can say", "rename the channel")
    if version == 2 and not fits_version_2(segment.source):
        raise DataFault(segment.source.nslc, "has codes too long for miniSEED 2", "write it as miniSEED 3")
    packer = pymseed.MS3Record(reclen=record_length, encoding=_encoding(segment.samples))
    packer.formatversion = version
    packer.sourceid = segment.source.fdsn
    packer.starttime = segment.start_ns if version == 3 else round(segment.start_ns, -3)
    packer.samprate = segment.rate_hz
    packer.pubversion = 1
    sample_type = "i" if segment.samples.dtype == np.int32 else "d"
    try:
        return list(packer.generate(np.ascontiguousarray(segment.samples), sample_type))
    except (pymseed.MiniSEEDError, ValueError) as error:
        raise DataFault(segment.source.nslc, f"cannot be written as miniSEED {version}: {error}") from error


def _encoding(samples: Samples) -> int:
    if samples.dtype != np.int32:
        return layout.FLOAT64
    low, high = _STEIM2_DIFFERENCES
    differences = np.diff(samples.astype(np.int64))
    return layout.STEIM2 if bool(np.all((low <= differences) & (differences <= high))) else layout.INT32
