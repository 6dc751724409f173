"""What a server's log says it handed over, against what was seen to go over the wire.

A log is written by the machine it would accuse; the wire by another. They count the same packets, so they agree but
for what is torn at the ends of a session:

- a log counts from one whole second to another; a count on the wire that lies across such an instant may belong to
  either side of it, so the wire's sum has a least and a most;
- sessions of one reader that follow each other closely are summed up, since nothing tells which packet was whose;
- what the server gave to its own kernel when a session broke is in its log and never was on the wire.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Seen, Subscription

#: Newest counts of the wire kept apart, of one channel to one reader: as many minutes. Older ones are added up by the
#: hour, at whose beginning logs are rotated if at all.
_KEPT_APART: Final = 8
_HOUR_NS: Final = 3600 * NS_PER_S

#: Channels to readers remembered: a nation's 50,000 to two centres. Of more nothing is said.
MOST_KEYS: Final = 1 << 17

#: Entries of a log that wait, of one channel to one reader.
_MOST_LOGGED: Final = 64

#: Reader, service, direction, channel.
Key = tuple[str, str, str, str]


@dataclass(slots=True)
class Span:
    """Packets handed over in a time, and where that is written."""

    start_ns: int
    end_ns: int
    packets: int
    count_bytes: int
    seen: Seen
    server: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Log and wire of one channel to one reader, in a time that the log covers.

    logged              what the log says, all its entries of that time together
    least, most         packets on the wire in that time, surely and possibly
    least_bytes, most_bytes  the same of bytes
    server              whose log it is
    evidence            entries and frames
    """

    key: Key
    logged: Span
    least: int
    most: int
    least_bytes: int
    most_bytes: int
    server: str
    evidence: tuple[Seen, ...]


@dataclass(slots=True)
class _Page:
    wire: list[Span] = field(default_factory=list)
    logged: list[Span] = field(default_factory=list)


class Ledger:
    """Both accounts.

    clock_ns     how far the clocks of server and wire may be apart, and a log's whole seconds are off
    patience_ns  how long after an entry of the log the wire may still be heard of
    kept_ns      how long the wire is remembered without an entry of the log
    """

    def __init__(self, *, clock_ns: int, patience_ns: int, kept_ns: int) -> None:
        self._clock_ns, self._patience_ns, self._kept_ns = clock_ns, patience_ns, kept_ns
        self._pages: dict[Key, _Page] = {}
        self._waiting: dict[Key, int] = {}
        self._swept_ns = 0

    def enter(self, one: Subscription, *, logged: bool) -> None:
        """Something was handed over, says the log or the wire."""
        key = (one.reader, one.service, one.direction, one.channel)
        page = self._pages.get(key)
        if page is None:
            if len(self._pages) >= MOST_KEYS:
                return
            page = self._pages[key] = _Page()
        span = Span(one.start_ns, one.end_ns, one.packets, one.count_bytes, one.seen, one.server)
        if not logged:
            page.wire.append(span)
            _add_up(page.wire)
        elif len(page.logged) < _MOST_LOGGED:
            page.logged.append(span)
            self._waiting[key] = one.end_ns + self._patience_ns

    def due(self, now_ns: int, server_of: Callable[[str, str], str]) -> Iterator[Comparison]:
        """The entries of the log that can be compared now, each once.

        server_of  from what a log says of its server, and the service, to the server's address; "" when not known
        """
        for key in [key for key, due_ns in self._waiting.items() if due_ns <= now_ns]:
            del self._waiting[key]
            page = self._pages[key]
            logged, page.logged = page.logged, []
            servers = {span.server: server_of(span.server, key[1]) for span in logged}
            for server in sorted(set(servers.values()) - {""}):
                entries = sorted((s for s in logged if servers[s.server] == server), key=lambda span: span.start_ns)
                yield from self._compare(key, page, server, entries)
        # Once an hour is enough to forget.
        if now_ns - self._swept_ns >= _HOUR_NS:
            self._swept_ns = now_ns
            self._forget(now_ns)

    def _compare(self, key: Key, page: _Page, server: str, logged: list[Span]) -> Iterator[Comparison]:
        wire = [span for span in page.wire if span.server == server]
        while logged:
            first = logged.pop(0)
            entries, begin_ns, end_ns = [first], first.start_ns, first.end_ns
            # Entries belong together when they overlap, or when one count of the wire lies across what is between.
            while logged and self._joined(wire, end_ns, logged[0].start_ns):
                entries.append(logged.pop(0))
                end_ns = max(end_ns, entries[-1].end_ns)
            begin_ns, end_ns = begin_ns - self._clock_ns, end_ns + NS_PER_S + self._clock_ns
            yield self._sums(key, server, entries, wire, begin_ns, end_ns)
        # A count that goes on beyond the last entry belongs to the next as well.
        page.wire = [span for span in page.wire if span.server != server or span.end_ns > end_ns]

    def _joined(self, wire: list[Span], end_ns: int, start_ns: int) -> bool:
        if start_ns <= end_ns + NS_PER_S + 2 * self._clock_ns:
            return True
        return any(span.start_ns <= end_ns and span.end_ns >= start_ns for span in wire)

    @staticmethod
    def _sums(key: Key, server: str, entries: list[Span], wire: list[Span], begin_ns: int, end_ns: int) -> Comparison:
        touched = [span for span in wire if span.end_ns >= begin_ns and span.start_ns <= end_ns]
        inside = [span for span in touched if span.start_ns >= begin_ns and span.end_ns <= end_ns]
        logged = Span(
            begin_ns,
            end_ns,
            sum(entry.packets for entry in entries),
            sum(entry.count_bytes for entry in entries),
            entries[0].seen,
            entries[0].server,
        )
        ends = (*entries[:1], *entries[-1:], *touched[:1], *touched[-1:])
        return Comparison(
            key,
            logged,
            least=sum(span.packets for span in inside),
            most=sum(span.packets for span in touched),
            least_bytes=sum(span.count_bytes for span in inside),
            most_bytes=sum(span.count_bytes for span in touched),
            server=server,
            evidence=tuple(dict.fromkeys(span.seen for span in ends)),
        )

    def _forget(self, now_ns: int) -> None:
        for key, page in list(self._pages.items()):
            page.wire = [span for span in page.wire if span.end_ns + self._kept_ns > now_ns]
            if not page.wire and not page.logged:
                del self._pages[key]


def _add_up(wire: list[Span]) -> None:
    """Add the oldest count that is kept apart to the hour before it, where both are of one hour."""
    at = len(wire) - 1 - _KEPT_APART
    if at < 1:
        return
    before, span = wire[at - 1], wire[at]
    if before.server == span.server and before.start_ns // _HOUR_NS == span.end_ns // _HOUR_NS:
        before.end_ns = max(before.end_ns, span.end_ns)
        before.packets += span.packets
        before.count_bytes += span.count_bytes
        del wire[at]
