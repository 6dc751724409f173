"""Listens to the commands of FTP: who logs in, and whether that is accepted.

Source: RFC 959, sections 4.2 and 5.4; RFC 4217 for what becomes of it under TLS.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from houfeng.wire.eyes.text_lines import TextLines, text_of
from houfeng.words.network import Login, Seen

#: Longest line: RFC 959 sets no limit, and programs take 512 to 4096 bytes.
LONGEST_LINE_BYTES: Final = 4096

#: Characters kept of a user's name: more than any system has, and no way to fill memory.
MOST_NAME: Final = 256

#: Commands that may wait for their replies. Clients send the next after the reply; some send a few ahead.
_MOST_AHEAD: Final = 64

#: The reply, "530 Login incorrect."; with a dash more lines follow, of which the last has the blank again.
_REPLY: Final = re.compile(rb"([1-5]\d\d)(?: .*)?", re.DOTALL)
_REPLY_GOES_ON: Final = re.compile(rb"[1-5]\d\d-.*", re.DOTALL)
_COMMAND: Final = re.compile(rb"([A-Za-z]{3,4})(?: (.*))?", re.DOTALL)

#: 230 logged in; 232 logged in, by TLS (RFC 4217); 331, 332 and 336 want more; what begins with 4 or 5 is a refusal.
_ACCEPTED: Final = frozenset({230, 232})
_ENCRYPTED: Final = 234


class Ftp:
    """See Tap. Passwords are never kept."""

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
        self._lines = (TextLines(LONGEST_LINE_BYTES), TextLines(LONGEST_LINE_BYTES))
        self._torn = [False, False]
        self._recognised = False
        self._in_reply = False
        self._user = ""
        self._asked: deque[bytes] = deque()

    def hear(self, time_ns: int, *, from_client: bool, data: bytes, line: int) -> Iterator[Login]:
        """One side said something."""
        if self.done:
            return
        for _, text in self._lines[from_client].take(data):
            if self.done:
                return
            if self._torn[from_client]:
                self._torn[from_client] = False
            elif text is None:
                self.done = True
            elif from_client:
                self._command(text)
            else:
                yield from self._reply(text, time_ns, line)

    def lost(self, from_client: bool) -> None:
        """Some bytes of one side were not seen."""
        # The rest of the line begun is no line; which replies were lost is not known either.
        self._lines[from_client].forget()
        self._torn[from_client] = True
        self._asked.clear()

    def end(self, time_ns: int) -> Iterator[Login]:
        """The conversation is over."""
        return iter(())

    def _command(self, text: bytes) -> None:
        match = _COMMAND.fullmatch(text.strip(b" \0"))
        if match is None or len(self._asked) >= _MOST_AHEAD:
            # Who speaks something else to this port, before the server spoke, is not of this protocol.
            self.done = not self._recognised or len(self._asked) >= _MOST_AHEAD
            return
        verb = match[1].upper()
        if verb == b"USER":
            self._user = text_of(match[2] or b"")[:MOST_NAME]
        self._asked.append(verb)

    def _reply(self, text: bytes, time_ns: int, line: int) -> Iterator[Login]:
        match = _REPLY.fullmatch(text)
        if match is None:
            self._in_reply = self._in_reply or _REPLY_GOES_ON.fullmatch(text) is not None
            self.done = not self._recognised and not self._in_reply
            self._recognised = True
            return
        self._recognised, self._in_reply = True, False
        code = int(match[1])
        # 1xx is followed by another reply to the same command; the greeting replies to none.
        if code < 200 or not self._asked:
            return
        verb = self._asked.popleft()
        if verb == b"AUTH" and code == _ENCRYPTED:
            self.done = True
        elif verb in {b"USER", b"PASS", b"ACCT"} and (code in _ACCEPTED or code >= 400):
            seen = Seen(self._eye, line)
            accepted = code in _ACCEPTED
            yield Login(seen, time_ns, self._client, self._server, "ftp", self._user, accepted)
