"""Say a thing once, and again only after it has been gone for a while."""

from typing import Final

from houfeng.words.instant import NS_PER_S

#: What has not shown for this long is over: the next is a new one.
OVER_NS: Final = 600 * NS_PER_S


class Once:
    """Remembers what was said of whom."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}

    def first(self, detector: str, subject: str, time_ns: int) -> bool:
        """Whether this is the first time that it shows since it was gone."""
        last = self._last.get((detector, subject))
        self._last[detector, subject] = max(time_ns, last or time_ns)
        return last is None or time_ns - last > OVER_NS

    def elapse(self, now_ns: int) -> None:
        """Forget what is gone."""
        self._last = {key: last for key, last in self._last.items() if now_ns - last <= OVER_NS}
