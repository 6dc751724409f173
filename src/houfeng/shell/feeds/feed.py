"""What every feed is, and what all of them do with a packet before it goes on."""

import random
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from houfeng.wire.manifest.head import head_of
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

Deliver = Callable[[Packet], Awaitable[None]]
Tell = Callable[[Finding], None]
Clock = Callable[[], int]
Sleep = Callable[[float], Awaitable[None]]

#: Stations of one feed that are kept count of. One that invents names runs out of them alone.
MOST_STATIONS = 50_000

#: Findings of one feed, each of another kind or station.
MOST_FINDINGS = 10_000

#: Letters of what a peer says of an error that are passed on.
_MOST_LETTERS = 200


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How a feed is.

    connected        whether it gets what it asked for
    since_ns         since when it is so
    last_arrival_ns  of the last packet, per station
    packets, bytes   delivered since it was begun
    reconnects       connections after the first one
    last_error       why the last connection ended or could not be made, "" when none has
    """

    connected: bool
    since_ns: int
    last_arrival_ns: Mapping[str, int]
    packets: int
    bytes: int
    reconnects: int
    last_error: str


class Feed(Protocol):
    """Where packets come from."""

    @property
    def name(self) -> str:
        """As in the settings; its packets carry it."""
        ...

    @property
    def secured(self) -> bool:
        """Whether the peer is known for who it is, and nobody between can read or change what it sends."""
        ...

    async def run(self, marks: Mapping[str, int], deliver: Deliver, tell: Tell) -> None:
        """Bring packets until cancelled, each station's after its mark.

        marks    the last sequence of this feed that the journal has, per station; its owner keeps it up to date
        deliver  takes one packet; the feed reads on when it is done
        tell     takes what is odd, each kind once per station

        Raises what deliver raises, and nothing else.
        """
        ...

    def health(self) -> FeedHealth:
        """How it is now."""
        ...


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next try: twice as long each time, less a random part so that not all come at once.

    first_s, longest_s  the shortest and the longest wait
    """

    chance: random.Random
    first_s: float = 1.0
    longest_s: float = 60.0
    tries: int = 0

    def next_s(self) -> float:
        """The next wait."""
        longest_s = min(self.first_s * 2.0 ** min(self.tries, 30), self.longest_s)
        self.tries += 1
        return longest_s * self.chance.uniform(0.5, 1.0)

    def rest(self) -> None:
        """Let the next wait be of the longest: whoever refused us will do so again."""
        self.tries = 30

    def reset(self) -> None:
        """Begin anew: something came."""
        self.tries = 0


@dataclass(slots=True)
class Desk:
    """Where a feed's packets are looked at, counted and passed on, and its findings said once.

    name      of the feed
    clock     wall time, ns
    stations  whose packets are wanted
    """

    name: str
    clock: Clock
    stations: Container[str]
    connected: bool = False
    since_ns: int = 0
    packet_count: int = 0
    byte_count: int = 0
    connections: int = 0
    last_error: str = ""
    last_arrival_ns: dict[str, int] = field(default_factory=dict)
    said: set[tuple[str, str]] = field(default_factory=set)

    def health(self) -> FeedHealth:
        """How the feed is now."""
        return FeedHealth(
            self.connected,
            self.since_ns,
            dict(self.last_arrival_ns),
            self.packet_count,
            self.byte_count,
            max(0, self.connections - 1),
            self.last_error,
        )

    def up(self) -> None:
        """A connection stands."""
        self.connections += 1
        self.connected, self.since_ns = True, self.clock()

    def down(self, reason: str) -> None:
        """It stands no more, or could not be made."""
        if self.connected or not self.since_ns:
            self.since_ns = self.clock()
        self.connected, self.last_error = False, plain(reason)

    def say(self, tell: Tell, kind: str, station: str, reason: str) -> None:
        """Tell a finding, unless one of its kind has been told of this station."""
        if (kind, station) not in self.said and len(self.said) < MOST_FINDINGS:
            self.said.add((kind, station))
            tell(Finding(kind, f"feed {self.name}: {plain(reason)}", station=station, time_ns=self.clock()))

    async def take(self, said_key: str, sequence: int, content: bytes, deliver: Deliver, tell: Tell) -> bool:
        """Pass a record on as a packet; whether it was fit to be.

        said_key  the station the feed says it is of, as NET.STA; "" when it says none
        """
        arrival_ns = self.clock()
        try:
            head = head_of(content)
        except DataFault as fault:
            self.say(tell, "bad-record", said_key, f"sent what is no record: {fault.reason}")
            return False
        key = head.source.station_key
        if head.length_bytes != len(content):
            self.say(tell, "bad-record", said_key or key, "sent a record of another length than its header says")
            return False
        if said_key and said_key != key:
            self.say(tell, "station-mismatch", said_key, f"sent a record of {key} as one of {said_key}; it is dropped")
            return False
        if key not in self.stations:
            self.say(tell, "station-unasked", key, f"sent a record of {key}, which was not asked for; it is dropped")
            return False
        await deliver(Packet(self.name, key, sequence, arrival_ns, content))
        self.packet_count += 1
        self.byte_count += len(content)
        if key in self.last_arrival_ns or len(self.last_arrival_ns) < MOST_STATIONS:
            self.last_arrival_ns[key] = arrival_ns
        return True


def words_of(error: BaseException) -> str:
    """What went wrong between us and a peer, in words."""
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    return str(error) or type(error).__name__


def plain(text: str) -> str:
    """What a peer says, short and without letters that a terminal acts on."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_MOST_LETTERS])
