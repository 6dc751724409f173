"""Listens to the domain name system: which names are looked up, and how that goes."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from houfeng.guard.observe.taps.dns_names import DnsMessage, read_message
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Lookup, Seen

#: How long an answer is waited for: the time after which resolvers ask again (resolv.conf, timeout).
ANSWER_NS: Final = 5 * NS_PER_S

#: Questions waiting at a time. Two may not have the same number; half of all numbers waiting is a flood.
MOST_WAITING: Final = 1 << 15

#: In TCP two bytes of length stand before each message (RFC 1035, section 4.2.2).
_LENGTH_BYTES: Final = 2


class Dns:
    """See Tap. A name looked up is told once, when it is answered or when no answer has come."""

    def __init__(
        self,
        seen: Seen,
        client: str,
        server: str,
        client_port: int,
        server_port: int,
        protocol: str,
    ) -> None:
        self.done = False
        self._eye = seen.eye
        self._ends = (server, client)
        self._stream = protocol == "tcp"
        self._held = (bytearray(), bytearray())
        self._adrift = [False, False]
        self._waiting: OrderedDict[tuple[bool, int, str, str], tuple[int, int]] = OrderedDict()
        self._recognised = False
        self._complained = False

    def hear(self, time_ns: int, *, from_client: bool, data: bytes, line: int) -> Iterator[Lookup | Finding]:
        """One side said something."""
        if self.done:
            return
        yield from self._overdue(time_ns)
        for message in self._messages(data, from_client):
            try:
                told = read_message(message)
            except ValueError as error:
                yield from self._unreadable(str(error), time_ns, line)
                continue
            self._recognised = True
            yield from self._take(told, time_ns, line, from_client)

    def lost(self, from_client: bool) -> None:
        """Some bytes of one side were not seen."""
        # A stream has nothing in it by which the next message could be found.
        self._adrift[from_client] = self._stream
        self._held[from_client].clear()

    def end(self, time_ns: int) -> Iterator[Lookup]:
        """The conversation is over."""
        while self._waiting:
            yield self._unanswered(time_ns)

    def _messages(self, data: bytes, from_client: bool) -> Iterator[bytes]:
        if not self._stream:
            yield data
            return
        if self._adrift[from_client]:
            return
        held = self._held[from_client]
        held += data
        while len(held) >= _LENGTH_BYTES:
            length = int.from_bytes(held[:_LENGTH_BYTES], "big")
            if len(held) < _LENGTH_BYTES + length:
                return
            yield bytes(held[_LENGTH_BYTES : _LENGTH_BYTES + length])
            del held[: _LENGTH_BYTES + length]

    def _unreadable(self, why: str, time_ns: int, line: int) -> Iterator[Finding]:
        if not self._recognised:
            self.done = True
        elif not self._complained:
            self._complained = True
            reason = f"frame {line} holds a message of the domain name system with {why}"
            yield Finding("bad-dns-message", reason, self._eye, time_ns=time_ns)

    def _take(self, told: DnsMessage, time_ns: int, line: int, from_client: bool) -> Iterator[Lookup]:
        if not told.answer:
            # The same question again is the same look-up.
            self._waiting.setdefault((from_client, told.number, told.name, told.kind), (time_ns, line))
            if len(self._waiting) > MOST_WAITING:
                yield self._unanswered(time_ns)
            return
        key = self._question(told, not from_client)
        if key is not None:
            del self._waiting[key]
            _, _, name, kind = key
        elif told.name:
            name, kind = told.name, told.kind  # the question was before this eye was there
        else:
            return
        yield self._lookup(time_ns, line, not from_client, name, kind, told.answer)

    def _question(self, told: DnsMessage, asked_by_client: bool) -> tuple[bool, int, str, str] | None:
        exact = (asked_by_client, told.number, told.name, told.kind)
        if exact in self._waiting:
            return exact
        # An answer that is an error may leave the question out, and capitals are not always given back as they came.
        for key in self._waiting:
            same_name = not told.name or key[2].lower() == told.name.lower()
            if key[:2] == exact[:2] and same_name and told.kind in {"", key[3]}:
                return key
        return None

    def _overdue(self, now_ns: int) -> Iterator[Lookup]:
        while self._waiting:
            asked_ns, _ = next(iter(self._waiting.values()))
            if asked_ns + ANSWER_NS > now_ns:
                return
            yield self._unanswered(asked_ns + ANSWER_NS)

    def _unanswered(self, time_ns: int) -> Lookup:
        (by_client, _, name, kind), (_, line) = self._waiting.popitem(last=False)
        return self._lookup(time_ns, line, by_client, name, kind, "")

    def _lookup(self, time_ns: int, line: int, by_client: bool, name: str, kind: str, answer: str) -> Lookup:
        asker, asked = self._ends[by_client], self._ends[not by_client]
        return Lookup(Seen(self._eye, line), time_ns, asker, asked, name, kind, answer)
