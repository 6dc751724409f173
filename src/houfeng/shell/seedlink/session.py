"""One connection to the SeedLink server: its conversation, and what it is sent. Standard library only."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Protocol, cast

from houfeng.shell.seedlink.audience import Audience, Choice, Tally
from houfeng.shell.seedlink.distribution import Distribution
from houfeng.shell.seedlink.parcels import Stream
from houfeng.shell.seedlink.readers import Permit
from houfeng.wire.seedlink.conversation import Conversation, Greeting
from houfeng.wire.seedlink.framing import END
from houfeng.wire.seedlink.info import ConnectionHeld
from houfeng.wire.seedlink.notes import Connected, Delivered, Disconnected, LoggedIn, Note, Subscribed
from houfeng.wire.seedlink.requests import (
    ALL,
    NEXT,
    Action,
    CatalogueWanted,
    Goodbye,
    InfoWanted,
    Login,
    Send,
    Start,
    Subscription,
    full_sequence,
)

#: Bytes of unsent data at which a reader counts as behind, and the kernel's share before that.
BEHIND_BYTES = 64 << 10
KERNEL_BYTES = 256 << 10

#: Bytes of commands not yet acted on at which no more are read.
_MOST_HELD_BYTES = 4096

#: How long a connection that is being closed has to take its last bytes.
_FAREWELL_S = 10.0

#: How long after the end of a time window late records are waited for.
LATE_NS = 60 * 1_000_000_000


class House(Protocol):
    """What a session needs of its server."""

    def now_ns(self) -> int:
        """The time, UTC."""

    def tell(self, note: Note) -> None:
        """Write a note into the session log."""

    def greeting(self, *, trusted_way: bool) -> Greeting:
        """What to say of ourselves; ways to log in only where nobody can listen."""

    def enter(self, session: "Session") -> bool:
        """Whether there is room for one more connection."""

    def leave(self, session: "Session") -> None:
        """A connection is gone."""

    def settle(self, session: "Session") -> None:
        """A connection has stopped negotiating."""

    async def log_in(self, login: Login, address: str) -> tuple[str, str]:
        """The account that credentials are of, "" for none; and why they were refused."""

    def permit_of(self, reader: str) -> Permit:
        """What an account may read."""

    async def inform(self, session: "Session", wanted: InfoWanted | CatalogueWanted) -> None:
        """Answer INFO or CAT."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other side of a connection."""

    address: str
    port: int
    encrypted: bool
    loopback: bool


