"""The rows of a comma-separated table that comes in pieces of any size. Its fields hold no commas and no quotes."""

from collections.abc import Iterator
from typing import Final

from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S

#: No row of a table of headers or counters is nearly this long; what is longer has lost its line ends.
LONGEST_LINE_BYTES: Final = 4096
#: How much of a text from outside a reason shows.
SHOWN: Final = 60
#: Broken rows told one by one; more are counted and told at the end.
TOLD: Final = 20

#: The years 1970 to 2261, as whole seconds.
_MOST_S: Final = 9_190_000_000


class TableLines:
    """Cuts a table into rows, each with its line number and the fields of the wanted columns in the wanted order.

    name    of the file, for findings
    wanted  columns that must be there, without which nothing is read; others are left out. () for all that there are

    header  the columns of the table, () until they were read
    """

    __slots__ = ("_columns", "_line", "_name", "_pending", "_untold", "_wanted", "_width", "header")

    def __init__(self, name: str, wanted: tuple[str, ...]) -> None:
        self._name = name
        self._wanted = wanted
        self._pending = b""
        self._line = 0
        self._width = 0
        self._columns: tuple[int, ...] | None = None
        self._untold: dict[str, int] = {}
        self.header: tuple[str, ...] = ()

    def read(self, data: bytes) -> Iterator[tuple[int, list[str]] | Finding]:
        """More of the file came: its whole rows."""
        *lines, rest = (self._pending + data).split(b"\n")
        for line in lines:
            yield from self._row(line)
        self._pending = rest
        if len(rest) > LONGEST_LINE_BYTES:
            self._pending = rest[: LONGEST_LINE_BYTES + 1]  # enough to be refused when its end comes

    def end(self) -> Iterator[tuple[int, list[str]] | Finding]:
        """No more will come: a last row without a line end, and how many findings were not told."""
        if self._pending:
            yield from self._row(self._pending)
            self._pending = b""
        if self._line == 0:
            yield self._finding("table-empty", "no header line")
        for kind, count in self._untold.items():
            if count > TOLD:
                yield self._finding(kind, f"the same {count - TOLD} more times")
        self._untold.clear()

    def broken(self, line: int, why: str) -> Iterator[Finding]:
        """The finding of a row that does not mean what it should, for the first TOLD of them."""
        yield from self._told("row-broken", f"line {line}: {why}")

    def _row(self, raw: bytes) -> Iterator[tuple[int, list[str]] | Finding]:
        self._line += 1
        raw = raw.removesuffix(b"\r")
        if len(raw) > LONGEST_LINE_BYTES:
            yield from self.broken(self._line, f"more than {LONGEST_LINE_BYTES} bytes without a line end")
            return
        try:
            fields = raw.decode("ascii").split(",")
        except UnicodeDecodeError as error:
            yield from self.broken(self._line, f"byte {error.start} is no ASCII")
            return
        if self._line == 1:
            yield from self._head(fields)
        elif self._columns is not None and raw:
            if len(fields) == self._width:
                yield self._line, [fields[column] for column in self._columns]
            else:
                yield from self.broken(self._line, f"{len(fields)} fields where the header has {self._width}")

    def _head(self, fields: list[str]) -> Iterator[Finding]:
        missing = [column for column in self._wanted if column not in fields]
        if missing:
            yield self._finding("table-unknown", f"line 1: no column {missing[0]}; nothing of the table is read")
            return
        self.header = tuple(fields)
        self._width = len(fields)
        self._columns = tuple(fields.index(column) for column in self._wanted or fields)

    def _told(self, kind: str, reason: str) -> Iterator[Finding]:
        self._untold[kind] = self._untold.get(kind, 0) + 1
        if self._untold[kind] <= TOLD:
            yield self._finding(kind, reason)

    def _finding(self, kind: str, reason: str) -> Finding:
        return Finding(kind, reason, file=self._name)


def shown(text: str) -> str:
    """A text from outside as a reason may show it."""
    quoted = repr(text)
    return quoted if len(quoted) <= SHOWN else f"{quoted[: SHOWN - 3]}..."


def whole(text: str, most: int) -> int:
    """Read a whole number from 0 to most, written in plain digits. Raises ValueError."""
    if not text.isdecimal() or not text.isascii() or len(text) > 20:
        raise ValueError(f"{shown(text)} is no whole number")
    value = int(text)
    if value > most:
        raise ValueError(f"{shown(text)} is more than {most}")
    return value


def epoch_ns(text: str) -> int:
    """Read decimal seconds since 1970 as nanoseconds, exactly; digits beyond the ninth are cut. Raises ValueError."""
    seconds, _, fraction = text.partition(".")
    digits = fraction[:9]
    if fraction and not (fraction.isdecimal() and fraction.isascii()):
        raise ValueError(f"{shown(text)} is no time")
    return whole(seconds, _MOST_S - 1) * NS_PER_S + int(digits.ljust(9, "0"))
