"""Which bytes of which files a feed has given, and in which order: its own count, so that nothing is given twice.

The feed's sequence numbers are places in the one long row that the stretches make in the order in which they were
taken. A stretch is in the ledger before any of it is given, and the journal knows the last number given, so after a
crash both together say where to go on.
"""

import errno
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from houfeng.shell.journal.segments import fault_of, write_whole
from houfeng.words.errors import DataFault

#: Stretches after which the file is written anew without those that the journal has.
_TIDY_AFTER = 20_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a file, whole records: place is the feed's number of the first of them."""

    file: str
    begin: int
    length: int
    place: int

    @property
    def end_place(self) -> int:
        """The number after the last of them."""
        return self.place + self.length


class Ledger:
    """The ledger in a file.

    path      of the file; made when missing
    position  the last number that the journal has, -1 for none

    done      bytes taken of each file
    pending   stretches that the journal does not have wholly
    lost      whether the journal knows more than the file, so that what was taken is not known
    Raises DataFault when the file is damaged, WorldFault when the disk refuses.
    """

    def __init__(self, path: Path, position: int) -> None:
        self._path = path
        self.done: dict[str, int] = {}
        self._stretches: list[Stretch] = []
        self._next = 0
        try:
            if path.exists():
                self._read(path.read_bytes())
            self.lost = position >= self._next
            self._next = max(self._next, position + 1)
            self._tidy(position)
        except OSError as error:
            raise fault_of(path, error) from error

    @property
    def pending(self) -> tuple[Stretch, ...]:
        """Stretches that the journal did not have wholly when the file was last written anew, and later ones."""
        return tuple(self._stretches)

    def take(self, stretches: Iterable[tuple[str, int, int]], position: int) -> Sequence[Stretch]:
        """Add stretches (file, first byte, length), durably. Raises WorldFault when the disk refuses.

        position  the last number that the journal has
        """
        added = []
        for file, begin, length in stretches:
            added.append(Stretch(file, begin, length, self._next))
            self._next += length
            self.done[file] = begin + length
        lines = b"".join(_line(stretch) for stretch in added)
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                if os.write(handle, lines) < len(lines):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fdatasync(handle)
            finally:
                os.close(handle)
            self._stretches += added
            if len(self._stretches) > _TIDY_AFTER:
                self._tidy(position)
        except OSError as error:
            raise fault_of(self._path, error) from error
        return added

    def forget(self, file: str) -> None:
        """A file begins anew."""
        self.done.pop(file, None)

    def _read(self, content: bytes) -> None:
        lines = content.split(b"\n")
        try:
            head = json.loads(lines[0])
            self._next, self.done = int(head["next"]), dict(head["done"])
            for line in lines[1:-1]:  # what comes after the last line end was torn by a crash, and never given
                file, begin, length = json.loads(line)
                self._stretches.append(Stretch(file, begin, length, self._next))
                self._next += length
                self.done[file] = begin + length
        except (ValueError, TypeError, KeyError) as error:
            raise DataFault(
                str(self._path), "is no ledger of a feed", "move it away: the feed then starts anew"
            ) from error

    def _tidy(self, position: int) -> None:
        """Write the file anew, without stretches that the journal has."""
        self._stretches = [stretch for stretch in self._stretches if stretch.end_place > position + 1]
        first = self._stretches[0].place if self._stretches else self._next
        head = json.dumps({"next": first, "done": self.done}).encode() + b"\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, head + b"".join(map(_line, self._stretches)))


def _line(stretch: Stretch) -> bytes:
    return json.dumps([stretch.file, stretch.begin, stretch.length]).encode() + b"\n"
