"""The waveform archive: miniSEED day files in an SDS tree.

Layout: YEAR/NET/STA/CHAN.D/NET.STA.LOC.CHAN.D.YEAR.DAY, days in UTC.
Source: SeisComP Data Structure (SDS) 1.0, GEOFON/GFZ.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, cast

import numpy as np

from houfeng.shell.archive.files import RECORD_BYTES, TICK_NS, DayFiles, fault_of
from houfeng.shell.archive.lock import Part
from houfeng.wire import mseed
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import DAY_NS, LATEST_NS, NS_PER_S
from houfeng.words.samples import PacketBatch, Samples, Segment, segments_of
from houfeng.words.source import SourceId, parse_source

#: SDS's letter for waveforms; its others (log, timing ...) are not written here.
_TYPE = "D"

#: Samples of one channel held back so that records fill up: about four records of 512 bytes of quiet ground.
RUN_SAMPLES = 2048

#: Nor is any held back for longer than this, in data time: how records are cut must follow from the samples alone, not
#: from when the archive was flushed.
RUN_NS = 300 * NS_PER_S

#: Years that readers of miniSEED 2 believe (libmseed). Any other is written as version 3.
_YEARS_2 = (1901, 2099)


class Archive:
    """An SDS tree that is only ever appended to, each channel by one process at a time, and read by any.

    root  the folder that holds the years; made when the first sample is written
    part  the channels this process alone writes, while others write the others; None for all

    A sample that the archive holds already (within half a sampling interval) is not written again, whatever its
    value, so that giving the same packets twice, or again after a crash, changes nothing.
    What has been appended may stay in memory until flush() returns; from then on it survives a crash.
    Times are kept to the microsecond, which is what miniSEED 2 holds.
    """

    def __init__(self, root: Path, part: Part | None = None) -> None:
        self._root = root
        self._files = DayFiles(root, part)
        self._pending: dict[SourceId, _Run] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def append(self, batch: PacketBatch) -> None:
        """Add packets, in any order, of any channels.

        Raises WorldFault naming the file when the disk refuses; the other channels are kept all the same, and
        the whole batch may be given again once the cause is gone.
        """
        faults = []
        for packet in segments_of(batch):
            if self._can_be_named(packet.source):
                try:
                    self._take(packet.source, packet.start_ns, packet.rate_hz, packet.samples)
                except WorldFault as fault:
                    faults.append(fault)
        _raise_first(faults)

    def flush(self, before_ns: int = LATEST_NS) -> None:
        """Make durable what was appended so far, runs of samples that begin before an instant at the least.

        Runs that begin later may be left to fill whole records. Raises WorldFault when some of it could not be.
        """
        faults = []
        for source in [source for source, run in self._pending.items() if run.start_ns < before_ns]:
            try:
                self._write_pending(source)
            except WorldFault as fault:
                faults.append(fault)
        _raise_first([*faults, *self._files.sync()])

    def close(self) -> None:
        """Flush, and let go of files and lock."""
        try:
            self.flush()
        finally:
            self._files.close()

    def read(self, source: SourceId, start_ns: int, end_ns: int) -> list[Segment]:
        """Samples taken from start_ns up to but not including end_ns, as unbroken segments in time order.

        Overlaps, which only files of other writers have, keep what starts first. Damaged records are left out:
        see take_findings(). Raises WorldFault when a file cannot be read.
        """
        if source in self._pending:
            self._write_pending(source)
        pieces: list[Segment] = []
        # Other writers may let a record run on past midnight, so the day before counts too.
        for path in self._day_paths(source, start_ns - DAY_NS, end_ns):
            try:
                decoded = mseed.decode(path.read_bytes())
            except OSError as error:
                raise fault_of(path, error) from error
            self._files.tell(path, decoded.findings)
            for batch in decoded.batches:
                pieces += _cut(batch, source, start_ns, end_ns)
        return _joined(source, pieces)

    def channels(self) -> list[SourceId]:
        """Every channel that has a day file or is about to, sorted."""
        found = set(self._pending)
        for path in self._root.glob(f"[0-9][0-9][0-9][0-9]/*/*/*.{_TYPE}/*.{_TYPE}.*.*"):
            try:
                found.add(parse_source(".".join(path.name.split(".")[:4])))
            except ValueError:
                continue  # some other file that strayed here
        return sorted(found)

    def take_findings(self) -> tuple[Finding, ...]:
        """What was odd about files and channels since the last call, each said once."""
        found = tuple(self._files.findings)
        self._files.findings.clear()
        return found

    def _can_be_named(self, source: SourceId) -> bool:
        """Whether a channel has a path of its own. That no code climbs out of the tree, SourceId sees to."""
        if source.network and source.station and source.channel:
            return True
        reason = "SDS has no place for a channel without network, station or channel code"
        self._files.findings[Finding("not-archived", reason, station=source.nslc)] = None
        return False

    def _take(self, source: SourceId, start_ns: int, rate_hz: float, samples: Samples) -> None:
        run = self._pending.get(source)
        if run is not None and not (
            run.count < RUN_SAMPLES
            and start_ns < run.start_ns + RUN_NS
            and run.goes_on_with(start_ns, rate_hz, samples, _exact_ns(rate_hz))
        ):
            self._write_pending(source)
            run = None
        if run is None:
            run = self._pending[source] = _Run(start_ns, rate_hz)
        run.add(samples.copy())  # a slice would keep the whole batch in memory

    def _write_pending(self, source: SourceId) -> None:
        """Write a channel's run. When that fails half-way it stays pending: what is written is not written again."""
        run = self._pending[source]
        whole = run.segment(source)
        for first, last in _days(whole):
            day = self._files.open(self._day_path(source, whole.time_ns(first)))
            segments = [
                _part(whole, first + begin, first + end)
                for begin, end in day.missing(whole.time_ns(first), whole.rate_hz, last - first)
            ]
            if not segments:
                continue
            try:
                records = mseed.encode(segments, version=_version(whole), record_length=RECORD_BYTES)
            except DataFault as fault:
                self._files.tell(day.path, [Finding("not-archived", fault.reason, station=source.nslc)])
                continue
            self._files.append(day, records)
            for segment in segments:
                day.cover(segment.start_ns, segment.end_ns)
        del self._pending[source]

    def _day_path(self, source: SourceId, time_ns: int) -> Path:
        year, day = _year_and_day(time_ns)
        return self._folder(source, f"{year:04d}") / f"{source.nslc}.{_TYPE}.{year:04d}.{day:03d}"

    def _day_paths(self, source: SourceId, start_ns: int, end_ns: int) -> Iterator[Path]:
        """The channel's existing day files from one instant's day to another's, in time order."""
        first, last = _year_and_day(start_ns), _year_and_day(end_ns)
        for year in sorted(path.name for path in self._root.glob("[0-9][0-9][0-9][0-9]")):
            days = self._folder(source, year).glob(f"{source.nslc}.{_TYPE}.{year}.[0-9][0-9][0-9]")
            yield from sorted(path for path in days if first <= (int(year), int(path.name[-3:])) <= last)

    def _folder(self, source: SourceId, year: str) -> Path:
        return self._root / year / source.network / source.station / f"{source.channel}.{_TYPE}"


