"""Cut what a client sends into command lines. Standard library only."""

from dataclasses import dataclass

#: Longest command line, its end included (SeedLink 4.0, "Commands").
LONGEST_LINE_BYTES = 255

_ENDS = bytes.maketrans(b"\r", b"\n")


@dataclass(frozen=True, slots=True)
class Line:
    """A command line.

    words  the command in capitals, then its arguments as they came
    fault  "" or why it is none
    """

    words: tuple[str, ...]
    fault: str = ""


class Lines:
    """Bytes in, command lines out. Bytes split anywhere give the same lines.

    Holds back at most what one receive() brought and one line.
    """

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._skipping = False

    @property
    def held_bytes(self) -> int:
        """Bytes received and not yet taken as lines."""
        return len(self._data) - self._at

    def receive(self, data: bytes) -> None:
        """Take what the client sent."""
        # Any of CR, LF and CR LF ends a line; empty lines do not count.
        self._data = self._data[self._at :] + data.translate(_ENDS)
        self._at = 0

    def take(self) -> Line | None:
        """The next line, None until more arrives. Of a line that is too long all but its beginning is forgotten."""
        while self._at < len(self._data):
            end = self._data.find(b"\n", self._at)
            whole = self._data[self._at : end if end >= 0 else len(self._data)]
            # CR LF counts as the end: 253 characters and those two.
            too_long = len(whole) > LONGEST_LINE_BYTES - 2
            if end < 0 and not too_long:
                return None
            self._at = end + 1 if end >= 0 else len(self._data)
            skipped, self._skipping = self._skipping, end < 0
            if skipped:
                continue
            if too_long:
                return Line((), f"longer than {LONGEST_LINE_BYTES} bytes")
            if whole.strip(b" \t"):
                return _line(whole)
        return None


def _line(raw: bytes) -> Line:
    if not all(32 <= byte < 127 or byte == 9 for byte in raw):
        return Line((), "not plain text")
    command, *arguments = raw.decode("ascii").split()
    return Line((command.upper(), *arguments))
