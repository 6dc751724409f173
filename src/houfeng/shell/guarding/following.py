"""Files and folders of eyes followed as they grow and rotate, each byte read once.

A file is its inode, not its name: one that is renamed is read to its end, one that takes its name is another. One that
shrinks, or no longer begins as it did, was written anew and is read from its beginning. A file that begins as one that
was read, and is packed or has a new name, may be a copy, as copytruncate and packing leave them: it is looked at once
it has settled, and if all bytes that were read of the first are in it, only the rest is read, where the first is gone.

Positions do not outlive the program: what lies in a folder at the start is read from its beginning.
"""

import contextlib
import errno
import heapq
import os
import stat
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Final

from houfeng.guard.observe.observing import Sight
from houfeng.shell.guarding.followed import Followed, Inode, first_bytes
from houfeng.shell.guarding.likeness import hash_up_to, head_of
from houfeng.shell.guarding.opening import is_packed, pieces
from houfeng.shell.guarding.reading import OneWay, Tell, refusal_of
from houfeng.words.errors import HoufengError
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S

#: What is written in one go is written within this: a copy or a packed file is looked at when it lay still for so long.
SETTLED_S: Final = 2.0
#: A file whose name is gone is held open for so long after it last grew: who writes it is told of the rotation within
#: seconds, and a copy of what was cut turns up within them too.
GONE_S: Final = 60.0
#: A file that lay still for so long gives its handle back.
STILL_S: Final = 600.0

#: Handles held: a quarter of the 1,024 that a process commonly may have.
MOST_OPEN: Final = 256
#: Files followed: a year of hourly ones.
MOST_FOLLOWED: Final = 10_000
#: Files remembered after they are gone, for their packed copies to be known.
MOST_REMEMBERED: Final = 4096

#: What begins alike for so long is not alike by chance, and what is shorter is a copy only if it is equal.
_ALIKE_BYTES: Final = 1024


