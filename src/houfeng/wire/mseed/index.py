"""What is in a buffer of miniSEED, without decoding it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.mseed.records import Buffer, all_records
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.source import SourceId


@dataclass(frozen=True, slots=True)
class RecordIndex:
    """One row per good record of a buffer, in the order of the buffer.

    offset, length  bytes: where the record lies
    channels        names; channel[i] points into it
    start_ns        instant of the first sample
    end_ns          instant one sampling interval after the last sample; start_ns without samples
    rate_hz         > 0 where there are samples
    sample_count    samples a decode will give if the payload is sound; 0 for text, detections and bare headers
    version         miniSEED format version, 2 or 3
    encoding        FDSN encoding number
    publication     publication version; quality R, D, Q, M of version 2 is 1, 2, 3, 4
    findings        records left out, and why
    """

    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    channels: tuple[SourceId, ...]
    channel: NDArray[np.int32]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    rate_hz: NDArray[np.float64]
    sample_count: NDArray[np.int64]
    version: NDArray[np.uint8]
    encoding: NDArray[np.uint8]
    publication: NDArray[np.uint8]
    findings: tuple[Finding, ...]

    def __len__(self) -> int:
        return len(self.offset)


def index(data: Buffer, *, file: str = "") -> RecordIndex:
    """List the records of a buffer of miniSEED 2 and 3 without decoding their samples.

    data  bytes-like, as for decode()
    file  named in the findings

    Headers and check sums are verified as in decode(); whether a payload is sound shows only on decoding.
    """
    records = all_records(data)
    rows = records.rows
    count = rows["count"].astype(np.int64)
    span_ns = np.divide(count * float(NS_PER_S), rows["rate_hz"], out=np.zeros(len(rows)), where=count > 0)
    return RecordIndex(
        offset=rows["offset"].copy(),
        length=rows["length"].astype(np.int64),
        channels=records.channels,
        channel=rows["channel"].copy(),
        start_ns=rows["start_ns"].copy(),
        end_ns=rows["start_ns"] + np.rint(span_ns).astype(np.int64),
        rate_hz=rows["rate_hz"].copy(),
        sample_count=count,
        version=rows["version"].copy(),
        encoding=rows["encoding"].copy(),
        publication=rows["publication"].copy(),
        findings=records.faults.findings(records.b, file),
    )
