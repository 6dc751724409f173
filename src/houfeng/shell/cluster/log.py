"""A log at the broker: one writer, in strict order, exactly once; read in order; cut off behind what is done with.

The writer says with every message which sequence number it expects the last one to have. The broker refuses any
other, so whatever was sent again after a broken connection or a crash is kept once, a second writer is found out, and
where the log ends is where to go on. Message ids would be forgotten after a while; a sequence is not.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js.api import (
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from houfeng.shell.cluster.broker import ANSWER_S, OnTrouble, Say, Waits, insist, jetstream, lives
from houfeng.words.errors import WorldFault

#: Messages sent before waiting for the broker to have kept them, and bytes.
WINDOW = 1000
WINDOW_BYTES = 4 * 2**20

#: How often a writer that waits looks whether the connection still stands, s.
LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a log."""

    sequence: int
    subject: str
    content: bytes


class Rival(WorldFault):
    """Another process writes to a log of ours."""


async def make_log(client: Client, name: str, subjects: Sequence[str], most_bytes: int, say: Say) -> None:
    """See to it that a log exists, with room for most_bytes on the broker's disk.

    A full log refuses new messages rather than dropping old ones: whoever writes waits until it is cut off.
    """
    jet = jetstream(client)
    config = StreamConfig(
        name=name,
        subjects=list(subjects),
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        max_bytes=most_bytes,
    )

    async def make() -> None:
        try:
            info = await jet.stream_info(name)
        except NotFoundError:
            await jet.add_stream(config)
        else:
            if info.config.max_bytes != most_bytes:
                await jet.update_stream(config)

    await insist(make, f"making {name}", say)


async def await_log(client: Client, name: str, maker: str, say: Say) -> None:
    """Wait until the role that makes a log has made it."""
    waits = Waits(say)
    while True:
        try:
            await bounds(client, name, say)
        except NotFoundError:
            await waits.wait(f"there is no {name} yet; waiting for {maker}")
        else:
            waits.over(f"{name} is there")
            return