@dataclass(slots=True)
class _Run:
    """Samples of one channel that follow each other, in the pieces they came in."""

    start_ns: int
    rate_hz: float
    pieces: list[Samples] = field(default_factory=list)
    count: int = 0

    def goes_on_with(self, start_ns: int, rate_hz: float, samples: Samples, slack_ns: float) -> bool:
        """Whether samples are the next ones, on time within slack_ns.

        The time is reckoned from where the run began, so that small differences cannot add up.
        """
        due_ns = self.start_ns + round(self.count / self.rate_hz * NS_PER_S)
        alike = rate_hz == self.rate_hz and samples.dtype == self.pieces[0].dtype
        return alike and abs(start_ns - due_ns) <= slack_ns

    def add(self, samples: Samples) -> None:
        self.pieces.append(samples)
        self.count += len(samples)

    def segment(self, source: SourceId) -> Segment:
        return Segment(source, self.start_ns, self.rate_hz, cast("Samples", np.concatenate(self.pieces)))


def _exact_ns(rate_hz: float) -> float:
    """How closely packets must follow each other for records to run on without saying their time again."""
    interval_ns = NS_PER_S / rate_hz
    # A fiftieth of a sample is far below what a pick can tell; but never closer than the format's own tick.
    return min(max(interval_ns / 50, TICK_NS), interval_ns / 2)


