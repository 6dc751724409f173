"""Land, sea, coasts and borders under a map; its degrees, its scale and its north.

The lines are Natural Earth's: earth/README.md says how they came here.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from houfeng.serve.figures.style import INK, SMALL_PT, TEXT_PT
from houfeng.words.earth import EARTH_RADIUS_M

LAND: Final = "#F3F0E8"
SEA: Final = "#DDE8EE"
COAST: Final = "#5F7480"
BORDER: Final = "#8A8580"

#: Above all of them a map's own things are drawn.
LAND_ZORDER, VEIL_ZORDER, BORDER_ZORDER, COAST_ZORDER = 0.1, 1.15, 1.2, 1.3

#: How much of a colour over the sea is taken away.
VEIL: Final = 0.4

#: Islands smaller than this share of the map cannot be seen.
SPECK: Final = 1 / 2000

#: Land is drawn this share beyond the map, so that the cut itself stays out of sight.
BEYOND: Final = 0.02

#: A map wider than this repeats itself.
MOST_TURNS: Final = 2.0

#: No longitude that a map has any reason to hold lies beyond.
FARTHEST_DEG: Final = 3600.0

#: Near a pole a degree of longitude shrinks to nothing: maps stop shrinking it here.
LEAST_COSINE: Final = 0.02


@dataclass(frozen=True, slots=True)
class _Earth:
    """Every line in degrees, longitudes running on across 180.

    points  [n, 2] longitude and latitude
    first   [lines + 1] where each line starts
    low, high  [lines, 2] corners of the box round each
    rings   how many of the lines, the first ones, are closed coasts
    """

    points: NDArray[np.float64]
    first: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    rings: int


@cache
def _earth() -> _Earth:
    content = (resources.files("houfeng.serve.figures") / "earth" / "natural_earth.npz").read_bytes()
    with np.load(BytesIO(content), allow_pickle=False) as stored:
        start, count, step = stored["start"], stored["count"].astype(np.int64), stored["step"].T.astype(np.int64)
        scale_deg, zero_deg, rings = stored["scale_deg"], stored["zero_deg"], int(stored["ring_count"])
    first = np.concatenate([[0], np.cumsum(count)])
    walked = np.cumsum(step, axis=0)
    points = (walked + np.repeat(start - walked[first[:-1]], count, axis=0)) * scale_deg + zero_deg
    low, high = np.minimum.reduceat(points, first[:-1]), np.maximum.reduceat(points, first[:-1])
    # the one coast round a pole is closed along it, where nothing is drawn
    low[:rings, 1][high[:rings, 0] - low[:rings, 0] > 359.0] = -90.0
    return _Earth(points, first, low, high, rings)


def draw_earth(
    axes: Axes, west_deg: float, south_deg: float, east_deg: float, north_deg: float, *, borders: bool = True
) -> None:
    """Draw land, sea, coasts and borders between two meridians and two parallels, and end the axes there.

    west_deg, east_deg    west < east; longitudes may run on beyond 180, as a map across that meridian needs
    south_deg, north_deg  south < north; what lies beyond a pole is sea
    borders               whether borders of countries are drawn

    A box of no extent, with NaN in it, or beyond 3600 degrees, is left as it is.
    """
    wide = _wide(west_deg, south_deg, east_deg, north_deg)
    if wide is None:
        return
    axes.set_facecolor(SEA)
    axes.set_xlim(west_deg, east_deg)
    axes.set_ylim(south_deg, north_deg)
    # artists rather than patches: matplotlib walks a patch's outline, slowly, to fit the axes to it
    land = _land(wide)
    if land:
        area = Path.make_compound_path(*land)
        axes.add_artist(PathPatch(area, facecolor=LAND, edgecolor="none", antialiased=False, zorder=LAND_ZORDER))
    for rings, colour, width, zorder in ((True, COAST, 0.7, COAST_ZORDER), (False, BORDER, 0.6, BORDER_ZORDER)):
        seen = _seen(_inside(_earth(), wide, rings=rings), wide) if rings or borders else None
        if seen is not None:
            axes.add_artist(PathPatch(seen, facecolor="none", edgecolor=colour, linewidth=width, zorder=zorder))


def veil_sea(axes: Axes, west_deg: float, south_deg: float, east_deg: float, north_deg: float) -> None:
    """Pale what was drawn over the sea, so that the land under a field of colour can be told. Box as in draw_earth."""
    wide = _wide(west_deg, south_deg, east_deg, north_deg)
    if wide is None:
        return
    (west, south), (east, north) = wide
    # walked the other way round than land, which therefore is left out
    around = Path(np.array([(west, south), (east, south), (east, north), (west, north), (west, south)]), closed=True)
    sea = Path.make_compound_path(around, *_land(wide))
    axes.add_artist(PathPatch(sea, facecolor="white", alpha=VEIL, edgecolor="none", zorder=VEIL_ZORDER))


def _wide(west_deg: float, south_deg: float, east_deg: float, north_deg: float) -> NDArray[np.float64] | None:
    """The box [2, 2], lower corner first, with a little room around; None when it is none."""
    box = np.array([[west_deg, south_deg], [east_deg, north_deg]], dtype=np.float64)
    if not np.all(np.isfinite(box)) or not np.all(box[0] < box[1]) or np.abs(box).max() > FARTHEST_DEG:
        return None
    box[1, 0] = min(box[1, 0], box[0, 0] + 360.0 * MOST_TURNS)
    room = BEYOND * (box[1] - box[0])
    return np.array([box[0] - room, box[1] + room])


def _land(wide: NDArray[np.float64]) -> list[Path]:
    """The outlines of land in a box, and of the waters in it the other way round."""
    clipped = (_clipped(_closed(line), wide) for line in _inside(_earth(), wide, rings=True))
    return [Path(np.vstack([ring, ring[:1]]), closed=True) for ring in clipped if len(ring) > 2]


def aspect(south_deg: float, north_deg: float) -> float:
    """How many times longer than a degree of longitude one of latitude is drawn, at the middle of a map."""
    return 1.0 / max(float(np.cos(np.radians((south_deg + north_deg) / 2))), LEAST_COSINE)


def _inside(earth: _Earth, box: NDArray[np.float64], *, rings: bool) -> list[NDArray[np.float64]]:
    """The coasts, or the borders, that reach into a box, each turned by whole turns to where the box has it."""
    span = slice(0, earth.rings) if rings else slice(earth.rings, None)
    low, high, offset = earth.low[span], earth.high[span], 0 if rings else earth.rings
    large = np.any(high - low > SPECK * (box[1] - box[0]), axis=1)
    across = large & (low[:, 1] <= box[1, 1]) & (high[:, 1] >= box[0, 1])
    found = []
    for line in np.flatnonzero(across):
        least, most = np.ceil((box[0, 0] - high[line, 0]) / 360.0), np.floor((box[1, 0] - low[line, 0]) / 360.0)
        points = earth.points[earth.first[line + offset] : earth.first[line + offset + 1]]
        found += [points + np.array([360.0 * turn, 0.0]) for turn in np.arange(least, most + 1)]
    return found


def _closed(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """A ring as it is; one that goes round the South Pole with the pole's own edge."""
    if abs(ring[-1, 0] - ring[0, 0]) < 180.0:
        return ring
    return np.vstack([ring, [[ring[-1, 0], -90.0], [ring[0, 0], -90.0]]])


