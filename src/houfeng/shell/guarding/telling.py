"""Lines told: durable in a file first, where one is wanted, then on standard output."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from houfeng.words.errors import WorldFault

#: How much of a file's end is looked at for a line torn by a crash: no line is longer.
_LOOKED_AT_BYTES: Final = 1 << 20


class Telling:
    """Adds lines to a file and prints them.

    path    of the file, made when missing, None for none; a line torn by a crash is cut off when it is opened
    output  handle that lines are printed to

    A line that was printed is in the file, whatever happens next. Raises WorldFault when either refuses.
    """

    def __init__(self, path: Path | None, output: int) -> None:
        self._output = output
        self._path = path
        self._file = -1 if path is None else _opened(path)
        self._waiting: list[bytes] = []

    def say(self, line: bytes) -> None:
        """A line to be told with the next flush."""
        self._waiting.append(line)

    def flush(self) -> None:
        """Tell what waits."""
        if not self._waiting:
            return
        data = b"".join(self._waiting)
        self._waiting.clear()
        if self._file >= 0:
            try:
                _write(self._file, data)
                os.fsync(self._file)
            except OSError as error:
                raise WorldFault(str(self._path), f"cannot be written: {error.strerror}", "make room") from error
        try:
            _write(self._output, data)
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
            raise WorldFault("standard output", reason, "keep its reader running, or use --out") from error

    def close(self) -> None:
        """Tell what waits, and put the file down."""
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _opened(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = os.fstat(handle).st_size
        end = os.pread(handle, _LOOKED_AT_BYTES, max(0, size - _LOOKED_AT_BYTES))
        torn = len(end) - (end.rfind(b"\n") + 1)
        if torn:
            os.ftruncate(handle, size - torn)
    except BlockingIOError as error:
        raise WorldFault(str(path), "is written by another program", "give each its own file") from error
    except OSError as error:
        raise WorldFault(str(path), f"cannot be written: {error.strerror}", "check the path and its rights") from error
    return handle


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = os.write(handle, view)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[written:]
