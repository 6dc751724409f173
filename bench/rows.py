"""Rows of the acceptance table, and where the recordings lie."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

DATA = Path(os.environ.get("HOUFENG_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class Row:
    """One figure asked for."""

    name: str
    what: str
    asked: str
    got: str
    passed: bool


def at_least(name: str, what: str, got: float, asked: float, form: str = "{:.3g}") -> Row:
    """A row that passes when the figure is not below the one asked for."""
    return Row(name, what, "≥ " + form.format(asked), form.format(got), bool(got >= asked))


def at_most(name: str, what: str, got: float, asked: float, form: str = "{:.3g}") -> Row:
    """A row that passes when the figure is not above the one asked for."""
    return Row(name, what, "≤ " + form.format(asked), form.format(got), bool(got <= asked))


def rows_of(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV table."""
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