class Session(asyncio.BufferedProtocol):
    """A connection.

    house         the server
    distribution  where records come from
    number        counted from 1 by the server
    """

    def __init__(self, house: House, distribution: Distribution, number: int) -> None:
        self._house, self._distribution = house, distribution
        self.number = number
        self.peer = Peer("", 0, encrypted=False, loopback=False)
        self.reader = ""
        self.permit = house.permit_of("")
        self.since_ns = house.now_ns()
        self.reason = "closed by the reader"
        self.subscription: Subscription | None = None
        self.audience: Audience | None = None
        self.position = 0
        self.begins: list[int] = []
        self.records = self.sent_bytes = 0
        self._written_bytes = 0
        self._tally: dict[Stream, list[int]] = {}
        self._input = bytearray(4096)
        self._heard, self._roomy, self._behind = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._roomy.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._transport: asyncio.Transport | None = None
        self.conversation = Conversation(house.greeting(trusted_way=False))
        self._entered = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport = cast("asyncio.Transport", transport)
        self.peer = _peer_of(self._transport)
        raw = self._transport.get_extra_info("socket")
        # Bounds what a reader that never reads costs.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        # Notices a machine that vanished, without harming a quiet one.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._transport.set_write_buffer_limits(high=BEHIND_BYTES, low=BEHIND_BYTES // 4)
        self.conversation = Conversation(self._house.greeting(trusted_way=self.peer.encrypted or self.peer.loopback))
        self._tell(Connected, port=self.peer.port, encrypted=self.peer.encrypted)
        self._entered = self._house.enter(self)
        if self._entered:
            self._run(self._converse())
        else:
            self.drop("no room for another connection")

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002  a hint
        """Where to put what the client sent: little at a time, so that commands cannot pile up."""
        return self._input

    def buffer_updated(self, nbytes: int) -> None:
        """The client sent something."""
        self.conversation.receive(bytes(self._input[:nbytes]))
        self._heard.set()
        if self.conversation.held_bytes > _MOST_HELD_BYTES and self._transport is not None:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client is behind in reading."""
        self._roomy.clear()

    def resume_writing(self) -> None:
        """The client has nearly caught up in reading."""
        self._roomy.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  however it ended, it ended
        """The connection is no more."""
        for task in self._tasks:
            task.cancel()
        self.stop_following()
        for stream, (records, sent_bytes) in self._tally.items():
            self._tell(
                Delivered,
                reader=self.reader,
                station=stream.station_id,
                stream=f"{stream.stream_id}.{stream.format}",
                records=records,
                sent_bytes=sent_bytes,
            )
        self._tell(
            Disconnected,
            reader=self.reader,
            reason=self.reason,
            records=self.records,
            sent_bytes=self.sent_bytes,
        )
        if self._entered:
            self._house.leave(self)

    # What the server calls.

    @property
    def choked(self) -> bool:
        """Whether this side has to wait for the other to read."""
        return not self._roomy.is_set()

    @property
    def unsent_bytes(self) -> int:
        """Bytes the kernel has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def taken_bytes(self) -> int:
        """Bytes the kernel has taken: it grows as long as the other side reads."""
        return self._written_bytes - self.unsent_bytes

    def drop(self, reason: str) -> None:
        """End the connection now."""
        self.reason = reason
        if self._transport is not None:
            self._transport.abort()

    def deliver(self, content: bytes, tally: Tally, following: int) -> None:
        """Send records; following is the number of the packet after them."""
        self._send_records(content, tally)
        if self.choked:
            self.miss(following)

    def miss(self, following: int) -> None:
        """Stop being sent to; from this number on this session reads for itself."""
        self.position = following
        if self.audience is not None:
            self.audience.live.pop(self, None)
        self._behind.set()

    def described(self) -> ConnectionHeld:
        """What INFO CONNECTIONS says of it."""
        requests = self.subscription.requests if self.subscription else ()
        return ConnectionHeld(
            self.peer.address,
            self.since_ns,
            self.reader,
            self.conversation.agent,
            tuple(request.station for request in requests[:100]),
            self.records,
            self.sent_bytes,
        )

    async def send(self, content: bytes) -> None:
        """Send bytes when there is room, and wait until there is room again."""
        await self._roomy.wait()
        self._write(content)
        await self._roomy.wait()

    def _write(self, content: bytes) -> None:
        if self._transport is not None:
            self._written_bytes += len(content)
            self._transport.write(content)

    # The conversation.

    async def _converse(self) -> None:
        """Act on one command after the other, so that each finds the state that the one before left."""
        while True:
            action = self.conversation.next()
            if action is None:
                self._heard.clear()
                if self._transport is not None:
                    self._transport.resume_reading()
                await self._heard.wait()
            elif isinstance(action, Goodbye):
                await self._part(action)
                return
            else:
                await self._act(action)

    async def _act(self, action: Action) -> None:
        match action:
            case Send(content):
                await self.send(content)
            case Login():
                await self._log_in(action)
            case InfoWanted() | CatalogueWanted():
                await self._house.inform(self, action)
            case Start(subscription):
                self._begin(subscription)

    async def _part(self, goodbye: Goodbye) -> None:
        self.reason = goodbye.reason
        await self.send(goodbye.content)
        self.stop_following()
        await self._close()

    async def _close(self) -> None:
        """Close when all is sent, or when the other side takes nothing any more. Being lost ends this."""
        if self._transport is not None:
            self._transport.close()
        before = -1
        while self.taken_bytes != before:
            before = self.taken_bytes
            await asyncio.sleep(_FAREWELL_S)
        self.drop(self.reason)

    async def _log_in(self, login: Login) -> None:
        name, refusal = await self._house.log_in(login, self.peer.address)
        self._tell(LoggedIn, reader=name, method=login.method, accepted=not refusal, refusal=refusal)
        if not refusal:
            self.reader, self.permit = name, self._house.permit_of(name)
        await self.send(self.conversation.authenticated(not refusal).content)

    # The records.

    def _begin(self, subscription: Subscription) -> None:
        house = self._house
        self.subscription = subscription
        edge = self._distribution.edge

        def number_of(begin: int) -> int:
            if begin == ALL:
                return 0
            if begin != NEXT and subscription.protocol == 3:
                begin = full_sequence(begin, edge)
            # A number that was never given means what comes next.
            return edge if begin == NEXT or begin > edge else begin

        self.begins = [number_of(request.begin) for request in subscription.requests]
        self.position = min(self.begins)
        for request in subscription.requests:
            self._tell(
                Subscribed,
                reader=self.reader,
                agent=self.conversation.agent,
                protocol=subscription.protocol,
                dial_up=subscription.dial_up,
                station=request.station,
                streams=tuple(map(str, request.selectors)),
                begin={NEXT: "next", ALL: "all"}.get(request.begin, str(request.begin)),
                start_ns=request.start_ns,
                end_ns=request.end_ns,
            )
        self.audience = self._distribution.follow(subscription, self.permit)
        house.settle(self)
        self._run(self._serve(subscription, self.audience))

    async def _serve(self, subscription: Subscription, audience: Audience) -> None:
        """Send what is there; having caught up, be sent to directly until that is too fast."""
        bounded = all(request.end_ns is not None for request in subscription.requests)
        while True:
            await self._roomy.wait()
            if self.position < self._distribution.edge:
                parcels, self.position = await self._distribution.read(self.position, audience.choice)
                content, tally = audience.choice.join(audience.choice.chosen(parcels, self.begins))
                self._send_records(content, tally)
                # Others have their turn after each piece.
                await asyncio.sleep(0)
            elif subscription.dial_up or (bounded and self._is_over(audience.choice)):
                await self.send(END)
                self.conversation.finished()
                self.reason = "all was sent"
                self.stop_following()
                # The client closes; one that does not gives its place back.
                await asyncio.sleep(_FAREWELL_S)
                await self._close()
                return
            elif bounded:
                await self._distribution.moved()
            else:
                self._behind.clear()
                audience.live[self] = None
                await self._behind.wait()

    def _is_over(self, choice: Choice) -> bool:
        last_ns = max(request.end_ns or 0 for request in choice.requests)
        now_ns = self._house.now_ns()
        return now_ns >= last_ns + LATE_NS or (now_ns >= last_ns and self._distribution.ended(choice))

    def _send_records(self, content: bytes, tally: Tally) -> None:
        if not content:
            return
        self._write(content)
        for stream, (records, sent_bytes) in tally.items():
            counted = self._tally.get(stream)
            if counted is None:
                self._tally[stream] = [records, sent_bytes]
            else:
                counted[0] += records
                counted[1] += sent_bytes
            self.records += records
        self.sent_bytes += len(content)

    def stop_following(self) -> None:
        """Take no more records."""
        if self.audience is not None and self.subscription is not None:
            self.audience.live.pop(self, None)
            self.audience = None
            self._distribution.unfollow(self.subscription, self.permit)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._failed)
        self._tasks.append(task)

    def _failed(self, task: "asyncio.Task[None]") -> None:
        """A fault of ours ends this connection, not the server."""
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            task.get_loop().call_exception_handler({"message": "a SeedLink connection failed", "exception": fault})
            self.drop(f"a fault of the server: {type(fault).__name__}")

    def _tell(self, kind: Callable[..., Note], **told: object) -> None:
        self._house.tell(kind(self._house.now_ns(), self.number, self.peer.address, **told))


def _peer_of(transport: asyncio.Transport) -> Peer:
    name = transport.get_extra_info("peername") or ("", 0)
    address = str(name[0])
    loopback = address.startswith("127.") or address in {"::1", "::ffff:127.0.0.1"}
    return Peer(address, int(name[1]), transport.get_extra_info("sslcontext") is not None, loopback)
