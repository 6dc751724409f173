"""The file that a journal writes to: added to, made durable, cut off. Standard library only."""

import os
from pathlib import Path


class Pen:
    """Writes at the end of one file at a time.

    Each file is open twice: a write that failed later is told once to each who has it open, and two ask for it, sync()
    and those who wait for a sync of their own, see dup(). Its owner sees to it that one thread at a time writes.
    """

    def __init__(self) -> None:
        self._handle = self._other = -1

    def turn_to(self, path: Path) -> None:
        """Write to this file from now on. Raises OSError, and then nothing has changed."""
        handle = _open(path)
        try:
            other = _open(path)
        except OSError:
            os.close(handle)
            raise
        self.close()
        self._handle, self._other = handle, other

    def write(self, content: bytes) -> None:
        """Add content. Raises OSError when the disk does not take all of it: cut() what it took."""
        written = 0
        while written < len(content):
            written += os.write(self._handle, memoryview(content)[written:])

    def sync(self) -> None:
        """Make what was written durable. Raises OSError."""
        os.fdatasync(self._handle)

    def dup(self) -> int:
        """A handle of the caller's own for fdatasync. Raises OSError."""
        return os.dup(self._other)

    def cut(self, size: int) -> None:
        """Leave so many bytes of the file. Raises OSError."""
        os.ftruncate(self._handle, size)

    def close(self) -> None:
        """Let go of the file."""
        for handle in (self._handle, self._other):
            if handle >= 0:
                os.close(handle)
        self._handle = self._other = -1


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
