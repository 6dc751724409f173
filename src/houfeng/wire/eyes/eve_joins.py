"""What Suricata tells in several events put together: questions with answers, users with replies to passwords."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Login, Lookup, Observation, Seen

#: How long the two belong together: a resolver asks twice and waits 5 s each time (resolv.conf(5)).
_PATIENCE_NS: Final = 10 * NS_PER_S

#: Messages that pass before an unanswered question is given up: the events of a log are not in order of time, and
#: question and answer stood up to 12 lines apart in a day's log of a real sensor.
_OVERTAKEN_BY: Final = 16

#: Questions and users that are remembered; the oldest is let go for any more.
_MOST: Final = 4096

#: Questions with one message number that are told apart: IPv4 and IPv6 of a name, and some to spare.
_MOST_ALIKE: Final = 8


@dataclass(frozen=True, slots=True)
class DnsMessage:
    """A question or an answer.

    exchange  flow and message number, the same for both
    lookup    what it says; of a question without answer
    answered  whether it is an answer
    whole     whether it repeats the question; answers in the oldest form name a record instead
    """

    exchange: tuple[str, int]
    lookup: Lookup
    answered: bool
    whole: bool = True


@dataclass(frozen=True, slots=True)
class FtpReply:
    """A command of FTP and its reply.

    flow      whose
    command   "USER", "PASS" ...
    user      what USER names; nothing of PASS is kept
    accepted  None where the reply says neither
    """

    seen: Seen
    time_ns: int
    flow: str
    source: str
    host: str
    command: str
    user: str
    accepted: bool | None


#: What one event may tell.
Part = Observation | DnsMessage | FtpReply


@dataclass(slots=True)
class _Question:
    lookup: Lookup
    answered: bool
    message: int


class EveJoins:
    """Makes one Lookup of a question and its answers, and a Login of USER, PASS and the reply."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], list[_Question]] = {}
        self._users: dict[str, str] = {}
        self._messages = 0
        self._newest_ns = 0

    def handle(self, told: list[Part | Finding]) -> list[Observation | Finding]:
        """Observations and findings go through; the parts wait for each other."""
        out: list[Observation | Finding] = []
        for part in told:
            if isinstance(part, DnsMessage):
                out += self._message(part)
            elif isinstance(part, FtpReply):
                out += self._reply(part)
            else:
                out.append(part)
        return out

    def end(self) -> list[Observation | Finding]:
        """Questions that nobody answered."""
        left = [lookup for asked in self._asked.values() for lookup in _unanswered(asked)]
        self._asked.clear()
        return [*left]

    def _message(self, message: DnsMessage) -> Iterator[Lookup]:
        self._messages += 1
        self._newest_ns = max(self._newest_ns, message.lookup.time_ns)
        yield from self._overdue()
        # Taken out and put back: the oldest stand first.
        asked = self._asked[message.exchange] = self._asked.pop(message.exchange, [])
        question = next((known for known in asked if _belongs(message, known.lookup)), None)
        if question is None:
            asked.append(_Question(message.lookup, message.answered, self._messages))
            if message.answered:
                yield message.lookup
            if len(asked) > _MOST_ALIKE:
                yield from _unanswered([asked.pop(0)])
        elif message.answered and not question.answered:
            question.answered = True
            yield replace(question.lookup, answer=message.lookup.answer)

    def _overdue(self) -> Iterator[Lookup]:
        while self._asked:
            exchange, asked = next(iter(self._asked.items()))
            last = asked[-1]
            waited = self._newest_ns - last.lookup.time_ns > _PATIENCE_NS
            if len(self._asked) < _MOST and not (waited and self._messages - last.message >= _OVERTAKEN_BY):
                return
            del self._asked[exchange]
            yield from _unanswered(asked)

    def _reply(self, reply: FtpReply) -> Iterator[Login]:
        if reply.command == "USER":
            self._users.pop(reply.flow, None)
            self._users[reply.flow] = reply.user
            if len(self._users) > _MOST:
                del self._users[next(iter(self._users))]
        elif reply.command == "PASS" and reply.accepted is not None:
            user = self._users.get(reply.flow, "")
            yield Login(reply.seen, reply.time_ns, reply.source, reply.host, "ftp", user, reply.accepted)


def _unanswered(asked: list[_Question]) -> list[Lookup]:
    return [question.lookup for question in asked if not question.answered]


def _belongs(message: DnsMessage, known: Lookup) -> bool:
    told = message.lookup
    same = not message.whole or (told.name, told.kind) == (known.name, known.kind)
    return same and abs(told.time_ns - known.time_ns) <= _PATIENCE_NS
