"""Listens to SeedLink, version 3 and 4: what readers ask for, log in as, and are handed."""

import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from houfeng.guard.observe.taps.handed import Handed
from houfeng.guard.observe.taps.seedlink_packets import Nothing, Record, ServerSide
from houfeng.wire.eyes.stream_names import patterns_of_request
from houfeng.wire.seedlink.conversation import Conversation, Greeting
from houfeng.wire.seedlink.requests import Login as Credentials
from houfeng.wire.seedlink.requests import Send, Start
from houfeng.wire.seedlink.requests import Subscription as Request
from houfeng.words.finding import Finding
from houfeng.words.network import Login, Seen, Subscription

#: Commands a client begins with. Content decides, not the port: all else is not SeedLink.
_FIRST: Final = (
    b"HELLO", b"SLPROTO", b"USERAGENT", b"CAPABILITIES", b"BATCH", b"AUTH", b"CAT", b"STATION", b"SELECT", b"DATA",
    b"FETCH", b"TIME", b"INFO", b"END", b"BYE",
)  # fmt: skip
_FIRST_BYTES: Final = 13

#: Patterns told of one request. The largest centres name 1,500 stations; who asks for more asks for everything.
MOST_ASKED: Final = 4096

#: Commands whose replies are waited for, and bytes of commands held until a login is answered: no client sends that
#: many ahead, and without this a client that is never answered would fill memory.
_MOST_AHEAD: Final = 4096
_MOST_HELD_BYTES: Final = 1 << 16

#: Bytes of a server alone, without one packet among them, before this is not SeedLink.
_MOST_STRANGE_BYTES: Final = 1 << 16

#: Characters kept of a user's name.
MOST_NAME: Final = 256


class SeedLink:
    """See Tap. Passwords and tokens are never kept."""

    def __init__(
        self,
        seen: Seen,
        client: str,
        server: str,
        client_port: int,
        server_port: int,
        protocol: str,
    ) -> None:
        self.done = protocol != "tcp"
        self._eye, self._client, self._server = seen.eye, client, server
        self._handed = Handed(seen, client, server, "seedlink", "out")
        self._side = ServerSide()
        # The server's own reading of what its client says, played back.
        self._conversation: Conversation | None = Conversation(Greeting("", "", ("USERPASS", "JWT")))
        self._replies: deque[str | None] = deque()
        self._recognised = False
        self._first = b""
        self._strange_bytes = 0
        self._complained = False

    def hear(
        self, time_ns: int, *, from_client: bool, data: bytes, line: int
    ) -> Iterator[Subscription | Login | Finding]:
        """One side said something."""
        if self.done:
            return
        if from_client:
            yield from self._asks(data, time_ns, line)
        else:
            yield from self._answers(data, time_ns, line)

    def lost(self, from_client: bool) -> None:
        """Some bytes of one side were not seen."""
        if from_client:
            # A request with a hole in it is worse than none: what is handed over tells the rest.
            self._conversation = None
            self._recognised = self._recognised or bool(self._first)
        else:
            self._replies.clear()
            self._side.lost()

    def end(self, time_ns: int) -> Iterator[Subscription]:
        """The conversation is over."""
        return self._handed.end()

    def _asks(self, data: bytes, time_ns: int, line: int) -> Iterator[Subscription | Login]:
        if not self._recognised:
            self._first += data[:_FIRST_BYTES]
            word = re.split(rb"\s", self._first.lstrip(), maxsplit=1)
            whole = len(word) > 1
            fits = (first == word[0].upper() if whole else first.startswith(word[0].upper()) for first in _FIRST)
            self.done = not any(fits)
            self._recognised = whole and not self.done
        if self.done or self._conversation is None:
            return
        self._conversation.receive(data)
        yield from self._follow(time_ns, line)

    def _follow(self, time_ns: int, line: int) -> Iterator[Subscription]:
        conversation = self._conversation
        while conversation is not None and (action := conversation.next()) is not None:
            match action:
                case Send(content) if not content.startswith(b"SeedLink"):
                    self._replies.append(None)
                case Credentials():
                    self._replies.append(action.name[:MOST_NAME])
                case Start(request):
                    yield from self._request(request, time_ns, line)
        if conversation is None:
            return
        if len(self._replies) > _MOST_AHEAD or conversation.held_bytes > _MOST_HELD_BYTES:
            self._conversation = None

    def _request(self, request: Request, time_ns: int, line: int) -> Iterator[Subscription]:
        told: dict[str, None] = {}
        for one in request.requests:
            told.update(dict.fromkeys(patterns_of_request(one.station, map(str, one.selectors))))
            if len(told) > MOST_ASKED:
                told = dict.fromkeys(patterns_of_request("*", ()))
                break
        for channel in told:
            yield self._handed.asked(time_ns, channel, line)

    def _answers(self, data: bytes, time_ns: int, line: int) -> Iterator[Subscription | Login | Finding]:
        if not self._recognised:
            if not self._strange_bytes:
                # The client's part was not seen, so this may begin anywhere.
                self._side.lost()
            self._strange_bytes += len(data)
        for found in self._side.take(data):
            match found:
                case Nothing():
                    self.done = True
                    return
                case Record(channel, count_bytes) if channel:
                    self._recognised = True
                    yield from self._handed.count(time_ns, channel, count_bytes, line)
                case Record():
                    yield from self._unreadable(time_ns, line)
                case _:
                    yield from self._reply(found.line, time_ns, line)
        self.done = not self._recognised and self._strange_bytes > _MOST_STRANGE_BYTES

    def _unreadable(self, time_ns: int, line: int) -> Iterator[Finding]:
        # Once a conversation: who sends one sends thousands.
        if not self._complained:
            self._complained = True
            reason = f"frame {line} ends a packet of SeedLink that holds no miniSEED record"
            yield Finding("not-a-record", reason, self._eye, time_ns=time_ns)

    def _reply(self, text: bytes, time_ns: int, line: int) -> Iterator[Subscription | Login]:
        word = text[:5].upper()
        if not word.startswith((b"OK", b"ERROR")) or not self._replies:
            return
        user = self._replies.popleft()
        if user is None:
            return
        accepted = word.startswith(b"OK")
        yield Login(Seen(self._eye, line), time_ns, self._client, self._server, "seedlink", user, accepted)
        if self._conversation is not None:
            self._conversation.authenticated(accepted)
            yield from self._follow(time_ns, line)
