"""The server's side of one SeedLink connection, version 3 and 4, without a socket. Standard library only.

Sources: SeedLink 4.0, FDSN; the commands of SeedLink 3 as SeisComP and libslink speak them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

from houfeng.wire.seedlink.arguments import data_v3, data_v4, info_of, login_of, station_v3, window_v3
from houfeng.wire.seedlink.commands import Line, Lines
from houfeng.wire.seedlink.patterns import Selector, selector_of_v3, selector_of_v4, station_pattern
from houfeng.wire.seedlink.requests import (
    Action,
    CatalogueWanted,
    Goodbye,
    Protocol,
    Send,
    Start,
    StationRequest,
    Subscription,
)

#: What one reader may ask for. Nations have fewer stations.
MOST_STATIONS = 20_000
MOST_SELECTORS = 60_000
MOST_SELECTORS_OF_STATION = 100

#: Commands answered with an error before the connection is closed: more than any client makes by mistake.
MOST_ERRORS = 100

#: Reserved by SeedLink 4.0: a web browser, or a scan.
_HTTP_VERBS = frozenset({"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"})

#: Commands that version 3 does not answer after BATCH.
_BATCHED = frozenset({"STATION", "SELECT", "DATA", "FETCH", "TIME"})


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the server says of itself.

    software      such as Houfeng/1.0
    organisation  one line
    logins        ways to log in that are open to this connection: USERPASS, JWT
    """

    software: str
    organisation: str
    logins: tuple[str, ...] = ()

    @property
    def first_line(self) -> str:
        """The first line of the answer to HELLO."""
        return f"SeedLink v4.0 ({self.software}) :: SLPROTO:4.0 SLPROTO:3.1 CAP EXTREPLY NSWILDCARD BATCH"


