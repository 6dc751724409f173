"""How fast miniSEED is decoded: our bulk decoder beside pymseed and ObsPy, in one run.

    python bench/decode.py

Records of one second and 100 samples, Steim 2, as a station sends them live. Times are CPU seconds, the best of
several runs; quote the ratios, the absolutes depend on the machine.
"""

import io
import time
from collections.abc import Callable

import numpy as np
import obspy
import pymseed

from houfeng.wire import mseed
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

#: Distinct channels and seconds of each: 50,000 records, about what a nation's network sends in a second.
CHANNELS, SECONDS = 500, 100

#: Records given to the slow ways, so that the whole takes well under a minute.
FEW = 500

RATE_HZ = 100.0
START_NS = 1_700_000_000 * 10**9


def records(version: int = 2) -> list[bytes]:
    """One-second records of ground noise on CHANNELS channels, the same every time."""
    rng = np.random.default_rng(20230726)
    made = []
    for channel in range(CHANNELS):
        walk = np.cumsum(rng.normal(0, 30, int(RATE_HZ)) + rng.normal(0, 20, int(RATE_HZ))).astype(np.int32)
        source = SourceId("XX", f"S{channel:03d}", "00", "HHZ")
        made.append(mseed.encode([Segment(source, START_NS, RATE_HZ, walk)], version=2 if version == 2 else 3))
    return made


def best_s(work: Callable[[], object], runs: int = 5) -> float:
    """Least CPU time of some runs, s."""
    times = []
    for _ in range(runs):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def per_s(count: int, work: Callable[[], object]) -> float:
    """Records per second of CPU time."""
    return count / best_s(work)


def rows() -> list[tuple[str, float, str, float | None, str]]:
    """What bench/run.py prints."""
    few_v2, few_v3 = records(2), records(3)
    bulk_v2, bulk_v3, slow = b"".join(few_v2 * SECONDS), b"".join(few_v3 * SECONDS), b"".join(few_v2[:FEW])
    batch = b"".join(few_v2[:300])
    many = CHANNELS * SECONDS
    mseed.decode(slow)  # compiled before it is timed
    mseed.index(slow)
    in_bulk = per_s(many, lambda: mseed.decode(bulk_v2))
    in_batches = per_s(300, lambda: mseed.decode(batch))
    trace_list = per_s(many, lambda: pymseed.MS3TraceList.from_buffer(bulk_v2, unpack_data=True))
    objects = per_s(20 * FEW, lambda: _record_objects(slow * 20))
    together = per_s(FEW, lambda: obspy.read(io.BytesIO(slow), format="MSEED"))
    singly = per_s(FEW // 5, lambda: _one_by_one(few_v2[: FEW // 5]))
    return [
        ("miniSEED 2, concatenated", in_bulk, "records", trace_list, "pymseed trace list"),
        ("the same", in_bulk, "records", objects, "pymseed record objects"),
        ("the same", in_bulk, "records", together, "ObsPy"),
        ("miniSEED 2, batches of 300", in_batches, "records", objects, "pymseed record objects"),
        ("the same", in_batches, "records", singly, "ObsPy, record by record"),
        ("miniSEED 3, concatenated", per_s(many, lambda: mseed.decode(bulk_v3)), "records", None, ""),
        ("miniSEED 2, index alone", per_s(many, lambda: mseed.index(bulk_v2)), "records", None, ""),
    ]


def _record_objects(data: bytes) -> int:
    """Read each record with its name, time and samples."""
    total = 0
    for record in pymseed.MS3Record.from_buffer(data, unpack_data=True):
        total += len(record.sourceid) + record.starttime + len(record.np_datasamples)
    return total


def _one_by_one(some: list[bytes]) -> None:
    for record in some:
        obspy.read(io.BytesIO(record), format="MSEED")


if __name__ == "__main__":
    for what, rate, unit, beside, peer in rows():
        print(f"{what:30}{rate:14,.0f} {unit}" + (f"{rate / beside:10,.1f} x {peer}" if beside else ""))
