"""Follows the file to which the guard adds how far each station is to be believed."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from houfeng.serve.judgements.trust_lines import LONGEST_LINE_BYTES, read_trust
from houfeng.shell.centre.notes import note_of_trust
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet
from houfeng.words.trust import Trust

#: How often the file is looked at, s: trust is to reach the warning within a second.
LOOK_S: Final = 0.2

#: What the guard says beside trust, in the same file: findings, cases, and what is odd about its eyes.
_OTHER: Final = re.compile(rb'\{"(?:time":"[^"]*","until|case|kind)":')

#: Read at a look. A file of years is read in steps, and of each station only the last word of a step counts.
MOST_AT_ONCE_BYTES: Final = 4 << 20


class TrustFile:
    """The trust among the lines of a file that came since the last look; a file that is replaced counts from its start.

    path  of the file, which need not be there yet
    tell  called with what is odd about it
    """

    def __init__(self, path: Path, tell: Callable[[Finding], None]) -> None:
        self._path = path
        self._tell = tell
        self._at = 0
        self._inode = 0

    def look(self) -> list[Trust]:
        """The last word on each station that was said since. Raises OSError when the disk refuses."""
        try:
            with self._path.open("rb") as file:
                there = self._path.stat()
                if there.st_ino != self._inode or there.st_size < self._at:
                    self._at, self._inode = 0, there.st_ino
                file.seek(self._at)
                data = file.read(MOST_AT_ONCE_BYTES)
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and len(data) > LONGEST_LINE_BYTES:
            whole = data  # no line of ours; its rest will be no line either, and is told of
        self._at += len(whole)
        last: dict[str, Trust] = {}
        for line in whole.splitlines():
            if _OTHER.match(line):
                continue
            try:
                trust = read_trust(line)
            except DataFault as fault:
                self._tell(Finding("bad-trust", fault.reason, str(self._path)))
                continue
            last[trust.station_key] = trust
        return list(last.values())


async def follow(
    path: Path,
    deliver: Callable[[Packet], Awaitable[None]],
    tell: Callable[[Finding], None],
    *,
    clock: Callable[[], int],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Put what is added to a file of trust into the journal, for ever.

    deliver  takes a packet for the journal; tell  what is odd
    clock    the present, ns; sleep: waits so many seconds
    """
    file, refused = TrustFile(path, tell), False
    while True:
        try:
            for trust in await asyncio.to_thread(file.look):
                await deliver(note_of_trust(trust, clock()))
            refused = False
        except OSError as error:
            if not refused:
                tell(Finding("trust-unreadable", error.strerror or str(error), str(path)))
            refused = True
        await sleep(LOOK_S)
