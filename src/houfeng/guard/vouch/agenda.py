"""When each of many is to be looked at again, so that those with nothing due cost nothing."""

from array import array

import numpy as np

from houfeng.guard.vouch.session import NEVER_NS


class Agenda:
    """An instant for each of those entered, numbered from 0."""

    __slots__ = ("_due_ns",)

    def __init__(self) -> None:
        self._due_ns = array("q")

    def enter(self) -> int:
        """One more, with nothing due; returns its number."""
        self._due_ns.append(NEVER_NS)
        return len(self._due_ns) - 1

    def note(self, number: int, due_ns: int) -> None:
        """When one is to be looked at, at most NEVER_NS."""
        self._due_ns[number] = due_ns

    def due(self, now_ns: int) -> list[int]:
        """Numbers of those that are due, in order."""
        due_ns = np.frombuffer(self._due_ns, np.int64)
        numbers: list[int] = np.flatnonzero(due_ns <= min(now_ns, NEVER_NS - 1)).tolist()
        return numbers
