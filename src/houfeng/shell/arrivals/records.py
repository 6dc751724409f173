"""Records whose arrival nobody recorded: miniSEED as it is, any other format cut into miniSEED."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from houfeng.shell.arrivals.files import Pieces
from houfeng.shell.arrivals.latency import Latency, synthetic_arrivals
from houfeng.shell.recordings import FIRST_DIGITAL_RECORD_NS
from houfeng.wire import mseed
from houfeng.wire.mseed import RecordIndex
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import DAY_NS
from houfeng.words.packet import NO_SEQUENCE, Packet
from houfeng.words.samples import PacketBatch, Segment, segments_of
from houfeng.words.source import SourceId

#: Room for a second of any channel; a faster one takes several records.
_CUT_BYTES = 1 << 16

#: Arrivals turned into plain numbers at a time.
_AT_A_TIME = 8192


@dataclass(frozen=True, slots=True)
class _Rows:
    """The records of one file with samples in them. taken_ns: when the last sample had been taken, as far as known."""

    path: Path
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    channel: NDArray[np.int32]
    start_ns: NDArray[np.int64]
    taken_ns: NDArray[np.int64]


class Records:
    """Records of files, put in the order in which they would arrive.

    latency  how long they take; None: no file may be added
    now_ns   the present, to tell records dated in the future

    In memory there are some 40 bytes for every record, and no samples. What is cut lies in a file without a name,
    in the folder for temporary files, until close().
    """

    def __init__(self, latency: Latency, now_ns: int) -> None:
        self._latency = latency
        self._now_ns = now_ns
        self._numbers: dict[SourceId, int] = {}
        self._rows: list[_Rows] = []
        self._pieces = Pieces()
        self._scratch = tempfile.NamedTemporaryFile(prefix="houfeng-")  # noqa: SIM115  close() ends it
        self._cut_bytes = 0
        self._lost: dict[Path, int] = {}

    @property
    def channels(self) -> tuple[SourceId, ...]:
        """Every channel with records, in the order in which they were added."""
        return tuple(self._numbers)

    def add(self, path: Path, index: RecordIndex) -> tuple[Finding, ...]:
        """Take the records of a miniSEED file; returns what is odd about their clocks."""
        rows = self._rows_of(path, index)
        self._rows.append(rows)
        return tuple(odd_clocks(path, rows.start_ns, self._now_ns))

    def add_cut(self, path: Path, batches: tuple[PacketBatch, ...]) -> tuple[Finding, ...]:
        """Take the samples of a file of another format, cut into records of a second."""
        findings: dict[str, Finding] = {}
        content = bytearray()
        for segment in (piece for batch in batches for whole in segments_of(batch) for piece in _seconds(whole)):
            try:
                content += mseed.encode([segment], version=3, record_length=_CUT_BYTES)
            except DataFault as fault:
                station = segment.source.nslc
                findings.setdefault(station, Finding("not-played", fault.reason, str(path), station))
        if not content:
            return tuple(findings.values())
        rows = self._rows_of(Path(self._scratch.name), mseed.index(content))
        self._rows.append(replace(rows, offset=rows.offset + self._cut_bytes))
        self._scratch.write(content)
        self._scratch.flush()
        self._cut_bytes += len(content)
        return (*findings.values(), *odd_clocks(path, rows.start_ns, self._now_ns))

    def packets(self) -> Iterator[Packet]:
        """Packets in order of arrival, read as they are asked for."""
        if not self._rows:
            return
        sources = tuple(self._numbers)
        keys = [source.station_key for source in sources]
        file = np.repeat(np.arange(len(self._rows), dtype=np.int32), [len(rows.offset) for rows in self._rows])
        offset = np.concatenate([rows.offset for rows in self._rows])
        length = np.concatenate([rows.length for rows in self._rows])
        channel = np.concatenate([rows.channel for rows in self._rows])
        start_ns = np.concatenate([rows.start_ns for rows in self._rows])
        taken_ns = np.concatenate([rows.taken_ns for rows in self._rows])
        arrival_ns = synthetic_arrivals(sources, channel, start_ns, taken_ns, self._latency)
        order = np.lexsort((start_ns, arrival_ns))
        for first in range(0, len(order), _AT_A_TIME):
            rows = order[first : first + _AT_A_TIME]
            columns = [column[rows].tolist() for column in (file, offset, length, channel, arrival_ns)]
            for number, begin, size, which, when_ns in zip(*columns, strict=True):
                path = self._rows[number].path
                content = self._pieces.read(path, begin, size)
                if content is None:
                    self._lost[path] = self._lost.get(path, 0) + 1
                else:
                    yield Packet("recording", keys[which], NO_SEQUENCE, when_ns, content)

    def take_findings(self) -> tuple[Finding, ...]:
        """What could not be read again, since the last call."""
        lost, self._lost = self._lost, {}
        return tuple(
            Finding("unreadable", f"{count} records could no longer be read", str(path)) for path, count in lost.items()
        )

    def close(self) -> None:
        """Close every file, and let go of what was cut."""
        self._pieces.close()
        self._scratch.close()

    def _rows_of(self, path: Path, index: RecordIndex) -> _Rows:
        spoken = index.sample_count > 0
        numbers = [self._numbers.setdefault(source, len(self._numbers)) for source in index.channels]
        start_ns, end_ns = index.start_ns[spoken], index.end_ns[spoken]
        return _Rows(
            path,
            index.offset[spoken],
            index.length[spoken],
            np.array(numbers, dtype=np.int32)[index.channel[spoken]],
            start_ns,
            believable(end_ns, (start_ns >= FIRST_DIGITAL_RECORD_NS) & (end_ns <= self._now_ns)),
        )


def believable(end_ns: NDArray[np.int64], good: NDArray[np.bool_]) -> NDArray[np.int64]:
    """When the records of a file had been taken: those with a wrong clock, with the sound one before them.

    A recorder writes what it gets: what stands between two records of a file came between them, whatever its clock
    said. Where no clock is sound, all are believed.
    """
    if not good.any():
        return end_ns
    before = np.maximum.accumulate(np.where(good, np.arange(len(good)), -1))
    before[before < 0] = np.flatnonzero(good)[0]
    taken_ns: NDArray[np.int64] = end_ns[before]
    return taken_ns


def odd_clocks(path: Path, start_ns: NDArray[np.int64], now_ns: int) -> Iterator[Finding]:
    """Records dated before digital seismology or in the future."""
    early = start_ns[start_ns < FIRST_DIGITAL_RECORD_NS]
    if len(early):
        reason = f"{len(early)} records are dated before 1982: a clock that was reset"
        yield Finding("clock-reset", reason, str(path), time_ns=int(early.min()))
    late = start_ns[start_ns > now_ns + DAY_NS]
    if len(late):
        yield Finding(
            "clock-future", f"{len(late)} records are dated in the future", str(path), time_ns=int(late.min())
        )


def _seconds(segment: Segment) -> Iterator[Segment]:
    """A segment in pieces of about a second."""
    size = max(1, round(segment.rate_hz))
    for first in range(0, len(segment.samples), size):
        yield replace(segment, start_ns=segment.time_ns(first), samples=segment.samples[first : first + size])
