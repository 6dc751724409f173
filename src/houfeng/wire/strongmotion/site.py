"""A site and its three axes of acceleration, put into words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.bands import accelerometer_code, horizontal_letter
from houfeng.wire.decoded import Recording
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Response, Station

#: One gal, cm/s2, in m/s2.
GAL_MPS2 = 0.01

#: Acceleration is given as it is, at every frequency.
_AS_IT_IS = Response("m/s2", 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """One component.

    azimuth_deg        clockwise from north, NaN for a horizontal that points nobody says where; None for the vertical,
                       up positive
    acceleration_mps2  float64 [samples]
    """

    azimuth_deg: float | None
    start_ns: int
    rate_hz: float
    acceleration_mps2: NDArray[np.float64]


def recording_of(
    network: str,
    station: str,
    axes: Sequence[Axis],
    *,
    location: str = "",
    latitude_deg: float | None = None,
    longitude_deg: float | None = None,
) -> Recording:
    """Name the axes of a site by FDSN rules and give them as segments with their station.

    Raises ValueError for a position or codes that cannot be.
    """
    segments, channels = [], []
    numbers: dict[float | int, int] = {}  # one for each direction, and for each axis without one
    for place, axis in enumerate(axes):
        azimuth_deg = axis.azimuth_deg
        if azimuth_deg is None:
            letter, dip_deg = "Z", -90.0
        elif math.isnan(azimuth_deg):
            letter, dip_deg = str(numbers.setdefault(-1 - place, len(numbers) + 1)), 0.0
        else:
            letter, dip_deg = horizontal_letter(azimuth_deg, numbers.setdefault(azimuth_deg, len(numbers) + 1)), 0.0
        known_deg = 0.0 if azimuth_deg is None else None if math.isnan(azimuth_deg) else azimuth_deg
        source = SourceId(network, station, location, accelerometer_code(axis.rate_hz, letter))
        if len(axis.acceleration_mps2):
            segments.append(Segment(source, axis.start_ns, axis.rate_hz, axis.acceleration_mps2))
        channels.append(Channel(source, None, None, axis.rate_hz, known_deg, dip_deg, _AS_IT_IS))
    site = Station(network, station, latitude_deg, longitude_deg, channels=tuple(channels))
    return Recording(tuple(segments), (site,))


def fixed_width(lines: Sequence[str], count: int, width: int) -> NDArray[np.float64]:
    """Numbers standing in columns of one width. Raises ValueError when there are fewer than count."""
    cells = [line[at : at + width] for line in lines for at in range(0, len(line.rstrip()), width)]
    if len(cells) < count:
        raise ValueError(f"{len(cells)} samples where {count} are promised")
    return np.array(cells[:count], dtype=np.float64)
