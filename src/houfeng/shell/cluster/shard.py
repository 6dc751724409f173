"""Which share of the stations is whose, and what each share's logs and subjects are called."""

from dataclasses import dataclass
from hashlib import sha256

from houfeng.words.errors import WorldFault

#: More shares than a nation has stations help nobody.
MOST_SHARDS = 512

#: Every subject begins with this, every stream with the same in capitals.
PREFIX = "houfeng"

DONE_STREAM = f"{PREFIX.upper()}-DONE"
DONE_SUBJECT = f"{PREFIX}.done"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several shares of the stations.

    number  1 to count

    Raises WorldFault when there is no such share.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count <= MOST_SHARDS:
            reason = f"there is no share {self.number} of {self.count}"
            raise WorldFault("shard", reason, f"write K/N with 1 <= K <= N <= {MOST_SHARDS}, such as 2/8")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def token(self) -> str:
        """The share within a subject or a stream's name."""
        return f"{self.number}of{self.count}"

    @property
    def record_stream(self) -> str:
        """Stream of what the stations of this share sent, and of the clock."""
        return f"{PREFIX.upper()}-RECORD-{self.token}"

    @property
    def heard_stream(self) -> str:
        """Stream of what was heard in it."""
        return f"{PREFIX.upper()}-HEARD-{self.token}"

    @property
    def clock_subject(self) -> str:
        """Where intake says that a slice is complete."""
        return f"{PREFIX}.clock.{self.token}"

    @property
    def heard_subject(self) -> str:
        """Where detect says what it heard."""
        return f"{PREFIX}.heard.{self.token}"

    @property
    def ask_subject(self) -> str:
        """Where detect answers questions."""
        return f"{PREFIX}.ask.{self.token}"

    def record_subject(self, station_key: str) -> str:
        """Where intake puts records of a station, NET.STA; an empty code becomes a dash."""
        network, _, station = station_key.partition(".")
        return f"{PREFIX}.record.{self.token}.{network or '-'}.{station or '-'}"


def parse_shard(text: str) -> Shard:
    """Read K/N. Raises WorldFault for anything else."""
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and number.isascii() and count.isascii()):
        raise WorldFault("shard", f"{text!r} is no share", "write K/N, such as 2/8")
    return Shard(int(number), int(count))


def shards(count: int) -> tuple[Shard, ...]:
    """All shares."""
    return tuple(Shard(number, count) for number in range(1, count + 1))


def shard_of(station_key: str, count: int) -> Shard:
    """The share a station, NET.STA, belongs to: the same for ever, on every machine."""
    fingerprint = int.from_bytes(sha256(station_key.encode()).digest()[:8], "big")
    return Shard(1 + fingerprint % count, count)
