"""Instants as SeedLink writes them, both ways. Standard library only.

Version 3 writes year,month,day,hour,minute,second; version 4 writes ISO 8601 with a Z.
"""

import re
from datetime import UTC, datetime, timedelta

_COMMAS = re.compile(r"(\d{4}),(\d{1,2}),(\d{1,2})(?:,(\d{1,2}))?(?:,(\d{1,2}))?(?:,(\d{1,2})(?:\.(\d{1,9})\d{0,9})?)?")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})T(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9})\d{0,9})?Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_S = 1_000_000_000


def read_instant(text: str, protocol: int) -> int:
    """Read a time of a command as integer nanoseconds UTC.

    protocol  3 or 4

    Version 4 also takes the form of version 3, which clients that speak both send. Raises ValueError for all else.
    """
    match = (_ISO.fullmatch(text) if protocol == 4 else None) or _COMMAS.fullmatch(text)
    if match is None:
        raise ValueError("not a time")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    leap = second == 60
    whole = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC) - _EPOCH
    fraction = int((match[7] or "").ljust(9, "0"))
    return (whole // timedelta(seconds=1) + leap) * _NS_PER_S + fraction


def write_instant(time_ns: int, *, slashes: bool = False) -> str:
    """Write nanoseconds as version 4 does, to the microsecond; with slashes as INFO of version 3 does."""
    time = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return time.strftime("%Y/%m/%d %H:%M:%S.%f" if slashes else "%Y-%m-%dT%H:%M:%S.%fZ")
