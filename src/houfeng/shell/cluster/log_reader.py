"""Reading a log in order, through every break of the connection and every restart of the broker."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from houfeng.shell.cluster.broker import FIRST_WAIT_S, Say, insist, jetstream, lives
from houfeng.shell.cluster.log import Entry, bounds
from houfeng.words.errors import WorldFault

#: Messages a reader asks for at once.
PULL = 200

#: The broker says this often that it is there while it has nothing to send, s; so many missed and it is not.
HEARTBEAT_S = 0.5
MISSED = 4

#: Status of messages of the broker's own: I am there; what you asked for has run out.
_HEARTBEAT, _EXPIRED = "100", "408"


class LogReader:
    """Reads a log in order, from a sequence on, and waits for more at its end.

    reader  whose place this is, shown in the broker's monitoring
    first   sequence to begin with; None: the first there is
    """

    def __init__(self, client: Client, name: str, reader: str, say: Say, first: int | None = None) -> None:
        self._client = client
        self._name = name
        self._reader = reader
        self._say = say
        self._next = first

    async def entries(self) -> AsyncIterator[Entry]:
        """Every message, once."""
        while True:
            await self._place()
            try:
                async for entry in self._given():
                    yield entry
            except (TimeoutError, Error, OSError):
                # The broker is gone, or with it our place in the log: begin again where we were.
                await asyncio.sleep(FIRST_WAIT_S)

    async def _given(self) -> AsyncIterator[Entry]:
        """Messages as the broker gives them, until one is missing."""
        queue = await self._client.subscribe(self._client.new_inbox())
        due = 0
        try:
            while True:
                if due <= PULL // 2:
                    await self._pull(queue.subject, PULL)
                    due += PULL
                message = await self._next_of(queue)
                if message is None:
                    return
                status = "" if message.data else (message.headers or {}).get("Status", "")
                if status == _EXPIRED:
                    due = 0
                elif status and status != _HEARTBEAT:
                    return
                elif not status:
                    due -= 1
                    sequence = message.metadata.sequence.stream
                    if self._next is not None and sequence > self._next:
                        return
                    if self._next is None or sequence == self._next:
                        self._next = sequence + 1
                        yield Entry(sequence, message.subject, message.data)
        finally:
            with suppress(Error):  # without a connection there is nothing to leave
                await queue.unsubscribe()

    async def _next_of(self, queue: Subscription) -> Msg | None:
        """The next message; None when the broker does not say that it is there, or does not know us any more."""
        life = lives(self._client)
        for _ in range(MISSED):
            with suppress(TimeoutError, NatsTimeoutError):
                return await queue.next_msg(timeout=HEARTBEAT_S)
            if lives(self._client) != life:
                return None
        return None

    async def _place(self) -> None:
        """A fresh place in the log, at the next message."""
        jet = jetstream(self._client)
        if self._next is not None:
            first, last = await bounds(self._client, self._name, self._say)
            if first > self._next and last >= self._next:
                remedy = "do not remove messages by hand"
                raise WorldFault(self._name, f"messages {self._next} to {first - 1} are missing", remedy)
            if last + 1 < self._next:
                raise WorldFault(self._name, "the broker has lost messages it had given out", "start all roles again")
        config = ConsumerConfig(
            durable_name=self._reader,
            deliver_policy=DeliverPolicy.ALL if self._next is None else DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._next,
            ack_policy=AckPolicy.NONE,
        )

        async def place() -> None:
            with suppress(NotFoundError):
                await jet.delete_consumer(self._name, self._reader)
            await jet.add_consumer(self._name, config)

        await insist(place, f"reading {self._name}", self._say)

    async def _pull(self, inbox: str, count: int) -> None:
        request = {"batch": count, "expires": 30 * 10**9, "idle_heartbeat": round(HEARTBEAT_S * 10**9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._name}.{self._reader}"
        await self._client.publish(subject, json.dumps(request).encode(), reply=inbox)