class Conversation:
    """Bytes of a client in, actions out, one at a time and in order.

    receive() takes bytes; next() gives what to do about them until it gives None. After a Login nothing more comes
    until authenticated() is called, after a Goodbye nothing at all.
    """

    def __init__(self, greeting: Greeting) -> None:
        self._greeting = greeting
        self._lines = Lines()
        self._phase = "negotiation"
        self._settled = False
        self._batch = self._extended = self._dial_up = False
        self._requests: list[StationRequest] = []
        self._selectors = 0
        self._open = False
        self._default = StationRequest("*")
        self._errors = 0
        self.protocol: Protocol = 3
        self.agent = ""

    @property
    def held_bytes(self) -> int:
        """Bytes received and not yet acted on."""
        return self._lines.held_bytes

    def receive(self, data: bytes) -> None:
        """Take what the client sent."""
        self._lines.receive(data)

    def next(self) -> Action | None:
        """What to do next, None when more bytes or an answer to a Login are needed first."""
        while self._phase not in {"login", "closed"}:
            line = self._lines.take()
            if line is None:
                return None
            action = self._act(line)
            if action is not None:
                return action
        return None

    def authenticated(self, accepted: bool) -> Send:
        """Go on after a Login; gives its answer."""
        self._phase = "negotiation"
        return Send(b"OK\r\n") if accepted else self._error("AUTH", "name, password or token not accepted")

    def finished(self) -> None:
        """All was sent, END too: from now on only BYE counts."""
        self._phase = "finished"

    def _act(self, line: Line) -> Action | None:
        if self._phase == "finished" and line.words[:1] != ("BYE",):
            return None
        action = self._answer(line)
        if self._errors > MOST_ERRORS:
            action = Goodbye("too many errors", action.content if isinstance(action, Send) else b"")
        if isinstance(action, Goodbye):
            self._phase = "closed"
        return action

    def _answer(self, line: Line) -> Action | None:
        if line.fault:
            return self._error("LIMIT" if line.fault.startswith("longer") else "ARGUMENTS", f"a line is {line.fault}")
        command, *arguments = line.words
        if command in _HTTP_VERBS:
            return Goodbye("HTTP", self._error("UNSUPPORTED", "this is SeedLink").content)
        protocols, phases, handle = self._COMMANDS.get(command, ((), (), None))
        if handle is None or self.protocol not in protocols:
            return self._error("UNSUPPORTED", f"{command[:20]} is no command of version {self.protocol}")
        if self._phase not in phases:
            return self._error("UNEXPECTED", f"{command} has no place here")
        if command not in {"HELLO", "SLPROTO", "INFO", "BYE"}:
            self._settled = True
        try:
            action = handle(self, command, arguments)
        except ValueError as error:
            action = self._error("ARGUMENTS", str(error))
        except LookupError as error:
            action = self._error("UNSUPPORTED", str(error.args[0]))
        silent = self._batch and command in _BATCHED and isinstance(action, Send)
        return None if silent else action

    def _error(self, code: str, text: str) -> Send:
        self._errors += 1
        if self.protocol == 4:
            return Send(f"ERROR {code} {text}\r\n".encode())
        return Send(f"ERROR\r{text}\r\n".encode() if self._extended else b"ERROR\r\n")

    # The commands, in the order in which a client sends them.

    def _hello(self, _: str, __: list[str]) -> Action:
        return Send(f"{self._greeting.first_line}\r\n{self._greeting.organisation}\r\n".encode())

    def _slproto(self, _: str, arguments: list[str]) -> Action:
        if self._settled:
            return self._error("UNEXPECTED", "SLPROTO comes first, and once")
        if arguments not in (["4.0"], ["3.0"], ["3.1"]):
            self._errors += 1
            return Send(b"ERROR UNSUPPORTED versions are 3.0, 3.1 and 4.0\r\n")
        self._settled = True
        self.protocol = 4 if arguments == ["4.0"] else 3
        return Send(b"OK\r\n")

    def _useragent(self, _: str, arguments: list[str]) -> Action:
        self.agent = " ".join(arguments)
        return Send(b"OK\r\n")

    def _capabilities(self, _: str, arguments: list[str]) -> Action:
        self._extended = self._extended or "EXTREPLY" in (argument.upper() for argument in arguments)
        return Send(b"OK\r\n")

    def _batch_on(self, _: str, __: list[str]) -> Action:
        self._batch = True
        return Send(b"OK\r\n")

    def _auth(self, _: str, arguments: list[str]) -> Action:
        login = login_of(arguments, self._greeting.logins)
        self._phase = "login"
        return login

    def _cat(self, _: str, __: list[str]) -> Action:
        return CatalogueWanted()

    def _station(self, _: str, arguments: list[str]) -> Action:
        self._open = False
        if len(self._requests) >= MOST_STATIONS:
            return self._error("LIMIT", f"at most {MOST_STATIONS} stations")
        if self.protocol == 4 and len(arguments) != 1:
            raise ValueError("STATION takes one pattern")
        pattern = station_pattern(arguments[0]) if self.protocol == 4 else station_v3(arguments)
        self._requests.append(StationRequest(pattern))
        self._open = True
        return Send(b"OK\r\n")

    def _select(self, _: str, arguments: list[str]) -> Action:
        if self.protocol == 4:
            if not arguments:
                raise ValueError("SELECT takes at least one pattern")
            added = tuple(selector_of_v4(text) for text in arguments)
        elif len(arguments) > 1:
            raise ValueError("SELECT takes one pattern")
        else:
            added = tuple(selector_of_v3(text) for text in arguments)
        return self._change_selectors(added)

    def _change_selectors(self, added: tuple[Selector, ...]) -> Action:
        if not self._open and (self._requests or self.protocol == 4):
            return self._error("UNEXPECTED", "SELECT follows STATION")
        request = self._requests[-1] if self._open else self._default
        # An empty SELECT of version 3 takes back those before it.
        selectors = request.selectors + added if added else ()
        self._selectors += len(added)
        if len(selectors) > MOST_SELECTORS_OF_STATION or self._selectors > MOST_SELECTORS:
            return self._error("LIMIT", f"at most {MOST_SELECTORS_OF_STATION} selectors a station")
        self._keep(replace(request, selectors=selectors))
        return Send(b"OK\r\n")

    def _data(self, command: str, arguments: list[str]) -> Action:
        if command == "FETCH":
            self._dial_up = True
        if self.protocol == 4:
            if not self._open:
                return self._error("UNEXPECTED", "DATA follows STATION")
            begin, start_ns, end_ns = data_v4(arguments)
        elif command == "TIME":
            begin, start_ns, end_ns = window_v3(arguments)
        else:
            begin, start_ns, end_ns = data_v3(arguments), None, None
        if self.protocol == 3 and self._requests and not self._open:
            return self._error("UNEXPECTED", f"{command} follows STATION")
        request = self._requests[-1] if self._open else self._default
        self._keep(replace(request, begin=begin, start_ns=start_ns, end_ns=end_ns))
        return Send(b"OK\r\n") if self._open else self._start((self._default,))

    def _keep(self, request: StationRequest) -> None:
        if self._open:
            self._requests[-1] = request
        else:
            self._default = request

    def _end(self, command: str, _: list[str]) -> Action:
        if not self._requests:
            return self._error("UNEXPECTED", f"{command} without any STATION")
        self._dial_up = self._dial_up or command == "ENDFETCH"
        return self._start(tuple(self._requests))

    def _start(self, requests: tuple[StationRequest, ...]) -> Action:
        self._phase = "transfer"
        self._requests = []
        return Start(Subscription(self.protocol, requests, self._dial_up))

    def _info(self, _: str, arguments: list[str]) -> Action:
        return info_of(arguments)

    def _bye(self, _: str, __: list[str]) -> Action:
        return Goodbye("bye")

    _BOTH, _V3, _V4 = (3, 4), (3,), (4,)
    _BEFORE, _ALWAYS = ("negotiation",), ("negotiation", "transfer")

    #: Command: versions that know it, phases it has a place in, what it does.
    _COMMANDS: ClassVar[Mapping[str, "_Command"]] = MappingProxyType(
        {
            "HELLO": (_BOTH, _BEFORE, _hello),
            "SLPROTO": (_BOTH, _BEFORE, _slproto),
            "USERAGENT": (_V4, _BEFORE, _useragent),
            "AUTH": (_V4, _BEFORE, _auth),
            "CAPABILITIES": (_V3, _BEFORE, _capabilities),
            "BATCH": (_V3, _BEFORE, _batch_on),
            "CAT": (_V3, _BEFORE, _cat),
            "STATION": (_BOTH, _BEFORE, _station),
            "SELECT": (_BOTH, _BEFORE, _select),
            "DATA": (_BOTH, _BEFORE, _data),
            "FETCH": (_V3, _BEFORE, _data),
            "TIME": (_V3, _BEFORE, _data),
            "END": (_BOTH, _BEFORE, _end),
            "ENDFETCH": (_V4, _BEFORE, _end),
            "INFO": (_BOTH, _ALWAYS, _info),
            "BYE": (_BOTH, (*_ALWAYS, "finished"), _bye),
        }
    )


_Command = tuple[tuple[int, ...], tuple[str, ...], Callable[[Conversation, str, list[str]], Action]]
