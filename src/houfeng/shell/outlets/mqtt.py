"""The outlet that is an MQTT 5 broker: a retained message for each open alert, under a topic of its own."""

import asyncio
import math
import random
import secrets
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from houfeng.shell.feeds.feed import Backoff, words_of
from houfeng.shell.outlets.outlet import Issue
from houfeng.wire.xml_pieces import escaped_id
from houfeng.words.errors import HoufengError, PeerFault, WorldFault
from houfeng.words.instant import NS_PER_S

#: How long the broker may take to let us in, and to say that it has a message, s.
ANSWER_S = 10.0

#: How often the broker hears that we are there; a line that is dead is known after half as long again, s.
KEEPALIVE_S = 15

#: How long we stay away after the line ended, at first and at most, s.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0

#: What a broker's reason code is at least when it refuses (MQTT 5.0, section 2.4).
_REFUSED = 0x80


class MqttOutlet:
    """Publishes each version as its line of JSON, QoS 1, retained until the alert is over.

    topic          above those of the alerts: TOPIC/ALERT
    tls            None for plain text
    user, password ours, "" without a login

    Later versions replace earlier ones at the broker, a cancellation too; the broker forgets each when it expires.
    The line is kept up, and made anew for ever.
    """

    lasting = False

    def __init__(
        self,
        host: str,
        port: int,
        *,
        topic: str,
        clock: Callable[[], int],
        tls: ssl.SSLContext | None = None,
        user: str = "",
        password: str = "",
    ) -> None:
        self._host, self._port = host, port
        self._topic = topic
        self._clock = clock
        self._tls = tls
        self._user, self._password = user, password
        self._name = f"houfeng-{secrets.token_hex(6)}"
        self._thread = ThreadPoolExecutor(1, "mqtt")  # what waits for a name server waits here
        self._backoff = Backoff(random.Random(), FIRST_WAIT_S, LONGEST_WAIT_S)  # noqa: S311  spreads reconnections
        self._keeping: asyncio.Task[None] | None = None
        self._client: paho.Client | None = None
        self._connected = asyncio.Event()
        self._gone: asyncio.Future[str] | None = None
        self._pending: dict[int, asyncio.Future[ReasonCode]] = {}
        self.trouble = ""

    async def open(self, earlier: Sequence[Issue]) -> None:
        """See Outlet. The broker has what was given before."""
        del earlier
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_up())

    async def give(self, issue: Issue) -> None:
        """See Outlet. Returns once the broker says that it has it."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._connected.wait()
        except TimeoutError:
            raise WorldFault(self._where, self.trouble or "no connection") from None
        assert self._client is not None
        topic = f"{self._topic}/{escaped_id(issue.alert_id).replace('+', '~2b~')}"
        sent = self._client.publish(topic, issue.brief, qos=1, retain=True, properties=self._properties(issue))
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise WorldFault(self._where, f"cannot publish: {paho.error_string(sent.rc)}")
        # The answer comes from paho's thread through the loop, so not before this.
        answer = self._pending[sent.mid] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_S):
                reason = await answer
        except TimeoutError:
            self._let_go("it does not confirm what is published")
            raise PeerFault(self._where, "it does not confirm what is published") from None
        finally:
            self._pending.pop(sent.mid, None)
        if reason.value >= _REFUSED:
            raise PeerFault(self._where, f"it refuses what is published: {reason}", "see what its users may publish")

    async def close(self) -> None:
        """See Outlet."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        self._thread.shutdown(wait=False)

    @property
    def connected(self) -> bool:
        """Whether the broker has let us in."""
        return self._connected.is_set()

    @property
    def _where(self) -> str:
        return f"MQTT broker {self._host}:{self._port}"

    def _properties(self, issue: Issue) -> Properties:
        """When the broker is to forget it, and what it is."""
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho gives it no types
        properties.MessageExpiryInterval = max(1, math.ceil((issue.over_ns - self._clock()) / NS_PER_S))
        properties.ContentType = "application/json"
        properties.PayloadFormatIndicator = 1
        assert isinstance(properties, Properties)
        return properties

    async def _keep_up(self) -> None:
        while True:
            try:
                await self._session()
            except HoufengError as fault:
                self.trouble = str(fault)
            await asyncio.sleep(self._backoff.next_s())

    async def _session(self) -> None:
        """One connection, until it ends. Raises WorldFault or PeerFault when it does, or cannot be made."""
        loop = asyncio.get_running_loop()
        let_in: asyncio.Future[ReasonCode] = loop.create_future()
        gone = self._gone = loop.create_future()
        client = self._new_client(loop, let_in)
        try:
            await loop.run_in_executor(self._thread, lambda: client.connect(self._host, self._port, KEEPALIVE_S))
        except (OSError, ValueError) as error:
            raise WorldFault(self._where, f"cannot be reached: {words_of(error)}") from error
        client.loop_start()
        try:
            async with asyncio.timeout(ANSWER_S):
                await asyncio.wait([let_in, gone], return_when=asyncio.FIRST_COMPLETED)
            if let_in.done() and let_in.result().value >= _REFUSED:
                self._backoff.rest()
                raise PeerFault(self._where, f"it refuses us: {let_in.result()}", "check user and password")
            if not gone.done():
                self._client, self.trouble = client, ""
                self._connected.set()
                self._backoff.reset()
            raise WorldFault(self._where, await gone)
        except TimeoutError as error:
            raise PeerFault(self._where, "it does not answer") from error
        finally:
            self._connected.clear()
            self._client = None
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(WorldFault(self._where, "the line ended before it confirmed"))
            client.disconnect()
            await loop.run_in_executor(self._thread, client.loop_stop)

    def _new_client(self, loop: asyncio.AbstractEventLoop, let_in: "asyncio.Future[ReasonCode]") -> paho.Client:
        """A client that tells the loop what it hears in its own thread.

        It never reconnects: what it then would send again may be over.
        """
        client = paho.Client(
            CallbackAPIVersion.VERSION2, self._name, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
        )
        client.connect_timeout = ANSWER_S
        if self._tls is not None:
            client.tls_set_context(self._tls)
        if self._user:
            client.username_pw_set(self._user, self._password)
        gone = self._gone

        def on_connect(_client: object, _data: object, _flags: object, reason: ReasonCode, _more: object) -> None:
            loop.call_soon_threadsafe(_settle, let_in, reason)

        def on_disconnect(_client: object, _data: object, _flags: object, reason: ReasonCode, _more: object) -> None:
            loop.call_soon_threadsafe(_settle, gone, f"the line ended: {reason}")

        def on_publish(_client: object, _data: object, number: int, reason: ReasonCode, _more: object) -> None:
            loop.call_soon_threadsafe(lambda: _settle(self._pending.get(number), reason))

        client.on_connect, client.on_disconnect, client.on_publish = on_connect, on_disconnect, on_publish
        return client

    def _let_go(self, why: str) -> None:
        """End the connection; another is made."""
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(why)


def _settle(future: "asyncio.Future[Any] | None", result: object) -> None:
    if future is not None and not future.done():
        future.set_result(result)
