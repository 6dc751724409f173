"""Recordings on disk, played in time order.

Files are indexed first (headers only for miniSEED), so that a folder of any size and any order is
streamed by time with only the present moment in memory.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.acquire import SLICE_NS, picked
from houfeng.wire import mseed
from houfeng.wire.decoded import Decoded, batches_of
from houfeng.wire.mseed.recognise import begins_with_record
from houfeng.wire.waveforms import read_waveforms, stations_from_waveforms
from houfeng.words.errors import DataFault, HoufengError, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import DAY_NS, NS_PER_S
from houfeng.words.samples import PacketBatch, Segment, segments_of
from houfeng.words.source import SourceId
from houfeng.words.station import Station

#: A file of any other format is read whole; beyond this it is refused rather than filling memory.
LARGEST_WHOLE_FILE_BYTES = 512 * 2**20

#: Before this no digital seismograph kept time: a record dated earlier has a clock that was reset.
FIRST_DIGITAL_RECORD_NS = 378_691_200 * NS_PER_S  # 1982-01-01

#: Enough of a file's beginning to tell its format.
SNIFFED_BYTES = 8192


@dataclass(frozen=True, slots=True)
class _Source:
    """One file: its packets' times, and how to get any of them.

    offset, length  where each record of a miniSEED file lies
    held            the packets themselves, of any other format
    """

    path: Path
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    channels: tuple[SourceId, ...]
    offset: NDArray[np.int64] | None = None
    length: NDArray[np.int64] | None = None
    held: tuple[PacketBatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Recordings:
    """Indexed files, ready to be played.

    stations  what self-describing files (K-NET, SAC) say of their own stations
    findings  everything odd met while indexing
    """

    stations: tuple[Station, ...]
    findings: tuple[Finding, ...]
    _sources: tuple[_Source, ...]
    _present_ns: int

    @property
    def channels(self) -> tuple[SourceId, ...]:
        """Every channel with samples, in order."""
        return tuple(sorted({channel for source in self._sources for channel in source.channels}))

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """First and last instant of all samples, or None without any."""
        if not self._sources:
            return None
        return (
            min(int(source.start_ns.min()) for source in self._sources),
            max(int(source.end_ns.max()) for source in self._sources),
        )

    def files_of(self, stations: Collection[str]) -> tuple[Path, ...]:
        """The files that have packets of any of these stations (NET.STA), in order."""
        return tuple(source.path for source in self._sources if _any_of(source.channels, stations))

    def only(self, stations: Collection[str]) -> "Recordings":
        """The recordings of these stations (NET.STA) and no others."""
        sources = (_only(source, stations) for source in self._sources if _any_of(source.channels, stations))
        return replace(self, _sources=tuple(source for source in sources if source is not None))

    def slice_numbers(self) -> NDArray[np.int64]:
        """The slices play() gives, by number: slice n begins at n * SLICE_NS."""
        starts = [np.unique(source.start_ns // SLICE_NS) for source in self._sources]
        return np.unique(np.concatenate(starts)) if starts else np.empty(0, dtype=np.int64)

    def play(self) -> Iterator[tuple[int, tuple[PacketBatch, ...], tuple[Finding, ...]]]:
        """Every packet once, in slices of time: (now_ns, batches, findings).

        now_ns is where the slice begins: every packet that starts before it has been given out. It never runs
        ahead of the present, so a record dated in the future does not move the clock.
        """
        if not self._sources:
            return
        start_ns = np.concatenate([source.start_ns for source in self._sources])
        which = np.repeat(np.arange(len(self._sources)), [len(source.start_ns) for source in self._sources])
        within = np.concatenate([np.arange(len(source.start_ns)) for source in self._sources])
        order = np.argsort(start_ns, kind="stable")
        slices = start_ns[order] // SLICE_NS
        edges = np.flatnonzero(np.diff(slices, prepend=slices[0] - 1))
        for begin, end in zip(edges, [*edges[1:], len(order)], strict=True):
            chosen = order[begin:end]
            batches: list[PacketBatch] = []
            findings: list[Finding] = []
            for number in np.unique(which[chosen]):
                decoded = _packets(self._sources[number], within[chosen[which[chosen] == number]])
                batches.extend(decoded.batches)
                findings.extend(decoded.findings)
            yield min(int(slices[begin] * SLICE_NS), self._present_ns), tuple(batches), tuple(findings)


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Files named by paths, folders (all files below) and globs, each once, in name order.

    Raises WorldFault for a pattern that matches nothing.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path, anchor = Path(pattern), Path(Path(pattern).anchor)
        try:
            named = [path] if path.exists() else sorted(anchor.glob(str(path.relative_to(anchor))))
            files = [file for each in named for file in _files(each)]
        except OSError as error:  # such as a name too long, or a folder that may not be read
            raise WorldFault(pattern, error.strerror or str(error), "check the path") from error
        except ValueError as error:  # such as the glob "**x"
            raise WorldFault(pattern, str(error), "check the path") from error
        if not files:
            raise WorldFault(pattern, "no such file or folder, or it is empty", "check the path")
        found.update(dict.fromkeys(files))
    return list(found)


def _files(path: Path) -> list[Path]:
    """A file itself; of a folder all files below it, without hidden ones."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    return [path] if path.is_file() else []


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises WorldFault when it cannot be read, DataFault when it is too large to hold."""
    try:
        size = path.stat().st_size
        if size > LARGEST_WHOLE_FILE_BYTES:
            raise DataFault(str(path), f"{size / 2**20:.0f} MB is too large to read whole", "split it, or use miniSEED")
        return path.read_bytes()
    except OSError as error:
        raise WorldFault(str(path), error.strerror or str(error), "check the path and its permissions") from error


def open_recordings(paths: Sequence[Path], *, now_ns: int) -> Recordings:
    """Index files of any waveform format. What cannot be read becomes a finding, never an exception.

    now_ns  the present, to tell records dated in the future
    """
    sources: list[_Source] = []
    stations: list[Station] = []
    findings: list[Finding] = []
    for path in paths:
        try:
            source, described, odd = _index(path)
        except HoufengError as error:
            findings.append(Finding("unreadable", error.reason, file=str(path)))
            continue
        findings.extend(odd)
        stations.extend(described)
        if source is not None and len(source.start_ns):
            sources.append(source)
            findings.extend(_odd_clocks(source, now_ns))
    return Recordings(tuple(stations), tuple(findings), tuple(sources), now_ns)


def _index(path: Path) -> tuple[_Source | None, tuple[Station, ...], tuple[Finding, ...]]:
    if not begins_with_record(_head(path)):
        data = read_bytes(path)
        decoded = read_waveforms(data, str(path))
        return _held(path, decoded), stations_from_waveforms(data, str(path)), decoded.findings
    index = mseed.index(_mapped(path), file=str(path))
    spoken = index.sample_count > 0
    source = _Source(
        path, index.start_ns[spoken], index.end_ns[spoken], index.channels, index.offset[spoken], index.length[spoken]
    )
    return source, (), index.findings


def _held(path: Path, decoded: Decoded) -> _Source | None:
    """Keep packets in memory, cut so short that no channel runs far ahead of the others when played."""
    whole = batches_of(piece for batch in decoded.batches for piece in _cut(batch))
    if not whole:
        return None
    start_ns = np.concatenate([batch.start_ns for batch in whole])
    count = np.concatenate([np.diff(batch.offset) for batch in whole])
    rate_hz = np.concatenate([batch.rate_hz for batch in whole])
    end_ns = start_ns + np.rint(count / rate_hz * NS_PER_S).astype(np.int64)
    channels = tuple(dict.fromkeys(source for batch in whole for source in batch.channels))
    return _Source(path, start_ns, end_ns, channels, held=whole)


def _any_of(channels: tuple[SourceId, ...], stations: Collection[str]) -> bool:
    return any(source.station_key in stations for source in channels)


def _only(source: _Source, stations: Collection[str]) -> _Source | None:
    """The rows of a file that are of these stations; None without any."""
    wanted = tuple(channel for channel in source.channels if channel.station_key in stations)
    if len(wanted) == len(source.channels):
        return source
    if source.offset is None or source.length is None:
        kept = [picked(batch, np.flatnonzero(_mine(batch.channels, stations)[batch.channel])) for batch in source.held]
        return _held(source.path, Decoded(tuple(batch for batch in kept if len(batch))))
    index = mseed.index(_mapped(source.path))
    spoken = index.sample_count > 0
    rows = _mine(index.channels, stations)[index.channel[spoken]]
    if not rows.any():
        return None
    return replace(
        source,
        start_ns=source.start_ns[rows],
        end_ns=source.end_ns[rows],
        channels=wanted,
        offset=source.offset[rows],
        length=source.length[rows],
    )


def _mine(channels: tuple[SourceId, ...], stations: Collection[str]) -> NDArray[np.bool_]:
    return np.array([channel.station_key in stations for channel in channels], dtype=np.bool_)


def _cut(batch: PacketBatch) -> Iterator[Segment]:
    for packet in segments_of(batch):
        size = max(1, int(SLICE_NS / NS_PER_S * packet.rate_hz))
        for first in range(0, len(packet.samples), size):
            yield replace(packet, start_ns=packet.time_ns(first), samples=packet.samples[first : first + size])


def _packets(source: _Source, rows: NDArray[np.int64]) -> Decoded:
    """Chosen packets of a file."""
    if source.offset is not None and source.length is not None:
        return mseed.decode_records(
            _mapped(source.path), source.offset[rows], source.length[rows], file=str(source.path)
        )
    batches, base = [], 0
    for batch in source.held:
        mine = rows[(rows >= base) & (rows < base + len(batch))] - base
        base += len(batch)
        if len(mine):
            batches.append(picked(batch, mine))
    return Decoded(tuple(batches))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SNIFFED_BYTES)
    except OSError as error:
        raise WorldFault(str(path), error.strerror or str(error), "check the path and its permissions") from error


def _mapped(path: Path) -> NDArray[np.uint8]:
    """A file as an array of bytes, read only where it is looked at."""
    try:
        return np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:  # numpy maps nothing into nothing with a ValueError
        raise WorldFault(str(path), str(error), "check the path and its permissions") from error


def _odd_clocks(source: _Source, now_ns: int) -> Iterator[Finding]:
    """Records dated before digital seismology or in the future: played where they say, and said."""
    early = source.start_ns < FIRST_DIGITAL_RECORD_NS
    if early.any():
        reason = f"{np.count_nonzero(early)} records are dated before 1982: a clock that was reset"
        yield Finding("clock-reset", reason, file=str(source.path), time_ns=int(source.start_ns[early].min()))
    late = source.start_ns > now_ns + DAY_NS
    if late.any():
        reason = f"{np.count_nonzero(late)} records are dated in the future"
        yield Finding("clock-future", reason, file=str(source.path), time_ns=int(source.start_ns[late].min()))
