"""Who may write to an archive: one process, or several that share its channels out among them."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from houfeng.words.errors import WorldFault

#: Held alone by a process that writes every channel, together by those that write a part each.
LOCK_NAME = ".houfeng-archive.lock"


@dataclass(frozen=True, slots=True)
class Part:
    """The channels one of several writers is given; no two of them are ever given the same one.

    number  1 to count
    """

    number: int
    count: int

    @property
    def lock_name(self) -> str:
        """The file whose lock says that this part has its writer."""
        return f".houfeng-archive.{self.number}of{self.count}.lock"


class WriterLock:
    """The right to write below a root folder: two writers of the same channel would double what both were given.

    part  what this process alone writes; None for all of it

    The system frees the lock of a process that died.
    """

    def __init__(self, root: Path, part: Part | None) -> None:
        self._root = root
        self._part = part
        self._held: list[int] = []

    @property
    def is_held(self) -> bool:
        """Whether the right is ours."""
        return bool(self._held)

    def hold(self) -> None:
        """Take the right, in a root folder that exists.

        Raises WorldFault when another process has it, OSError when the disk refuses.
        """
        try:
            if self._part is None:
                self._take(LOCK_NAME, fcntl.LOCK_EX)
            else:
                self._take(LOCK_NAME, fcntl.LOCK_SH)
                self._take(self._part.lock_name, fcntl.LOCK_EX)
                self._refuse_other_divisions(self._part)
        except BlockingIOError as error:
            self.release()
            raise self._rival() from error
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the right up."""
        while self._held:
            os.close(self._held.pop())

    def _take(self, name: str, how: int) -> None:
        lock = os.open(self._root / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
        self._held.append(lock)

    def _refuse_other_divisions(self, part: Part) -> None:
        """Another number of parts shares the channels out otherwise. Of two that begin at once, both may be refused."""
        for path in self._root.glob(".houfeng-archive.*of*.lock"):
            if path.name.endswith(f"of{part.count}.lock"):
                continue
            with suppress(FileNotFoundError):
                other = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
                finally:
                    os.close(other)

    def _rival(self) -> WorldFault:
        remedy = "stop the other one, or give each its own archive"
        return WorldFault(str(self._root), "another process is writing to this archive", remedy)
