"""A recording as the packets a centre would have had, in the order in which they reached it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from houfeng.shell.arrivals.devices import Devices
from houfeng.shell.arrivals.latency import Latency
from houfeng.shell.arrivals.records import Records
from houfeng.shell.arrivals.table import Table, is_table, table_of
from houfeng.shell.recordings import read_bytes
from houfeng.wire import mseed
from houfeng.wire.mseed.recognise import begins_with_record
from houfeng.wire.openeew import is_openeew
from houfeng.wire.waveforms import read_waveforms, stations_from_waveforms
from houfeng.words.errors import HoufengError, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.source import SourceId
from houfeng.words.station import Station

__all__ = ["Arrivals", "Latency", "open_arrivals"]

#: Enough of a file's beginning to tell its format: OpenEEW's first line can be this long.
_SNIFFED_BYTES = 65_536


class _Played(Protocol):
    """Packets of some files, by arrival."""

    def packets(self) -> Iterator[Packet]: ...

    def take_findings(self) -> tuple[Finding, ...]: ...

    def close(self) -> None: ...


class Arrivals:
    """Recorded packets, ready to be played by arrival.

    channels  every channel with samples, in order
    stations  what self-describing files say of their own stations
    span_ns   first and last instant of all samples, or None without any
    findings  everything odd met on opening, and what had to be assumed
    """

    def __init__(
        self,
        channels: tuple[SourceId, ...],
        stations: tuple[Station, ...],
        span_ns: tuple[int, int] | None,
        findings: tuple[Finding, ...],
        played: Sequence[_Played],
    ) -> None:
        self.channels = channels
        self.stations = stations
        self.span_ns = span_ns
        self.findings = findings
        self._played = played

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Packet]:
        """Every packet once, in order of arrival_ns; feed "recording", without sequence numbers. Once only.

        Raises WorldFault when a table of arrivals cannot be read on.
        """
        return merge(*(each.packets() for each in self._played), key=lambda packet: packet.arrival_ns)

    def take_findings(self) -> tuple[Finding, ...]:
        """What was odd about what has been played since the last call; ask again after the last packet."""
        return tuple(finding for each in self._played for finding in each.take_findings())

    def close(self) -> None:
        """Close every file."""
        for each in self._played:
            each.close()


def open_arrivals(paths: Sequence[Path], *, latency: Latency | None, now_ns: int) -> Arrivals:
    """Index files of any waveform format by when their packets reached the centre. Samples stay on disk.

    latency  how long records take of which nobody recorded when they arrived: neither a table arrivals.csv, beside
             the file or in the folder above, nor the packet itself (OpenEEW); None when that may not be assumed
    now_ns   the present, to tell records dated in the future

    What cannot be read becomes a finding. Raises WorldFault, naming the first file, when a latency is needed.
    """
    opening = _Opening(latency, now_ns)
    for path in paths:
        try:
            opening.take(path)
        except HoufengError as error:
            opening.findings.append(Finding("unreadable", error.reason, str(path)))
    return opening.arrivals()


class _Opening:
    """Files sorted by where their arrivals come from."""

    def __init__(self, latency: Latency | None, now_ns: int) -> None:
        self._latency = latency
        self._records = Records(latency or Latency(0.0), now_ns)
        self._devices = Devices(latency)
        self._tables: dict[Path, dict[str, Path]] = {}
        self._channels: dict[SourceId, None] = {}
        self._stations: list[Station] = []
        self._spans: list[tuple[int, int]] = []
        self._timeless: list[Path] = []
        self._cut = 0
        self.findings: list[Finding] = []

    def take(self, path: Path) -> None:
        """Look at a file; tables of arrivals are looked at when they are needed."""
        head = _head(path)
        if is_table(path):
            return
        if begins_with_record(head):
            self._take_records(path)
        elif is_openeew(head):
            self.findings += self._devices.add(path)
        else:
            self._take_other(path)

    def arrivals(self) -> Arrivals:
        """All that was taken."""
        if self._timeless and self._latency is None:
            self._records.close()
            reason = "nobody recorded when its packets arrived"
            raise WorldFault(str(self._timeless[0]), reason, "say how long they take with --latency")
        channels = tuple(sorted({*self._channels, *self._devices.channels}))
        spans = [*self._spans, *filter(None, [self._devices.span_ns])]
        span_ns = (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None
        tables = [Table(table, files) for table, files in self._tables.items()]
        findings = (*self.findings, *self._assumptions())
        return Arrivals(channels, tuple(self._stations), span_ns, findings, [*tables, self._devices, self._records])

    def _take_records(self, path: Path) -> None:
        index = mseed.index(_mapped(path), file=str(path))
        self.findings += index.findings
        spoken = index.sample_count > 0
        if not spoken.any():
            return
        self._channels.update(dict.fromkeys(index.channels[k] for k in np.unique(index.channel[spoken])))
        self._spans.append((int(index.start_ns[spoken].min()), int(index.end_ns[spoken].max())))
        table = table_of(path)
        if table is None:
            self._timeless.append(path)
            self.findings += self._records.add(path, index)
        else:
            name = path.absolute().relative_to(table.parent).as_posix()
            self._tables.setdefault(table, {})[name] = path

    def _take_other(self, path: Path) -> None:
        data = read_bytes(path)
        decoded = read_waveforms(data, str(path))
        self._stations += stations_from_waveforms(data, str(path))
        self.findings += decoded.findings
        for batch in decoded.batches:
            self._channels.update(dict.fromkeys(batch.channels))
            lasted_ns = np.rint(np.diff(batch.offset) / batch.rate_hz * NS_PER_S).astype(np.int64)
            self._spans.append((int(batch.start_ns.min()), int((batch.start_ns + lasted_ns).max())))
        if decoded.batches:
            self._timeless.append(path)
            self._cut += 1
            self.findings += self._records.add_cut(path, decoded.batches)

    def _assumptions(self) -> Iterator[Finding]:
        """What the recording does not say, and is played as if it had."""
        if self._timeless and self._latency is not None:
            jitter = f" and up to {self._latency.jitter_s:g} s more" if self._latency.jitter_s else ""
            took = f"{self._latency.constant_s:g} s{jitter} after its last sample (seed {self._latency.seed})"
            yield Finding("assumed-arrivals", f"in {len(self._timeless)} files every record is taken to arrive {took}")
        if self._cut:
            yield Finding("assumed-packets", f"{self._cut} files are not packets: cut into records of a second")


def _head(path: Path) -> bytes:
    with _faults(path), path.open("rb") as file:
        return file.read(_SNIFFED_BYTES)


def _mapped(path: Path) -> NDArray[np.uint8]:
    """A file as an array of bytes, read only where it is looked at."""
    with _faults(path):
        return np.memmap(path, dtype=np.uint8, mode="r")


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fault = WorldFault(str(path), error.strerror or str(error), "check the path and its permissions")
        raise fault from error
