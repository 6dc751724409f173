"""How much dear work one station may cause."""

from typing import Final

#: Ed25519 checks a station may cause at once, and how soon one more is granted. One costs as much as some forty MACs,
#: and a station needs one a minute.
MOST_CHECKS: Final = 16
CHECK_EVERY_NS: Final = 1_000_000_000


class Budget:
    """Ed25519 checks left to a station."""

    __slots__ = ("_left", "_since_ns")

    def __init__(self) -> None:
        self._left, self._since_ns = MOST_CHECKS, 0

    def spend(self, now_ns: int) -> bool:
        """Take one check; False when none is left."""
        earned = max(0, now_ns - self._since_ns) // CHECK_EVERY_NS
        if earned:
            self._left, self._since_ns = min(MOST_CHECKS, self._left + earned), now_ns
        if self._left == 0:
            return False
        self._left -= 1
        return True
