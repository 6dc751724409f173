"""A journal's segments on disk: made, appended to, opened after a crash, and read from any position.

Standard library only.
"""

import contextlib
import errno
import fcntl
import os
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from houfeng.shell.journal.frames import (
    HEADER_BYTES,
    MARKER_BYTES,
    Frame,
    Header,
    Hole,
    Marks,
    read_header,
    read_marks,
    scan,
    write_header,
)
from houfeng.shell.journal.marks import move_mark
from houfeng.words.errors import WorldFault

#: Every so many frames the position is noted, so that any other is found by reading few.
INDEX_EVERY = 256

#: How much is read at once.
WINDOW_BYTES = 1 << 18

#: What a disk loses it loses in pieces of this size.
_PAGE_BYTES = 4096

_ENDING = ".journal"
_LOCK_NAME = ".houfeng-journal.lock"


@dataclass(slots=True)
class Index:
    """Where every 256th frame of a segment begins, and its number."""

    sequences: "array[int]" = field(default_factory=lambda: array("Q"))
    offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    count: int = 0

    def note(self, sequence: int, offset: int) -> None:
        """Count a frame, and remember where it begins when its turn has come."""
        if self.count % INDEX_EVERY == 0:
            # Others may be looking: what they look up by comes last.
            self.offsets.append(offset)
            self.sequences.append(sequence)
        self.count += 1

    def at_sequence(self, sequence: int, otherwise: int) -> int:
        """Where to begin to read for a number."""
        at = bisect_right(self.sequences, sequence) - 1
        return self.offsets[at] if at >= 0 else otherwise