def _version(segment: Segment) -> Literal[2, 3]:
    """Version 2, which every program reads, unless its header has no room for the codes or the year."""
    believed = _YEARS_2[0] <= _year_and_day(segment.start_ns)[0] <= _YEARS_2[1]
    return 2 if believed and mseed.fits_version_2(segment.source) else 3


def _year_and_day(time_ns: int) -> tuple[int, int]:
    """Calendar year and day of that year, from 1."""
    day = np.datetime64(time_ns // DAY_NS, "D")
    year = day.astype("datetime64[Y]")
    return int(str(year)), int((day - year.astype("datetime64[D]")).astype(np.int64)) + 1


def _days(segment: Segment) -> Iterator[tuple[int, int]]:
    """Cut a segment at every midnight UTC: index of the first sample, index after the last."""
    first = 0
    while first < len(segment.samples):
        midnight_ns = (segment.time_ns(first) // DAY_NS + 1) * DAY_NS
        last = min(len(segment.samples), max(_first_from(segment, midnight_ns), first + 1))
        yield first, last
        first = last


def _cut(batch: PacketBatch, source: SourceId, start_ns: int, end_ns: int) -> Iterator[Segment]:
    """The packets of one channel, each cut to the samples taken within a time span."""
    wanted = {channel for channel in batch.channels if channel.fdsn == source.fdsn}
    for packet in segments_of(batch):
        begin = max(0, _first_from(packet, start_ns))
        end = min(len(packet.samples), _first_from(packet, end_ns))
        if packet.source in wanted and begin < end:
            yield replace(_part(packet, begin, end), source=source)


def _joined(source: SourceId, segments: list[Segment]) -> list[Segment]:
    """Segments in time order, joined where they touch; of samples told twice, those of the earlier start."""
    runs: list[_Run] = []
    end_ns = 0
    for segment in sorted(segments, key=lambda segment: (segment.start_ns, -len(segment.samples))):
        half_ns = NS_PER_S / segment.rate_hz / 2
        told = max(0, _first_from(segment, end_ns - half_ns)) if runs else 0
        if told >= len(segment.samples):
            continue
        new = _part(segment, told, len(segment.samples))
        if not (runs and runs[-1].goes_on_with(new.start_ns, new.rate_hz, new.samples, half_ns)):
            runs.append(_Run(new.start_ns, new.rate_hz))
        runs[-1].add(new.samples)
        end_ns = segment.end_ns
    return [run.segment(source) for run in runs]


def _part(segment: Segment, begin: int, end: int) -> Segment:
    samples = segment.samples[begin:end]
    return Segment(segment.source, segment.time_ns(begin), segment.rate_hz, samples)


def _first_from(segment: Segment, time_ns: float) -> int:
    """Index of the first sample taken at or after an instant; below 0 or beyond the end when outside."""
    # Sample times are rounded to whole nanoseconds: half of one keeps that from counting.
    return int(np.ceil((time_ns - segment.start_ns - 0.5) / NS_PER_S * segment.rate_hz))


def _raise_first(faults: list[WorldFault]) -> None:
    if faults:
        raise faults[0]
