"""The header of a Zeek log in tab-separated form."""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final

from houfeng.wire.eyes.log_values import LineFault

#: The first line of a header.
BEGINS: Final = "#separator"

_ESCAPE: Final = re.compile(r"\\x([0-9a-fA-F]{2})")

#: Labels that people append are parted from each other by three spaces in some published sets, by tabs in others.
_LABEL_GAP: Final = "   "


class ZeekHeader:
    """What the lines that begin with # say. Every #separator begins another header: joined logs have several.

    path    which log it is, "" when it does not say
    fields  names of the columns, empty before #fields came
    """

    def __init__(self) -> None:
        self.path = ""
        self.fields: tuple[str, ...] = ()
        self._separator = "\t"
        self._unset = "-"
        self._empty = "(empty)"
        self._columns = 0
        self._gaps = 0

    def read(self, line: str) -> bool:
        """A line that begins with # came. Says whether columns begin with it."""
        if line.startswith(BEGINS):
            told = line.removeprefix(BEGINS).strip(" ") or "\t"
            self._separator = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), told)
            return False
        key, _, value = line.partition(self._separator)
        if key == "#path":
            self.path = value
        elif key == "#unset_field":
            self._unset = value
        elif key == "#empty_field":
            self._empty = value
        elif key == "#fields":
            *names, last = value.split(self._separator)
            labels = last.split(_LABEL_GAP)
            self._columns, self._gaps = len(names) + 1, len(labels) - 1
            self.fields = (*names, *(label.strip() for label in labels))
            return True
        return False

    def chooser(self, wanted: Sequence[str]) -> Callable[[str], list[str | None]]:
        """What takes two or more wanted fields from a row, None for those that are unset or not in this log.

        The function raises LineFault for a row with more or fewer columns than the header.
        """
        place = {name: at for at, name in enumerate(self.fields)}
        pick = itemgetter(*(place.get(name, len(self.fields)) for name in wanted))
        separator, gaps, columns = self._separator, self._gaps, self._columns
        stands_for: dict[str | None, str | None] = {self._unset: None, self._empty: ""}

        def choose(line: str) -> list[str | None]:
            row: list[str | None] = [*line.split(separator)]
            if len(row) != columns:
                raise LineFault(f"{len(row)} columns where the header names {columns}")
            if gaps:
                labels = line.rsplit(separator, 1)[-1].split(_LABEL_GAP, gaps)
                row[-1:] = [*labels, *[None] * (gaps + 1 - len(labels))]
            row.append(None)
            picked = pick(row)
            return list(map(stands_for.get, picked, picked))

        return choose
