"""What is odd, told once: at its first occurrence, and with the count when it has stopped."""

from dataclasses import dataclass

from houfeng.words.finding import Finding

#: An oddity that has not recurred for this long is over.
QUIET_NS = 60_000_000_000


@dataclass(slots=True)
class _Episode:
    first: Finding
    last_ns: int
    count: int = 1


class Episodes:
    """The oddities of one station that go on at present, at most one of each kind.

    station_key  NET.STA
    odd          stations of which something is odd at present, shared by all of them
    """

    __slots__ = ("_going_on", "_odd", "_station_key")

    def __init__(self, station_key: str, odd: set[str]) -> None:
        self._station_key = station_key
        self._odd = odd
        self._going_on: dict[str, _Episode] = {}

    def tell(self, kind: str, reason: str, arrival_ns: int, time_ns: int | None = None) -> list[Finding]:
        """Something odd arrived: a finding when it is the first of its kind, else only counted.

        reason  one sentence
        time_ns when in the data
        """
        episode = self._going_on.get(kind)
        if episode is not None:
            episode.count += 1
            episode.last_ns = max(episode.last_ns, arrival_ns)
            return []
        finding = Finding(kind, reason, station=self._station_key, time_ns=time_ns)
        self._going_on[kind] = _Episode(finding, arrival_ns)
        self._odd.add(self._station_key)
        return [finding]

    def elapse(self, now_ns: int) -> list[Finding]:
        """Close what has been quiet; what occurred more than once is told with its count."""
        if not self._going_on:
            return []
        over = {kind: e for kind, e in self._going_on.items() if e.last_ns + QUIET_NS <= now_ns}
        for kind in over:
            del self._going_on[kind]
        if not self._going_on:
            self._odd.discard(self._station_key)
        return [
            Finding(kind, f"{e.count} times, now over; first: {e.first.reason}", station=self._station_key,
                    time_ns=e.first.time_ns)
            for kind, e in over.items()
            if e.count > 1
        ]  # fmt: skip
