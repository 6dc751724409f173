"""Volume 1 and 2 text of the California Strong Motion Instrumentation Program: "Corrected accelerogram ...".

Source: Shakal and Huang (1985), Standard tape format for CSMIP strong-motion data tapes, report OSMS 85-03.
"""

import math
import re

from houfeng.wire.decoded import Recording
from houfeng.wire.strongmotion.site import GAL_MPS2, Axis, fixed_width, recording_of
from houfeng.words.instant import parse_instant

_TITLE = re.compile(
    rb"\s*(Corrected accelerogram|Uncorrected Accelerogram Data|Response and Fourier).*CSMIP", re.DOTALL
)
_DATA = re.compile(
    r"\s*(?P<count>\d+)\s+(?:"
    r"points of accel data equally spaced at\s+(?P<interval>[\d.]+)\s+sec, in |"
    r"Accelerogram points at\s+(?P<rate>\d+)\s+pts/sec in units of )"
    r"(?P<unit>cm/sec2|g)\b.*\((?P<columns>\d+)f(?P<width>\d+)\.\d+\)"
)
_START = re.compile(r"Start time:\s+(\d+)/(\d+)/(\d\d),\s+(\d+):(\d+):([\d.]+) UTC")
_CODES = re.compile(r"\b\w+\.([A-Z0-9]{2})\.([A-Z0-9]{1,5})\.(\S\S)\.[A-Z]{2}\b")
_SITE = re.compile(r"Station (?:Id|No)\.?\s+(\w+)\s+([\d.]+)([NS]),\s*([\d.]+)([EW])")
#: Degrees clockwise from north, or a horizontal whose direction was not yet known when the record was processed.
_DIRECTION = re.compile(r"^Chan\s+\d+:\s+(?:(?P<degrees>\d+) Deg|(?P<level>H\d)|Up)", re.MULTILINE)

#: Standard gravity, m/s2 (3rd CGPM, 1901); the files divide by it.
_GRAVITY_MPS2 = 9.80665

#: Two-digit years below this are of this century: the programme's first record is of 1972.
_CENTURY = 70


def is_csmip(data: bytes) -> bool:
    """Whether the bytes begin like a volume of the programme."""
    return _TITLE.match(data[:400]) is not None


def read_csmip(data: bytes, name: str) -> Recording:
    """Read the acceleration of every channel of a volume 1 or 2 file; velocity and displacement are left.

    name  not used: the file names its station
    Raises ValueError where the text is not as it should be, and for volume 3, which holds spectra.
    """
    del name
    lines = data.decode("latin-1").splitlines()
    axes, header_from = [], 0
    for number, line in enumerate(lines):
        match = _DATA.match(line)
        if match:
            axes.append(_axis("\n".join(lines[header_from:number]), match, lines[number + 1 :]))
        if match or line.startswith("/&"):
            header_from = number + 1
    if not axes:
        raise ValueError("no acceleration in it; volume 3 holds spectra alone")
    text = "\n".join(lines[:60])
    site, codes = _found(_SITE, text), _CODES.search(text)
    network, station, location = codes.groups() if codes else ("CE", site.group(1), "")
    return recording_of(
        network,
        station,
        axes,
        location=location.strip("-"),
        latitude_deg=float(site.group(2)) * (1 if site.group(3) == "N" else -1),
        longitude_deg=float(site.group(4)) * (1 if site.group(5) == "E" else -1),
    )


def _axis(header: str, data: re.Match[str], lines: list[str]) -> Axis:
    count = int(data["count"])
    values = fixed_width(lines[: math.ceil(count / int(data["columns"]))], count, int(data["width"]))
    month, day, year, hour, minute, second = _found(_START, header).groups()
    century = 20 if int(year) < _CENTURY else 19
    start_ns = parse_instant(f"{century}{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second}")
    direction = _found(_DIRECTION, header)
    azimuth_deg = (
        float(direction["degrees"]) % 360 if direction["degrees"] else math.nan if direction["level"] else None
    )
    rate_hz = float(data["rate"]) if data["rate"] else 1 / float(data["interval"])
    scale = GAL_MPS2 if data["unit"] == "cm/sec2" else _GRAVITY_MPS2
    return Axis(azimuth_deg, start_ns, rate_hz, values * scale)


def _found(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.search(text)
    if match is None:
        raise ValueError(f"nothing like {pattern.pattern!r} in a header")
    return match
