"""Read a table of TOML key by key: every value is checked, and no key goes unread."""

from collections.abc import Iterator, Sequence
from typing import Any

from houfeng.words.errors import DataFault
from houfeng.words.instant import parse_instant


class Keys:
    """One table of a scenario.

    table  as tomllib gives it
    place  what to call it in messages: "city.toml [noise]"

    Every method raises DataFault, naming the key and what is allowed.
    """

    def __init__(self, table: Any, place: str) -> None:
        if not isinstance(table, dict):
            raise DataFault(place, "is not a table", "write it as key = value lines")
        self._table, self._place, self._read = table, place, set[str]()

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._table

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number from low to high."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._fault(key, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from low to high."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._fault(key, value, f"a whole number from {low} to {high}")
        return value

    def maybe(self, key: str, low: float, high: float) -> float | None:
        """A number from low to high, or None where the key is missing."""
        return self.number(key, low, high) if self.has(key) else None

    def text(self, key: str, default: str | None = None) -> str:
        """Some text."""
        value = self._take(key, default)
        if not isinstance(value, str):
            raise self._fault(key, value, "text")
        return value

    def code(self, key: str, longest: int, default: str | None = None) -> str:
        """Capital letters and digits, at least one."""
        value = self.text(key, default)
        if not (value.isascii() and value.isalnum() and value == value.upper() and len(value) <= longest):
            raise self._fault(key, value, f"1 to {longest} capital letters and digits")
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of some words."""
        value = self._take(key, default)
        if value not in allowed:
            raise self._fault(key, value, " or ".join(repr(word) for word in allowed))
        return str(value)

    def instant(self, key: str) -> int:
        """An ISO 8601 time as nanoseconds."""
        value = self.text(key)
        try:
            return parse_instant(value)
        except ValueError as error:
            raise self._fault(key, value, 'a time such as "2024-01-01T00:00:00Z"') from error

    def table(self, key: str) -> "Keys":
        """A table within, empty where it is missing."""
        return Keys(self._take(key, {}), f"{self._place} [{key}]")

    def tables(self, key: str) -> Iterator["Keys"]:
        """The tables of an array, none where it is missing."""
        value = self._take(key, [])
        if not isinstance(value, list):
            raise self._fault(key, value, "an array of tables")
        for number, table in enumerate(value, start=1):
            yield Keys(table, f"{self._place} [[{key}]] {number}")

    def rest(self) -> list[str]:
        """Keys not read so far, now counted as read."""
        left = [key for key in self._table if key not in self._read]
        self._read.update(left)
        return left

    def done(self, known: Sequence[str] = ()) -> None:
        """All is read: refuse what is left."""
        left = sorted(set(self._table) - self._read)
        if left:
            names = ", ".join(sorted({*self._read, *known}))
            raise DataFault(self._place, f"unknown key {left[0]!r}", f"known here: {names}")

    def _take(self, key: str, default: Any) -> Any:
        self._read.add(key)
        if key not in self._table and default is None:
            raise DataFault(self._place, f"{key} is missing", "see docs/how-to/scenario.md")
        return self._table.get(key, default)

    def _fault(self, key: str, value: Any, allowed: str) -> DataFault:
        return DataFault(self._place, f"{key} = {value!r} is not allowed", f"give {allowed}")
