"""miniSEED into samples, in bulk."""

import numpy as np
import pymseed
from numpy.typing import NDArray

from houfeng.wire.decoded import Decoded, keep_finite
from houfeng.wire.mseed import layout
from houfeng.wire.mseed.payload import SPARE, unpack
from houfeng.wire.mseed.records import Buffer, Records, all_records, chosen_records
from houfeng.wire.mseed.walk import note_problem
from houfeng.words.finding import Finding
from houfeng.words.samples import PacketBatch, Samples


def decode(data: Buffer, *, file: str = "") -> Decoded:
    """Read every record of a buffer of miniSEED 2 and 3.

    data  bytes-like (bytes, memoryview, mmap), any length; records of both versions may be mixed with anything else
    file  named in the findings

    One packet per record that carries samples, in the order of the buffer. Records without samples (text, detections,
    headers alone) are passed over. What is damaged is left out, with a finding; nothing in the bytes makes this raise.
    Sources: SEED 2.4 manual; FDSN miniSEED 3 specification. Checked against libmseed record by record.
    """
    return _samples(all_records(data), file)


def decode_records(data: Buffer, offsets: NDArray[np.int64], lengths: NDArray[np.int64], *, file: str = "") -> Decoded:
    """Read chosen records of a buffer, in the order given, as decode() does.

    offsets, lengths  bytes, as told by index()
    """
    return _samples(chosen_records(data, offsets, lengths), file)


def _samples(records: Records, file: str) -> Decoded:
    rows, faults = records.rows, records.faults
    floating = layout.IS_FLOAT[rows["encoding"]]
    count = rows["count"].astype(np.int64)
    integers = np.empty(int(count[~floating].sum()) + SPARE, dtype=np.int32)
    floats = np.empty(int(count[floating].sum()), dtype=np.float64)
    filled = np.zeros(2, dtype=np.int64)
    k = 0
    while True:
        k = unpack(records.b, rows, k, filled, integers, floats, faults.told, faults.problems)
        if k == len(rows):
            break
        _unpack_by_libmseed(records, k, filled, integers, floats)
        k += 1
    batches: list[PacketBatch] = []
    findings: list[Finding] = []
    for chosen, samples in ((~floating, integers[: filled[0]]), (floating, floats[: filled[1]])):
        if len(samples):
            batch, not_finite = keep_finite(_batch(records, chosen & (rows["count"] > 0), samples), file)
            findings.extend(not_finite)
            batches.extend([batch] if len(batch) else [])
    return Decoded(tuple(batches), (*faults.findings(records.b, file), *findings))


def _unpack_by_libmseed(
    records: Records,
    k: int,
    filled: NDArray[np.int64],
    integers: NDArray[np.int32],
    floats: NDArray[np.float64],
) -> None:
    """Decode record k, in one of the encodings of old networks, with libmseed."""
    row = records.rows[k]
    start = int(row["offset"])
    record = records.b[start : start + int(row["length"])].tobytes()
    try:
        samples = pymseed.MS3Record.parse(record, unpack_data=True).np_datasamples
    except (pymseed.MiniSEEDError, ValueError):
        samples = np.empty(0)
    if len(samples) != row["count"]:
        row["count"] = 0
        note_problem(layout.BAD_PAYLOAD, int(row["length"]), row, records.faults.told, records.faults.problems)
        return
    kind = int(layout.IS_FLOAT[row["encoding"]])
    target = floats if kind else integers
    target[filled[kind] : filled[kind] + len(samples)] = samples
    filled[kind] += len(samples)


def _batch(records: Records, chosen: NDArray[np.bool_], samples: Samples) -> PacketBatch:
    rows = records.rows[chosen]
    offset = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(rows["count"], out=offset[1:])
    return PacketBatch(
        channels=records.channels,
        channel=rows["channel"].copy(),
        start_ns=rows["start_ns"].copy(),
        rate_hz=rows["rate_hz"].copy(),
        offset=offset,
        samples=samples,
    )