def _clipped(ring: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """What of a ring's area lies in a box, as one ring; edges along the box may be walked twice.

    Source: Sutherland & Hodgman 1974, doi:10.1145/360767.360802.
    """
    for edge, sign in ((0, 1.0), (1, -1.0)):
        for axis in (0, 1):
            beyond = sign * (ring[:, axis] - box[edge, axis])
            kept = beyond >= 0
            if kept.all():
                continue
            if not kept.any():
                return ring[:0]
            after = np.roll(beyond, -1)
            crosses = kept != (after >= 0)
            share = beyond / np.where(crosses, beyond - after, 1.0)
            cut = ring + share[:, None] * (np.roll(ring, -1, axis=0) - ring)
            # each point, when kept, is followed by the cut on the way to the next, when there is one
            ring = np.stack([ring, cut], axis=1)[np.stack([kept, crosses], axis=1)]
    return ring


def _seen(lines: list[NDArray[np.float64]], box: NDArray[np.float64]) -> Path | None:
    """The steps of lines that may be seen in a box, as one path; None when there are none."""
    if not lines:
        return None
    points = np.concatenate(lines)
    before, after = points[:-1], points[1:]
    step = np.all((np.maximum(before, after) >= box[0]) & (np.minimum(before, after) <= box[1]), axis=1)
    step[np.cumsum([len(line) for line in lines])[:-1] - 1] = False
    leads, follows = np.append(step, False), np.insert(step, 0, False)
    kept = leads | follows
    if not kept.any():
        return None
    return Path(points[kept], np.where(follows[kept], Path.LINETO, Path.MOVETO).astype(np.uint8))


def graticule(axes: Axes, *, most: int = 6) -> None:
    """Mark round degrees on both axes, in as many decimals as their step needs."""
    for axis, (low, high), sides in ((axes.xaxis, axes.get_xlim(), "EW"), (axes.yaxis, axes.get_ylim(), "NS")):
        mark_degrees(axis, high - low, sides, most=most)


def mark_degrees(axis: Axis, span_deg: float, sides: str, *, most: int = 6) -> None:
    """Mark round degrees on one axis; sides: what follows positive and negative ones, "EW" or "NS"."""
    decimals = max(0, int(np.ceil(-np.log10(span_deg / most))))
    axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(lambda value, _: _degrees(value, decimals, sides))


def _degrees(value: float, decimals: int, sides: str) -> str:
    wrapped = (value + 180.0) % 360.0 - 180.0
    return f"{abs(wrapped):.{decimals}f}°{sides[0] if wrapped >= 0 else sides[1]}"


def draw_scale(axes: Axes, side: str) -> Bbox:
    """Draw a bar of a round length with an arrow to the north beside it, in a lower corner.

    side  "left" or "right"

    Returns the room they take, as shares of the axes. The bar is true at the middle of the map.
    """
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    across_km = np.radians(east - west) * EARTH_RADIUS_M / 1000 / aspect(south, north)
    power = 10.0 ** np.floor(np.log10(across_km / 5))
    length_km = max(step * power for step in (1, 2, 5) if step * power <= across_km / 4)
    share = length_km / across_km
    start = 0.04 if side == "left" else 0.92 - share
    room = Bbox([[start - 0.02, 0.02], [start + share + 0.06, 0.13]])
    axes.add_patch(
        Rectangle(
            (room.x0, room.y0), room.width, room.height, transform=axes.transAxes, facecolor="white", alpha=0.6,
            edgecolor="none", zorder=7.9,
        )
    )  # fmt: skip
    axes.plot([start, start + share], [0.045, 0.045], transform=axes.transAxes, color=INK, linewidth=2.2, zorder=8)
    axes.text(
        start + share / 2, 0.058, f"{length_km:g} km", transform=axes.transAxes, ha="center", fontsize=SMALL_PT,
        color=INK, zorder=8,
    )  # fmt: skip
    axes.annotate(
        "N", xy=(start + share + 0.035, 0.12), xytext=(start + share + 0.035, 0.035), xycoords="axes fraction",
        ha="center", fontsize=TEXT_PT, color=INK, zorder=8,
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.2, "shrinkA": 1, "shrinkB": 0},
    )  # fmt: skip
    return room
