"""Strong-motion text of the Central Weather Bureau of Taiwan: header lines with #, then time, U, N, E in gal.

Source: the header lines, which say it all.
"""

import re

import numpy as np

from houfeng.wire.decoded import Recording
from houfeng.wire.strongmotion.site import GAL_MPS2, Axis, recording_of
from houfeng.words.instant import NS_PER_S, parse_instant

_FIELD = re.compile(r"#(\w+)(?:\(([^)]*)\))?:\s*(.*?)\s*")

#: Columns after the time: vertical, north, east.
_AZIMUTHS_DEG = (None, 0.0, 90.0)


def is_cwb(data: bytes) -> bool:
    """Whether the bytes begin like a record of the bureau."""
    return data.startswith(b"#Earthquake Information") and b"#StationCode:" in data[:2000]


def read_cwb(data: bytes, name: str) -> Recording:
    """Read the three components, moved from local time (GMT+8) to UTC.

    name  not used: the file names its station
    Raises ValueError or KeyError where the text is not as it should be.
    """
    del name
    header: dict[str, tuple[str, str]] = {}
    rows = []
    for line in data.decode("latin-1").splitlines():
        match = _FIELD.fullmatch(line)
        if match:
            header[match[1]] = (match[2] or "", match[3])
        elif line.strip() and not line.startswith("#"):
            rows.append(line.split())
    columns = np.array(rows, dtype=np.float64).T
    if columns.ndim != 2 or len(columns) != 1 + len(_AZIMUTHS_DEG):
        raise ValueError("not four columns of numbers")
    if not header["AmplitudeUnit"][1].startswith("gal"):
        raise ValueError(f"amplitudes in {header['AmplitudeUnit'][1]!r}, not gal")
    zone, start = header["StartTime"]
    start_ns = parse_instant(start.replace("/", "-").replace("-", "T", 3).replace("T", "-", 2))
    start_ns -= int(zone.removeprefix("GMT")) * 3600 * NS_PER_S
    rate_hz = float(header["SampleRate"][1])
    return recording_of(
        "TW",
        header["StationCode"][1],
        [
            Axis(azimuth_deg, start_ns, rate_hz, column * GAL_MPS2)
            for azimuth_deg, column in zip(_AZIMUTHS_DEG, columns[1:], strict=True)
        ],
        latitude_deg=float(header["StationLatitude"][1]),
        longitude_deg=float(header["StationLongitude"][1]),
    )
