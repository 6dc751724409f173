"""The coefficient tables of this package: CSV, with author, DOI and range in their first lines."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

_FOLDER = resources.files("houfeng.quake.shake") / "relations"


@cache
def coefficients(name: str) -> Mapping[str, Mapping[str, float]]:
    """Take a table of relations/, by its first column and then by column. Lines that begin with # are its source."""
    text = (_FOLDER / f"{name}.csv").read_text(encoding="utf-8")
    lines = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    _, *columns = next(lines)
    return MappingProxyType(
        {key: MappingProxyType(dict(zip(columns, map(float, values), strict=True))) for key, *values in lines}
    )
