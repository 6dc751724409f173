"""Counts what is handed over of each channel, and tells it now and then."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Seen, Subscription

#: How long packets of one channel are added up: who watches wants to know within a minute, and a nation's channels
#: told at every packet would be as much work as the packets themselves.
TOLD_EVERY_NS: Final = 60 * NS_PER_S

#: Channels counted at a time in one conversation. A nation has 50,000; names made up to fill memory end here.
MOST_CHANNELS: Final = 1 << 16


@dataclass(slots=True)
class _Count:
    told_ns: int
    start_ns: int
    end_ns: int
    packets: int
    count_bytes: int
    line: int


class Handed:
    """What one conversation hands over, one direction.

    seen, reader, server, service, direction  as in words.network.Subscription

    The first packet of a channel is told at once, since one packet is a copy; then what came within a minute, and the
    rest at the end. Every packet is in exactly one subscription.
    """

    def __init__(
        self,
        seen: Seen,
        reader: str,
        server: str,
        service: Literal["seedlink", "datalink"],
        direction: Literal["out", "in"],
    ) -> None:
        self._eye = seen.eye
        self._reader, self._server = reader, server
        self._service: Literal["seedlink", "datalink"] = service
        self._direction: Literal["out", "in"] = direction
        self._counts: dict[str, _Count] = {}

    def count(self, time_ns: int, channel: str, count_bytes: int, line: int) -> Iterator[Subscription]:
        """A packet of a channel was handed over."""
        counted = self._counts.get(channel)
        if counted is None:
            if len(self._counts) >= MOST_CHANNELS:
                yield from self.end()
            counted = self._counts[channel] = _Count(time_ns, time_ns, time_ns, 1, count_bytes, line)
            yield from self._tell(channel, counted)
            return
        if not counted.packets:
            counted.start_ns = time_ns
        counted.end_ns, counted.line = time_ns, line
        counted.packets += 1
        counted.count_bytes += count_bytes
        if time_ns - counted.told_ns >= TOLD_EVERY_NS:
            counted.told_ns = time_ns
            yield from self._tell(channel, counted)

    def asked(self, time_ns: int, channel: str, line: int) -> Subscription:
        """A channel, or several by a pattern, were asked for."""
        seen = Seen(self._eye, line)
        return Subscription(seen, time_ns, time_ns, self._reader, self._server, self._service, channel)

    def end(self) -> Iterator[Subscription]:
        """Tell what was not told."""
        for channel, counted in self._counts.items():
            yield from self._tell(channel, counted)
        self._counts.clear()

    def _tell(self, channel: str, counted: _Count) -> Iterator[Subscription]:
        if not counted.packets:
            return
        yield Subscription(
            seen=Seen(self._eye, counted.line),
            start_ns=counted.start_ns,
            end_ns=counted.end_ns,
            reader=self._reader,
            server=self._server,
            service=self._service,
            channel=channel,
            packets=counted.packets,
            count_bytes=counted.count_bytes,
            direction=self._direction,
        )
        counted.packets = counted.count_bytes = 0
