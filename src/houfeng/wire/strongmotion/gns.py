"""Corrected accelerograms of GNS Science, New Zealand (V2A): mm and mm/s2, coordinates in degrees, minutes, seconds.

Source: GeoNet, "strong-motion data, structural array and GNS V1A/V2A file formats".
"""

import math
import re

from houfeng.wire.decoded import Recording
from houfeng.wire.strongmotion.site import Axis, fixed_width, recording_of
from houfeng.words.instant import NS_PER_S, parse_instant, seconds_to_ns

_SITE = re.compile(r"Site (\w+)\s+(\d+) (\d+) (\d+)([NS])\s+(\d+) (\d+) (\d+)([EW])")
_COUNT = re.compile(r"Number of points\s+(\d+)")
_INTERVAL = re.compile(r"data at ([\d.]+) sec intervals")
_COMPONENT = re.compile(r"Component (?:(Up)|([NS])(\d\d)([EW]))")

#: Lines of text, then of whole numbers, then of others, ten columns of eight characters each.
_TEXT_LINES, _HEADER_LINES, _COLUMNS, _WIDTH = 16, 26, 10, 8
_MM_MPS2 = 0.001


def is_gns(data: bytes) -> bool:
    """Whether the bytes begin like a corrected accelerogram of GNS Science."""
    first = data[:200].split(b"\n", 1)[0]
    return first.startswith(b"Corrected accelerogram") and b"GNS Science" in first


def read_gns(data: bytes, name: str) -> Recording:
    """Read the acceleration of the three components; velocity and displacement, which follow, are left.

    name  not used: the file names its station
    Raises ValueError where the text is not as it should be.
    """
    del name
    lines = data.decode("latin-1").splitlines()
    axes, at, site = [], 0, None
    while at + _HEADER_LINES < len(lines):
        text = "\n".join(lines[at : at + _TEXT_LINES])
        site = _found(_SITE, text)
        count = int(_found(_COUNT, text).group(1))
        rows = math.ceil(count / _COLUMNS)
        begin = at + _HEADER_LINES
        values = fixed_width(lines[begin : begin + rows], count, _WIDTH)
        rate_hz = 1 / float(_found(_INTERVAL, text).group(1))
        start_ns = _start_ns(lines[at + _TEXT_LINES : begin])
        axes.append(Axis(_azimuth_deg(_found(_COMPONENT, text)), start_ns, rate_hz, values * _MM_MPS2))
        at = begin + 3 * rows
    if site is None:
        raise ValueError("no component in it")
    code, *position = site.groups()
    return recording_of("NZ", code, axes, latitude_deg=_degrees(*position[:4]), longitude_deg=_degrees(*position[4:]))


def _start_ns(lines: list[str]) -> int:
    """First sample, from the ten lines of numbers.

    The last two whole numbers of lines 1, 2 and 4 are year, month; day, hour; minute, milliseconds of the raw record,
    from which the peak times of the header count too. Processing put the seconds told in line 7 in front of it.
    """
    (year, month), (day, hour), (minute, millis) = (
        [int(lines[row][at : at + _WIDTH]) for at in (8 * _WIDTH, 9 * _WIDTH)] for row in (0, 1, 3)
    )
    raw_ns = parse_instant(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}") + millis * NS_PER_S // 1000
    return raw_ns - seconds_to_ns(float(lines[6][_WIDTH : 2 * _WIDTH]))


def _azimuth_deg(component: re.Match[str]) -> float | None:
    up, base, degrees, towards = component.groups()
    if up:
        return None
    angle = float(degrees) * (1 if towards == "E" else -1)
    return (angle if base == "N" else 180 - angle) % 360


def _degrees(degrees: str, minutes: str, seconds: str, side: str) -> float:
    value = int(degrees) + int(minutes) / 60 + int(seconds) / 3600
    return value if side in "NE" else -value


def _found(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.search(text)
    if match is None:
        raise ValueError(f"nothing like {pattern.pattern!r} in a header")
    return match
