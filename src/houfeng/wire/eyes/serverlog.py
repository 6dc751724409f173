"""Logs of data servers: who connected, asked for what, and was handed how much, one JSON object a line.

Read are ringserver's access and transfer logs in JSON lines, and the session log of our own SeedLink server.
Sources: ringserver 4.4 to 4.5.3, doc/ringserver.md, "Usage Logging", and logging.c; houfeng.wire.seedlink.notes.

ringserver logs that a connection is authenticated, never that an attempt failed; its bytes are those of records,
without the headers around them. Ours count the headers too, which are taken off here.
"""

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from houfeng.wire.eyes.parties import party_of
from houfeng.wire.eyes.stream_names import channel_of_stream, patterns_of_match, patterns_of_request
from houfeng.wire.eyes.text_lines import Complaints, TextLines, shown, text_of
from houfeng.wire.seedlink.framing import frame_v3, frame_v4
from houfeng.wire.seedlink.notes import Connected, Delivered, Disconnected, LoggedIn, Note, Subscribed, read_note
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import parse_instant
from houfeng.words.network import Login, Seen, Subscription

#: Longest line: a reader of the 50,000 channels of a nation, 70 bytes each, in one entry of a transfer log.
LONGEST_LINE_BYTES: Final = 4 << 20

#: Connections remembered between the lines that tell of them.
MOST_SESSIONS: Final = 1 << 16

#: Services that hand over channels; ringserver also serves HTTP, which hands over none.
_SERVICES: Final[Mapping[str, Literal["seedlink", "datalink"]]] = {"SeedLink": "seedlink", "DataLink": "datalink"}
_DIRECTIONS: Final[Mapping[str, Literal["out", "in"]]] = {"TX": "out", "RX": "in"}
_ASKING: Final = frozenset({"DATA", "FETCH", "STREAM"})

#: More than a connection can carry in a log's interval: numbers beyond are not counts.
_MOST_COUNT: Final = 1 << 50

_KINDS: Final = frozenset({"connect", "login", "subscribe", "deliver", "disconnect"})

_Said = Iterator[Login | Subscription | Finding]


