"""Single values of sensors' logs, as text or as JSON has them, checked before anybody uses them."""

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final

from houfeng.words.instant import NS_PER_S

#: Largest count: what 64-bit columns hold.
MOST_COUNT: Final = (1 << 63) - 1

#: Longest conversation: ten years. No machine runs that long without being restarted.
LONGEST_NS: Final = 10 * 365 * 86_400 * NS_PER_S

#: Longest text that is kept: a DNS name has 255 bytes (RFC 1035, section 2.3.4), four characters each when escaped.
LONGEST_TEXT: Final = 1024

#: Seconds and milliseconds since 1970 between which one cannot be taken for the other: as seconds 10^11 is the year
#: 5138, as milliseconds March 1973.
_MILLISECONDS_FROM: Final = 10**11

_SHOWN: Final = 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)",
    re.ASCII,
)
_MAC: Final = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}", re.ASCII)


class LineFault(ValueError):
    """A line that does not mean what it should, said in a few words."""


class HeaderFault(LineFault):
    """What a log says of its own columns cannot be."""


class TimeFault(LineFault):
    """A time or a duration that cannot be."""


def shown(value: object) -> str:
    """Anything from outside as people may be shown it: escaped, at most 60 characters."""
    if isinstance(value, str | bytes):
        value = value[:_SHOWN]
    elif isinstance(value, int) and value.bit_length() > 4 * _SHOWN:
        return "a number of far too many digits"
    elif isinstance(value, list | dict | tuple):
        return "a list" if not isinstance(value, dict) else "an object"
    text = ascii(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def count(value: Any, field: str, most: int = MOST_COUNT) -> int:
    """A whole number, 0 to most, as text or as a number. Raises LineFault naming the field."""
    if type(value) is str and len(value) < 20 and value.isdecimal() and value.isascii():
        value = int(value)
    if type(value) is int and 0 <= value <= most:
        return value
    raise LineFault(f"{field} is missing" if value is None else f"{field} cannot be {shown(value)}")


def count_if_any(value: Any, field: str) -> int | None:
    """The same, None where the log does not tell."""
    return None if value is None else count(value, field)


def address(value: Any, field: str) -> str:
    """An address as the ipaddress module writes it. Raises LineFault naming the field."""
    if type(value) is str:
        try:
            return _address(value)
        except ValueError as error:
            raise LineFault(f"{field} cannot be {shown(value)}") from error
    raise LineFault(f"{field} is missing" if value is None else f"{field} cannot be {shown(value)}")


def address_if_any(value: Any, field: str) -> str:
    """The same, "" where the log does not tell."""
    return "" if value is None or value == "" else address(value, field)


@lru_cache(maxsize=1 << 16)  # a network's worth of addresses; refused text is never remembered
def _address(text: str) -> str:
    if "%" in text:  # a zone is a name inside one machine, and of any length
        raise ValueError(text[:_SHOWN])
    return str(ip_address(text))


def mac_if_any(value: Any) -> str:
    """A MAC address in lower case, "" for anything else."""
    return value.lower() if isinstance(value, str) and _MAC.fullmatch(value) else ""


def text(value: Any, field: str) -> str:
    """Text, "" where the log does not tell, free of what no encoding can write. Raises LineFault naming the field."""
    if value is None:
        return ""
    if type(value) is not str or len(value) > LONGEST_TEXT:
        raise LineFault(f"{field} cannot be {shown(value)}")
    # JSON may name half a surrogate pair, which would break whoever writes it later.
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")


def table(value: Any, field: str) -> dict[str, Any]:
    """A JSON object inside another, empty where there is none. Raises LineFault naming the field."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise LineFault(f"{field} cannot be {shown(value)}")
    return value


def instant(value: Any, field: str) -> int:
    """Nanoseconds since 1970 of a time as Zeek writes it: seconds as text or number, milliseconds, ISO 8601.

    Raises TimeFault. Whether a clock could show it is for the book of records to say.
    Source: LogAscii::json_timestamps of Zeek (TS_EPOCH, TS_MILLIS, TS_ISO8601).
    """
    if type(value) is str and "T" in value:
        return iso_instant(value, field)
    if type(value) is int and _MILLISECONDS_FROM <= value < 1000 * _MILLISECONDS_FROM:
        return value * 1_000_000
    return _ns(value, field)


def iso_instant(value: Any, field: str) -> int:
    """Nanoseconds since 1970 of ISO 8601 with Z or an offset, as Suricata (+0200) and Zeek (Z) write it.

    Raises TimeFault for anything else, a time without zone included: nobody knows when that was.
    """
    if type(value) is not str or len(value) > 40 or not _ISO.fullmatch(value):
        raise TimeFault(f"{field} cannot be {shown(value)}" if value is not None else f"{field} is missing")
    try:
        return (datetime.fromisoformat(value) - _EPOCH) // _MICROSECOND * 1000
    except (ValueError, OverflowError) as error:
        raise TimeFault(f"{field} cannot be {shown(value)}") from error


def duration_ns(value: Any, field: str) -> int:
    """Nanoseconds of a duration in seconds, 0 where the log tells none. Raises TimeFault outside 0 to ten years."""
    if value is None:
        return 0
    found = _ns(value, field)
    if found > LONGEST_NS:
        raise TimeFault(f"{field} cannot be {shown(value)}")
    return found


def _ns(value: Any, field: str) -> int:
    """Seconds as nanoseconds: text to the last digit, a double to the microsecond it was written with."""
    if type(value) is str:
        whole, _, fraction = value.partition(".")
        if (whole + fraction).isdecimal() and value.isascii() and whole and len(whole) < 12 and len(fraction) < 20:
            return int(whole) * NS_PER_S + int(fraction.ljust(9, "0")[:9])
    elif type(value) is float:
        # A double of today's seconds holds the microsecond and not much more.
        if math.isfinite(value) and 0.0 <= value < _MILLISECONDS_FROM:
            return round(value * 1e6) * 1000
    elif type(value) is int and 0 <= value < _MILLISECONDS_FROM:
        return value * NS_PER_S
    raise TimeFault(f"{field} is missing" if value is None else f"{field} cannot be {shown(value)}")
