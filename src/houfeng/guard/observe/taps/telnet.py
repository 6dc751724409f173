"""Listens to telnet: prompts, what is typed after them, and whether the server lets it in. A guess, and a modest one.

Telnet has no message that says a login went well (RFC 854 knows only characters), so this reads what people read:
"login:", "Password:", then either the refusal and the prompt again, or something else.
"""

import re
from collections.abc import Iterator
from typing import Final

from houfeng.wire.eyes.text_lines import text_of
from houfeng.words.network import Login, Seen

#: Bytes of the server without a prompt after which this is no login: banners are a screen or two.
_MOST_WITHOUT_PROMPT: Final = 8192

#: Bytes kept of what either side said last: a line of a terminal and a prompt.
_KEPT: Final = 512

#: Characters kept of a user's name.
MOST_NAME: Final = 256

_IAC, _SB, _SE, _WILL, _DONT = 255, 250, 240, 251, 254

_USER_PROMPT: Final = re.compile(rb"(?i)(?<!last )(?:login|user ?name|user|account)\s*:\s*\Z")
_SECRET_PROMPT: Final = re.compile(rb"(?i)pass(?:word|code|phrase)[^\n]{0,64}:\s*\Z")
_REFUSED: Final = re.compile(
    rb"(?i)(?:login|password|authentication|permission|access|user ?name)\S*(?: \S+){0,3}?"
    rb" (?:incorrect|invalid|failed|failure|denied|rejected|wrong)|"
    rb"(?:bad|invalid|incorrect|wrong) (?:login|password|user|username|credentials)"
)
_SHELL: Final = re.compile(rb"(?i)last login|welcome|busybox|[$#>%]\s*\Z")


class Telnet:
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
        self._plain = (_Plain(), _Plain())
        self._shown = b""
        self._shown_bytes = 0
        self._typed = b""
        self._user = ""
        self._state = "banner"

    def hear(self, time_ns: int, *, from_client: bool, data: bytes, line: int) -> Iterator[Login]:
        """One side said something."""
        if self.done:
            return
        text = self._plain[from_client].take(data)
        if from_client:
            self._types(text)
        elif text:
            yield from self._shows(text, time_ns, line)

    def lost(self, from_client: bool) -> None:
        """Some bytes of one side were not seen."""
        if from_client:
            self._typed = b""
        else:
            self._shown = b""

    def end(self, time_ns: int) -> Iterator[Login]:
        """The conversation is over."""
        return iter(())

    def _types(self, text: bytes) -> None:
        *lines, rest = re.split(rb"\r\n|\r\0|\r|\n", self._typed + text)
        for typed in lines:
            if self._state == "user":
                # Backspace as the terminal means it.
                self._user = text_of(_erased(typed))[:MOST_NAME]
            elif self._state == "secret":
                self._state = "waiting"
        # A password is not kept longer than it takes to throw it away.
        self._typed = b"" if self._state in {"secret", "waiting"} else rest[-_KEPT:]

    def _shows(self, text: bytes, time_ns: int, line: int) -> Iterator[Login]:
        self._shown_bytes += len(text)
        self._shown = (self._shown + text)[-_KEPT:]
        if self._state == "waiting":
            verdict = self._verdict()
            if verdict is not None:
                yield Login(Seen(self._eye, line), time_ns, self._client, self._server, "telnet", self._user, verdict)
                self._state, self.done = "banner", verdict
        if _USER_PROMPT.search(self._shown):
            self._state, self._user, self._shown, self._shown_bytes = "user", "", b"", 0
        elif _SECRET_PROMPT.search(self._shown):
            self._state, self._shown, self._shown_bytes = "secret", b"", 0
        elif self._shown_bytes > _MOST_WITHOUT_PROMPT:
            self.done = True

    def _verdict(self) -> bool | None:
        # A refusal is looked for first: what follows it may look like anything.
        refused = _REFUSED, _USER_PROMPT, _SECRET_PROMPT
        if any(pattern.search(self._shown) for pattern in refused):
            return False
        return True if _SHELL.search(self._shown) else None


class _Plain:
    """Takes telnet's commands out of a stream (RFC 854, RFC 855)."""

    def __init__(self) -> None:
        self._state = "text"

    def take(self, data: bytes) -> bytes:
        """The text in data."""
        if self._state == "text" and _IAC not in data:
            return data
        text = bytearray()
        for byte in data:
            self._state = self._step(byte, text)
        return bytes(text)

    def _step(self, byte: int, text: bytearray) -> str:
        match self._state:
            case "text":
                if byte == _IAC:
                    return "command"
                text.append(byte)
                return "text"
            case "command":
                if byte == _SB:
                    return "sub"
                if byte == _IAC:
                    text.append(byte)
                return "option" if _WILL <= byte <= _DONT else "text"
            case "sub":
                return "sub-command" if byte == _IAC else "sub"
            case "sub-command":
                return "text" if byte == _SE else "sub"
        return "text"


def _erased(typed: bytes) -> bytes:
    kept = bytearray()
    for byte in typed:
        if byte in {8, 127}:
            del kept[-1:]
        elif byte:
            kept.append(byte)
    return bytes(kept)
