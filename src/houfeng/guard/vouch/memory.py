"""What a centre must remember over a restart, so that nothing old passes for new."""

import json
from dataclasses import dataclass
from typing import Any

from houfeng.words.assurance import EnrolledKey, Tier
from houfeng.words.errors import DataFault

_VERSION = 1


@dataclass(frozen=True, slots=True)
class SessionMemory:
    """A session of a station; its key is not kept, the centre derives it again.

    opening   the statement that began it
    due       sequence number of the manifest to come
    head      SHA-256 of the last manifest, or of the opening before there is one
    second_s  of the last manifest
    signed    sequence number of the last manifest signed for, -1 before there is one
    signed_s  second of that signature
    """

    opening: bytes
    due: int
    head: bytes
    second_s: int
    signed: int
    signed_s: int


@dataclass(frozen=True, slots=True)
class AwaitedMemory:
    """A name that waits for its record; see Awaited in waiting.py."""

    digest: bytes
    channel: str
    start_ns: int
    tier: Tier
    due_ns: int


@dataclass(frozen=True, slots=True)
class MetMemory:
    """A record that was named and went on, and the feed that brought it."""

    digest: bytes
    tier: Tier
    feed: str


@dataclass(frozen=True, slots=True)
class StationMemory:
    """What is remembered of one station.

    station_key NET.STA
    sessions    those whose manifests may still come, oldest first
    counters    highest counter of an opening, by identity
    past        names of sessions that are over
    heirs       keys that took over from enrolled ones, with the key each took over from
    feeds       highest sequence number each feed has delivered
    channels    LOC_B_S_SS ever named
    signed      whether a manifest of it was ever accepted
    awaited     names whose records have not come
    met         records that came last and were named
    """

    station_key: str
    sessions: tuple[SessionMemory, ...]
    counters: tuple[tuple[bytes, int], ...]
    past: tuple[bytes, ...]
    heirs: tuple[tuple[bytes, EnrolledKey], ...]
    feeds: tuple[tuple[str, int], ...]
    channels: tuple[str, ...]
    signed: bool
    awaited: tuple[AwaitedMemory, ...]
    met: tuple[MetMemory, ...]


Memory = tuple[StationMemory, ...]


def memory_bytes(memory: Memory) -> bytes:
    """Write a memory as JSON. It holds no secret."""
    return json.dumps({"version": _VERSION, "stations": [_written(station) for station in memory]}).encode()


def memory_of(data: bytes) -> Memory:
    """Read what memory_bytes wrote. Raises DataFault for anything else."""
    try:
        told = json.loads(data)
        memory = tuple(_read(station) for station in told["stations"] if told["version"] == _VERSION)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataFault("memory of signed data", f"cannot be read: {error}", "remove it to begin anew") from error
    if told["version"] != _VERSION:
        raise DataFault("memory of signed data", f"of version {told['version']}", "remove it to begin anew")
    return memory


def _written(station: StationMemory) -> dict[str, Any]:
    return {
        "station": station.station_key,
        "sessions": [
            [session.opening.hex(), session.due, session.head.hex(), session.second_s, session.signed, session.signed_s]
            for session in station.sessions
        ],
        "counters": [[identity.hex(), counter] for identity, counter in station.counters],
        "past": [session.hex() for session in station.past],
        "heirs": [
            [replaced.hex(), key.public.hex(), key.place, key.from_ns, key.until_ns] for replaced, key in station.heirs
        ],
        "feeds": [list(feed) for feed in station.feeds],
        "channels": list(station.channels),
        "signed": station.signed,
        "awaited": [[one.digest.hex(), one.channel, one.start_ns, one.tier, one.due_ns] for one in station.awaited],
        "met": [[one.digest.hex(), one.tier, one.feed] for one in station.met],
    }


def _read(told: dict[str, Any]) -> StationMemory:
    return StationMemory(
        told["station"],
        tuple(
            SessionMemory(bytes.fromhex(opening), due, bytes.fromhex(head), second_s, signed, signed_s)
            for opening, due, head, second_s, signed, signed_s in told["sessions"]
        ),
        tuple((bytes.fromhex(identity), counter) for identity, counter in told["counters"]),
        tuple(bytes.fromhex(session) for session in told["past"]),
        tuple(
            (bytes.fromhex(replaced), EnrolledKey(bytes.fromhex(public), place, from_ns, until_ns))
            for replaced, public, place, from_ns, until_ns in told["heirs"]
        ),
        tuple((feed, highest) for feed, highest in told["feeds"]),
        tuple(told["channels"]),
        bool(told["signed"]),
        tuple(
            AwaitedMemory(bytes.fromhex(digest), channel, start_ns, Tier(tier), due_ns)
            for digest, channel, start_ns, tier, due_ns in told["awaited"]
        ),
        tuple(MetMemory(bytes.fromhex(digest), Tier(tier), feed) for digest, tier, feed in told["met"]),
    )
