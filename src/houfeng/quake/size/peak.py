"""How peak displacement grows with magnitude and falls with distance: relations kept as data, each with its range."""

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from houfeng.words.errors import DataFault, OutOfRange, WorldFault

#: Used unless another is named: of the first seconds of P, and of the whole record.
FIRST_SECONDS = "kuyuk_allen_2013"
WHOLE_RECORD = "melgar_2015"

_FOLDER = resources.files("houfeng.quake.size") / "peaks"
_REMEDY = "compare with the packaged ones"


@dataclass(frozen=True, slots=True)
class PeakRelation:
    """One relation: log10 A = a + b M + c log10 R + d M log10 R, A in unit_m, R in km.

    name             of its file
    title, doi       author and year, and the paper
    quantity         "pd": largest vertical displacement of the first seconds of P; "pgd": largest horizontal one of all
    distance         which distance it is a function of
    range_m          distances it was made for
    range_magnitude  magnitudes it was made for
    saturates_above  magnitude from which a value is a lower bound; infinite when it does not saturate
    scatter          standard deviation of one station's magnitude
    unit_m           unit its authors measure in, m
    formula          a, b, c, d
    window_s         how long P is read, s; 0 for the whole record
    highpass_hz      corner of the high-pass its authors use, Hz; 0 for none
    lowpass_hz       likewise of a low-pass, None without
    """

    name: str
    title: str
    doi: str
    quantity: Literal["pd", "pgd"]
    distance: Literal["hypocentral", "epicentral"]
    range_m: tuple[float, float]
    range_magnitude: tuple[float, float]
    saturates_above: float
    scatter: float
    unit_m: float
    formula: tuple[float, float, float, float]
    window_s: float = 0.0
    highpass_hz: float = 0.0
    lowpass_hz: float | None = None

    @property
    def label(self) -> str:
        """Title and DOI, as shown beside a magnitude."""
        return f"{self.title}, doi:{self.doi}"


def peak_magnitude(peak_m: float, distance_m: float, *, relation: PeakRelation) -> float:
    """Size one record by its peak displacement.

    peak_m      displacement as relation.quantity says, m, > 0
    distance_m  hypocentral or epicentral as relation.distance says, inside relation.range_m

    The magnitude may lie outside relation.range_magnitude: that is for a network's mean to judge.
    Raises OutOfRange outside relation.range_m, DataFault for a peak that is not above zero.
    Source: relation.doi.
    """
    if not (math.isfinite(peak_m) and peak_m > 0):
        raise DataFault("peak displacement", f"{peak_m} m is not a peak")
    least_m, most_m = relation.range_m
    if not least_m <= distance_m <= most_m:
        span = f"{least_m / 1000:g} to {most_m / 1000:g} km"
        raise OutOfRange(relation.title, f"{distance_m / 1000:.1f} km lies outside its {span}")
    log_r = math.log10(distance_m / 1000.0)
    constant, per_magnitude, per_log, per_both = relation.formula
    return (math.log10(peak_m / relation.unit_m) - constant - per_log * log_r) / (per_magnitude + per_both * log_r)


def read_peak_relation(data: bytes, name: str) -> PeakRelation:
    """Read a relation from its TOML file, the packaged ones or an operator's own.

    Raises DataFault, naming the file, when a key is missing or means nothing.
    """
    try:
        relation = _parse(tomllib.loads(data.decode()), name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # TOMLDecodeError is a ValueError
        raise DataFault(name, f"not a relation of peak displacement: {error!r}", _REMEDY) from error
    low, high = relation.range_m
    _, per_magnitude, _, per_both = relation.formula
    if not 0 < low < high or relation.unit_m <= 0:
        raise DataFault(name, "distances increase from above zero, and unit_m is above zero", _REMEDY)
    if any(per_magnitude + per_both * math.log10(metres / 1000) <= 0 for metres in relation.range_m):
        raise DataFault(name, "does not grow with magnitude over all of its range_km", _REMEDY)
    return relation


def peak_relation_names() -> tuple[str, ...]:
    """The packaged relations, by name."""
    files = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in files))


@cache
def peak_relation(name: str) -> PeakRelation:
    """Take one of the packaged relations. Raises WorldFault for a name that is none of theirs."""
    if name not in peak_relation_names():
        raise WorldFault(name, "no such peak relation", f"choose one of {', '.join(peak_relation_names())}")
    return read_peak_relation((_FOLDER / f"{name}.toml").read_bytes(), name)


def _parse(keys: dict[str, Any], name: str) -> PeakRelation:
    if keys["quantity"] not in {"pd", "pgd"} or keys["distance"] not in {"hypocentral", "epicentral"}:
        raise ValueError("quantity is pd or pgd, distance is hypocentral or epicentral")
    least_km, most_km = (float(value) for value in keys["range_km"])
    smallest, largest = (float(value) for value in keys["range_magnitude"])
    formula = keys["formula"]
    return PeakRelation(
        name=name,
        title=str(keys["title"]),
        doi=str(keys["doi"]),
        quantity=keys["quantity"],
        distance=keys["distance"],
        range_m=(least_km * 1000.0, most_km * 1000.0),
        range_magnitude=(smallest, largest),
        saturates_above=float(keys.get("saturates_above", math.inf)),
        scatter=float(keys["scatter"]),
        unit_m=float(keys["unit_m"]),
        formula=(
            float(formula["constant"]),
            float(formula["magnitude"]),
            float(formula.get("log10", 0.0)),
            float(formula.get("magnitude_log10", 0.0)),
        ),
        window_s=float(keys.get("window_s", 0.0)),
        highpass_hz=float(keys.get("highpass_hz", 0.0)),
        lowpass_hz=float(keys["lowpass_hz"]) if "lowpass_hz" in keys else None,
    )
