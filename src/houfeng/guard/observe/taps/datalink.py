"""Listens to DataLink: what writers give, what readers ask for, log in as, and are handed.

Source: DataLink 1.1, EarthScope; dlclient.c of ringserver 4.5.3.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from houfeng.guard.observe.taps.handed import Handed
from houfeng.wire.eyes.stream_names import HEAD_BYTES, channel_of_record, channel_of_stream, patterns_of_match
from houfeng.wire.eyes.text_lines import text_of
from houfeng.words.finding import Finding
from houfeng.words.network import Login, Seen, Subscription

#: DL and the length of the header, which is text and says how many bytes follow it.
_BEFORE_HEADER: Final = 3

#: Which word of a header says how many bytes follow; of those not named here nothing follows.
_SIZE_AT: Final = {
    b"WRITE": 5, b"PACKET": 6, b"OK": 2, b"ERROR": 2, b"INFO": 2, b"MATCH": 1, b"REJECT": 1, b"AUTH": 2,
}  # fmt: skip

#: Headers of the protocol, with which either side begins and by which a stream is found again.
_ANYWHERE: Final = re.compile(
    rb"DL[\x02-\xff](?:ID|AUTH|POSITION|MATCH|REJECT|WRITE|READ|INFO|(?:END)?STREAM|BYE|OK|ERROR|PACKET)(?:[ \r\n]|DL)"
)
_HEADER_BYTES: Final = 13

#: Bytes without one header among them before this is not DataLink.
_MOST_STRANGE_BYTES: Final = 1 << 16

#: Most bytes said to follow a header: what INFO STREAMS says of a nation.
_MOST_PAYLOAD: Final = 64 << 20

#: Bytes kept of what follows: expressions of ringserver's longest kind that name a thousand stations.
_KEPT: Final = 1 << 14

#: Bytes searched for the next header before giving up.
_MOST_SEARCHED: Final = 1 << 20

#: Commands whose replies are waited for.
_MOST_AHEAD: Final = 4096

#: Patterns told of one expression.
MOST_ASKED: Final = 4096

#: Characters kept of a user's name.
MOST_NAME: Final = 256

#: Commands that are answered, and all words a header begins with.
_ANSWERED: Final = frozenset({b"ID", b"AUTH", b"POSITION", b"MATCH", b"REJECT", b"READ", b"INFO"})
_WORDS: Final = _ANSWERED | {b"WRITE", b"STREAM", b"ENDSTREAM", b"BYE", b"OK", b"ERROR", b"PACKET"}


@dataclass(frozen=True, slots=True)
class _Frame:
    """What one side sent: the words of its header, how many bytes followed, and the first of them."""

    words: tuple[bytes, ...]
    count_bytes: int
    head: bytes


class _Side:
    """Bytes of one side in, frames out. Bytes split anywhere give the same."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._words: tuple[bytes, ...] = ()
        self._count_bytes = self._left = 0
        self._head = bytearray()
        self._searching = False
        self._searched = 0
        self.broken = False

    def lost(self) -> None:
        """Bytes are missing: from now on look for the next header."""
        self._held.clear()
        self._head.clear()
        self._words, self._left = (), 0
        self._searching, self._searched = True, 0

    def take(self, data: bytes) -> Iterator[_Frame]:
        """More came."""
        self._held += data
        while not self.broken:
            if self._words:
                if not self._payload():
                    return
                words, self._words = self._words, ()
                yield _Frame(words, self._count_bytes, bytes(self._head))
                self._head.clear()
            elif not (self._find() if self._searching else self._header()):
                return

    def _payload(self) -> bool:
        """Take what is there of what follows the header; whether that is all."""
        here = min(self._left, len(self._held))
        self._head += self._held[: min(here, _KEPT - len(self._head))]
        del self._held[:here]
        self._left -= here
        return not self._left

    def _header(self) -> bool:
        held = self._held
        if not b"DL".startswith(held[:2]):
            self._searching, self._searched = True, 0
            return True
        if len(held) < _BEFORE_HEADER or len(held) < _BEFORE_HEADER + held[2]:
            return False
        words = tuple(bytes(held[_BEFORE_HEADER : _BEFORE_HEADER + held[2]]).split())
        size = _size_of(words)
        if size < 0:
            # What stands in its place is no header: search behind its first byte.
            del held[:1]
            self._searching, self._searched = True, 0
            return True
        del held[: _BEFORE_HEADER + held[2]]
        self._words = (words[0].upper(), *words[1:])
        self._count_bytes = self._left = size
        return True

    def _find(self) -> bool:
        match = _ANYWHERE.search(self._held)
        at = match.start() if match else max(len(self._held) - _HEADER_BYTES, 0)
        del self._held[:at]
        self._searched += at
        self._searching = match is None
        self.broken = self._searched > _MOST_SEARCHED
        return match is not None


