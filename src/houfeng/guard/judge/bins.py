"""Amounts told for spans of time, shared out over bins of equal length."""

from collections.abc import Iterator
from typing import Final

from houfeng.words.instant import EARLIEST_NS

#: Bins an amount is shared out over at most. A longer span is a broken clock; it counts where it ends.
MOST: Final = 10_000


class Bins:
    """Amounts by bin. What is told of a bin already closed counts in the oldest still open.

    length_ns  of a bin; bins begin at whole multiples of it
    """

    __slots__ = ("_amounts", "_first", "_until_ns", "length_ns")

    def __init__(self, length_ns: int) -> None:
        self.length_ns = length_ns
        self._amounts: dict[int, float] = {}
        self._first: int | None = None
        self._until_ns = EARLIEST_NS

    def add(self, start_ns: int, end_ns: int, amount: float) -> None:
        """Share an amount out evenly over its span; a span of no length is an instant."""
        end_ns = max(end_ns, start_ns + 1)
        last = (end_ns - 1) // self.length_ns
        if last - start_ns // self.length_ns > MOST:
            start_ns = end_ns - 1
        first = start_ns // self.length_ns
        if self._first is None:
            self._first = first
        for k in range(first, last + 1):
            inside_ns = min(end_ns, (k + 1) * self.length_ns) - max(start_ns, k * self.length_ns)
            open_ = max(k, self._first)
            self._amounts[open_] = self._amounts.get(open_, 0.0) + amount * inside_ns / (end_ns - start_ns)

    def close(self, until_ns: int) -> Iterator[tuple[int, float]]:
        """The end and the amount of every bin that ends at until_ns or before, in order; those without any too."""
        if self._first is None:
            return
        until_ns = self._until_ns = max(until_ns, self._until_ns)
        # A first amount from the future, by a broken clock, would keep all later ones waiting for it.
        self._first = min(self._first, until_ns // self.length_ns + 1)
        while (self._first + 1) * self.length_ns <= until_ns:
            first, self._first = self._first, self._first + 1
            yield self._first * self.length_ns, self._amounts.pop(first, 0.0)
