"""Pieces of many files, a few of them open at a time."""

import os
from collections import OrderedDict
from pathlib import Path
from typing import IO

#: Files open at a time: far fewer than a process may have, enough for the stations of a nation by region.
MOST_OPEN = 64


class Pieces:
    """Reads bytes from anywhere in files, keeping those read last open."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, IO[bytes]] = OrderedDict()

    def read(self, path: Path, offset: int, length: int) -> bytes | None:
        """So many bytes from an offset on, or None when the file no longer has them."""
        try:
            file = self._opened(path)
            content = os.pread(file.fileno(), length, offset)
        except OSError:
            return None
        return content if len(content) == length else None

    def close(self) -> None:
        """Close every file."""
        while self._open:
            self._open.popitem()[1].close()

    def _opened(self, path: Path) -> IO[bytes]:
        file = self._open.get(path)
        if file is None:
            if len(self._open) >= MOST_OPEN:
                self._open.popitem(last=False)[1].close()
            file = self._open[path] = path.open("rb")
        self._open.move_to_end(path)
        return file
