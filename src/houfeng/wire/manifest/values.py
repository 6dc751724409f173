"""What a station states: that a session opens, which records a second held, that a chain of these is its own."""

from dataclasses import dataclass
from typing import Literal

from houfeng.words.assurance import Place

ClockState = Literal["unknown", "locked", "free-running"]


@dataclass(frozen=True, slots=True)
class Opening:
    """A session begins.

    station    NET_STA, as in source identifiers
    session    16 random bytes, its name
    counter    grows with every opening of a station, whatever its clock says
    time_ns    when, by the station's clock
    place      where it signs
    identity   public Ed25519 key of the station, 32 bytes
    ephemeral  public X25519 key made for this session, 32 bytes
    centre     public X25519 key of the centre it is for, 32 bytes
    replaces   identity this one takes over from and which signs too, b"" when none
    """

    station: str
    session: bytes
    counter: int
    time_ns: int
    place: Place
    identity: bytes
    ephemeral: bytes
    centre: bytes
    replaces: bytes = b""


@dataclass(frozen=True, slots=True)
class Clock:
    """What a station knows of its clock.

    state            locked to UTC, running free, or unknown
    offset_ns        station's clock minus UTC, None when not known
    quality_percent  0 to 100, None when not known
    """

    state: ClockState = "unknown"
    offset_ns: int | None = None
    quality_percent: int | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """One record, named.

    channel   LOC_B_S_SS: what follows NET_STA_ in its source identifier
    start_ns  time of its first sample as its header says
    digest    SHA-256 of all its bytes
    """

    channel: str
    start_ns: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """The records a station passed on since the manifest before.

    session   whose key it is authenticated with
    sequence  from 0, one more each time
    second_s  UTC second in which it was made, since 1970, by the station's clock
    previous  SHA-256 of the statement before: of the opening for the first, then of the manifest before
    clock     the station's clock
    names     the records, in the order they were passed on; each is named once
    """

    session: bytes
    sequence: int
    second_s: int
    previous: bytes
    clock: Clock
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """A chain of manifests, signed.

    session   whose chain
    time_ns   when, by the station's clock
    sequence  of the last manifest signed for
    count     manifests since the signature before
    head      SHA-256 of the last manifest
    """

    session: bytes
    time_ns: int
    sequence: int
    count: int
    head: bytes
