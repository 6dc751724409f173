"""Velocity models: from CSV in the layouts in use, and the default one that comes along."""

import csv
import math
import re
from importlib import resources

import numpy as np

from houfeng.wire.numerals import is_number, number
from houfeng.words.errors import DataFault
from houfeng.words.model import VelocityModel

#: Vp/Vs of a Poisson solid, for files that say nothing of S.
POISSON_SOLID = math.sqrt(3.0)

#: A discontinuity written as two values at one depth becomes two points this far apart, m.
STEP_M = 1.0

_REMEDY = "write a CSV with the header layer_top_km,vp_km_s,vs_km_s or Depth,Vp,Vs"
_PER_M = re.compile(r"(mps|m/s|m_s|m s-1)$")


def default_model() -> VelocityModel:
    """The model used when none is given: iasp91 down to the core.

    Source: Kennett & Engdahl 1991, doi:10.1111/j.1365-246X.1991.tb06724.x.
    """
    data = resources.files("houfeng.wire").joinpath("models/iasp91.csv").read_bytes()
    model = read_velocity_model(data, "iasp91")
    source = "Kennett & Engdahl 1991, doi:10.1111/j.1365-246X.1991.tb06724.x"
    return VelocityModel("iasp91", source, model.depth_m, model.vp_mps, model.vs_mps, gradient=True)


def read_velocity_model(data: bytes, name: str) -> VelocityModel:
    """Read a velocity model from text with a header line.

    data  UTF-8; columns by comma, semicolon, tab or spaces, in any order; comments start with #
    name  the file, for messages and as the model's name

    Columns: depth (km, or m when the header says so), Vp and Vs (km/s or m/s), or Vp/Vs in place of Vs; with neither
    of these two, Vs is Vp over the square root of three. A depth column named as the top of a layer gives constant
    layers; a plain "depth" gives points joined by straight lines, as QuakeMigrate reads such files by default
    (its option block_model is off). Without a header: three columns depth, Vp, Vs of layers.
    Raises DataFault when the numbers make no model.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFault(name, f"not UTF-8 text (byte {error.start})", _REMEDY) from error
    lines = [line for line in (raw.split("#")[0].strip() for raw in text.splitlines()) if line]
    if not lines:
        raise DataFault(name, "the velocity model is empty", _REMEDY)
    rows = [_cells(line) for line in lines]
    header = ["layer_top_km", "vp_km_s", "vs_km_s"] if is_number(rows[0][0]) else [cell.lower() for cell in rows[0]]
    numbers = _numbers(rows if is_number(rows[0][0]) else rows[1:], len(header), name)
    depth, vp, vs, ratio = (_find(header, kind) for kind in ("depth", "vp", "vs", "ratio"))
    if depth is None or vp is None:
        raise DataFault(name, f"header {', '.join(header)} names no depth or no Vp column", _REMEDY)
    depth_m = numbers[:, depth] * (1.0 if _in_metres(header[depth]) else 1000.0)
    vp_mps = numbers[:, vp] * (1.0 if _PER_M.search(_unit(header[vp])) else 1000.0)
    if vs is not None:
        vs_mps = numbers[:, vs] * (1.0 if _PER_M.search(_unit(header[vs])) else 1000.0)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):  # a ratio of zero is refused below, as infinite speed
            vs_mps = vp_mps / (numbers[:, ratio] if ratio is not None else POISSON_SOLID)
    gradient = not re.search(r"top|layer", header[depth])
    repeated = np.flatnonzero(np.diff(depth_m) == 0) + 1
    if gradient and len(repeated):
        depth_m = depth_m.copy()
        depth_m[repeated] += STEP_M
    try:
        return VelocityModel(name, name, depth_m, vp_mps, vs_mps, gradient)
    except ValueError as error:
        raise DataFault(name, f"no velocity model: {error}", _REMEDY) from error


def _cells(line: str) -> list[str]:
    for separator in (",", ";", "\t"):
        if separator in line:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    return line.split()


def _numbers(rows: list[list[str]], width: int, name: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    values = []
    for line, row in enumerate(rows, start=1):
        if len(row) < width or not all(is_number(cell) for cell in row[:width]):
            raise DataFault(name, f"data line {line} is not {width} numbers: {' '.join(row)[:80]!r}", _REMEDY)
        values.append([number(cell) for cell in row[:width]])
    if not values:
        raise DataFault(name, "the velocity model has a header and no layers", _REMEDY)
    return np.array(values, dtype=np.float64).reshape(len(values), width)


def _find(header: list[str], kind: str) -> int | None:
    """The column of a kind; the ratio Vp/Vs is looked for first because its name holds both others."""
    for index, cell in enumerate(header):
        name = re.sub(r"[^a-z/]", "", cell)
        is_ratio = name in ("vpvs", "vp/vs", "vpvsratio", "vp/vsratio", "ratio", "kappa")
        if kind == "ratio" and is_ratio:
            return index
        if kind == "depth" and re.match(r"(layer)?top|depth|z(km|m)?$|layer", name):
            return index
        if kind in ("vp", "vs") and not is_ratio and name.startswith(kind):
            return index
    return None


def _unit(cell: str) -> str:
    """The unit at the end of a column name, "km" kept apart from "m": vp_km_s ends in km_s."""
    squeezed = re.sub(r"[()\[\]]", "", cell).strip()
    return "" if re.search(r"km[/_ ]?(s|ps)", squeezed) else squeezed


def _in_metres(cell: str) -> bool:
    return re.search(r"(^|[^k])m\W*$|meters|metres", cell.replace("_", " ").replace("(", " ")) is not None