def _size_of(words: tuple[bytes, ...]) -> int:
    """How many bytes follow a header, -1 when it is none."""
    if not words:
        return -1
    at = _SIZE_AT.get(words[0].upper())
    if at is None or len(words) <= at:
        return 0
    return int(words[at]) if words[at].isdigit() and len(words[at]) < 10 and int(words[at]) <= _MOST_PAYLOAD else -1


class DataLink:
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
        self._out = Handed(seen, client, server, "datalink", "out")
        self._in = Handed(seen, client, server, "datalink", "in")
        self._sides = (_Side(), _Side())
        self._strange_bytes = 0
        self._recognised = False
        self._match = ""
        # Of a server that is not heard the oldest are forgotten.
        self._waiting: deque[tuple[bytes, str]] = deque(maxlen=_MOST_AHEAD)
        self._streaming = False
        self._told: set[str] = set()

    def hear(
        self, time_ns: int, *, from_client: bool, data: bytes, line: int
    ) -> Iterator[Subscription | Login | Finding]:
        """One side said something."""
        if self.done:
            return
        side = self._sides[from_client]
        self._strange_bytes += 0 if self._recognised else len(data)
        for frame in side.take(data):
            self._recognised = self._recognised or frame.words[0] in _WORDS
            if from_client:
                yield from self._asks(frame, time_ns, line)
            else:
                yield from self._answers(frame, time_ns, line)
        adrift = not self._recognised and self._strange_bytes > _MOST_STRANGE_BYTES
        self.done = self.done or side.broken or adrift

    def lost(self, from_client: bool) -> None:
        """Some bytes of one side were not seen."""
        self._sides[from_client].lost()
        # Which command the next reply is to is not known any more.
        self._waiting.clear()

    def end(self, time_ns: int) -> Iterator[Subscription]:
        """The conversation is over."""
        yield from self._in.end()
        yield from self._out.end()

    def _asks(self, frame: _Frame, time_ns: int, line: int) -> Iterator[Subscription | Finding]:
        command = frame.words[0]
        if command == b"WRITE":
            yield from self._packet(self._in, frame, time_ns, line)
            # Only flag A asks for a reply.
            if len(frame.words) > 4 and b"A" in frame.words[4]:
                self._waiting.append((command, ""))
        elif command == b"MATCH":
            self._match = text_of(frame.head)
            self._waiting.append((command, ""))
        elif command == b"STREAM":
            self._streaming = True
            for channel in patterns_of_match(self._match)[:MOST_ASKED]:
                yield self._out.asked(time_ns, channel, line)
        elif command == b"ENDSTREAM":
            self._streaming = False
        elif command == b"AUTH":
            named = frame.words[1:2] == (b"USERPASS",)
            self._waiting.append((command, text_of(frame.head.partition(b"\r")[0])[:MOST_NAME] if named else ""))
        elif command in _ANSWERED:
            self._waiting.append((command, ""))

    def _answers(self, frame: _Frame, time_ns: int, line: int) -> Iterator[Subscription | Login | Finding]:
        answer = frame.words[0]
        if answer == b"PACKET":
            yield from self._packet(self._out, frame, time_ns, line)
            if self._streaming:
                return
        if answer == b"ENDSTREAM" or not self._waiting:
            return
        command, user = self._waiting.popleft()
        if command == b"AUTH":
            accepted = answer == b"OK"
            yield Login(Seen(self._eye, line), time_ns, self._client, self._server, "datalink", user, accepted)

    def _packet(self, handed: Handed, frame: _Frame, time_ns: int, line: int) -> Iterator[Subscription | Finding]:
        stream_id = text_of(frame.words[1]) if len(frame.words) > 1 else ""
        try:
            channel = channel_of_stream(stream_id)
        except ValueError:
            yield from self._say("not-a-channel", "a packet of a stream that is no channel", time_ns, line)
            return
        named = channel_of_record(frame.head[:HEAD_BYTES])
        if named and named != channel:
            what = f"a packet of {channel} with a record of {named} in it"
            yield from self._say("stream-name-differs", what, time_ns, line)
        yield from handed.count(time_ns, channel, frame.count_bytes, line)

    def _say(self, kind: str, what: str, time_ns: int, line: int) -> Iterator[Finding]:
        # Once a conversation: who sends one sends thousands.
        if kind not in self._told:
            self._told.add(kind)
            yield Finding(kind, f"frame {line} holds {what}", self._eye, time_ns=time_ns)
