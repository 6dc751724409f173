"""How amplitude falls with distance: relations kept as data, each with its source and range."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np

from houfeng.words.errors import DataFault, WorldFault

#: What IASPEI calls standard: used unless an operator names another.
STANDARD = "hutton_boore_1987"

_FOLDER = resources.files("houfeng.quake.size") / "relations"


@dataclass(frozen=True, slots=True)
class Attenuation:
    """One ML relation: ML = log10(A magnification / unit) + correction(distance).

    name              of its file
    title             author and year
    doi               of the paper
    distance          which distance it is a function of
    range_m           distances it was made for
    correction        points of the correction [n, 2] as (m, magnitude), between them straight lines; empty
                      when the formula holds
    formula           a, b, c, d, e of a log10(R) + b R + c + d exp(-e R), R in km
    amplitude_unit_m  unit its authors measure in, m
    magnification     static gain their Wood-Anderson has
    scatter           standard deviation of one station as published, None when not
    nearer            name of the relation that continues this one below its range, "" when none does
    """

    name: str
    title: str
    doi: str
    distance: Literal["hypocentral", "epicentral"]
    range_m: tuple[float, float]
    correction: tuple[tuple[float, float], ...]
    formula: tuple[float, float, float, float, float]
    amplitude_unit_m: float
    magnification: float
    scatter: float | None = None
    nearer: str = ""

    @property
    def label(self) -> str:
        """Title and DOI, as shown beside a magnitude."""
        return f"{self.title}, doi:{self.doi}" if self.doi else self.title

    def correction_at(self, distance_m: float) -> float:
        """What distance takes away, in magnitude; the caller keeps distance_m inside range_m."""
        if self.correction:
            points = np.array(self.correction)
            return float(np.interp(distance_m, points[:, 0], points[:, 1]))
        logarithmic, linear, constant, near, near_per_km = self.formula
        r_km = distance_m / 1000.0
        return float(logarithmic * np.log10(r_km) + linear * r_km + constant + near * np.exp(-near_per_km * r_km))


def read_attenuation(data: bytes, name: str) -> Attenuation:
    """Read a relation from its TOML file, the packaged ones or an operator's own.

    Keys as in the packaged files: title, distance, range_km, amplitude_unit_m and magnification, and either
    [formula] or [table]; doi, scatter and nearer where known.
    Raises DataFault, naming the file, when a key is missing or means nothing.
    """
    try:
        relation = _parse(tomllib.loads(data.decode()), name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # TOMLDecodeError is a ValueError
        raise DataFault(name, f"not an attenuation relation: {error!r}", "compare with the packaged ones") from error
    distances = [point for point, _ in relation.correction]
    if not 0 <= relation.range_m[0] < relation.range_m[1] or distances != sorted(set(distances)):
        raise DataFault(name, "distances must increase", "compare with the packaged ones")
    if not relation.correction and relation.range_m[0] == 0:
        raise DataFault(name, "a formula with a logarithm cannot begin at 0 km", "begin its range_km above zero")
    if relation.amplitude_unit_m <= 0 or relation.magnification <= 0:
        raise DataFault(name, "amplitude_unit_m and magnification are above zero")
    return relation


def relation_names() -> tuple[str, ...]:
    """The packaged relations, by name."""
    files = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in files))


@cache
def attenuation(name: str = STANDARD) -> Attenuation:
    """Take one of the packaged relations. Raises WorldFault for a name that is none of theirs."""
    if name not in relation_names():
        raise WorldFault(name, "no such magnitude relation", f"choose one of {', '.join(relation_names())}")
    return read_attenuation((_FOLDER / f"{name}.toml").read_bytes(), name)


def _parse(keys: dict[str, Any], name: str) -> Attenuation:
    formula, table = keys.get("formula", {}), keys.get("table", {})
    if bool(formula) == bool(table):
        raise ValueError("needs either [formula] or [table]")
    if keys["distance"] not in {"hypocentral", "epicentral"}:
        raise ValueError("distance is hypocentral or epicentral")
    least_km, most_km = (float(value) for value in keys["range_km"])
    points = zip(table.get("distance_km", ()), table.get("correction", ()), strict=True)
    return Attenuation(
        name=name,
        title=str(keys["title"]),
        doi=str(keys.get("doi", "")),
        distance=keys["distance"],
        range_m=(least_km * 1000.0, most_km * 1000.0),
        correction=tuple((float(km) * 1000.0, float(value)) for km, value in points),
        formula=(
            float(formula.get("log10", 0.0)),
            float(formula.get("per_km", 0.0)),
            float(formula.get("constant", 0.0)),
            float(formula.get("near", 0.0)),
            float(formula.get("near_per_km", 0.0)),
        ),
        amplitude_unit_m=float(keys["amplitude_unit_m"]),
        magnification=float(keys["magnification"]),
        scatter=float(keys["scatter"]) if "scatter" in keys else None,
        nearer=str(keys.get("nearer", "")),
    )
