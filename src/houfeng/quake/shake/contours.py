"""A shaking map for others to draw: contours as GeoJSON (RFC 7946), and the grid as rows of a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray

from houfeng.words.shaking import MEASURES, ShakingMap

#: Half units of intensity; for peaks 1, 2, 5, 10 ... over all that instruments record of the ground.
INTENSITY_LEVELS = tuple(np.arange(1.5, 12.5, 0.5).tolist())
PEAK_LEVELS = tuple(round(step * 10.0**power, 6) for power in range(-5, 2) for step in (1, 2, 5))

#: Unit of each layer and its levels.
LAYERS: Mapping[str, tuple[str, Sequence[float]]] = {
    "mmi": ("MMI", INTENSITY_LEVELS),
    "csis": ("CSIS", INTENSITY_LEVELS),
    "pga": ("m/s2", PEAK_LEVELS),
    "pgv": ("m/s", PEAK_LEVELS),
}

#: Decimals of a degree in contours: 11 m, less than any node is wide.
_DECIMALS = 4
_DIGITS = 5

HEADER = (
    "latitude",
    "longitude",
    *("pgv_mps" if measure == "pgv" else f"{measure}_mps2" for measure in MEASURES),
    "mmi",
    "csis",
    *(f"{measure}_sigma" for measure in MEASURES),
    "mmi_sigma",
)


def contours(shaking: ShakingMap) -> dict[str, Any]:
    """Draw contours of intensities and peaks.

    Returns a FeatureCollection: a MultiLineString per level with properties layer ("mmi", "csis", "pga", "pgv"),
    value and unit. Lines are cut where they cross the date line.
    Source: RFC 7946, sections 3.1.5 and 3.1.9.
    """
    features = []
    surfaces: dict[str, NDArray[np.float64]] = {"mmi": shaking.mmi, "csis": shaking.csis}
    surfaces.update({measure: shaking.median[measure] for measure in MEASURES})
    for layer, (unit, levels) in LAYERS.items():
        drawn = contour_generator(shaking.longitude_deg, shaking.latitude_deg, surfaces[layer])
        for level in levels:
            lines = [part for line in drawn.lines(level) for part in _cut(np.asarray(line))]
            if lines:
                features.append(
                    {
                        "type": "Feature",
                        "geometry": {"type": "MultiLineString", "coordinates": lines},
                        "properties": {"layer": layer, "value": level, "unit": unit},
                    }
                )
    return {"type": "FeatureCollection", "features": features}


def grid_rows(shaking: ShakingMap) -> Iterator[tuple[object, ...]]:
    """Rows of a table of all nodes, HEADER first, from south to north and west to east.

    Peaks in SI units, *_sigma the standard deviation of their natural logarithm, mmi_sigma in units of intensity.
    """
    yield HEADER
    latitude, longitude = np.meshgrid(shaking.latitude_deg, shaking.longitude_deg, indexing="ij")
    columns = [
        latitude,
        (longitude + 180.0) % 360.0 - 180.0,
        *(shaking.median[measure] for measure in MEASURES),
        shaking.mmi,
        shaking.csis,
        *(shaking.sigma[measure] for measure in MEASURES),
        shaking.mmi_sigma,
    ]
    for latitude_deg, longitude_deg, *values in zip(*(column.ravel().tolist() for column in columns), strict=True):
        yield (round(latitude_deg, 6), round(longitude_deg, 6), *(float(f"{value:.{_DIGITS}g}") for value in values))


def _cut(line: NDArray[np.float64]) -> Iterator[list[list[float]]]:
    """A line of longitudes and latitudes [n, 2] in parts that stay within -180 to 180, at least two points each."""
    turn = np.floor((line[:, 0] + 180.0) / 360.0)
    breaks = np.flatnonzero(np.diff(turn)) + 1
    part: list[NDArray[np.float64]] = []
    for begin, end in zip((0, *breaks), (*breaks, len(line)), strict=True):
        shift = 360.0 * turn[begin]
        part += [point - (shift, 0.0) for point in line[begin:end]]
        if end < len(line):
            # the point on the date line ends this part and, on the other side of the Earth, begins the next
            edge_deg = 360.0 * max(turn[begin], turn[end]) - 180.0
            share = (edge_deg - line[end - 1, 0]) / (line[end, 0] - line[end - 1, 0])
            across = line[end - 1] + share * (line[end] - line[end - 1])
            part.append(np.array([edge_deg - shift, across[1]]))
        if len(part) > 1:
            yield np.round(part, _DECIMALS).tolist()
        if end < len(line):
            part = [np.array([edge_deg - 360.0 * turn[end], across[1]])]
