"""Lines that tools on a host print, each read on its own: one that cannot be read is told of and hides no other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from houfeng.wire.eyes.text_lines import Complaints, shown, text_of
from houfeng.words.finding import Finding

T = TypeVar("T")

#: Characters of a line: a path of Linux has at most 4,096 bytes (PATH_MAX), a key of 16,384 bits 2,800 in base64.
LONGEST_LINE: Final = 8192

#: Characters of a path or any other text that is kept: the bound of a report's document.
LONGEST_TEXT: Final = 4096

#: Entries of one part that are kept: those a report's document may hold.
MOST_ENTRIES: Final = 200_000

#: A line into a value, None where it says nothing; raises ValueError with what is wrong.
Reads = Callable[[str], T | None]


class HostLines:
    """Reads the lines of one tool.

    name  of the tool's section, for findings
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._complaints = Complaints(name)
        self.findings: list[Finding] = []

    def each(self, data: bytes, read: Reads[T]) -> tuple[T, ...]:
        """What the lines say, in order, the same only once; what they do not say goes to findings."""
        told: dict[T, None] = {}
        for number, line in lines_of(data):
            try:
                value = read(line)
            except ValueError as error:
                self._tell(number, f"{error}: {shown(line)}")
                continue
            if value is None or value in told:
                continue
            if len(told) == MOST_ENTRIES:
                self.findings.append(Finding("too-many-entries", f"line {number}: only {MOST_ENTRIES} are kept"))
                break
            told[value] = None
        self.findings += self._complaints.end()
        return tuple(told)

    def _tell(self, number: int, what: str) -> None:
        self.findings += self._complaints.tell("not-a-host-line", number, what)


def lines_of(data: bytes) -> Iterator[tuple[int, str]]:
    """The lines with something on them, with their numbers from 1; of a line too long its beginning."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        text = text_of(line[: LONGEST_LINE + 1]).rstrip("\r")
        if text.split():
            yield number, text


def path_of(text: str) -> str:
    """A text as an absolute path. Raises ValueError."""
    if not text.startswith("/") or len(text) > LONGEST_TEXT:
        raise ValueError("no absolute path")
    return text


def words_of(lines: Iterable[str]) -> Iterator[str]:
    """The words of lines, up to a comment."""
    for line in lines:
        yield from line.partition("#")[0].split()
