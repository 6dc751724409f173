"""Bounded memories: what was met of late, by key, and when it was last told."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from houfeng.words.instant import NS_PER_S

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

HOUR_NS: Final = 3600 * NS_PER_S

#: What lasts is told again when it has grown so much, and an hour has gone by: a day of it is two or three findings.
GROWTH: Final = 10

#: Eyes tell of things seconds late, flow engines by their idle timeout; what comes later than this is not followed.
DISORDER_NS: Final = 60 * NS_PER_S


class Shelf(Generic[K, V]):
    """Values by key, made when first asked for; beyond a bound the one not used for longest is given up.

    most  how many are kept
    make  gives a new one
    """

    def __init__(self, most: int, make: Callable[[], V]) -> None:
        self._most = most
        self._make = make
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, key: K) -> V:
        """The value of a key, which now is the one used last."""
        value = self._kept.get(key)
        if value is None:
            value = self._kept[key] = self._make()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return value

    def known(self, key: K) -> V | None:
        """The value of a key if there is one; nothing is made and nothing moves."""
        return self._kept.get(key)

    def forget(self, key: K) -> None:
        """Give one up."""
        self._kept.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """All, the one not used for longest first."""
        return list(self._kept.items())


class Lately(Generic[K]):
    """Different values with when each was last met; beyond a bound the one not met for longest is given up."""

    __slots__ = ("_most", "_times")

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._times)

    def __contains__(self, value: K) -> bool:
        return value in self._times

    def __iter__(self) -> Iterator[K]:
        return iter(self._times)

    def add(self, value: K, time_ns: int) -> None:
        """A value was met."""
        before = self._times.pop(value, time_ns)
        self._times[value] = max(before, time_ns)
        if len(self._times) > self._most:
            del self._times[next(iter(self._times))]

    def drop(self, value: K) -> None:
        """A value no longer counts."""
        self._times.pop(value, None)

    def since(self, time_ns: int) -> int:
        """How many were met at or after an instant."""
        return sum(met_ns >= time_ns for met_ns in self._times.values())

    def oldest_since(self, time_ns: int) -> int:
        """When the first of those was met; the instant itself when there is none."""
        return min((met_ns for met_ns in self._times.values() if met_ns >= time_ns), default=time_ns)

    def clear(self) -> None:
        """Forget all."""
        self._times.clear()


@dataclass(slots=True)
class Episode:
    """One go at something: it is over when nothing of it was met for a while, and then the next one begins.

    first_ns, last_ns  first and last of it
    told               how much it was when it was told last, 0 before
    told_ns            when
    grave              whether it was told as grave
    """

    first_ns: int = 0
    last_ns: int = 0
    told: int = 0
    told_ns: int = 0
    grave: bool = False

    def goes_on(self, time_ns: int, quiet_ns: int) -> bool:
        """Note that more of it was met; False when this is the first of a new episode."""
        begins = not self.last_ns or time_ns - self.last_ns > quiet_ns
        if begins:
            self.first_ns, self.told, self.told_ns, self.grave = time_ns, 0, 0, False
        self.last_ns = max(self.last_ns, time_ns)
        return not begins

    def rests(self, time_ns: int) -> bool:
        """Whether it was told within the hour, so that growth alone is not told again yet."""
        return self.told > 0 and time_ns - self.told_ns < HOUR_NS

    def tell(self, time_ns: int, count: int, *, grave: bool = False) -> bool:
        """Whether it is to be told now, having reached a count that is worth it; noted if so.

        It is when it was not told yet, when it has become grave, and when it has grown much since an hour or more.
        """
        grown = count >= GROWTH * self.told and not self.rests(time_ns)
        if self.told and not grown and not (grave and not self.grave):
            return False
        self.told, self.told_ns, self.grave = count, time_ns, grave or self.grave
        return True
