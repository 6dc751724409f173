"""Listens where data are acquired: SeedLink or DataLink, whichever is spoken. Servers speak both on one port."""

from collections.abc import Iterator

from houfeng.guard.observe.taps.datalink import DataLink
from houfeng.guard.observe.taps.seedlink import SeedLink
from houfeng.words.finding import Finding
from houfeng.words.network import Login, Seen, Subscription


class Acquisition:
    """See Tap."""

    def __init__(self, seen: Seen, client: str, server: str, client_port: int, server_port: int, protocol: str) -> None:
        ends = (seen, client, server, client_port, server_port, protocol)
        self._taps: list[SeedLink | DataLink] = [SeedLink(*ends), DataLink(*ends)]
        self.done = protocol != "tcp"

    def hear(
        self, time_ns: int, *, from_client: bool, data: bytes, line: int
    ) -> Iterator[Subscription | Login | Finding]:
        """One side said something."""
        for tap in self._taps:
            yield from tap.hear(time_ns, from_client=from_client, data=data, line=line)
            if tap.done:
                yield from tap.end(time_ns)
        self._taps = [tap for tap in self._taps if not tap.done]
        self.done = not self._taps

    def lost(self, from_client: bool) -> None:
        """Some bytes of one side were not seen."""
        for tap in self._taps:
            tap.lost(from_client)

    def end(self, time_ns: int) -> Iterator[Subscription | Login | Finding]:
        """The conversation is over."""
        for tap in self._taps:
            yield from tap.end(time_ns)
