"""The SeedLink server: versions 3 and 4 over a journal, plain and TLS. Standard library only without accounts."""

import asyncio
import contextlib
import resource
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.answers import Answers
from houfeng.shell.seedlink.bans import Bans, network_of
from houfeng.shell.seedlink.distribution import DISK_READERS, Distribution
from houfeng.shell.seedlink.door import MOST_SHAKING, Door
from houfeng.shell.seedlink.readers import Permit, Readers
from houfeng.shell.seedlink.session import Session
from houfeng.wire.seedlink.conversation import Greeting
from houfeng.wire.seedlink.info import Knowledge
from houfeng.wire.seedlink.notes import Note
from houfeng.wire.seedlink.requests import CatalogueWanted, InfoWanted, Login
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

#: Threads beside those that read the disk: one checks passwords, one writes answers.
_THREADS = 2

#: How often those who do not read are looked at.
_WATCH_S = 2.0

#: Files that are not connections: a journal's, an archive's, a catalogue's, and some to spare.
_OTHER_FILES = 256


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen.

    host  address of this machine; other machines reach what is not loopback
    port  0 for any that is free
    tls   what to encrypt with, None for plain text, in which nobody can log in but from this machine
    """

    host: str = "127.0.0.1"
    port: int = 18000
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What connections may cost.

    connections     all together
    of_one_address  from one address
    stalled_s       how long a reader that has records waiting may take none of them
    """

    connections: int = 2000
    of_one_address: int = 100
    stalled_s: float = 120.0