class LogWriter:
    """The one writer of a log.

    client      a connection; name: of a stream that exists
    on_trouble  told why it takes nothing more, and "" when it does again
    """

    def __init__(self, client: Client, name: str, say: Say, on_trouble: OnTrouble = lambda _: None) -> None:
        self._client = client
        self._jet = jetstream(client)
        self._name = name
        self._say = say
        self._on_trouble = on_trouble
        self._last = -1
        self._wanted = 0
        self._verdict: asyncio.Future[str] | None = None
        self._inbox = client.new_inbox()
        self._replies: Subscription | None = None

    async def open(self) -> None:
        """Find out where the log ends."""
        self._replies = await self._client.subscribe(f"{self._inbox}.*", cb=self._heard_back)
        self._last = await self._stored()

    async def close(self) -> None:
        """Listen to the broker's replies no longer."""
        if self._replies is not None:
            with suppress(Error):  # without a connection there is nothing to leave
                await self._replies.unsubscribe()

    @property
    def last(self) -> int:
        """Sequence of the last message; 0 before the first."""
        return self._last

    async def append(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """Add messages, subject and content each; returns the sequence of the last one once the broker has all.

        Waits for a broker that is gone and for a full log to be cut off.
        Raises Rival when someone else writes to this log, WorldFault when the broker has lost what it had.
        """
        first, done = self._last, 0
        waits = Waits(self._say, self._on_trouble)
        while done < len(messages):
            stop = _window(messages, done)
            try:
                trouble = await self._push(messages[done:stop], first + done)
            except (TimeoutError, Error, OSError) as error:
                trouble = str(error) or "no answer"
            if not trouble:
                done = stop
                continue
            before, done = done, await self._agreed(messages, first)
            if done == before:
                await waits.wait(f"{self._name}: {trouble.removeprefix('nats: ')}; waiting")
        waits.over(f"{self._name}: going on")
        self._last = first + len(messages)
        return self._last

    async def _push(self, messages: Sequence[tuple[str, bytes]], last: int) -> str:
        """Send a window of messages; returns what the broker has against one of them, "" when it has kept all."""
        self._wanted = last + len(messages)
        self._verdict = asyncio.get_running_loop().create_future()
        for number, (subject, content) in enumerate(messages, start=last):
            headers = {"Nats-Expected-Stream": self._name, "Nats-Expected-Last-Sequence": str(number)}
            await self._client.publish(subject, content, reply=f"{self._inbox}.{number + 1}", headers=headers)
        return await self._waited_for(self._verdict)

    async def _waited_for(self, verdict: "asyncio.Future[str]") -> str:
        """The verdict, or that there will be none: what was on its way when a connection broke gets no answer."""
        life = lives(self._client)
        for _ in range(round(ANSWER_S / LOOK_S)):
            await asyncio.wait({verdict}, timeout=LOOK_S)
            if verdict.done():
                return verdict.result()
            if lives(self._client) != life or not self._client.is_connected:
                return "the connection broke"
        return "no answer"

    async def _heard_back(self, message: Msg) -> None:
        verdict = self._verdict
        if verdict is None or verdict.done():
            return
        if message.headers and message.headers.get("Status"):
            verdict.set_result("the broker does not take messages yet")
            return
        reply: dict[str, Any] = json.loads(message.data)
        if "error" in reply:
            verdict.set_result(str(reply["error"].get("description", "refused")))
        elif int(message.subject.rsplit(".", 1)[1]) == self._wanted:
            verdict.set_result("")

    async def _agreed(self, messages: Sequence[tuple[str, bytes]], first: int) -> int:
        """How many of the messages the log holds already."""
        stored = await self._stored()
        if stored < first:
            remedy = "see docs/how-to/cluster.md on what a broker must keep through a power cut"
            raise WorldFault(self._name, f"the broker has lost {first - stored} messages it had kept", remedy)
        done = stored - first
        remedy = "run one process for each role and share"
        if done > len(messages):
            raise Rival(self._name, "another process writes to it", remedy)
        if done and (await read_entry(self._client, self._name, stored, self._say)).content != messages[done - 1][1]:
            raise Rival(self._name, "another process writes to it", remedy)
        return done

    async def _stored(self) -> int:
        return (await bounds(self._client, self._name, self._say))[1]


def _window(messages: Sequence[tuple[str, bytes]], begin: int) -> int:
    """Index after the last message sent before waiting."""
    size, end = 0, begin
    while end < len(messages) and end - begin < WINDOW and (end == begin or size < WINDOW_BYTES):
        size += len(messages[end][1])
        end += 1
    return end


async def stream_names(client: Client, say: Say) -> list[str]:
    """Names of all streams at the broker, ours and others'."""
    names: list[str] = []
    while True:
        more = partial(jetstream(client).streams_info, offset=len(names))
        found = await insist(more, "asking for streams", say)
        names += [info.config.name or "" for info in found]
        if not found:
            return names


async def bounds(client: Client, name: str, say: Say) -> tuple[int, int]:
    """First and last sequence of a log; the first is one more than the last when it is empty."""
    info = await insist(lambda: jetstream(client).stream_info(name), f"asking for {name}", say)
    return max(1, info.state.first_seq), info.state.last_seq


async def read_entry(client: Client, name: str, sequence: int, say: Say) -> Entry:
    """One message. Raises WorldFault when it is not there."""
    try:
        found = await insist(lambda: jetstream(client).get_msg(name, sequence), f"reading {name}", say)
    except NotFoundError as error:
        raise WorldFault(name, f"message {sequence} is missing", "do not remove messages by hand") from error
    return Entry(sequence, found.subject or "", found.data or b"")


async def last_entry(client: Client, name: str, subject: str, say: Say) -> Entry | None:
    """The last message on a subject, or None."""
    try:
        found = await insist(lambda: jetstream(client).get_last_msg(name, subject), f"reading {name}", say)
    except NotFoundError:
        return None
    return Entry(found.seq or 0, found.subject or "", found.data or b"")


async def cut_off(client: Client, name: str, first_kept: int, say: Say) -> None:
    """Give up everything before a sequence."""
    await insist(lambda: jetstream(client).purge_stream(name, seq=first_kept), f"cutting off {name}", say)
