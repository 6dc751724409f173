"""Read the outline of a rupture: ShakeMap's fault text, closed polygons of three numbers a line, ">" between them.

Files with latitude first and files with longitude first are both in use, some under a header that says the other, so
the order is taken from the numbers: from their range where that decides, otherwise from which of the two readings
lies at the epicentre. Source: ShakeMap 3.5 Manual, section 3.3.1.4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.numerals import finite
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault

#: A rupture passes through its hypocentre; with the error of both, no corner nearer than that is another quake's.
_FARTHEST_M = 500_000.0

#: The epicentre decides between the two readings where the wrong one is farther by this factor, and this far away.
_CLEARLY, _APART_M = 3.0, 20_000.0

#: No rupture has been described with more corners, nor deeper than quakes are, km.
_MOST_LINES = 20_000
_DEPTHS_KM = (-9.0, 800.0)

_REMEDY = "each line holds latitude, longitude and depth in km; a line with > separates closed polygons"


@dataclass(frozen=True, slots=True)
class Fault:
    """The outline of a rupture.

    polygons  each [n >= 3, 3] of latitude_deg, longitude_deg, depth_m below sea level; the last corner joins the first
    """

    polygons: tuple[NDArray[np.float64], ...]


def read_fault(data: bytes, name: str, epicentre: tuple[float, float] | None = None) -> Fault:
    """Read a rupture.

    data       the whole file, depths in km; lines with # are comments
    name       what to call it in messages
    epicentre  latitude and longitude of the quake, degrees, where known: decides the order of columns where their
               range does not

    Raises DataFault when it holds no polygon, a line is not three numbers that can be, the order of its columns
    cannot be told, or it lies nowhere near the epicentre.
    """
    blocks = [np.array(block) for block in _blocks(data, name)]
    table = np.concatenate(blocks)
    swapped = _longitude_first(table, name, epicentre)
    polygons = []
    for block in blocks:
        corners = block[:, [1, 0, 2]] if swapped else block
        if len(corners) > 1 and np.array_equal(corners[0], corners[-1]):
            corners = corners[:-1]
        if len(np.unique(corners, axis=0)) < 3:
            raise DataFault(name, "a polygon has fewer than three corners", _REMEDY)
        polygons.append(corners * (1.0, 1.0, 1000.0))
    return Fault(tuple(polygons))


def _blocks(data: bytes, name: str) -> list[list[tuple[float, float, float]]]:
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataFault(name, "not text", _REMEDY) from error
    if len(lines) > _MOST_LINES:
        raise DataFault(name, f"{len(lines)} lines are more than any rupture has", _REMEDY)
    blocks: list[list[tuple[float, float, float]]] = [[]]
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if text.startswith(">"):
            blocks.append([])
        elif text:
            blocks[-1].append(_corner(text, number, name))
    found = [block for block in blocks if block]
    if not found:
        raise DataFault(name, "it holds no polygon", _REMEDY)
    return found


def _corner(text: str, number: int, name: str) -> tuple[float, float, float]:
    try:
        first, second, depth_km = (finite(word) for word in text.replace(",", " ").split())
    except ValueError as error:
        raise DataFault(name, f"line {number} is not three numbers: {text[:60]!r}", _REMEDY) from error
    most, least = max(abs(first), abs(second)), min(abs(first), abs(second))
    if most > 360 or least > 90 or not _DEPTHS_KM[0] <= depth_km <= _DEPTHS_KM[1]:
        raise DataFault(name, f"line {number} is no place on the Earth: {text[:60]!r}", _REMEDY)
    return first, second, depth_km


def _longitude_first(table: NDArray[np.float64], name: str, epicentre: tuple[float, float] | None) -> bool:
    first_beyond, second_beyond = (bool(np.abs(table[:, column]).max() > 90) for column in (0, 1))
    if first_beyond and second_beyond:
        raise DataFault(name, "some lines have longitude first and others latitude", _REMEDY)
    away_m = (np.inf, np.inf)
    if epicentre is not None:
        away_m = _away_m(table[:, :2], epicentre), _away_m(table[:, 1::-1], epicentre)
        if min(away_m) > _FARTHEST_M:
            raise DataFault(name, f"it lies {min(away_m) / 1000:.0f} km from the epicentre", "give the quake's own")
    if first_beyond or second_beyond:
        return first_beyond
    if epicentre is None:
        raise DataFault(name, "whether latitude or longitude comes first cannot be told", "give the epicentre")
    if max(away_m) < _CLEARLY * min(away_m) or max(away_m) < _APART_M:
        raise DataFault(name, "latitude and longitude are too alike to tell which comes first", _REMEDY)
    return away_m[1] < away_m[0]


def _away_m(places: NDArray[np.float64], epicentre: tuple[float, float]) -> float:
    """Distance of the nearest corner, read as latitude and longitude; infinite where it cannot be read so."""
    if float(np.abs(places[:, 0]).max()) > 90:
        return float("inf")
    return float(np.min(distance_m(places[:, 0], places[:, 1], *epicentre)))
