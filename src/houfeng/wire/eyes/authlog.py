"""The log of who logged in to a host, and who tried: auth.log, secure, or what journalctl prints of it."""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from houfeng.wire.eyes.logins import AmbiguousSourceError, Said, ended, said
from houfeng.wire.eyes.parties import party_of
from houfeng.wire.eyes.syslog_lines import SyslogForm, SyslogLine
from houfeng.wire.eyes.text_lines import Complaints, TextLines, shown, text_of
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Login, Seen

#: Longest line: rsyslog's default for a message, $MaxMessageSize 8k.
LONGEST_LINE_BYTES: Final = 8192

#: How long a half-said try waits for the rest: sshd hangs up after LoginGraceTime, 120 s unless configured.
GRACE_NS: Final = 120 * NS_PER_S

#: Half-said tries, and connections of which something was told, kept at a time; sshd lets 100 connections wait
#: (MaxStartups), and a log may be of many hosts.
MOST_WAITING: Final = 4096

#: Most tries one line may stand for: sshd never lets more pass a second, and a line stands for minutes.
_MOST_REPEATS: Final = 100_000

_REPEATED: Final = re.compile(r"message repeated (\d{1,9}) times: \[ ?(.*)\]", re.DOTALL)
_LAST_REPEATED: Final = re.compile(r"last message repeated (\d{1,9}) times?")


#: A connection: host, program, process.
_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Waiting:
    login: Login
    since_ns: int


class AuthLogReader:
    """Reads a log as it grows. See EyeReader.

    name          of the file
    year          of its first line, where its stamps name none
    utc_offset_s  how far its clock is ahead of UTC, where its stamps do not say

    One try of one connection is told once, however many lines say it. A login's tries are 0 where no secret was
    tried: see logins.Said. An impossible time or address leaves its line out, with a finding.
    """

    def __init__(self, name: str, *, year: int, utc_offset_s: int = 0) -> None:
        self.records = 0
        self._name = name
        self._lines = TextLines(LONGEST_LINE_BYTES)
        self._form = SyslogForm(year, utc_offset_s)
        self._complaints = Complaints(name)
        self._waiting: OrderedDict[_Key, _Waiting] = OrderedDict()
        self._told: OrderedDict[_Key, None] = OrderedDict()
        self._last: tuple[str, Login] | None = None
        self._now_ns = 0

    def read(self, data: bytes) -> Iterator[Login | Finding]:
        """More of the file came."""
        for number, line in self._lines.take(data):
            yield from self._line(number, line)

    def end(self) -> Iterator[Login | Finding]:
        """No more will come."""
        for number, line in self._lines.end():
            yield from self._line(number, line)
        for key in list(self._waiting):
            yield from self._over(key)
        yield from self._complaints.end()

    def _line(self, number: int, raw: bytes | None) -> Iterator[Login | Finding]:
        if raw is None:
            yield from self._complaints.tell("long-line", number, f"is longer than {LONGEST_LINE_BYTES} bytes")
            return
        if not raw.strip():
            return
        text = text_of(raw)
        try:
            line = self._form.read(text)
        except OverflowError:
            yield from self._complaints.tell("impossible-time", number, f"has a time that cannot be: {shown(text)}")
            return
        except ValueError as error:
            yield from self._complaints.tell("not-a-log-line", number, f"{error}: {shown(text)}")
            return
        # Lines of several hosts, and of a clock that was set back, are a little out of order.
        self._now_ns = max(self._now_ns, line.time_ns)
        yield from self._overdue()
        yield from self._heard(number, line)

    def _heard(self, number: int, line: SyslogLine) -> Iterator[Login | Finding]:
        message, times = line.message, 1
        last, self._last = self._last, None
        if (again := _LAST_REPEATED.fullmatch(message)) is not None:
            self.records += 1
            if last is not None and last[0] == line.host and 0 < int(again[1]) <= _MOST_REPEATS:
                repeated = replace(last[1], seen=Seen(self._name, number), time_ns=line.time_ns)
                yield replace(repeated, tries=repeated.tries * int(again[1]))
            return
        if (repeat := _REPEATED.fullmatch(message)) is not None:
            times, message = int(repeat[1]), repeat[2]
        try:
            heard = said(line.program, message)
            login = None if heard is None else self._login(number, line, heard, times)
        except AmbiguousSourceError:
            what = f"has text of a stranger that leaves its source open: {shown(message)}"
            yield from self._complaints.tell("ambiguous-source", number, what, line.time_ns)
            return
        except ValueError:
            what = f"has an address, a port or a count that cannot be: {shown(message)}"
            yield from self._complaints.tell("impossible-address", number, what, line.time_ns)
            return
        self.records += 1
        key = (line.host, line.program, line.pid)
        if ended(line.program, message):
            yield from self._over(key)
        if heard is None or login is None:
            return
        if heard.counts == "later":
            yield from self._wait(key, login)
        elif heard.counts == "now" or key not in self._told:
            if heard.settles:
                self._waiting.pop(key, None)
            self._last = (line.host, login)
            self._tell(key)
            yield login

    def _login(self, number: int, line: SyslogLine, heard: Said, times: int) -> Login:
        if heard.port > 65535 or not 0 < times <= _MOST_REPEATS:
            raise ValueError
        # sshd writes UNKNOWN where the other side was gone before it was asked for its address.
        source = "" if heard.source in {"", "UNKNOWN"} else party_of(heard.source)
        return Login(
            seen=Seen(self._name, number),
            time_ns=line.time_ns,
            source=source,
            host=line.host,
            service=heard.service,
            user=heard.user,
            accepted=heard.accepted,
            tries=heard.tries * times,
        )

    def _tell(self, key: _Key) -> None:
        self._told[key] = None
        self._told.move_to_end(key)
        if len(self._told) > MOST_WAITING:
            self._told.popitem(last=False)

    def _wait(self, key: _Key, login: Login) -> Iterator[Login]:
        # A second half means that of the first nothing more was said.
        yield from self._over(key)
        self._waiting[key] = _Waiting(login, self._now_ns)
        if len(self._waiting) > MOST_WAITING:
            yield from self._over(next(iter(self._waiting)))

    def _over(self, key: _Key) -> Iterator[Login]:
        waiting = self._waiting.pop(key, None)
        if waiting is not None:
            self._tell(key)
            # Told when it is known to be over, so that what a reader gives stays in order.
            yield replace(waiting.login, time_ns=max(waiting.login.time_ns, self._now_ns))

    def _overdue(self) -> Iterator[Login]:
        while self._waiting:
            key, waiting = next(iter(self._waiting.items()))
            if waiting.since_ns + GRACE_NS > self._now_ns:
                return
            yield from self._over(key)
