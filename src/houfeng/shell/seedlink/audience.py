"""Readers who asked for the same are one audience: what they get is chosen and joined once. Standard library only."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from houfeng.shell.seedlink.holdings import Holdings
from houfeng.shell.seedlink.parcels import Parcel, Stream
from houfeng.shell.seedlink.readers import Permit
from houfeng.wire.seedlink.patterns import selects
from houfeng.wire.seedlink.requests import NEXT, Subscription

#: How much of each stream: records and their bytes.
Tally = dict[Stream, tuple[int, int]]


class Choice:
    """Which streams a subscription takes of those that its reader may have."""

    def __init__(self, subscription: Subscription, permit: Permit) -> None:
        self.requests = subscription.requests
        self._protocol = subscription.protocol
        self._find = subscription.finder()
        self._permit = permit
        self._known: dict[Stream, int] = {}
        self._windowed = any(request.start_ns is not None or request.end_ns is not None for request in self.requests)

    def request_of(self, stream: Stream) -> int:
        """The number of the request that takes a stream, -1 when none does."""
        known = self._known.get(stream)
        if known is None:
            known = self._known[stream] = self._decide(stream)
        return known

    def _decide(self, stream: Stream) -> int:
        number = self._find(stream.station_id)
        if number < 0 or not self._permit.allows(stream.station_id):
            return -1
        return number if selects(self.requests[number].selectors, stream.stream_id, stream.format) else -1

    def streams(self) -> list[Stream]:
        """The streams that are taken, of those asked about so far."""
        return [stream for stream, number in self._known.items() if number >= 0]

    def forget(self, streams: Iterable[Stream]) -> None:
        """Forget streams that are no more."""
        for stream in streams:
            self._known.pop(stream, None)

    def covers(self, start_ns: int, end_ns: int) -> bool:
        """Whether any request can take a record of a time."""
        return not self._windowed or any(request.covers(start_ns, end_ns) for request in self.requests)

    def chosen(self, parcels: Sequence[Parcel], begins: Sequence[int]) -> list[Parcel]:
        """Those of some parcels that are taken.

        begins  for each request the least number it takes
        """
        chosen = []
        for parcel in parcels:
            number = self.request_of(parcel.stream)
            if number >= 0 and parcel.sequence >= begins[number]:
                chosen.append(parcel)
        return self.timely(chosen)

    def timely(self, parcels: list[Parcel]) -> list[Parcel]:
        """Those of some parcels, of streams that are taken, which lie in the time window of their request."""
        if not self._windowed:
            return parcels
        return [
            parcel
            for parcel in parcels
            if self.requests[self.request_of(parcel.stream)].covers(parcel.start_ns, parcel.end_ns)
        ]

    def join(self, parcels: Sequence[Parcel]) -> tuple[bytes, Tally]:
        """The bytes to send for parcels that are taken, and how much that is of each stream."""
        if self._protocol == 3:
            parcels = [parcel for parcel in parcels if parcel.v3]
            frames = [parcel.v3 for parcel in parcels]
        else:
            frames = [parcel.v4 for parcel in parcels]
        tally: Tally = {}
        for parcel, frame in zip(parcels, frames, strict=True):
            records, sent_bytes = tally.get(parcel.stream, (0, 0))
            tally[parcel.stream] = (records + 1, sent_bytes + len(frame))
        return b"".join(frames), tally


class Listener(Protocol):
    """Somebody who follows what is published."""

    def deliver(self, content: bytes, tally: Tally, following: int) -> None:
        """Send content; following is the number of the packet after all this."""

    def miss(self, following: int) -> None:
        """From this number on nothing was delivered: go and read it."""


class Audience:
    """Those who follow the same choice, closely enough to be sent to directly.

    names  the only stations it can be about, None for any
    """

    def __init__(self, choice: Choice, names: frozenset[str] | None) -> None:
        self.choice = choice
        self.names = names
        self.members = 0
        self.live: dict[Listener, None] = {}


class Audiences:
    """Every audience, and for each stream those that take it.

    holdings  the streams there are
    """

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        # Audiences that name their stations are found by name: one look for a stream, not one at each audience.
        self._by_name: dict[str, dict[Audience, None]] = {}
        self._others: dict[Audience, None] = {}
        self._audiences: dict[tuple[Subscription, Permit], Audience] = {}
        self._by_stream: dict[Stream, dict[Audience, None]] = {}

    def __len__(self) -> int:
        return len(self._audiences)

    def join(self, subscription: Subscription, permit: Permit) -> Audience:
        """The audience of a subscription, made when it is the first of its kind."""
        key = _key(subscription, permit)
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = Audience(Choice(subscription, permit), subscription.names)
            for group in self._groups(audience):
                group[audience] = None
            for stream in self._holdings.streams(audience.names):
                if audience.choice.request_of(stream) >= 0:
                    self._by_stream.setdefault(stream, {})[audience] = None
        audience.members += 1
        return audience

    def leave(self, subscription: Subscription, permit: Permit) -> None:
        """One member less; without any an audience is no more."""
        key = _key(subscription, permit)
        audience = self._audiences[key]
        audience.members -= 1
        if audience.members == 0:
            del self._audiences[key]
            for group in self._groups(audience):
                del group[audience]
            for stream in audience.choice.streams():
                self._by_stream.get(stream, {}).pop(audience, None)

    def appear(self, stream: Stream) -> None:
        """There is a new stream."""
        asked = (*self._by_name.get(stream.station_id, ()), *self._others)
        takers = [audience for audience in asked if audience.choice.request_of(stream) >= 0]
        self._by_stream[stream] = dict.fromkeys(takers)

    def _groups(self, audience: Audience) -> list[dict[Audience, None]]:
        if audience.names is None:
            return [self._others]
        return [self._by_name.setdefault(name, {}) for name in audience.names]

    def forget(self, streams: Sequence[Stream]) -> None:
        """Streams are no more."""
        self._by_name = {name: audiences for name, audiences in self._by_name.items() if audiences}
        for stream in streams:
            self._by_stream.pop(stream, None)
        for audience in self._audiences.values():
            audience.choice.forget(streams)

    def listeners(self) -> list[Listener]:
        """Everybody who is sent to directly."""
        return [listener for audience in self._audiences.values() for listener in audience.live]

    def fan_out(self, parcels: Sequence[Parcel], following: int) -> None:
        """Send parcels to everybody who follows closely and takes them.

        following  the number after them
        """
        gathered: dict[Audience, list[Parcel]] = {}
        for parcel in parcels:
            for audience in self._by_stream.get(parcel.stream, ()):
                if audience.live:
                    gathered.setdefault(audience, []).append(parcel)
        for audience, taken in gathered.items():
            content, tally = audience.choice.join(audience.choice.timely(taken))
            if content:
                for listener in tuple(audience.live):
                    listener.deliver(content, tally, following)


def _key(subscription: Subscription, permit: Permit) -> tuple[Subscription, Permit]:
    """Where readers begin does not matter once they have caught up."""
    requests = tuple(replace(request, begin=NEXT) for request in subscription.requests)
    return replace(subscription, requests=requests, dial_up=False), permit
