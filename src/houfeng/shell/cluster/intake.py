"""Intake: the slices of all stations, in order of data time, each share's into its log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from hashlib import sha256

import numpy as np
from nats.aio.client import Client

from houfeng.shell.cluster.asof import keep_asof
from houfeng.shell.cluster.broker import Broker, OnTrouble, Say, connected
from houfeng.shell.cluster.log import LogWriter, bounds, last_entry, make_log, read_entry, stream_names
from houfeng.shell.cluster.log_reader import LogReader
from houfeng.shell.cluster.record_frames import (
    LARGEST_RECORD_BYTES,
    decode_clock,
    decode_packets,
    encode_clock,
    encode_packet,
    encode_packets,
)
from houfeng.shell.cluster.shard import PREFIX, Shard, shard_of, shards
from houfeng.shell.replay.replay import END_OF_TIME_NS
from houfeng.wire.mseed.records import chosen_records
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS
from houfeng.words.packet import Packet

#: Room for the records that are not done with, of all shares: an hour of a hundred stations is about 0.1 GB.
MOST_BYTES = 4 * 2**30

#: A slice, as the journal gives it: where it begins, and the records to be taken then, in order.
Slice = tuple[int, Sequence[Packet]]


async def run_intake(
    broker: Broker,
    count: int,
    slices: AsyncIterator[Slice],
    *,
    say: Say,
    asof: Callable[[], int | None] = lambda: None,
    on_kept: Callable[[int], None] = lambda _: None,
    on_finding: Callable[[Finding], None] = lambda _: None,
    on_trouble: OnTrouble = lambda _: None,
    most_bytes: int = MOST_BYTES,
) -> None:
    """Put slices into the logs of so many shares until there are no more.

    slices      in order of now_ns; after a crash again from the first that was not kept, or any before it
    asof        asked with the first slice for the instant whose stations make the network; None leaves it untold
    on_kept     told now_ns of every slice once the broker has all of it: from there on it need not be given again
    on_finding  told of what cannot be passed on
    on_trouble  told why it waits, and "" when it goes on
    most_bytes  room at the broker for the logs of all shares together, reserved at once; in a full one intake waits

    Raises WorldFault when the broker holds records for another count of shares or of a run that was ended for good,
    Rival when another intake writes.
    """
    async with connected(broker, f"{PREFIX} intake", say, on_trouble) as client:
        await _refuse_other_counts(client, count, say)
        writers = {}
        for shard in shards(count):
            await make_log(client, shard.record_stream, _subjects(shard), most_bytes // count, say)
            writers[shard] = _ShareWriter(client, shard, say, on_trouble)
        begun = False
        async for now_ns, packets in slices:
            if not begun:
                await asyncio.gather(*(writer.open(now_ns) for writer in writers.values()))
                begun = True
                asof_ns = asof()
                if asof_ns is not None:
                    await keep_asof(client, asof_ns, say)
            shared = _shared(packets, count, on_finding)
            await asyncio.gather(*(writer.put(now_ns, shared.get(shard, {})) for shard, writer in writers.items()))
            on_kept(now_ns)


class _ShareWriter:
    """One share's log, and what is known of its end."""

    def __init__(self, client: Client, shard: Shard, say: Say, on_trouble: OnTrouble) -> None:
        self._client = client
        self._shard = shard
        self._say = say
        self._log = LogWriter(client, shard.record_stream, say, on_trouble)
        self._first = 1
        self._reached_ns = EARLIEST_NS
        self._there: set[bytes] = set()
        self._over: dict[str, list[Packet]] = {}

    async def open(self, now_ns: int) -> None:
        """Learn what an intake before us has put there of the slices from now_ns on."""
        await self._log.open()
        begin = await self._begin_of(now_ns)
        if begin > self._log.last:
            return
        reader = LogReader(self._client, self._shard.record_stream, "intake", self._say, begin)
        async for entry in reader.entries():
            if entry.subject != self._shard.clock_subject:
                self._there.update(map(_identity, decode_packets(entry.content, entry.subject)))
            if entry.sequence >= self._log.last:
                break

    async def put(self, now_ns: int, by_station: dict[str, list[Packet]]) -> None:
        """Put a slice there, but for what is there already."""
        for key, packets in by_station.items():
            self._over.setdefault(key, []).extend(self._fresh(packets))
        if now_ns == END_OF_TIME_NS <= self._reached_ns and any(self._over.values()):
            remedy = "delete the streams whose names begin with HOUFENG- and start all roles again"
            raise WorldFault(self._shard.record_stream, "the end was told there already, and more has come", remedy)
        if now_ns <= self._reached_ns:
            return  # what an earlier cut of this slice had not is taken with the next one
        messages = [
            (self._shard.record_subject(key), message)
            for key, packets in self._over.items()
            for message in encode_packets(packets)
        ]
        last = await self._log.append([*messages, (self._shard.clock_subject, encode_clock(now_ns, self._first))])
        self._first, self._over = last + 1, {}

    def _fresh(self, packets: list[Packet]) -> list[Packet]:
        if not self._there:
            return packets
        fresh = []
        for packet in packets:
            identity = _identity(packet)
            if identity in self._there:
                self._there.remove(identity)
            else:
                fresh.append(packet)
        return fresh

    async def _begin_of(self, now_ns: int) -> int:
        """Sequence from which on records of slices from now_ns on lie. Every clock names the one before it."""
        name, subject = self._shard.record_stream, self._shard.clock_subject
        first, _ = await bounds(self._client, name, self._say)
        clock = await last_entry(self._client, name, subject, self._say)
        if clock is None:
            return first
        self._first = begin = clock.sequence + 1
        reached_ns, before = decode_clock(clock.content, subject)
        self._reached_ns = reached_ns
        while reached_ns >= now_ns:
            begin = before
            if begin <= first:
                break
            clock = await read_entry(self._client, name, begin - 1, self._say)
            reached_ns, before = decode_clock(clock.content, subject)
        return max(begin, first)