class ServerLogReader:
    """Reads a log as it grows. See EyeReader.

    name    of the file
    server  address of the server that wrote it, "" where it is not known: these logs do not say
    """

    def __init__(self, name: str, *, server: str = "") -> None:
        self.records = 0
        self._name = name
        self._server = server
        self._lines = TextLines(LONGEST_LINE_BYTES)
        self._complaints = Complaints(name)
        self._authenticated: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._sessions: OrderedDict[int, tuple[int, int]] = OrderedDict()

    def read(self, data: bytes) -> _Said:
        """More of the file came."""
        for number, line in self._lines.take(data):
            yield from self._line(number, line)

    def end(self) -> _Said:
        """No more will come."""
        for number, line in self._lines.end():
            yield from self._line(number, line)
        yield from self._complaints.end()

    def _line(self, number: int, raw: bytes | None) -> _Said:
        if raw is None:
            yield from self._complaints.tell("long-line", number, f"is longer than {LONGEST_LINE_BYTES} bytes")
            return
        if not raw.strip():
            return
        text = text_of(raw)
        try:
            found = list(self._told(number, text))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, DataFault) as error:
            why = error.reason if isinstance(error, DataFault) else type(error).__name__
            what = f"is no entry of a data server's log ({why}): {shown(text)}"
            yield from self._complaints.tell("broken-line", number, what)
            return
        self.records += 1
        yield from found

    def _told(self, number: int, text: str) -> _Said:
        told = json.loads(text)
        if not isinstance(told, dict):
            raise TypeError
        return self._note(number, read_note(text)) if told.get("kind") in _KINDS else self._entry(number, told)

    # ringserver.

    def _entry(self, number: int, told: Mapping[str, Any]) -> _Said:
        time_ns = parse_instant(told["log_time"])
        party = party_of(told["client"]["ip"])
        protocol = told.get("transfer_protocol") or told.get("protocol") or {}
        service = _SERVICES.get(protocol.get("name", ""))
        if "auth" in told:
            yield from self._authentication(number, time_ns, party, service or "http", told)
        if "transfer_direction" in told:
            if service is not None:
                yield from self._transfer(number, time_ns, party, service, told)
        elif told["event"] == "command":
            if service is not None and told["command"] in _ASKING:
                for channel in patterns_of_match(_text(told.get("match") or "")):
                    yield self._subscription(number, (time_ns, time_ns), party, service, channel)
        elif told["event"] not in {"connect", "disconnect"}:
            raise ValueError

    def _transfer(
        self, number: int, time_ns: int, party: str, service: Literal["seedlink", "datalink"], told: Mapping[str, Any]
    ) -> _Said:
        direction = _DIRECTIONS[told["transfer_direction"]]
        span_ns = (parse_instant(told["log_start_time"]), time_ns)
        if span_ns[0] > time_ns:
            raise ValueError
        for stream in told["streams"]:
            packets, count_bytes = _count(stream["packets"]), _count(stream["bytes"])
            stream_id = _text(stream["stream_id"])
            try:
                channel = channel_of_stream(stream_id)
            except ValueError:
                what = f"names a stream that is no channel: {shown(stream_id)}"
                yield from self._complaints.tell("not-a-channel", number, what, time_ns)
                continue
            yield self._subscription(number, span_ns, party, service, channel, packets, count_bytes, direction)

    def _authentication(self, number: int, time_ns: int, party: str, service: str, told: Mapping[str, Any]) -> _Said:
        # Every line of a connection says it again.
        user = _text(told["auth"].get("username", ""))
        connection = (party, str(told["client"].get("server_port")), _text(told["connect_time"]), service, user)
        if connection in self._authenticated:
            return
        self._authenticated[connection] = None
        if len(self._authenticated) > MOST_SESSIONS:
            self._authenticated.popitem(last=False)
        yield Login(Seen(self._name, number), time_ns, party, self._server, service, user, accepted=True)

    # Ours.

    def _note(self, number: int, note: Note) -> _Said:
        party = party_of(note.address)
        match note:
            case Connected():
                self._remember(note.session, note.time_ns, 0)
            case LoggedIn():
                seen = Seen(self._name, number)
                yield Login(seen, note.time_ns, party, self._server, "seedlink", note.reader, note.accepted)
            case Subscribed():
                since_ns, _ = self._sessions.get(note.session, (note.time_ns, 0))
                self._remember(note.session, since_ns, note.protocol)
                for channel in patterns_of_request(note.station, note.streams):
                    yield self._subscription(number, (note.time_ns, note.time_ns), party, "seedlink", channel)
            case Delivered():
                yield self._delivered(number, party, note)
            case Disconnected():
                self._sessions.pop(note.session, None)

    def _delivered(self, number: int, party: str, note: Delivered) -> Subscription:
        since_ns, protocol = self._sessions.get(note.session, (note.time_ns, 0))
        packets = _count(note.records)
        # A connection whose beginning is not in this file is one of version 4, as most are.
        header = frame_v3(0, b"") if protocol == 3 else frame_v4("2D", 0, note.station, b"")
        count_bytes = _count(max(note.sent_bytes - packets * len(header), 0))
        channel = channel_of_stream(f"FDSN:{note.station}_{note.stream.partition('.')[0]}")
        span_ns = (min(since_ns, note.time_ns), note.time_ns)
        return self._subscription(number, span_ns, party, "seedlink", channel, packets, count_bytes)

    def _remember(self, session: int, since_ns: int, protocol: int) -> None:
        self._sessions[session] = (since_ns, protocol)
        self._sessions.move_to_end(session)
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)

    def _subscription(
        self,
        number: int,
        span_ns: tuple[int, int],
        party: str,
        service: Literal["seedlink", "datalink"],
        channel: str,
        packets: int = 0,
        count_bytes: int = 0,
        direction: Literal["out", "in"] = "out",
    ) -> Subscription:
        seen = Seen(self._name, number)
        return Subscription(seen, *span_ns, party, self._server, service, channel, packets, count_bytes, direction)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_COUNT:
        raise ValueError
    return value
