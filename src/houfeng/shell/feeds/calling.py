"""A feed that calls a server and listens, and calls again whenever the line ends, for ever."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from houfeng.shell.feeds.feed import Backoff, Clock, Deliver, Desk, FeedHealth, Sleep, Tell, words_of
from houfeng.shell.feeds.peers import Peer, Stations
from houfeng.words.errors import PeerFault

#: How long a server may take to connect, and to answer one command, s.
ANSWER_S = 30.0

#: A connection that brings nothing for so long is made anew, s.
IDLE_S = 120.0


class Line(Protocol):
    """A protocol's client."""

    async def receive(self) -> Any:
        """What comes next. Raises when nothing more will."""
        ...

    def abandon(self) -> None:
        """Let go of the connection at once, whatever the server does."""
        ...


L = TypeVar("L", bound=Line)


class Calling(ABC, Generic[L]):
    """What all feeds do that call a server.

    name      of the feed
    stations  those asked for
    idle_s    a connection that brings nothing for so long is made anew
    faults    what the client raises for what a peer does

    Raises WorldFault when the peer's certificates cannot be read.
    """

    faults: tuple[type[Exception], ...]

    def __init__(
        self,
        name: str,
        peer: Peer,
        *,
        clock: Clock,
        chance: random.Random,
        stations: Stations | None = None,
        idle_s: float = IDLE_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self._peer = peer
        self._context = peer.context()
        self._stations = stations or Stations()
        self._idle_s = idle_s
        self._sleep = sleep
        self._desk = Desk(name, clock, self._stations)
        self._backoff = Backoff(chance)

    @property
    def secured(self) -> bool:
        """Whether the server is known for who it is."""
        return self._peer.tls

    def health(self) -> FeedHealth:
        """How it is now."""
        return self._desk.health()

    async def run(self, marks: Mapping[str, int], deliver: Deliver, tell: Tell) -> None:
        """Bring packets until cancelled: see Feed."""
        while True:
            try:
                await self._session(marks, deliver, tell)
            except PeerFault as fault:
                self._desk.down(self._peer.scrub(fault.reason))
            await self._sleep(self._backoff.next_s())

    @abstractmethod
    def _line(self) -> L:
        """A client that is not connected yet."""

    @abstractmethod
    async def _connect(self, line: L, marks: Mapping[str, int], tell: Tell) -> None:
        """Connect, and ask for what is wanted after these marks. Raises one of the faults when the server will not."""

    @abstractmethod
    async def _take(self, what: Any, deliver: Deliver, tell: Tell) -> None:
        """Pass on what came."""

    def _login_refused(self, tell: Tell, error: Exception) -> None:
        """Say so, and be in no hurry to ask again."""
        self._backoff.rest()
        self._desk.say(tell, "login-refused", "", self._peer.scrub(f"the server refuses our login: {error}"))

    async def _session(self, marks: Mapping[str, int], deliver: Deliver, tell: Tell) -> None:
        """One connection, until it ends. Raises PeerFault when it does, or cannot be made."""
        line = self._line()
        try:
            with self._theirs():
                await self._connect(line, marks, tell)
            self._desk.up()
            while True:
                await self._take(await self._next(line), deliver, tell)
                self._backoff.reset()
        finally:
            line.abandon()

    async def _next(self, line: L) -> Any:
        with self._theirs():
            try:
                async with asyncio.timeout(self._idle_s):
                    return await line.receive()
            except TimeoutError as error:
                raise PeerFault(self.name, f"nothing came for {self._idle_s:g} s") from error

    @contextmanager
    def _theirs(self) -> Iterator[None]:
        """What goes wrong here is the server's doing."""
        try:
            yield
        except self.faults as error:
            raise PeerFault(self.name, words_of(error)) from error