class SeedlinkServer:
    """Serves what a journal holds, and what is published.

    journal       written by the owner; a packet's SeedLink sequence is its number there
    readers       who may read what
    listen        where to listen
    organisation  one line about who runs this
    software      such as Houfeng/1.0
    tell          called with every note of the session log, and with findings about records that cannot be served

    Use it as `async with`: it then listens, after having read the journal once. Raises WorldFault when it cannot.
    """

    def __init__(
        self,
        journal: Journal,
        readers: Readers,
        *,
        tell: Callable[[Note | Finding], None],
        listen: Sequence[Listen] = (Listen(),),
        organisation: str = "Houfeng",
        software: str = "Houfeng/0.1",
        limits: Limits = Limits(),
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._journal, self._readers, self._listen = journal, readers, tuple(listen)
        self._organisation = " ".join(organisation.split()).encode("ascii", "replace").decode()[:80]
        self._software = software
        self._limits = replace(limits, connections=min(limits.connections, room_for_connections()))
        self._clock = clock
        self.tell = tell
        self._started_ns = clock()
        self._sessions: dict[Session, None] = {}
        self._negotiating: dict[Session, None] = {}
        self._by_address: dict[str, int] = {}
        self._count = 0
        self._empty = asyncio.Event()
        self._bans = Bans()
        self._login_turn = asyncio.Lock()
        self._servers: list[asyncio.Server | Door] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(DISK_READERS + _THREADS, "seedlink")
        self._distribution = Distribution(journal, self._threads)
        self._answers = Answers(self._distribution.holdings, journal, self._sessions, self._threads)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            await self._distribution.survey()
            for place in self._listen:
                self._servers.append(await self._open(place))
        except BaseException:
            await self.__aexit__()
            raise
        self._tasks = [loop.create_task(self._distribution.fan_out()), loop.create_task(self._watch())]
        self._say_findings()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        for server in self._servers:
            server.close()
        for session in tuple(self._sessions):
            session.drop("the server ends")
        if self._sessions:
            # Connections tell of their end in the loop's next rounds.
            await self._empty.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=True)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where the server listens, in the order of listen."""
        return [server.sockets[0].getsockname()[:2] for server in self._servers]

    @property
    def edge(self) -> int:
        """The number up to which records were sent to those who follow closely."""
        return self._distribution.edge

    async def moved(self) -> None:
        """Wait until the edge has moved, or a second."""
        await self._distribution.moved()

    @property
    def connected(self) -> int:
        """How many connections there are."""
        return len(self._sessions)

    def published(self, sequences: range, packets: Sequence[Packet]) -> None:
        """Packets are in the journal and durable: send them to those who wait. In the loop's own thread.

        sequences  their numbers, as Journal.append() gave them
        """
        self._distribution.take(sequences, packets)
        self._say_findings()

    def change_readers(self, readers: Readers) -> None:
        """Let others read from now on. Connections that may read something else now are ended: they come again."""
        self._readers = readers
        for session in tuple(self._sessions):
            gone = session.reader != "" and session.reader not in readers.accounts
            if gone or readers.permit_of(session.reader) != session.permit:
                session.drop("its permissions changed")

    # What sessions call.

    def now_ns(self) -> int:
        """The time, UTC."""
        return self._clock()

    def greeting(self, *, trusted_way: bool) -> Greeting:
        """What to say of ourselves; ways to log in only where nobody can listen."""
        return Greeting(self._software, self._organisation, self._readers.logins if trusted_way else ())

    def enter(self, session: Session) -> bool:
        """Take a connection in. When all places are taken the one that negotiates longest gives its own."""
        address = network_of(session.peer.address)
        if self._by_address.get(address, 0) >= self._limits.of_one_address:
            return False
        if len(self._sessions) >= self._limits.connections:
            if not self._negotiating:
                return False
            longest = next(iter(self._negotiating))
            del self._negotiating[longest]
            longest.drop("its place was needed before it asked for anything")
        self._by_address[address] = self._by_address.get(address, 0) + 1
        self._sessions[session] = self._negotiating[session] = None
        self._empty.clear()
        return True

    def leave(self, session: Session) -> None:
        """A connection is gone."""
        self._sessions.pop(session)
        if not self._sessions:
            self._empty.set()
        self._negotiating.pop(session, None)
        address = network_of(session.peer.address)
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def settle(self, session: Session) -> None:
        """A connection has stopped negotiating."""
        self._negotiating.pop(session, None)

    def permit_of(self, reader: str) -> Permit:
        """What an account may read."""
        return self._readers.permit_of(reader)

    async def log_in(self, login: Login, address: str) -> tuple[str, str]:
        """The account that credentials are of, "" for none; and why they were refused."""
        # One at a time: hashing is made to be costly.
        async with self._login_turn:
            if self._bans.banned(address, self.now_ns()):
                return "", "banned"
            readers, loop = self._readers, asyncio.get_running_loop()
            if login.method == "JWT":
                name = readers.check_token(login.secret, self.now_ns())
                accepted = bool(name)
            else:
                # A name that is none may be a password in the wrong place: it is not passed on.
                name = login.name if login.name in readers.accounts else ""
                check = readers.check_password
                accepted = await loop.run_in_executor(self._threads, check, login.name, login.secret)
            if not accepted:
                self._bans.failed(address, self.now_ns())
            return name, "" if accepted else "credentials"

    async def inform(self, session: Session, wanted: InfoWanted | CatalogueWanted) -> None:
        """Answer INFO or CAT."""
        greeting = self.greeting(trusted_way=session.peer.encrypted or session.peer.loopback)
        knowledge = Knowledge(greeting.first_line, self._organisation, self._started_ns, greeting.logins)
        await self._answers.give(session, wanted, knowledge)

    # What goes on by itself.

    async def _open(self, place: Listen) -> asyncio.Server | Door:
        def session() -> Session:
            self._count += 1
            return Session(self, self._distribution, self._count)

        loop = asyncio.get_running_loop()
        try:
            if place.tls is None:
                return await loop.create_server(session, place.host, place.port, backlog=512)
            door = Door(place.tls, session, of_one_address=self._limits.of_one_address)
            await door.open(place.host, place.port)
        except OSError as error:
            raise WorldFault(f"{place.host}:{place.port}", f"cannot listen there: {error.strerror}") from error
        return door

    async def _watch(self) -> None:
        """End connections that do not read, never those that have nothing to read."""
        stalls: dict[Session, tuple[int, float]] = {}
        while True:
            await asyncio.sleep(_WATCH_S)
            now_s, first = time.monotonic(), self._journal.first
            choked = {session: session.taken_bytes for session in self._sessions if session.choked}
            stalls = {
                session: stalls[session]
                if session in stalls and stalls[session][0] == taken_bytes
                else (taken_bytes, now_s)
                for session, taken_bytes in choked.items()
            }
            for session, (_, since_s) in stalls.items():
                if now_s - since_s >= self._limits.stalled_s:
                    session.drop("it does not read")
                elif session.audience is not None and session.position < first:
                    session.drop("it reads so slowly that its place in the ring is gone")
            self._distribution.forget(first)

    def _say_findings(self) -> None:
        for finding in self._distribution.holdings.take_findings():
            self.tell(finding)


def room_for_connections() -> int:
    """How many connections the system lets this process have, leaving it files for its other work.

    As many as it may ask for are asked for: those who come in must not take the files that the journal needs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, soft - MOST_SHAKING - _OTHER_FILES) if soft != resource.RLIM_INFINITY else 1 << 30
