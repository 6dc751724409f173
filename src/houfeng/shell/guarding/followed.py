"""One file that grows: read from where it was left, known again by its first bytes and a hash of all that was read."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from houfeng.guard.observe.observing import Sight
from houfeng.shell.guarding.reading import EyeFile, OneWay, Tell, refusal_of, time_of_sight
from houfeng.words.errors import HoufengError
from houfeng.words.finding import Finding

#: Read at once: some thousand lines, judged in less than a tenth of a second.
CHUNK_BYTES: Final = 256 << 10

#: The first bytes that a file is known by at each look: logs begin with a time, captures have one in byte 24.
HEAD_BYTES: Final = 1024

#: A file, whatever it is called: device and inode.
Inode = tuple[int, int]


class Followed:
    """One file.

    path       what it is called now
    inode      what it is
    size       bytes in it when it was looked at last
    at         bytes of it that were read
    heard_s    when it grew last, by the steady clock
    latest_ns  the latest time of what it told
    over       True when it is read no further: it was refused, or its reader was ended
    """

    def __init__(self, path: Path, inode: Inode, changed_ns: int, heard_s: float) -> None:
        self.path = path
        self.inode = inode
        self.size = self.at = 0
        self.heard_s = heard_s
        self.latest_ns = 0
        self.over = False
        self.head = b""
        self._hash = hashlib.blake2b()
        self._eye = EyeFile(path, changed_ns)
        self._handle = -1
        self._seen = -1, -1

    @property
    def digest(self) -> bytes:
        """A hash of the bytes read."""
        return self._hash.digest()

    @property
    def waits(self) -> bool:
        """Whether more of it can be read."""
        return not self.over and self.size > self.at

    @property
    def is_open(self) -> bool:
        """Whether it holds a handle."""
        return self._handle >= 0

    def look(self, status: os.stat_result | None, now_s: float) -> bool:
        """Look at it by its handle or path; False when it is no longer what was read: cut, or written anew.

        status  of its path, None when nothing has its path any more. Raises OSError.
        """
        if self._handle >= 0:
            status = os.fstat(self._handle)
        if status is None or (status.st_size, status.st_mtime_ns) == self._seen:
            return True
        self._seen = status.st_size, status.st_mtime_ns
        self.heard_s, self.size = now_s, status.st_size
        if self.size < self.at:
            return False
        if self.at:
            self._open()
            return os.pread(self._handle, len(self.head), 0) == self.head
        return True

    def read(self, tell: Tell) -> Iterator[Sight | OneWay]:
        """Read on, a piece. Raises OSError."""
        self._open()
        data = os.pread(self._handle, CHUNK_BYTES, self.at)
        if not data:
            self.put_off()  # cut since it was looked at: the next look sees it
        yield from self.take(data, tell)

    def take(self, data: bytes, tell: Tell) -> Iterator[Sight | OneWay]:
        """More of its bytes, unpacked."""
        self.at += len(data)
        self._hash.update(data)
        self.head += data[: HEAD_BYTES - len(self.head)]
        yield from self._heard(self._eye.read(data), tell)

    def put_off(self) -> None:
        """Nothing is read of it before the next look, which sees it as if it had changed."""
        self.size, self._seen = self.at, (-1, -1)

    def moved(self, path: Path, inode: Inode, changed_ns: int) -> "Followed":
        """The same bytes, read as far, in another file. A reader that was ended begins anew behind them."""
        self.close()
        self.path, self.inode = path, inode
        if self.over:
            self._eye, self.over = EyeFile(path, changed_ns), False
        return self

    def end(self, tell: Tell) -> Iterator[Sight | OneWay]:
        """No more of it will be read: what waited is told."""
        self.close()
        if not self.over and self.head:
            yield from self._heard(self._eye.end(), tell)
        self.over = True

    def close(self) -> None:
        """Put its handle down; it is opened again when it grew."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _open(self) -> None:
        if self._handle < 0:
            self._handle = open_file(self.path)

    def _heard(self, told: Iterator[Sight | OneWay | Finding], tell: Tell) -> Iterator[Sight | OneWay]:
        try:
            for one in told:
                if isinstance(one, Finding):
                    tell(one)
                    continue
                if not isinstance(one, OneWay):
                    self.latest_ns = max(self.latest_ns, time_of_sight(one))
                yield one
        except HoufengError as error:
            self.over = True
            self.close()
            tell(refusal_of(self.path, error))


def open_file(path: Path) -> int:
    """Open a regular file for reading; nobody waits for the other end of a pipe. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is no file")
    return handle


def first_bytes(path: Path) -> bytes:
    """How a file begins, as it lies on the disk. Raises OSError."""
    handle = open_file(path)
    try:
        return os.pread(handle, HEAD_BYTES, 0)
    finally:
        os.close(handle)
