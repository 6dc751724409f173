"""Instants are integers: nanoseconds since 1970-01-01T00:00:00 UTC, leap seconds not counted."""

import re

import numpy as np

NS_PER_S = 1_000_000_000
DAY_NS = 86_400 * NS_PER_S

#: What a 64-bit count of nanoseconds can say, kept a year inside its ends so that sums stay legal.
EARLIEST_NS = -9_190_000_000_000_000_000
LATEST_NS = 9_190_000_000_000_000_000

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9})\d*)?)?)?(?:Z|\+00:00)?")


def parse_instant(text: str) -> int:
    """Read an ISO 8601 UTC date or date-time as nanoseconds.

    Digits beyond the ninth decimal are cut. Raises ValueError for anything else, such as
    31 February, another time zone or a year outside 1678 to 2261.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not an ISO 8601 UTC time: {text!r}")
    year, month, day, hour, minute, second, fraction = match.groups()
    if not 1678 < int(year) < 2262:
        raise ValueError(f"year outside 1679 to 2261: {text!r}")
    leap_second = second == "60"
    clock = f"{hour or '00'}:{minute or '00'}:{'59' if leap_second else second or '00'}"
    try:
        whole = np.datetime64(f"{year}-{month}-{day}T{clock}", "s")
    except ValueError as error:
        raise ValueError(f"no such time: {text!r}") from error
    return (int(whole.astype(np.int64)) + leap_second) * NS_PER_S + int((fraction or "").ljust(9, "0"))


def format_instant(time_ns: int, decimals: int = 6) -> str:
    """Write nanoseconds as ISO 8601 UTC with 0 to 9 decimals, rounded half up, ending in Z."""
    step = 10 ** (9 - decimals)
    rounded = (time_ns + step // 2) // step * step
    seconds, fraction = divmod(rounded, NS_PER_S)
    text = str(np.datetime64(seconds, "s"))
    return f"{text}.{fraction:09d}"[: len(text) + 1 + decimals].rstrip(".") + "Z"


def seconds_to_ns(seconds: float) -> int:
    """Convert a duration in seconds to whole nanoseconds, rounded to nearest."""
    return round(seconds * NS_PER_S)
