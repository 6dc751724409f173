"""Read a log line by line: lines to records, records to what they tell, damage to findings."""

from collections.abc import Callable, Iterable
from typing import Final, Generic, Protocol, TypeVar

from houfeng.wire.eyes.log_book import LogBook
from houfeng.wire.eyes.log_values import HeaderFault, LineFault, TimeFault
from houfeng.wire.eyes.text_lines import TextLines
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.network import Observation

#: Longest line that is read. Suricata's longest, a stats event, has about 20,000 bytes, Zeek's fewer; 50 times that.
LONGEST_LINE_BYTES: Final = 1 << 20

#: Lines none of which can be read until a file is refused: what a rotation or a crash tears is shorter.
_REFUSED_AFTER: Final = 20

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Form(Protocol[T_co]):
    """How the lines of a log are read.

    understood  whether the file showed that it is what it seems to be
    """

    understood: bool

    @property
    def doubtful(self) -> str:
        """What is ambiguous about the line read last, "" for nothing."""
        ...

    def read(self, line: bytes, number: int) -> tuple[int | None, tuple[T_co, ...]] | None:
        """The time of a line's record, None when that does not count, and what it tells; None for a header's line.

        Raises LineFault for a damaged line, TimeFault where a time in it cannot be.
        """
        ...


class Join(Protocol[T]):
    """Makes observations of what several lines tell together."""

    def handle(self, told: list[T | Finding]) -> list[Observation | Finding]:
        """More lines told this."""
        ...

    def end(self) -> list[Observation | Finding]:
        """No more will come."""
        ...


class LogReader(Generic[T]):
    """Reads one log in pieces of any size.

    records            how many records were read, those left out not counted
    first_ns, last_ns  earliest and latest time of these, None before the first

    Damaged lines come back as Findings with the line's number: "damaged-line", "overlong-line", "ambiguous-line" (its
    record is kept), "implausible-time", "damaged-header"; of the whole log "relative-clock", "clock-set", "empty-log".

    read and end raise DataFault for what is no such log. Once a line was understood nothing is refused any more.
    """

    def __init__(self, name: str, what: str, begin: Callable[[bytes], Form[T]], join: Join[T]) -> None:
        """Begin a log.

        name   of the file, for what is said of it
        what   such a log is called, for the refusal
        begin  the form of a log by its first line. Raises LineFault when it cannot be such a log
        join   what makes observations of what the lines tell
        """
        self.records = 0
        self._name = name
        self._what = what
        self._begin = begin
        self._join = join
        self._lines = TextLines(LONGEST_LINE_BYTES)
        self._book: LogBook[T] = LogBook(name)
        self._form: Form[T] | None = None
        self._unread = 0

    @property
    def first_ns(self) -> int | None:
        """The earliest time of a record."""
        return self._book.first_ns

    @property
    def last_ns(self) -> int | None:
        """The latest time of a record."""
        return self._book.last_ns

    def read(self, data: bytes) -> list[Observation | Finding]:
        """More of the log came. Raises DataFault when it is no such log."""
        told: list[T | Finding] = []
        for number, line in self._lines.take(data):
            told += self._line(number, line)
        self.records = self._book.records
        return self._join.handle(told)

    def end(self) -> list[Observation | Finding]:
        """No more will come. Raises DataFault when nothing of it was such a log."""
        told: list[T | Finding] = []
        for number, line in self._lines.end():
            told += self._line(number, line)
        if self._form is None and not self._unread:
            told.append(Finding("empty-log", "there is nothing in it", self._name))
        elif self._form is None or not self._form.understood:
            raise self._refusal("no line of it is a record")
        told += self._book.end()
        self.records = self._book.records
        return [*self._join.handle(told), *self._join.end()]

    def _line(self, number: int, line: bytes | None) -> Iterable[T | Finding]:
        if line is None:
            return self._damage("overlong-line", number, f"it is longer than {LONGEST_LINE_BYTES} bytes")
        if self._form is None:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return ()
        try:
            form = self._form = self._form or self._begin(line)
            record = form.read(line, number)
        except TimeFault as fault:
            return self._damage("implausible-time", number, str(fault))
        except HeaderFault as fault:
            return self._damage("damaged-header", number, str(fault))
        except LineFault as fault:
            return self._damage("damaged-line", number, str(fault))
        if record is None:
            return ()
        told = self._book.take(record[0], number, record[1])
        if form.doubtful:
            return [*told, *self._book.complain("ambiguous-line", number, f"{form.doubtful}; the last one counts")]
        return told

    def _damage(self, kind: str, number: int, reason: str) -> Iterable[Finding]:
        self._unread += 1
        if self._form is None or not self._form.understood:
            hopeless = kind == "damaged-header" or (self._form is None and kind == "damaged-line")
            if hopeless or self._unread >= _REFUSED_AFTER:
                raise self._refusal(f"line {number}: {reason}")
        return self._book.complain(kind, number, f"{reason}; it was left out")

    def _refusal(self, reason: str) -> DataFault:
        return DataFault(self._name, f"it is no {self._what}: {reason}")
