"""Bytes into the lines of a text log, wherever they are split, and bounded words for what is wrong with them."""

from collections.abc import Iterator
from typing import Final

from houfeng.wire.decoded import TOLD
from houfeng.words.finding import Finding

#: Characters of a line shown in a reason: enough to find it by.
SHOWN: Final = 60


class TextLines:
    """Bytes in, lines out. Bytes split anywhere give the same lines.

    longest_bytes  of a line; of a longer one nothing is kept
    """

    def __init__(self, longest_bytes: int) -> None:
        self._longest = longest_bytes
        self._held = bytearray()
        self._skipping = False
        self._number = 0

    def take(self, data: bytes) -> Iterator[tuple[int, bytes | None]]:
        """The lines that end in data, each with its number from 1; None in place of one that is too long."""
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            self._hold(data[at:end])
            at = end + 1
            yield self._cut()
        self._hold(data[at:])

    def end(self) -> Iterator[tuple[int, bytes | None]]:
        """The last line, where no line end follows it."""
        if self._held or self._skipping:
            yield self._cut()

    def forget(self) -> None:
        """Bytes were lost: of the line begun nothing is kept."""
        self._held.clear()
        self._skipping = False

    def _hold(self, piece: bytes) -> None:
        if self._skipping:
            return
        # One byte more for the CR that does not count.
        if len(self._held) + len(piece) > self._longest + 1:
            self._held.clear()
            self._skipping = True
            return
        self._held += piece

    def _cut(self) -> tuple[int, bytes | None]:
        self._number += 1
        line = bytes(self._held).removesuffix(b"\r")
        too_long = self._skipping or len(line) > self._longest
        self._held.clear()
        self._skipping = False
        return self._number, None if too_long else line


class Complaints:
    """What is wrong with one file: each kind is told a bounded number of times, then counted.

    name  of the file
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: dict[str, int] = {}

    def tell(self, kind: str, number: int, what: str, time_ns: int | None = None) -> Iterator[Finding]:
        """Say what is wrong with a line.

        number  of the line
        what    one sentence after "line N", without text from outside other than shown()
        """
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if count <= TOLD:
            yield Finding(kind, f"line {number} {what}", self._name, time_ns=time_ns)

    def end(self) -> Iterator[Finding]:
        """Say how often the rest occurred."""
        for kind, count in self._counts.items():
            if count > TOLD:
                yield Finding(kind, f"the same {count - TOLD} more times", self._name)
        self._counts.clear()


def text_of(line: bytes) -> str:
    """A line as text that can be written again: what is no UTF-8 becomes backslash escapes."""
    return line.decode("utf-8", errors="backslashreplace")


def shown(text: str) -> str:
    """Text from outside for a reason: quoted, escaped and short."""
    return ascii(text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}...")[: SHOWN + 2]
