"""Read a table of places where people live: CSV with columns name, latitude, longitude, population."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from houfeng.wire.decoded import sum_up
from houfeng.wire.numerals import finite
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding

_COLUMNS = ("name", "latitude", "longitude", "population")

#: More than live on the Earth is a mistake; a name longer than that is no name.
_MOST_PEOPLE = 1e10
_LONGEST_NAME = 200

_REMEDY = f"its first line names the columns {', '.join(_COLUMNS)}; degrees and persons"


@dataclass(frozen=True, slots=True)
class Place:
    """A place, degrees, with the people who live there."""

    name: str
    latitude_deg: float
    longitude_deg: float
    population: int


@dataclass(frozen=True, slots=True)
class ReadPlaces:
    """Places in the order of the file, and the lines left out."""

    places: tuple[Place, ...]
    findings: tuple[Finding, ...] = ()


def read_places(data: bytes, name: str) -> ReadPlaces:
    """Read a table of places.

    data  the whole file, UTF-8
    name  what to call it in messages; never opened

    A line that makes no sense is left out with a finding. Columns may stand in any order, among others.
    Raises DataFault when it is no text or a column is missing.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFault(name, "not UTF-8 text", "save it as CSV in UTF-8") from error
    places: list[Place] = []
    findings: list[Finding] = []
    try:
        rows = csv.reader(io.StringIO(text, newline=""))
        header = [column.strip().lower() for column in next(rows, [])]
        missing = [column for column in _COLUMNS if column not in header]
        if missing:
            raise DataFault(name, f"has no column {', '.join(missing)}", _REMEDY)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            try:
                places.append(_place({column: row[header.index(column)].strip() for column in _COLUMNS}))
            except (ValueError, IndexError) as error:
                why = "too few columns" if isinstance(error, IndexError) else str(error)
                findings.append(Finding("bad-line", f"line {rows.line_num} left out: {why}", name))
    except csv.Error as error:
        raise DataFault(name, f"not CSV: {error}", _REMEDY) from error
    return ReadPlaces(tuple(places), sum_up(findings, name))


def _place(cells: Mapping[str, str]) -> Place:
    """Raises ValueError, saying what is wrong."""
    latitude, longitude, people = (_number(column, cells[column]) for column in _COLUMNS[1:])
    if not cells["name"] or len(cells["name"]) > _LONGEST_NAME:
        raise ValueError("it has no name")
    if not (abs(latitude) <= 90 and abs(longitude) <= 360):
        raise ValueError(f"{latitude:g}, {longitude:g} is no place on the Earth")
    if not 0 <= people <= _MOST_PEOPLE:
        raise ValueError(f"{people:g} is no number of people")
    return Place(cells["name"], latitude, longitude, round(people))


def _number(column: str, text: str) -> float:
    try:
        return finite(text)
    except ValueError as error:
        raise ValueError(f"its {column} is not a number") from error
