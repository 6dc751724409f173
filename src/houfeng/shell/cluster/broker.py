"""The connection to NATS: kept up for ever, with what happens to it said."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from houfeng.shell.cluster.client import GuardedClient
from houfeng.shell.settings.secrets import secret_of
from houfeng.shell.settings.values import Address
from houfeng.words.errors import DataFault, WorldFault

#: Takes one sentence for people.
Say = Callable[[str], None]

#: Takes why something cannot do its work, "" when it can again.
OnTrouble = Callable[[str], None]

#: How long the broker may take over an answer, s.
ANSWER_S = 2.0

#: Waits between tries: doubled from the first up to the last, s.
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0

#: Wait between tries to connect again, s.
RECONNECT_S = 1

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where NATS is and how to get in.

    address      nats://HOST:PORT, or tls://HOST:PORT; several with commas between them
    ca_file      certificates to believe, PEM, instead of the system's; with it every address is of TLS
    credentials  file of one line, USER:PASSWORD, readable to its owner alone; its content is never shown
    unprotected  whether another machine may be talked to without TLS, or without credentials; a password never is
                 sent without TLS

    Raises WorldFault when the address holds a password, or what is given does not protect the way to it.
    """

    address: str
    ca_file: Path | None = None
    credentials: Path | None = None
    unprotected: bool = False

    def __post_init__(self) -> None:
        if "@" in self.address:
            remedy = "take it out, and name a credentials file"
            raise WorldFault("broker", "its address holds a name or password", remedy)
        if len({address.partition("://")[0] for address in self.servers}) > 1:
            raise WorldFault(self.address, "some of it is encrypted and some is not", "use tls:// throughout")
        if all(map(_is_here, self.servers)):
            return
        if not self.encrypted and self.credentials is not None:
            raise WorldFault(self.address, "a password would travel unencrypted", "use tls://, or a broker on loopback")
        if not self.encrypted and not self.unprotected:
            raise WorldFault(self.address, "is another machine, and the way there unencrypted", "use tls://")
        if self.credentials is None and not self.unprotected:
            reason = "is another machine, which would let in everybody who needs no credentials"
            raise WorldFault(self.address, reason, "name a credentials file")

    @property
    def servers(self) -> list[str]:
        """Every address."""
        given = [address.strip() for address in self.address.split(",") if address.strip()]
        return given if self.ca_file is None else [address.replace("nats://", "tls://", 1) for address in given]

    @property
    def encrypted(self) -> bool:
        """Whether nothing is said before the line is encrypted."""
        return all(address.startswith("tls://") for address in self.servers)

    def tls(self) -> ssl.SSLContext | None:
        """Encryption, where the address asks for it. Raises WorldFault for an unreadable file."""
        if not self.encrypted:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise WorldFault(str(self.ca_file), str(error), "give a file of PEM certificates") from error

    def login(self) -> tuple[str, str] | tuple[None, None]:
        """User and password, where there is a file of them. Raises WorldFault or DataFault when it is not right."""
        secret = secret_of(self.credentials, None, environment={})
        if secret is None:
            return None, None
        user, colon, password = secret.get_secret_value().partition(":")
        if not (user and colon and password):
            raise DataFault(str(self.credentials), "holds no USER:PASSWORD", "put them there, on one line")
        return user, password


def _is_here(address: str) -> bool:
    """Whether an address is of this machine, so that nobody can listen on the way."""
    parts = urlsplit(address)
    return Address(parts.hostname or "", parts.port or 0).is_loopback


class Waits:
    """How long to wait before the next try, and whether the trouble was said already.

    on_trouble  told the trouble, and "" when it is over
    """

    def __init__(self, say: Say, on_trouble: OnTrouble = lambda _: None) -> None:
        self._say = say
        self._on_trouble = on_trouble
        self._next_s = FIRST_WAIT_S
        self._said = ""

    def tell(self, trouble: str) -> None:
        """Say the trouble, once."""
        if trouble != self._said:
            self._said = trouble
            self._say(trouble)
            self._on_trouble(trouble)

    async def wait(self, trouble: str) -> None:
        """Say the trouble, once, and wait, longer every time."""
        self.tell(trouble)
        await asyncio.sleep(self._next_s)
        self._next_s = min(2 * self._next_s, LONGEST_WAIT_S)

    def over(self, relief: str = "") -> None:
        """It worked."""
        if self._said and relief:
            self._say(relief)
        self._on_trouble("")
        self._said, self._next_s = "", FIRST_WAIT_S


@asynccontextmanager
async def connected(
    broker: Broker, name: str, say: Say, on_trouble: OnTrouble = lambda _: None
) -> AsyncIterator[Client]:
    """A connection that is made again whenever it breaks, until left.

    name        shown in the broker's monitoring
    on_trouble  told why there is no connection, and "" when there is one

    Raises WorldFault when the broker refuses who we are.
    """
    user, password = broker.login()
    client = GuardedClient(encrypted=broker.encrypted)
    refusal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waits = Waits(say, on_trouble)

    async def gone() -> None:
        if not client.is_closed:
            waits.tell(f"the broker {broker.address} is gone; waiting for it, nothing is lost")

    async def back() -> None:
        waits.over(f"the broker {broker.address} is back")

    async def failed(error: Exception) -> None:
        if "authorization" in str(error).lower() and not refusal.done():
            refusal.set_result(None)
        elif not refusal.done() and not client.is_connected and not client.is_reconnecting:
            waits.tell(f"no broker at {broker.address} yet: {_words(error)}")

    connecting = asyncio.ensure_future(
        client.connect(
            servers=broker.servers,
            name=name,
            tls=broker.tls(),
            user=user,
            password=password,
            connect_timeout=2,
            reconnect_time_wait=RECONNECT_S,
            max_reconnect_attempts=-1,
            ping_interval=5,
            disconnected_cb=gone,
            reconnected_cb=back,
            error_cb=failed,
        )
    )
    try:
        await asyncio.wait({connecting, refusal}, return_when=asyncio.FIRST_COMPLETED)
        if refusal.done():
            raise WorldFault(broker.address, "the broker refuses to let us in", "give the credentials it knows")
        await connecting
        waits.over(f"the broker {broker.address} is there")
        yield client
    finally:
        connecting.cancel()
        await client.close()


async def insist(attempt: Callable[[], Awaitable[_Result]], what: str, say: Say) -> _Result:
    """Try until the broker answers. Refusals that will not go away are raised.

    what  what is being tried, for people
    """
    waits = Waits(say)
    while True:
        try:
            result = await attempt()
        except nats.js.errors.NotFoundError:
            raise
        except nats.errors.ConnectionClosedError as error:
            raise WorldFault(
                "broker", "it has closed the connection for good", "see its log, and start again"
            ) from error
        except (TimeoutError, nats.errors.Error, OSError) as error:
            await waits.wait(f"{what}: {_words(error)}; trying again")
        else:
            waits.over(f"{what}: done")
            return result


def lives(client: Client) -> int:
    """How often a connection was made again: what was asked in an earlier life is answered no more."""
    return client.stats["reconnects"]


def jetstream(client: Client) -> JetStreamContext:
    """The part of the broker that keeps things."""
    return client.jetstream(timeout=ANSWER_S)


def _words(error: Exception) -> str:
    """An error in a few words."""
    description = getattr(error, "description", None) or str(error) or type(error).__name__
    return str(description).removeprefix("nats: ")
