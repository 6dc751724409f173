"""The outlet that is a file: alerts.jsonl, one line for each version, only ever added to."""

import asyncio
import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from houfeng.shell.outlets.outlet import Issue
from houfeng.words.errors import WorldFault

#: How much of the end of a file is looked at for versions that it has: years of alerts.
LOOKED_AT_BYTES = 64 * 2**20


class LinesFile:
    """Adds lines to a file, each durable before the next.

    path  of the file; made, with its folder, when missing

    A line torn by a crash is cut off when the file is opened. Another program that writes the file keeps us out.
    """

    lasting = True
    trouble = ""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "alerts-file")  # a disk that hangs, hangs here
        self._handle = -1
        self._known: set[tuple[str, int]] = set()

    async def open(self, earlier: Sequence[Issue]) -> None:
        """See Outlet."""
        del earlier  # what is in the file counts
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def give(self, issue: Issue) -> None:
        """See Outlet."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._give, issue)

    async def close(self) -> None:
        """See Outlet."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        self._close()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._known = _repair(self._handle)
        except BlockingIOError as error:
            self._close()
            raise WorldFault(str(self._path), "is written by another program", "give each outlet its own") from error
        except OSError as error:
            self._close()
            raise self._fault(error) from error

    def _give(self, issue: Issue) -> None:
        key = issue.alert_id, issue.version
        if key in self._known:
            return
        try:
            _append(self._handle, issue.line)
        except OSError as error:
            raise self._fault(error) from error
        self._known.add(key)

    def _close(self) -> None:
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = -1

    def _fault(self, error: OSError) -> WorldFault:
        return WorldFault(str(self._path), error.strerror or str(error), "check its folder, permissions and room")


def _append(handle: int, line: bytes) -> None:
    """Add a line durably, or leave the file as it was."""
    size = os.fstat(handle).st_size
    try:
        whole = os.write(handle, line) == len(line)
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise
    if not whole:
        os.ftruncate(handle, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _repair(handle: int) -> set[tuple[str, int]]:
    """Cut off a torn line, and tell which versions are in the file."""
    size = os.fstat(handle).st_size
    begin = max(0, size - LOOKED_AT_BYTES)
    with os.fdopen(os.dup(handle), "rb") as file:
        file.seek(begin)
        content = file.read(size - begin)
    whole, end, torn = content.rpartition(b"\n")
    if torn:
        os.ftruncate(handle, size - len(torn))
        os.fsync(handle)
    known = set()
    for line in (whole + end).splitlines():
        # Whoever else wrote into the file: their lines are left alone.
        with contextlib.suppress(ValueError, TypeError, KeyError):
            told = json.loads(line)
            known.add((str(told["alert_id"]), int(told["version"])))
    return known
