"""Strong-motion CSV of the Japan Meteorological Agency: six lines of header in Shift-JIS, then NS, EW, UD in gal.

Source: JMA, strong-motion waveform data, file format note. Times are Japan Standard Time.
"""

import re

import numpy as np

from houfeng.wire.decoded import Recording
from houfeng.wire.strongmotion.site import GAL_MPS2, Axis, recording_of
from houfeng.words.instant import NS_PER_S, parse_instant

_CODE = re.compile(r"SITE CODE=\s*([A-Z0-9]{1,3})")
_START = re.compile(r"INITIAL TIME =\s*(\d{4}) (\d\d) (\d\d) (\d\d) (\d\d) (\d\d)")
_NUMBER = r"\s*=\s*(-?[\d.]+)"
_HEADER_LINES = 7

#: Japan is nine hours ahead of UTC, all year.
_JST_NS = 9 * 3600 * NS_PER_S

_AZIMUTHS_DEG = (0.0, 90.0, None)


def is_jma(data: bytes) -> bool:
    """Whether the bytes begin like a record of the agency."""
    return data.startswith(b"SITE CODE=") and b"INITIAL TIME" in data[:1000]


def read_jma(data: bytes, name: str) -> Recording:
    """Read the three components. A position of 0, 0 means that none is given.

    name  not used: the file names its station
    Raises ValueError where the text is not as it should be.
    """
    del name
    lines = data.decode("shift_jis", errors="replace").splitlines()
    header = "\n".join(lines[:_HEADER_LINES])
    code, start = _CODE.search(header), _START.search(header)
    if code is None or start is None or "gal" not in header or "NS,EW,UD" not in header:
        raise ValueError("no site code, start time, unit or order of components in its header")
    year, month, day, hour, minute, second = start.groups()
    start_ns = parse_instant(f"{year}-{month}-{day}T{hour}:{minute}:{second}") - _JST_NS
    rate_hz = _number("SAMPLING RATE", header)
    columns = np.array([line.split(",") for line in lines[_HEADER_LINES:] if line.strip()], dtype=np.float64).T
    if columns.ndim != 2 or len(columns) != len(_AZIMUTHS_DEG):
        raise ValueError("not three columns of numbers")
    latitude_deg, longitude_deg = _number(r"LAT\.", header), _number(r"LON\.", header)
    placed = (latitude_deg, longitude_deg) != (0.0, 0.0)
    return recording_of(
        "JP",
        code[1],
        [
            Axis(azimuth_deg, start_ns, rate_hz, column * GAL_MPS2)
            for azimuth_deg, column in zip(_AZIMUTHS_DEG, columns, strict=True)
        ],
        latitude_deg=latitude_deg if placed else None,
        longitude_deg=longitude_deg if placed else None,
    )


def _number(label: str, header: str) -> float:
    match = re.search(label + _NUMBER, header)
    if match is None:
        raise ValueError(f"no {label} in its header")
    return float(match[1])
