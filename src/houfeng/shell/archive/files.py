"""The archive's day files on disk: what each holds, appended to in whole records, made durable on demand."""

import errno
import os
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from houfeng.shell.archive.lock import Part, WriterLock
from houfeng.wire import mseed
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S

#: Length of the records written.
RECORD_BYTES = 512

#: Files held open, well under the 1,024 that systems allow a process by default.
OPEN_FILES = 128

#: Day files whose extents are remembered: a nation's channels over midnight. About 0.5 kB each.
KNOWN_DAYS = 100_000

#: Header times of miniSEED 2 without blockette 1001 come in ticks of this length (SEED 2.4, chapter 8).
TICK_NS = 100_000


@dataclass(slots=True)
class DayFile:
    """What one file holds: whole records up to size, and the time they cover as sorted spans that do not touch."""

    path: Path
    size: int = 0
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def cover(self, start_ns: int, end_ns: int) -> None:
        """Add a span. Spans that meet within a tick are one, or rounding would leave thousands."""
        first = bisect_left(self.ends, start_ns - TICK_NS)
        last = bisect_right(self.starts, end_ns + TICK_NS)
        if first < last:
            start_ns, end_ns = min(start_ns, self.starts[first]), max(end_ns, self.ends[last - 1])
        self.starts[first:last] = [start_ns]
        self.ends[first:last] = [end_ns]

    def missing(self, start_ns: int, rate_hz: float, count: int) -> list[tuple[int, int]]:
        """Which of count samples the file does not hold, as runs of indices: begin, end.

        A sample is held when a span comes within half a sampling interval of it.
        """
        interval_ns = NS_PER_S / rate_hz
        runs, begin = [], 0
        for at in range(bisect_right(self.ends, start_ns + interval_ns / 2), len(self.starts)):
            # Sample i is held when start - half <= t(i) < end - half, as t(end) is one interval after the last.
            held_from = int(np.ceil((self.starts[at] - start_ns) / interval_ns - 0.5))
            held_to = int(np.ceil((self.ends[at] - start_ns) / interval_ns - 0.5))
            if held_from >= count:
                break
            if begin < held_from:
                runs.append((begin, held_from))
            begin = max(begin, held_to)
        if begin < count:
            runs.append((begin, count))
        return runs


class DayFiles:
    """The files below a root folder, each written by one process at a time.

    part      the channels this process alone writes; None for all
    findings  what was odd about them, each once, until somebody clears it
    """

    def __init__(self, root: Path, part: Part | None = None) -> None:
        self.findings: dict[Finding, None] = {}
        self._root = root
        self._days: OrderedDict[Path, DayFile] = OrderedDict()
        self._handles: OrderedDict[Path, int] = OrderedDict()
        self._unsynced: dict[Path, None] = {}
        self._lock = WriterLock(root, part)

    def open(self, path: Path) -> DayFile:
        """What a file holds, be it there or not; a record torn by a crash is cut off its end first.

        Raises WorldFault when the disk refuses, the file is no miniSEED, or another process is writing.
        """
        day = self._days.get(path)
        if day is None:
            self._hold_lock()
            try:
                day = self._recalled(path)
            except OSError as error:
                raise fault_of(path, error) from error
            self._days[path] = day
            if len(self._days) > KNOWN_DAYS:
                self._days.popitem(last=False)
        self._days.move_to_end(path)
        return day

    def append(self, day: DayFile, records: bytes) -> None:
        """Add whole records: all of them, or none and WorldFault when the disk refuses."""
        try:
            handle = self._handle(day.path)
            written = 0
            try:
                while written < len(records):
                    written += os.write(handle, memoryview(records)[written:])
            except OSError:
                os.ftruncate(handle, day.size)
                raise
        except OSError as error:
            raise fault_of(day.path, error) from error
        day.size += len(records)
        self._unsynced[day.path] = None

    def sync(self) -> list[WorldFault]:
        """Make durable what was appended, names of new files and folders included; gives what could not be."""
        faults = []
        for path in list(self._unsynced):
            try:
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
                del self._unsynced[path]
            except OSError as error:
                faults.append(fault_of(path, error))
        return faults

    def tell(self, path: Path, findings: Iterable[Finding]) -> None:
        """Keep findings about a file."""
        self.findings.update(dict.fromkeys(replace(finding, file=str(path)) for finding in findings))

    def close(self) -> None:
        """Let go of files and lock."""
        while self._handles:
            os.close(self._handles.popitem()[1])
        self._lock.release()
        self._days.clear()

    def _recalled(self, path: Path) -> DayFile:
        day = DayFile(path)
        data = path.read_bytes() if path.exists() else b""
        if not data:
            return day
        index = mseed.index(data)
        self.tell(path, index.findings)
        day.size = int((index.offset + index.length).max()) if len(index) else 0
        # A power cut may leave zeros; anything else without one record in it was never ours.
        if day.size == 0 and len(data) >= RECORD_BYTES and any(data):
            raise WorldFault(str(path), "holds no miniSEED at all", "move it out of the archive")
        sampled = index.sample_count > 0
        for start_ns, end_ns in zip(index.start_ns[sampled].tolist(), index.end_ns[sampled].tolist(), strict=True):
            day.cover(start_ns, end_ns)
        if day.size < len(data):
            os.truncate(path, day.size)
            self._unsynced[path] = None
            reason = (
                f"its last {len(data) - day.size} bytes were no whole record (a crash while writing) and were cut off"
            )
            self.tell(path, [Finding("torn-record", reason)])
        return day

    def _handle(self, path: Path) -> int:
        handle = self._handles.get(path)
        if handle is None:
            if not path.exists():
                self._make_folder(path.parent)
                # Up to the root: another process may just have made a folder on the way, and not made that durable.
                places = path.relative_to(self._root).parents
                self._unsynced.update((self._root / place, None) for place in places)
            if len(self._handles) >= OPEN_FILES:
                os.close(self._handles.popitem(last=False)[1])
            handle = self._handles[path] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._handles.move_to_end(path)
        return handle

    def _make_folder(self, folder: Path) -> None:
        for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
            missing.mkdir(exist_ok=True)
            self._unsynced[missing.parent] = None

    def _hold_lock(self) -> None:
        if self._lock.is_held:
            return
        try:
            self._make_folder(self._root)
            self._lock.hold()
        except OSError as error:
            raise fault_of(self._root, error) from error


def fault_of(path: Path, error: OSError) -> WorldFault:
    """What the system refused, with what to do about it."""
    remedies = {
        errno.ENOSPC: "free some space on that disk and give the samples again",
        errno.EDQUOT: "raise the quota or free some space, and give the samples again",
        errno.EFBIG: "raise the limit of file sizes (ulimit -f) and give the samples again",
        errno.EACCES: "give this user the right to write there",
        errno.EROFS: "mount that disk for writing",
        errno.EMFILE: "raise the limit of open files (ulimit -n)",
    }
    return WorldFault(str(path), error.strerror or str(error), remedies.get(error.errno or 0, "look at that path"))
