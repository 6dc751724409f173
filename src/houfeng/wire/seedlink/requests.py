"""What a reader asks for, and what its conversation with the server leads to. Standard library only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from houfeng.wire.seedlink.patterns import Selector, matcher

Protocol = Literal[3, 4]

#: Where to begin: with what comes next, or with the oldest there is. A number from 0 on is a sequence.
NEXT, ALL = -1, -2

#: How many numbers a version 3 sequence can say, six hexadecimal digits.
V3_SEQUENCES = 1 << 24


@dataclass(frozen=True, slots=True)
class StationRequest:
    """One STATION with what followed it.

    station    pattern of NET_STA
    selectors  of streams; none means all
    begin      NEXT, ALL or a sequence; of version 3 only its lowest 24 bits, see full_sequence()
    start_ns   only records that end after this, None for any
    end_ns     only records that begin before this, None for any
    """

    station: str
    selectors: tuple[Selector, ...] = ()
    begin: int = NEXT
    start_ns: int | None = None
    end_ns: int | None = None

    def covers(self, start_ns: int, end_ns: int) -> bool:
        """Whether a record from start_ns to end_ns has a part in the time asked for."""
        after = self.start_ns is None or end_ns > self.start_ns
        return after and (self.end_ns is None or start_ns < self.end_ns)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a reader asked for. A station belongs to the first request that describes it.

    dial_up  only what is there, then the end
    """

    protocol: Protocol
    requests: tuple[StationRequest, ...]
    dial_up: bool = False

    @property
    def names(self) -> frozenset[str] | None:
        """The stations asked for where each is named, None where there is a wildcard."""
        named = frozenset(request.station for request in self.requests)
        return None if any("*" in name or "?" in name for name in named) else named

    def finder(self) -> Callable[[str], int]:
        """A function from a station id to the number of its request, -1 for none."""
        exact: dict[str, int] = {}
        globs = []
        for number, request in enumerate(self.requests):
            if "*" in request.station or "?" in request.station:
                globs.append((number, matcher(request.station)))
            else:
                exact.setdefault(request.station, number)

        def find(station_id: str) -> int:
            named = exact.get(station_id, len(self.requests))
            for number, matches in globs:
                if number > named:
                    break
                if matches(station_id):
                    return number
            return named if named < len(self.requests) else -1

        return find


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to send, at once."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """Credentials to check; the conversation waits for Conversation.authenticated().

    name    of the reader, "" with a token
    secret  password or token
    """

    method: Literal["USERPASS", "JWT"]
    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InfoWanted:
    """INFO: a level, and patterns where they were given."""

    level: str
    station: str = "*"
    stream: str = "*"
    format: str = "*"


@dataclass(frozen=True, slots=True)
class CatalogueWanted:
    """CAT of version 3: the stations as text."""


@dataclass(frozen=True, slots=True)
class Start:
    """Negotiation is over: send records."""

    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Send these bytes, possibly none, and close the connection."""

    reason: str
    content: bytes = b""


Action = Send | Login | InfoWanted | CatalogueWanted | Start | Goodbye


def full_sequence(short: int, next_sequence: int) -> int:
    """The newest number not beyond next_sequence whose lowest 24 bits are short, or NEXT when there was none yet.

    short          as a version 3 client sends it
    next_sequence  the number the next packet gets
    """
    full = next_sequence - (next_sequence - short) % V3_SEQUENCES
    return full if full > 0 else NEXT
