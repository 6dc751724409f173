"""Lines of a system's log: when, which host, which program, what it said.

Sources: RFC 3164, section 4.1; RFC 5424, section 6; rsyslog's high-precision file format; journalctl -o short-iso.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from houfeng.words.instant import NS_PER_S

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}

#: Priority before the stamp, where the log came over the network and keeps it.
_PRIORITY: Final = re.compile(r"<\d{1,3}>")

_OLD: Final = re.compile(r"([A-Z][a-z]{2})[ ]{1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))? (.*)", re.DOTALL)
_ISO: Final = re.compile(
    r"(?:1 )?(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?(?: ?(Z|[+-]\d{2}:?\d{2}))? (.*)",
    re.DOTALL,
)

#: Host, program and its number, message. A program's name has no blank, colon or bracket in it.
_HEADER: Final = re.compile(r"(\S{1,255}) ([^\s:\[\]]{1,128})(?:\[(\d{1,10})\])?: ?(.*)", re.DOTALL)

#: What rsyslog writes in place of a run of equal lines has no program before it in some versions.
_REPEATED: Final = re.compile(r"(\S{1,255}) ((?:last )?message repeated \d+ times.*)", re.DOTALL)

#: RFC 5424 after the stamp: HOSTNAME APP-NAME PROCID MSGID and STRUCTURED-DATA, which is - or elements in brackets
#: whose values are quoted, with \" for a quote.
_HEADER_5424: Final = re.compile(
    r'(\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) (-|(?:\[[^\s\]"=]+(?: [^\s\]"=]+="(?:[^"\\\]]|\\.)*")*\])+)'
    r"(?: (?:\ufeff)?(.*))?",
    re.DOTALL,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SyslogLine:
    """One line.

    time_ns  when it was logged, UTC
    host     the machine that logged it, as written
    program  which of its programs, "" when the line says none
    pid      that program's process number as text, "" without one
    message  what it said
    """

    time_ns: int
    host: str
    program: str
    pid: str
    message: str


class SyslogForm:
    """Reads lines of one log.

    year          of its first line, where the stamps name none; it goes on to the next at New Year
    utc_offset_s  how far the log's clock is ahead of UTC, where the stamps do not say
    """

    def __init__(self, year: int, utc_offset_s: int) -> None:
        self._zone = timezone(timedelta(seconds=utc_offset_s))
        self._year = year
        self._last: datetime | None = None

    def read(self, text: str) -> SyslogLine:
        """Read a line. Raises ValueError for one without a stamp or header, OverflowError for an impossible time."""
        marked = _PRIORITY.match(text)
        body = text[marked.end() :] if marked else text
        if (iso := _ISO.fullmatch(body)) is not None:
            time = self._iso_time(iso)
            rest = iso[9]
            if body.startswith("1 ") and (found := _HEADER_5424.fullmatch(rest)) is not None:
                host, program, pid, _, _, message = found.groups()
                return SyslogLine(_ns(time, iso[7]), _told(host), _told(program), _told(pid), message or "")
            return self._line(_ns(time, iso[7]), rest)
        if (old := _OLD.fullmatch(body)) is not None:
            time = self._old_time(old)
            return self._line(_ns(time, old[6]), old[7])
        raise ValueError("has no stamp of a log")

    def _line(self, time_ns: int, rest: str) -> SyslogLine:
        if (repeated := _REPEATED.fullmatch(rest)) is not None:
            return SyslogLine(time_ns, repeated[1], "", "", repeated[2])
        header = _HEADER.fullmatch(rest)
        if header is None:
            raise ValueError("names no host and program")
        host, program, pid, message = header.groups()
        return SyslogLine(time_ns, host, program, pid or "", message)

    def _iso_time(self, match: re.Match[str]) -> datetime:
        zone = self._zone
        if match[8] == "Z":
            zone = UTC
        elif match[8]:
            sign = -1 if match[8][0] == "-" else 1
            hours, minutes = int(match[8][1:3]), int(match[8][-2:])
            if hours > 23 or minutes > 59:
                raise OverflowError
            zone = timezone(sign * timedelta(hours=hours, minutes=minutes))
        return _time(*(int(part) for part in match.groups()[:6]), zone=zone)

    def _old_time(self, match: re.Match[str]) -> datetime:
        """The time of a stamp without a year: of the years that can be, the one nearest to the line before.

        Clocks are set back and lines come late by minutes, months pass between lines of a quiet host: nearest is
        right as long as the log is not silent for half a year.
        """
        month = _MONTHS.get(match[1])
        if month is None:
            raise OverflowError
        day, hour, minute, second = (int(part) for part in match.groups()[1:5])
        if self._last is None:
            self._last = _time(self._year, month, day, hour, minute, second, zone=self._zone)
            return self._last
        possible = []
        for year in (self._last.year - 1, self._last.year, self._last.year + 1):
            try:
                possible.append(_time(year, month, day, hour, minute, second, zone=self._zone))
            except OverflowError:
                continue
        if not possible:
            raise OverflowError
        last = self._last
        self._last = min(possible, key=lambda time: abs(time - last))
        return self._last


def _time(year: int, month: int, day: int, hour: int, minute: int, second: int, *, zone: timezone) -> datetime:
    """A time, the leap second included. Raises OverflowError for one that cannot be."""
    leap = second == 60
    try:
        time = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=zone)
        if not 1970 <= time.astimezone(UTC).year < 2262:
            raise OverflowError
    except ValueError as error:
        raise OverflowError from error
    return time + timedelta(seconds=leap)


def _ns(time: datetime, fraction: str | None) -> int:
    seconds = (time - _EPOCH) // timedelta(seconds=1)
    return seconds * NS_PER_S + int((fraction or "").ljust(9, "0"))


def _told(field: str) -> str:
    return "" if field == "-" else field
