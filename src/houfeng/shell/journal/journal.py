"""The centre's journal: every packet is on disk here before it is acknowledged, and readers resume from here.

An append-only ring of packets in segments. Standard library only.
"""

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from houfeng.shell.journal.frames import LEAST_FRAME_BYTES, write_frame
from houfeng.shell.journal.marks import Ledger
from houfeng.shell.journal.pen import Pen
from houfeng.shell.journal.ring import Ring
from houfeng.shell.journal.segments import (
    Segment,
    fault_of,
    lock_folder,
    make_segment,
    open_segment,
    paths_below,
    read_back,
    recover,
    rewrite,
    sync_folder,
    write_whole,
)
from houfeng.words.errors import OurFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

SEGMENT_BYTES = 64 << 20

#: Numbers are given at most so far ahead of what is durable. After a crash as many are skipped, and none comes twice.
MOST_UNSYNCED = 1 << 16

_CLOSED_NAME = "closed"


class Journal:
    """Packets in the order of their arrival, numbered from 1; a number is never given twice, also after a crash.

    root           its folder, made when missing
    segment_bytes  size at which a file is followed by the next
    keep_bytes     what all files together may take, at least two segments; then the oldest is dropped, see hold()

    One process at a time has it open. Its threads may read while one of them appends.
    Raises WorldFault when the disk refuses or another process has it open. See take_findings() for what was damaged.
    """

    def __init__(self, root: Path, *, segment_bytes: int = SEGMENT_BYTES, keep_bytes: int) -> None:
        if keep_bytes < 2 * segment_bytes:
            raise WorldFault(str(root), "a journal keeps at least two segments", "give it more room")
        self._root = root
        self._segment_bytes = segment_bytes
        self._keep_bytes = keep_bytes
        self._lock, self._syncing = threading.Lock(), threading.Lock()
        self._ring = Ring(self._lock)
        self._ledger = Ledger()
        self._pen = Pen()
        self._latest_ns = -(2**63)
        self._next = self._synced = 1
        self._synced_bytes = self._kept_bytes = 0
        self._held = 0
        self._refusal: WorldFault | None = None
        self._lock_file = lock_folder(root)
        try:
            self._open()
        except OSError as error:
            self._let_go()
            raise fault_of(root, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def first(self) -> int:
        """No packet has a lower number than this any more."""
        with self._lock:
            return self._ring.segments[0].first

    @property
    def next(self) -> int:
        """The number the next packet appended gets."""
        return self._next

    @property
    def synced(self) -> int:
        """The first number that is not durable yet; read() gives those below it."""
        return self._synced

    def append(self, packets: Sequence[Packet]) -> range:
        """Add packets, all or none, and give their numbers. They are acknowledged by sync(), not by this.

        packets  at most 65,536 in one go

        Raises WorldFault when the disk refuses, or "journal full" when it may not drop what is not archived: nothing
        is lost then, and the same packets can be given again later. Raises DataFault for a packet no frame can hold.
        """
        if len(packets) > MOST_UNSYNCED:
            raise OurFault("journal", f"{len(packets)} packets appended in one go, at most {MOST_UNSYNCED} are")
        with self._lock:
            self._check()
            try:
                if self._ring.live.size >= self._segment_bytes:
                    self._roll()
                if self._next + len(packets) - self._synced > MOST_UNSYNCED:
                    self._sync_live()
                marker = self._ring.live.header.marker
                frames = [write_frame(marker, number, each) for number, each in enumerate(packets, start=self._next)]
                self._make_room(sum(map(len, frames)))
                self._write(b"".join(frames))
            except OSError as error:
                raise fault_of(self._root, error) from error
            return self._take(packets, frames)

    def sync(self) -> None:
        """Make everything appended so far durable: only then is it acknowledged.

        Raises WorldFault when the disk refuses. What was not durable before is taken back then, and the journal takes
        nothing any more until mend(), or until it is opened again: what a disk says of a file after a failed write
        cannot be relied on.
        """
        with self._syncing:
            with self._lock:
                self._check()
                if self._synced == self._next:
                    return
                end, segment, size = self._next, self._ring.live, self._ring.live.size
                handle = self._pen.dup()
            # The disk is waited for without the lock: others append meanwhile.
            try:
                os.fdatasync(handle)
            except OSError as error:
                with self._lock:
                    raise self._refuse(error) from error
            finally:
                os.close(handle)
            with self._lock:
                if self._refusal is not None:
                    raise self._refusal
                if segment is self._ring.live:
                    self._durable(end, size)

    def mend(self) -> None:
        """Go on after a sync that failed, in a new segment; nothing when none did.

        What was taken back then has to be appended again, and gets other numbers.
        Raises WorldFault as long as the disk refuses that: try again later.
        """
        with self._lock:
            if self._refusal is None or self._lock_file < 0:
                return
            try:
                self._seal_off()
            except OSError as error:
                raise fault_of(self._root, error) from error

    def read(self, sequence: int, *, most: int = 1000) -> list[tuple[int, Packet]]:
        """Durable packets from a number on, with their numbers, in order; from the oldest on when it is gone.

        Empty when there is none yet; fewer than asked for when they are long. Numbers may skip where a crash or damage
        left none.
        Raises WorldFault when the disk refuses.
        """
        return self._ring.read(sequence, most, self._synced)

    def marks(self, feed: str) -> dict[str, int]:
        """The last sequence of a feed per station (NET.STA) that is in the journal, or was before it was dropped."""
        with self._lock:
            return dict(self._ledger.marks.get(feed, {}))

    def hold(self, sequence: int) -> None:
        """Keep this number and all after it: those before are archived and may be dropped when room is needed.

        Until this is called after opening, nothing is dropped.
        """
        with self._lock:
            self._held = sequence

    def take_findings(self) -> tuple[Finding, ...]:
        """What was found torn or damaged since the last call, each once."""
        with self._lock:
            found = tuple(self._ring.findings)
            self._ring.findings.clear()
        return found

    def close(self) -> None:
        """Make everything durable, and let go of files and lock. Raises WorldFault as sync() does."""
        if self._lock_file < 0:
            return
        try:
            if self._refusal is None:
                self.sync()
                write_whole(self._root / _CLOSED_NAME, str(self._next).encode())
        except OSError as error:
            raise fault_of(self._root, error) from error
        finally:
            self._let_go()

    def _open(self) -> None:
        closed = self._root / _CLOSED_NAME
        closed_at = closed.read_bytes() if closed.exists() else b""
        for draft in self._root.glob("*.new"):
            draft.unlink()
        segments = self._ring.segments
        for path in paths_below(self._root):
            segment = open_segment(path)
            if segment is None:
                self._set_aside(path)
            else:
                segments.append(segment)
        if segments:
            whole = self._recover(segments[-1])
            if not (whole and closed_at == str(self._next).encode()):
                # The numbers of what a crash took from memory may have been seen.
                self._next += MOST_UNSYNCED
                self._begin_segment()
        else:
            self._begin_segment()
        closed.unlink(missing_ok=True)
        self._kept_bytes = sum(segment.size for segment in segments)
        self._write_to(self._ring.live)
        self._pen.sync()
        sync_folder(self._root)
        self._synced = self._next

    def _recover(self, segment: Segment) -> bool:
        """Learn where the newest segment ends, cutting what a crash left there; whether nothing was wrong with it."""
        size = segment.size
        found = recover(segment, size=size)
        self._ledger, self._latest_ns = Ledger(found.marks), found.latest_ns
        self._next = max(self._next, found.next)
        self._ring.tell_holes(segment, list(found.holes))
        if found.marks_lost:
            self._tell(segment.path, "journal-damage", "the marks of its feeds are damaged: they start anew from here")
        if found.torn:
            handle = os.open(segment.path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.ftruncate(handle, segment.size)
                os.fsync(handle)
            finally:
                os.close(handle)
            reason = f"its last {found.torn} bytes were no whole packet (a crash while writing) and were cut off"
            self._tell(segment.path, "torn-journal", reason)
        return not (found.holes or found.marks_lost or found.torn)

    def _set_aside(self, path: Path) -> None:
        """Keep a segment whose head is damaged out of the way, and its numbers out of use."""
        self._next = max(self._next, int(path.stem) + path.stat().st_size // LEAST_FRAME_BYTES + 1)
        path.rename(path.with_suffix(".damaged"))
        self._tell(path, "journal-damage", "its head is damaged; it is set aside and what it held is not read")

    def _begin_segment(self) -> None:
        self._ring.segments.append(make_segment(self._root, self._next, self._latest_ns, self._ledger.marks))

    def _roll(self) -> None:
        """Go on in a new segment. Raises OSError, after which the old one still takes packets."""
        self._sync_live()
        segment = make_segment(self._root, self._next, self._latest_ns, self._ledger.marks)
        self._write_to(segment)
        self._ring.segments.append(segment)
        self._kept_bytes += segment.size

    def _write_to(self, segment: Segment) -> None:
        """Go on in a segment that is durable as it is. Raises OSError, and then nothing has changed."""
        self._pen.turn_to(segment.path)
        self._synced_bytes = segment.size

    def _seal_off(self) -> None:
        """Keep of the doubtful segment what was durable, in a file of its own, and begin a new one. Raises OSError."""
        doubtful = self._ring.live
        rewrite(doubtful)
        live = make_segment(self._root, self._next, self._latest_ns, self._ledger.marks)
        self._write_to(live)
        self._synced, self._refusal = self._next, None
        segments = self._ring.segments
        self._tell(live.path, "journal-mended", "the disk keeps what is written again: it goes on in a new file")
        if doubtful.size <= doubtful.header.size:
            # Empty ones would be a heap of files when a disk fails again and again.
            self._kept_bytes -= segments.pop().size
            if doubtful.path != live.path:
                doubtful.path.unlink(missing_ok=True)
        elif damage := read_back(doubtful):
            self._tell(doubtful.path, "journal-damage", f"after the disk failed: {damage}")
        segments.append(live)
        self._kept_bytes += live.size

    def _sync_live(self) -> None:
        try:
            self._pen.sync()
        except OSError as error:
            raise self._refuse(error) from error
        self._durable(self._next, self._ring.live.size)

    def _durable(self, end: int, size: int) -> None:
        """What is numbered below end is durable, in so many bytes of the live segment."""
        self._synced, self._synced_bytes = max(self._synced, end), max(self._synced_bytes, size)
        self._ledger.settle(end)

    def _make_room(self, size: int) -> None:
        """Drop the oldest segments until so many bytes fit."""
        segments = self._ring.segments
        while self._kept_bytes + size > self._keep_bytes:
            if len(segments) < 2 or segments[1].first > self._held:
                reason = "journal full: what it holds is not archived yet"
                raise WorldFault(str(self._root), reason, "see why the archive lags, or give the journal more room")
            segments[0].path.unlink(missing_ok=True)
            self._kept_bytes -= segments.pop(0).size

    def _write(self, frames: bytes) -> None:
        """Add frames: all of them, or none and OSError."""
        try:
            self._pen.write(frames)
        except OSError:
            try:
                self._pen.cut(self._ring.live.size)
            except OSError as error:
                raise self._refuse(error) from error
            raise

    def _take(self, packets: Sequence[Packet], frames: Sequence[bytes]) -> range:
        live, first = self._ring.live, self._next
        assert live.index is not None
        for packet, frame in zip(packets, frames, strict=True):
            live.index.note(self._next, live.size)
            self._latest_ns = max(self._latest_ns, packet.arrival_ns)
            self._ledger.move(self._next, packet)
            self._ring.add_recent(self._next, packet)
            live.size += len(frame)
            self._kept_bytes += len(frame)
            self._next += 1
        return range(first, self._next)

    def _refuse(self, error: OSError) -> WorldFault:
        """Take nothing any more, and take back what is not durable."""
        if self._refusal is None:
            self._refusal = fault_of(self._root, error)
            live = self._ring.live
            self._tell(live.path, "journal-doubtful", f"the disk may not have kept what was written: {error.strerror}")
            with contextlib.suppress(OSError):
                self._pen.cut(self._synced_bytes)
            self._kept_bytes -= live.size - self._synced_bytes
            # Its index is made anew when it is read: this one knows of what is taken back.
            live.size, live.index = self._synced_bytes, None
            self._ring.forget_recent()
            self._ledger.take_back()
        return self._refusal

    def _check(self) -> None:
        if self._lock_file < 0:
            raise OurFault("journal", "is used after it was closed")
        if self._refusal is not None:
            raise self._refusal

    def _tell(self, path: Path, kind: str, reason: str) -> None:
        self._ring.findings[Finding(kind, reason, file=str(path))] = None

    def _let_go(self) -> None:
        self._pen.close()
        if self._lock_file >= 0:
            os.close(self._lock_file)
        self._lock_file = -1