@dataclass(slots=True, eq=False)
class Segment:
    """One file of a journal.

    size   bytes of it that are whole frames
    index  None until somebody reads in it
    """

    path: Path
    header: Header
    size: int
    index: Index | None = None

    @property
    def first(self) -> int:
        """No frame here has a lower number."""
        return self.header.first

    def frames(self, begin: int, limit: int, holes: list[Hole]) -> Iterator[Frame]:
        """The frames from the one at byte begin up to byte limit.

        holes  damaged stretches between and after them are added to it

        Raises FileNotFoundError when the segment has been dropped, other OSError when the disk refuses.
        """
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            window = WINDOW_BYTES
            while begin < limit:
                data = os.pread(handle, min(window, limit - begin), begin)
                final = begin + len(data) >= limit or not data
                end = begin
                for found in scan(data, self.header.marker, at=begin, final=final):
                    end = found.end
                    if isinstance(found, Frame):
                        yield found
                    else:
                        holes.append(found)
                if final:
                    if end < limit:
                        holes.append(Hole(end, limit))
                    return
                # Nothing whole in the window: a long frame, or a long hole.
                window = WINDOW_BYTES if end > begin else window * 4
                begin = end
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the newest segment holds.

    marks       per feed and station, up to the first hole
    marks_lost  whether those it was begun with are damaged
    next        one more than its last number
    latest_ns   latest arrival so far
    holes       where it is damaged
    torn        bytes after the last whole frame
    """

    marks: dict[str, dict[str, int]]
    marks_lost: bool
    next: int
    latest_ns: int
    holes: tuple[Hole, ...]
    torn: int


def recover(segment: Segment, *, size: int) -> Recovered:
    """Read a segment to its end, index it and set its size, its last whole frame's end. Nothing is cut yet.

    size  of the file

    Raises OSError.
    """
    handle = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        marks = read_marks(segment.header, os.pread(handle, segment.header.size, 0))
    finally:
        os.close(handle)
    lost = marks is None
    marks = marks or {}
    index, following = Index(), segment.first
    holes: list[Hole] = []
    latest_ns, end = segment.header.latest_ns, min(segment.header.size, size)
    for frame in segment.frames(segment.header.size, size, holes):
        index.note(frame.sequence, frame.begin)
        latest_ns = max(latest_ns, frame.packet.arrival_ns)
        following, end = frame.sequence + 1, frame.end
        # What a hole swallowed may never have been acknowledged: the feed must give it again.
        if not holes:
            move_mark(marks, frame.packet)
    if end < size and holes:
        holes.pop()  # nothing whole comes after it: a torn tail
    segment.size, segment.index = end, index
    return Recovered(marks, lost, following, latest_ns, tuple(holes), size - end)


def index_of(segment: Segment, holes: list[Hole]) -> Index:
    """The index of a segment read for the first time; where it is damaged is added to holes. Raises OSError."""
    index = Index()
    for frame in segment.frames(segment.header.size, segment.size, holes):
        index.note(frame.sequence, frame.begin)
    return index


def rewrite(segment: Segment) -> None:
    """Write a segment anew under its name, up to its size: nothing of it rests on what a disk said of the old file.

    What memory still has of it is saved by this even where the disk has lost it. Where neither has it there are zeros.
    Raises OSError.
    """
    content = bytearray(segment.size)
    handle = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for begin in range(0, segment.size, _PAGE_BYTES):
            with contextlib.suppress(OSError):
                page = os.pread(handle, min(_PAGE_BYTES, segment.size - begin), begin)
                content[begin : begin + len(page)] = page
    finally:
        os.close(handle)
    write_whole(segment.path, content)


def read_back(segment: Segment) -> str:
    """Read a whole segment from the disk itself, not from memory; what is wrong with it, "" when nothing is."""
    holes: list[Hole] = []
    try:
        handle = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)
        index_of(segment, holes)
    except OSError as error:
        return f"it cannot be read back, {error.strerror}"
    lost = sum(hole.end - hole.begin for hole in holes)
    return f"{lost} bytes of it that were kept before are damaged" if lost else ""


def paths_below(root: Path) -> list[Path]:
    """Segments of a journal, oldest first."""
    return sorted(path for path in root.glob(f"*{_ENDING}") if path.stem.isdigit())


def open_segment(path: Path) -> Segment | None:
    """A segment by its header, None when that is damaged. Raises OSError."""
    with path.open("rb") as file:
        header = read_header(file.read(HEADER_BYTES))
    return None if header is None else Segment(path, header, path.stat().st_size)


def make_segment(root: Path, first: int, latest_ns: int, marks: Marks) -> Segment:
    """A new, empty segment, whole and durable under its name or not there at all. Raises OSError, DataFault."""
    # The marker must be unguessable to those whose packets are kept.
    content = write_header(os.urandom(MARKER_BYTES), first, latest_ns, marks)
    header = read_header(content)
    assert header is not None
    path = root / f"{first:020d}{_ENDING}"
    write_whole(path, content)
    return Segment(path, header, len(content), Index())


def write_whole(path: Path, content: bytes | bytearray) -> None:
    """Make a file that is whole and durable under its name, or not there at all. Raises OSError."""
    draft = path.with_name(path.name + ".new")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock_folder(root: Path) -> int:
    """Hold a journal's folder: two writers would give one number twice, so the second is refused.

    The system frees a dead one's lock. Raises WorldFault.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise fault_of(root, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        remedy = "stop the other one, or give each its own journal"
        raise WorldFault(str(root), "another process has this journal open", remedy) from error
    return lock


def fault_of(path: Path, error: OSError) -> WorldFault:
    """What the system refused, with what to do about it."""
    remedies = {
        errno.ENOSPC: "free some space on that disk",
        errno.EDQUOT: "raise the quota or free some space",
        errno.EFBIG: "raise the limit of file sizes (ulimit -f)",
        errno.EACCES: "give this user the right to write there",
        errno.EROFS: "mount that disk for writing",
        errno.EIO: "look at the disk's health",
    }
    return WorldFault(str(path), error.strerror or str(error), remedies.get(error.errno or 0, "look at that path"))
