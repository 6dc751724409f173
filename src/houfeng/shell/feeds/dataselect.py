"""An FDSN dataselect service as a feed: asked, politely and in small pieces, for what the other feeds missed.

Source: FDSN Web Service Specifications 1.2, fdsnws-dataselect.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from houfeng.shell.feeds.feed import Backoff, Clock, Deliver, Desk, FeedHealth, Sleep, Tell, words_of
from houfeng.shell.feeds.peers import Login, Stations, tls_context
from houfeng.wire.manifest.head import head_of
from houfeng.wire.records import cut
from houfeng.words.errors import DataFault, PeerFault
from houfeng.words.instant import NS_PER_S, format_instant, seconds_to_ns
from houfeng.words.packet import NO_SEQUENCE
from houfeng.words.samples import Gap

#: The longest stretch asked for at once.
PIECE_NS = 3600 * NS_PER_S

#: Gaps that may wait. An owner whose gap finds no room asks again later.
MOST_GAPS = 10_000

#: Between one request and the next, s.
PAUSE_S = 1.0

#: The longest a server's wish to be left alone is respected, s.
_LONGEST_REST_S = 3600.0

#: How long one answer may take, s, and how long it may be: an hour of a fast channel, unpacked, ten times over.
_ANSWER_S = 300.0
_MOST_BYTES = 1 << 26

#: Times one piece is asked for while the server answers, but wrongly. A server that does not answer is asked for ever.
_TRIES = 5

_NOTHING_THERE = (204, 404)


class _NotNowError(Exception):
    """The server asks us to come again later."""

    def __init__(self, reason: str, rest_s: float) -> None:
        super().__init__(reason)
        self.rest_s = rest_s


class Dataselect:
    """An FDSN dataselect service. It brings nothing until it is asked for gaps.

    name      of the feed
    url       of the service, up to and without /query
    login     a user of it, or None
    ca        certificates to trust, PEM; the system's when None
    stations  it has
    pause_s   between one request and the next

    Raises WorldFault when the certificates cannot be read.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        clock: Clock,
        chance: random.Random,
        login: Login | None = None,
        ca: Path | None = None,
        stations: Stations | None = None,
        pause_s: float = PAUSE_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self._url = f"{url}/queryauth" if login else f"{url}/query"
        self._login = login
        self._context = tls_context(ca)
        self._stations = stations or Stations()
        self._pause_s = pause_s
        self._sleep = sleep
        self._desk = Desk(name, clock, self._stations)
        self._backoff = Backoff(chance)
        self._gaps: deque[Gap] = deque()
        self._asked = asyncio.Event()

    @property
    def secured(self) -> bool:
        """Whether the server is known for who it is."""
        return self._url.startswith("https://")

    @property
    def waiting(self) -> int:
        """Gaps not yet asked for."""
        return len(self._gaps)

    def ask(self, gap: Gap) -> bool:
        """Have a gap filled; whether it will be. False when the service has no such station or too much to do."""
        if gap.source.station_key not in self._stations or len(self._gaps) >= MOST_GAPS:
            return False
        self._gaps.append(gap)
        self._asked.set()
        return True

    def health(self) -> FeedHealth:
        """How it is now."""
        return self._desk.health()

    async def run(self, marks: Mapping[str, int], deliver: Deliver, tell: Tell) -> None:
        """Bring what is asked for until cancelled: see Feed. Its packets have no numbers, so marks do not matter."""
        del marks
        auth = httpx.DigestAuth(self._login.user, self._login.password) if self._login else None
        client = httpx.AsyncClient(verify=self._context, auth=auth, timeout=30.0, trust_env=False)
        async with client:
            while True:
                while not self._gaps:
                    self._asked.clear()
                    await self._asked.wait()
                # It stays in the queue until it is done, so that one cut short is asked for again.
                for piece in _pieces(self._gaps[0]):
                    await self._fill(client, piece, deliver, tell)
                    await self._sleep(self._pause_s)
                self._gaps.popleft()

    async def _fill(self, client: httpx.AsyncClient, piece: Gap, deliver: Deliver, tell: Tell) -> None:
        """Bring one piece, trying again while there is hope."""
        tries = 0
        while tries < _TRIES:
            rest_s = 0.0
            try:
                answer = await self._answer(client, piece)
            except _NotNowError as error:
                rest_s = error.rest_s
                self._desk.down(str(error))
                tries += 1
            except PeerFault as fault:
                self._desk.down(self._scrub(fault.reason))
                tries += bool(fault.remedy)
            else:
                if not self._desk.connected:
                    self._desk.up()
                self._backoff.reset()
                await self._take(piece, answer, deliver, tell)
                return
            await self._sleep(max(rest_s, self._backoff.next_s()))
        key = piece.source.station_key
        self._desk.say(tell, "gap-unfilled", key, f"a gap of {key} was not filled: {self._desk.last_error}")

    async def _answer(self, client: httpx.AsyncClient, piece: Gap) -> bytes:
        """What the service has of a piece. Raises _NotNowError, and PeerFault: with a remedy when it has answered."""
        content = bytearray()
        try:
            async with (
                asyncio.timeout(_ANSWER_S),
                client.stream("GET", self._url, params=_parameters(piece)) as answer,
            ):
                if answer.status_code in _NOTHING_THERE:
                    return b""
                _check(answer, self.name)
                async for chunk in answer.aiter_raw():
                    content += chunk
                    if len(content) > _MOST_BYTES:
                        raise PeerFault(self.name, f"answered with more than {_MOST_BYTES} bytes", "asked again")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise PeerFault(self.name, words_of(error), "asked again" if content else "") from error
        return bytes(content)

    async def _take(self, piece: Gap, answer: bytes, deliver: Deliver, tell: Tell) -> None:
        found = cut(answer)
        if found.skipped or found.used < len(answer):
            key = piece.source.station_key
            self._desk.say(
                tell, "bad-record", key, f"sent {len(answer) - found.used + found.skipped} bytes of no record"
            )
        for record in found.records:
            await self._take_record(piece, record.content, deliver, tell)

    async def _take_record(self, piece: Gap, content: bytes, deliver: Deliver, tell: Tell) -> None:
        key = piece.source.station_key
        try:
            head = head_of(content)
        except DataFault as fault:
            self._desk.say(tell, "bad-record", key, f"sent what is no record: {fault.reason}")
            return
        end_ns = head.start_ns + (seconds_to_ns(head.samples / head.rate_hz) if head.rate_hz else 0)
        if head.source == piece.source and not (head.start_ns < piece.end_ns and piece.start_ns < end_ns):
            self._desk.say(tell, "time-unasked", key, "sent a record of another time than it was asked for")
            return
        if head.source != piece.source and head.source.station_key == key:
            self._desk.say(
                tell, "channel-unasked", key, f"sent a record of {head.source.nslc}, which was not asked for"
            )
            return
        await self._desk.take(key, NO_SEQUENCE, content, deliver, tell)

    def _scrub(self, text: str) -> str:
        return self._login.scrub(text) if self._login else text


def _pieces(gap: Gap) -> Iterator[Gap]:
    for start_ns in range(gap.start_ns, gap.end_ns, PIECE_NS):
        yield replace(gap, start_ns=start_ns, end_ns=min(start_ns + PIECE_NS, gap.end_ns))


def _parameters(piece: Gap) -> dict[str, str]:
    return {
        "network": piece.source.network,
        "station": piece.source.station,
        "location": piece.source.location or "--",
        "channel": piece.source.channel,
        "starttime": format_instant(piece.start_ns).removesuffix("Z"),
        "endtime": format_instant(piece.end_ns).removesuffix("Z"),
        "format": "miniseed",
        "nodata": "204",
    }


def _check(answer: httpx.Response, name: str) -> None:
    """Raises _NotNowError or PeerFault for an answer without records."""
    if answer.status_code in (429, 503):
        asked = answer.headers.get("retry-after", "")
        rest_s = min(float(asked), _LONGEST_REST_S) if asked.isdecimal() and len(asked) < 9 else 0.0
        raise _NotNowError(f"asks to be left alone (HTTP {answer.status_code})", rest_s)
    if answer.status_code != 200:
        raise PeerFault(name, f"answered HTTP {answer.status_code}", "asked again")
