"""What goes on is told once: when it begins, and again when it begins again."""

from collections.abc import Hashable
from typing import Final

#: Matters remembered at a time; whoever invents addresses makes the oldest forgotten, and told again if they recur.
MOST: Final = 10_000


class Spells:
    """When each matter was last seen. Memory stays within MOST, whatever comes."""

    __slots__ = ("_last_ns",)

    def __init__(self) -> None:
        self._last_ns: dict[Hashable, int] = {}

    def last_ns(self, key: Hashable) -> int | None:
        """When a matter was last seen, None when it never was."""
        return self._last_ns.get(key)

    def begins(self, key: Hashable, time_ns: int, quiet_ns: int) -> bool:
        """A matter was seen: whether that is a beginning, none having been seen for quiet_ns before."""
        before_ns = self._last_ns.pop(key, None)
        self._last_ns[key] = time_ns if before_ns is None else max(before_ns, time_ns)
        if len(self._last_ns) > MOST:
            del self._last_ns[next(iter(self._last_ns))]
        return before_ns is None or time_ns - before_ns > quiet_ns


class Few:
    """No more than so many of a kind in a span, so that whoever invents names floods nobody."""

    __slots__ = ("_most", "_span_ns", "_spans")

    def __init__(self, most: int, span_ns: int) -> None:
        self._most, self._span_ns = most, span_ns
        self._spans: dict[Hashable, tuple[int, int]] = {}

    def admits(self, kind: Hashable, time_ns: int) -> bool:
        """Whether one more of a kind is within the number; if so it is counted."""
        start_ns, count = self._spans.get(kind, (time_ns, 0))
        if time_ns - start_ns > self._span_ns:
            start_ns, count = time_ns, 0
        if count >= self._most:
            return False
        self._spans[kind] = start_ns, count + 1
        if len(self._spans) > MOST:
            del self._spans[next(iter(self._spans))]
        return True