class Following:
    """Follows files and folders.

    paths  files, there or yet to come, and folders: every file in these whose name begins with no dot
    tell   called with what is odd: "unreadable" once for each time that something cannot be read
    """

    def __init__(self, paths: Sequence[Path], tell: Tell) -> None:
        self._paths = paths
        self._tell = tell
        self._files: dict[Inode, Followed] = {}
        #: What was followed and is gone, or was cut: its bytes may turn up in a copy.
        self._past: OrderedDict[Followed, None] = OrderedDict()
        #: Files that may be copies, or are packed, and what they were like when they were looked at.
        self._doubtful: dict[Inode, tuple[int, int]] = {}
        self._jobs: OrderedDict[Inode | Followed, Iterator[list[Sight | OneWay]]] = OrderedDict()
        self._unreadable: set[Path] = set()
        #: What is to be read, the furthest behind first; what may hold a handle, the one read longest ago first.
        self._waiting: list[tuple[int, int, Followed]] = []
        self._held: OrderedDict[Followed, None] = OrderedDict()
        self._count = 0

    def look(self) -> None:
        """See what is new, what grew and what is gone."""
        now_s = time.monotonic()
        there = self._there()
        for inode, (path, status) in there.items():
            if inode not in self._files:
                self._meet(path, inode, status, now_s)
        for inode, file in list(self._files.items()):
            found = there.get(inode)
            file.path = found[0] if found else file.path
            self._look_at(file, found and found[1], now_s)
        for inode in self._doubtful.keys() - there.keys():
            del self._doubtful[inode]
        for file in self._past:
            if not file.over and now_s - file.heard_s > GONE_S and file not in self._jobs:
                self._jobs[file] = iter([list(file.end(self._tell))])
        while self._held and now_s - next(iter(self._held)).heard_s > STILL_S:
            self._held.popitem(last=False)[0].close()
        self._waiting.clear()
        for file in self._files.values():
            self._queue(file)

    def read(self) -> list[Sight | OneWay] | None:
        """A piece of the file that is furthest behind in time; None when there is nothing to read."""
        if self._waiting:
            _, _, file = heapq.heappop(self._waiting)
            told: list[Sight | OneWay] = []
            try:
                told.extend(file.read(self._tell))
                self._unreadable.discard(file.path)
            except OSError as error:
                self._cannot(file.path, error)
                file.put_off()
            self._hold(file)
            self._queue(file)
            return told
        if not self._jobs:
            return None
        inode, job = next(iter(self._jobs.items()))
        step = next(job, None)
        if step is None:
            del self._jobs[inode]
        return step or []

    def end(self) -> Iterator[Sight | OneWay]:
        """Follow no more: what waited in the readers is told."""
        for file in [*self._past, *self._files.values()]:
            yield from file.end(self._tell)

    def _there(self) -> dict[Inode, tuple[Path, os.stat_result]]:
        """Every file there is, by its inode."""
        found = {}
        for path in self._paths:
            try:
                files = _files_of(path)
            except OSError as error:
                self._cannot(path, error)
                continue
            if files != [path]:
                self._unreadable.discard(path)
            for each in files:
                with contextlib.suppress(OSError):  # gone since it was listed
                    status = each.stat()
                    if stat.S_ISREG(status.st_mode):
                        found[status.st_dev, status.st_ino] = each, status
        return found

    def _meet(self, path: Path, inode: Inode, status: os.stat_result, now_s: float) -> None:
        """A file that is new, or was put off."""
        like = status.st_size, status.st_mtime_ns
        if not status.st_size or inode in self._jobs or self._doubtful.get(inode) == like:
            return
        try:
            head = first_bytes(path)
            self._unreadable.discard(path)
        except OSError as error:
            self._cannot(path, error)
            return
        if len(self._files) >= MOST_FOLLOWED:
            self._doubtful[inode] = like
            reason = f"more than {MOST_FOLLOWED} files: it is not read"
            self._tell(Finding("too-many-files", reason, file=str(path)))
            return
        packed = is_packed(head)
        if not packed and not self._alike(head):
            self._files[inode] = Followed(path, inode, status.st_mtime_ns, now_s)
        elif time.time() - status.st_mtime_ns / NS_PER_S > SETTLED_S:
            self._doubtful[inode] = like
            self._jobs[inode] = self._compare(path, inode, status, packed=packed)

    def _alike(self, head: bytes) -> list[Followed]:
        """What was read that began so, the one read furthest first."""
        known = [*self._past, *self._files.values()]
        found = [one for one in known if one.head and (head.startswith(one.head) or one.head.startswith(head))]
        return sorted(found, key=lambda one: -one.at)

    def _compare(
        self, path: Path, inode: Inode, status: os.stat_result, *, packed: bool
    ) -> Iterator[list[Sight | OneWay]]:
        """Look whether a file is a copy of what was read, and read what is new in it."""
        try:
            original = yield from self._original(path)
            if original is None and not packed:
                self._doubtful.pop(inode, None)
                self._files[inode] = Followed(path, inode, status.st_mtime_ns, time.monotonic())
                return
            if original is not None and original.inode in self._files and self._files[original.inode] is original:
                return  # it is read itself
            if original is not None and not packed:
                self._past.pop(original, None)
                self._doubtful.pop(inode, None)
                self._files[inode] = original.moved(path, inode, status.st_mtime_ns)
                return
            yield from self._unpacked(original or Followed(path, inode, status.st_mtime_ns, 0.0), path)
        except (HoufengError, OSError) as error:
            fault = error if isinstance(error, HoufengError) else HoufengError(str(path), str(error))
            self._tell(refusal_of(path, fault))

    def _original(self, path: Path) -> Generator[list[Sight | OneWay], None, Followed | None]:
        """What was read of which a file is a copy."""
        alike = self._alike(head_of(path))
        if not alike:
            return None
        hashes: dict[int, bytes] = {}
        for _ in hash_up_to(path, sorted({one.at for one in alike}), hashes):
            yield []
        whole = max(hashes, default=0)
        for one in alike:
            # What is short may begin alike by chance, as captures do: then a copy is equal, or its original was cut.
            sure = one.at >= _ALIKE_BYTES or one.at == whole or (one in self._past and not one.over)
            if sure and hashes.get(one.at) == one.digest:
                return one
        return None

    def _unpacked(self, file: Followed, path: Path) -> Iterator[list[Sight | OneWay]]:
        """Read what a packed file holds beyond what was read before."""
        skipped = 0
        for chunk in pieces(path):
            if isinstance(chunk, Finding):
                self._tell(chunk)
                continue
            rest = chunk[max(0, file.at - skipped) :] if skipped < file.at else chunk
            skipped += len(chunk)
            if rest and not file.over:
                yield list(file.take(rest, self._tell))
        if file not in self._past:
            yield list(file.end(self._tell))
            self._remember(file, 0.0)

    def _look_at(self, file: Followed, status: os.stat_result | None, now_s: float) -> None:
        try:
            same = file.look(status, now_s)
        except OSError as error:
            self._cannot(file.path, error)
            return
        if not same:
            file.close()
            del self._files[file.inode]
            self._remember(file, now_s)
            if status is not None and status.st_size:
                anew = self._files[file.inode] = Followed(file.path, file.inode, status.st_mtime_ns, now_s)
                anew.look(status, now_s)
        elif status is None and not file.waits and now_s - file.heard_s > GONE_S:
            file.close()
            del self._files[file.inode]
            self._remember(file, now_s)

    def _remember(self, file: Followed, now_s: float) -> None:
        """Keep what is gone for its copies to be known."""
        file.heard_s = now_s
        self._past[file] = None
        while len(self._past) > MOST_REMEMBERED:
            self._past.popitem(last=False)

    def _queue(self, file: Followed) -> None:
        if file.waits:
            self._count += 1
            heapq.heappush(self._waiting, (file.latest_ns, self._count, file))

    def _hold(self, file: Followed) -> None:
        """A handle is in use: that of whoever was read longest ago is given back where there are many."""
        self._held[file] = None
        self._held.move_to_end(file)
        if len(self._held) > MOST_OPEN:
            self._held.popitem(last=False)[0].close()

    def _cannot(self, path: Path, error: OSError) -> None:
        if path not in self._unreadable:
            self._unreadable.add(path)
            reason = f"cannot be read: {error.strerror or error}; tried again until it can"
            self._tell(Finding("unreadable", reason, file=str(path)))


def _files_of(path: Path) -> list[Path]:
    """The file, or those in the folder. Raises OSError."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        return sorted(each for each in path.iterdir() if not each.name.startswith("."))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is neither file nor folder")
    return [path]