def _subjects(shard: Shard) -> list[str]:
    return [f"{PREFIX}.record.{shard.token}.*.*", shard.clock_subject]


def _identity(packet: Packet) -> bytes:
    """What tells a packet from every other one, those with the same record included."""
    return sha256(encode_packet(packet)).digest()[:16]


def _shared(
    packets: Sequence[Packet], count: int, on_finding: Callable[[Finding], None]
) -> dict[Shard, dict[str, list[Packet]]]:
    """Packets by share and station, in order. A record counts for the station its own header names."""
    shared: dict[Shard, dict[str, list[Packet]]] = {}
    for packet, key in zip(packets, _stations(packets), strict=True):
        if len(packet.content) > LARGEST_RECORD_BYTES:
            reason = f"a record of {len(packet.content)} bytes is too large to pass on; dropped"
            on_finding(Finding("record-too-large", reason, station=packet.station_key))
        else:
            shared.setdefault(shard_of(key, count), {}).setdefault(key, []).append(packet)
    return shared


def _stations(packets: Sequence[Packet]) -> Iterable[str]:
    """The station each record names; "" where it cannot be read, which detect will find out and say."""
    keys = [""] * len(packets)
    lengths = np.array([len(packet.content) for packet in packets], dtype=np.int64)
    begins = np.cumsum(lengths) - lengths
    # Only what a packet begins with counts: a record hidden further in is nobody's.
    records = chosen_records(b"".join(packet.content for packet in packets), begins, lengths)
    owners = np.searchsorted(begins, records.rows["offset"], side="right") - 1
    for owner, channel in zip(owners.tolist(), records.rows["channel"].tolist(), strict=True):
        keys[owner] = records.channels[channel].station_key
    return keys


async def _refuse_other_counts(client: Client, count: int, say: Say) -> None:
    """Records shared out otherwise would be heard by nobody."""
    token = shards(count)[0].record_stream.rpartition("of")[2]
    for name in await stream_names(client, say):
        if name.startswith(f"{PREFIX.upper()}-RECORD-") and name.rpartition("of")[2] != token:
            reason = f"the broker holds records shared out otherwise ({name})"
            remedy = "let the old shares finish, then delete their streams: see docs/how-to/cluster.md"
            raise WorldFault("shards", reason, remedy)
