"""Files that appear and grow, as a feed: each piece of them once, across restarts."""

import asyncio
import os
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from houfeng.shell.feeds.feed import Backoff, Clock, Deliver, Desk, FeedHealth, Sleep, Tell
from houfeng.shell.feeds.ledger import Ledger, Stretch
from houfeng.shell.feeds.peers import Stations

#: Read at once. No piece is longer.
CHUNK_BYTES = 1 << 20

#: About so much of a file is given before the next has its turn: a centre hears stations side by side, and ten minutes
#: of a channel are no more than it can wait for.
TURN_BYTES = 1 << 15

#: A folder with more files is some other folder, or must be tidied.
MOST_FILES = 200_000

#: How often a folder is looked at, s.
POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Pieces:
    """What bytes of a file hold.

    ends     the byte after each whole piece
    pieces   whole pieces: a record, a line
    used     bytes done with: pieces, and what is none
    skipped  bytes among those that belong to no piece
    """

    ends: tuple[int, ...]
    pieces: tuple[bytes, ...]
    used: int
    skipped: int


Split = Callable[[bytes], Pieces]
#: A piece as records; what is odd is told.
Turn = Callable[[bytes, Tell], list[bytes]]


class Files:
    """Files below a folder, or one file; hidden ones and links are left out. Files of old come first, by name.

    name    of the feed
    root    the folder or file
    ledger  file in which it keeps what was given; the feed's alone
    split   bytes into pieces; turn: a piece into records, of fewer than its bytes
    """

    secured = False

    def __init__(
        self,
        name: str,
        root: Path,
        ledger: Path,
        *,
        split: Split,
        turn: Turn,
        clock: Clock,
        chance: random.Random,
        sleep: Sleep = asyncio.sleep,
        poll_s: float = POLL_S,
    ) -> None:
        self.name = name
        self._root = root
        self._ledger_path = ledger
        self._split = split
        self._turn = turn
        self._sleep = sleep
        self._poll_s = poll_s
        self._desk = Desk(name, clock, Stations())
        self._backoff = Backoff(chance)

    def health(self) -> FeedHealth:
        """How it is now."""
        return self._desk.health()

    async def run(self, marks: Mapping[str, int], deliver: Deliver, tell: Tell) -> None:
        """Bring packets until cancelled: see Feed. Raises WorldFault or DataFault when its ledger cannot be kept."""
        position = _last(marks)
        ledger = await asyncio.to_thread(Ledger, self._ledger_path, position)
        if ledger.lost:
            reason = "its ledger is gone: files are read from their beginning, and what was given before comes again"
            self._desk.say(tell, "ledger-lost", "", reason)
        for stretch in ledger.pending:
            await self._give(stretch, position, deliver, tell)
        while True:
            try:
                fresh, odd = await asyncio.to_thread(self._look, ledger)
            except OSError as error:
                self._desk.down(f"{self._root}: {error.strerror or error}")
                await self._sleep(self._backoff.next_s())
                continue
            if not self._desk.connected:
                self._desk.up()
            self._backoff.reset()
            for kind, reason in odd:
                self._desk.say(tell, kind, "", reason)
            for stretch in await asyncio.to_thread(ledger.take, fresh, _last(marks)) if fresh else ():
                await self._give(stretch, -1, deliver, tell)
            if not fresh:
                await self._sleep(self._poll_s)

    def _look(self, ledger: Ledger) -> tuple[list[tuple[str, int, int]], list[tuple[str, str]]]:
        """Stretches of whole pieces that came since the last look, one of each file at most, and what is odd.

        Raises OSError.
        """
        fresh, odd = [], []
        for file, size in _sizes(self._root):
            done = ledger.done.get(file, 0)
            if size < done:
                odd.append(("file-shrunk", f"{file} has become shorter, and is read from its beginning"))
                ledger.forget(file)
                done = 0
            if size > done:
                try:
                    used = _turn_of(self._split(self._read(file, done, CHUNK_BYTES)))
                except OSError as error:
                    odd.append(("unreadable", f"{file}: {error.strerror or error}"))
                    continue
                if used:
                    fresh.append((file, done, used))
        return fresh, odd

    async def _give(self, stretch: Stretch, position: int, deliver: Deliver, tell: Tell) -> None:
        """Give a stretch's records after a number."""
        try:
            data = await asyncio.to_thread(self._read, stretch.file, stretch.begin, stretch.length)
        except OSError as error:
            self._desk.say(tell, "unreadable", "", f"{stretch.file}: {error.strerror or error}")
            return
        found = self._split(data)
        if found.skipped:
            self._desk.say(tell, "skipped-bytes", "", f"{stretch.file} holds {found.skipped} bytes that are no records")
        for end, piece in zip(found.ends, found.pieces, strict=True):
            records = self._turn(piece, tell)
            # The last record of a piece has the number of its last byte, so that no other piece has it.
            for sequence, record in enumerate(records, start=stretch.place + end - len(records)):
                if sequence > position:
                    await self._desk.take("", sequence, record, deliver, tell)

    def _read(self, file: str, begin: int, length: int) -> bytes:
        handle = os.open(self._root / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.pread(handle, length, begin)
        finally:
            os.close(handle)


def _turn_of(found: Pieces) -> int:
    """How many of the bytes to give in one turn: whole pieces, at least one, and what is none between them."""
    return next((end for end in found.ends if end >= TURN_BYTES), found.used)


def _last(marks: Mapping[str, int]) -> int:
    return max(marks.values(), default=-1)


def _sizes(root: Path) -> list[tuple[str, int]]:
    """Every file below a folder by its path from there, with its size; a file is its own only one. Raises OSError."""
    if root.is_file():
        return [("", root.stat().st_size)]
    found = sorted(_below(root, ""))
    if len(found) > MOST_FILES:
        raise OSError(f"holds more than {MOST_FILES} files")
    return found


def _below(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _below(folder / entry.name, f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size
