"""The map: where, how sure, and heard by whom; below it the section in depth."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from houfeng.serve.figures.basemap import draw_earth, draw_scale, graticule, mark_degrees
from houfeng.serve.figures.labels import Language, label
from houfeng.serve.figures.style import (
    FAINT_INK,
    HEAD_IN,
    INK,
    SMALL_PT,
    STAR_COLOUR,
    TEXT_PT,
    USED_COLOUR,
    dress,
    headline,
    legend,
    new_figure,
    plain,
    png,
)
from houfeng.words.earth import EARTH_RADIUS_M, radii_m, travelled
from houfeng.words.quake import Ellipse, Origin, Quake
from houfeng.words.station import Station

WIDTH_IN, MAP_IN, SECTION_IN = 8.2, 6.2, 1.7
LEFT_IN, RIGHT_IN, FOOT_IN, BETWEEN_IN = 0.85, 0.2, 0.5, 0.12

#: Room around what is shown, as a share of it; unused stations are shown this far beyond.
MARGIN = 0.12
BEYOND = 0.35

#: Smallest map, m across: less would show nothing but the error ellipse.
LEAST_ACROSS_M = 8_000.0

#: An ellipse smaller than this share of the map's height is shown through a lens of this size.
SMALL_ELLIPSE = 0.05
LENS_IN = 1.5

#: What separates the 68 % ellipse, drawn solid, from the 95 % one, drawn dashed.
INNER = 0.9

#: More names than this hide the map.
MOST_NAMES = 60


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the map shows: degrees from the epicentre's meridian and parallel, unwrapped."""

    west_deg: float
    east_deg: float
    south_deg: float
    north_deg: float

    def holds(self, longitude_deg: float, latitude_deg: float) -> bool:
        """Whether a place lies on the map."""
        return self.west_deg <= longitude_deg <= self.east_deg and self.south_deg <= latitude_deg <= self.north_deg


@dataclass(frozen=True, slots=True)
class _Mark:
    """A station on the map."""

    name: str
    longitude_deg: float
    latitude_deg: float
    elevation_m: float
    used: bool


def quake_map(quake: Quake, stations: Iterable[Station], *, language: Language = "en") -> bytes:
    """Draw the epicentre with its 68 and 95 % ellipses among the stations, and a west-east section, as PNG.

    stations  those of the network, one epoch each; filled where they have an arrival that counted. One without
              coordinates is passed over.

    Degrees are drawn to scale at the map's middle, so an ellipse keeps its shape.
    """
    origin = quake.origin
    used = {arrival.pick.source.station_key for arrival in origin.arrivals if arrival.weight > 0}
    marks = _marks(origin, stations, used)
    frame = _frame(origin, marks)
    shown = [mark for mark in marks if frame.holds(mark.longitude_deg, mark.latitude_deg)]
    height_in = HEAD_IN + MAP_IN + BETWEEN_IN + SECTION_IN + FOOT_IN
    figure = new_figure(WIDTH_IN, height_in)
    across = (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN
    bottom = FOOT_IN + SECTION_IN + BETWEEN_IN
    plan = figure.add_axes((LEFT_IN / WIDTH_IN, bottom / height_in, across, MAP_IN / height_in))
    section = figure.add_axes((LEFT_IN / WIDTH_IN, FOOT_IN / height_in, across, SECTION_IN / height_in))
    hidden = len(marks) - len(shown)
    headline(figure, quake, language, f"{hidden} {label('outside', language)}" if hidden else "")
    _draw_plan(figure, plan, origin, shown, frame, language)
    _draw_section(section, origin, shown, frame, language)
    return png(figure)


def _marks(origin: Origin, stations: Iterable[Station], used: set[str]) -> list[_Mark]:
    marks = {}
    for station in stations:
        if station.latitude_deg is None or station.longitude_deg is None:
            continue
        longitude = origin.longitude_deg + (station.longitude_deg - origin.longitude_deg + 180.0) % 360.0 - 180.0
        marks[station.key] = _Mark(
            plain(station.code, 12), longitude, station.latitude_deg, station.elevation_m, station.key in used
        )
    return [marks[key] for key in sorted(marks)]


def _frame(origin: Origin, marks: list[_Mark]) -> _Frame:
    """Hold the epicentre, the 95 % ellipse and every used station, in the proportions of the paper."""
    north_radius, east_radius = (np.radians(1.0) * radius for radius in radii_m(origin.latitude_deg))
    east_radius *= max(np.cos(np.radians(origin.latitude_deg)), 0.02)
    # the ellipse may dwarf the network; the network then decides
    reach = max((ellipse.semi_major_m for ellipse in origin.ellipses), default=0.0)
    x, y = [-reach, reach], [-reach, reach]
    for mark in [mark for mark in marks if mark.used] or marks:
        x.append((mark.longitude_deg - origin.longitude_deg) * east_radius)
        y.append((mark.latitude_deg - origin.latitude_deg) * north_radius)
    for mark in marks:
        dx = (mark.longitude_deg - origin.longitude_deg) * east_radius
        dy = (mark.latitude_deg - origin.latitude_deg) * north_radius
        if not mark.used and max(abs(dx), abs(dy)) <= (1 + BEYOND) * max(abs(value) for value in (*x, *y)):
            x.append(dx)
            y.append(dy)
    shape = (WIDTH_IN - LEFT_IN - RIGHT_IN) / MAP_IN
    half_height = (1 + MARGIN) / 2 * max(max(x) - min(x), shape * (max(y) - min(y)), LEAST_ACROSS_M) / shape
    middle_x, middle_y = (max(x) + min(x)) / 2, (max(y) + min(y)) / 2
    return _Frame(
        origin.longitude_deg + (middle_x - half_height * shape) / east_radius,
        origin.longitude_deg + (middle_x + half_height * shape) / east_radius,
        origin.latitude_deg + (middle_y - half_height) / north_radius,
        origin.latitude_deg + (middle_y + half_height) / north_radius,
    )


def _draw_plan(
    figure: Figure, axes: Axes, origin: Origin, marks: list[_Mark], frame: _Frame, language: Language
) -> None:
    dress(axes)
    draw_earth(axes, frame.west_deg, frame.south_deg, frame.east_deg, frame.north_deg)
    graticule(axes)
    axes.tick_params(labelbottom=False)
    for ellipse in sorted(origin.ellipses, key=lambda one: -one.confidence):
        inner = ellipse.confidence < INNER
        longitude, latitude = _outline(origin, ellipse)
        axes.fill(longitude, latitude, color=STAR_COLOUR, alpha=0.22 if inner else 0.10, linewidth=0, zorder=2)
        axes.plot(
            longitude, latitude, color=STAR_COLOUR, linewidth=1.1, linestyle="solid" if inner else (0, (4, 2)),
            zorder=2.5, label=label("68" if inner else "95", language),
        )  # fmt: skip
    for used in (True, False):
        mine = [mark for mark in marks if mark.used == used]
        if mine:
            axes.scatter(
                [mark.longitude_deg for mark in mine], [mark.latitude_deg for mark in mine], marker="^",
                s=52 if used else 30, facecolors=USED_COLOUR if used else "white",
                edgecolors="white" if used else FAINT_INK, linewidths=0.7, zorder=4 if used else 3,
                label=label("used" if used else "unused", language),
            )  # fmt: skip
    axes.scatter(
        [origin.longitude_deg], [origin.latitude_deg], marker="*", s=210, color=STAR_COLOUR, edgecolors="white",
        linewidths=0.9, zorder=6, label=label("epicentre", language),
    )  # fmt: skip
    corners = _free_corners(axes, [(mark.longitude_deg, mark.latitude_deg) for mark in marks])
    side = next(corner for corner in corners if corner.startswith("lower")).removeprefix("lower ")
    bar = draw_scale(axes, side)
    legend(
        axes,
        order=[label(key, language) for key in _LEGEND_ORDER],
        loc=next(corner for corner in corners if corner != f"lower {side}"),
    )
    taken = [bar.transformed(axes.transAxes)]
    widest = max((ellipse.semi_major_m for ellipse in origin.ellipses), default=0.0)
    if 0 < widest < SMALL_ELLIPSE * np.radians(frame.north_deg - frame.south_deg) * EARTH_RADIUS_M:
        corner = [corner for corner in corners if corner != f"lower {side}"][1]
        taken.append(_draw_lens(axes, origin, widest, corner))
    _draw_names(figure, axes, origin, marks, taken)


#: What the legend lists first: the marks as drawn are 95 %, 68 %, used, unused, epicentre.
_LEGEND_ORDER = ("epicentre", "68", "95", "used", "unused")


def _free_corners(axes: Axes, places: list[tuple[float, float]]) -> list[str]:
    """The corners of the panel, that with the fewest marks first."""
    at = axes.transAxes.inverted().transform(axes.transData.transform(np.array(places).reshape(-1, 2)))
    boxes = {"upper left": (0.0, 0.82), "lower right": (0.7, 0.0), "upper right": (0.7, 0.82), "lower left": (0.0, 0.0)}
    count = {
        name: int(np.sum((at[:, 0] >= x) & (at[:, 0] <= x + 0.3) & (at[:, 1] >= y) & (at[:, 1] <= y + 0.18)))
        for name, (x, y) in boxes.items()
    }
    return sorted(boxes, key=lambda name: count[name])


def _outline(origin: Origin, ellipse: Ellipse) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    east, north = _around(ellipse)
    latitude, longitude = travelled(origin.latitude_deg, origin.longitude_deg, east, north)
    return origin.longitude_deg + (longitude - origin.longitude_deg + 180.0) % 360.0 - 180.0, latitude


def _around(ellipse: Ellipse) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of an ellipse east and north of its centre, m."""
    angle = np.linspace(0, 2 * np.pi, 181)
    along, across = ellipse.semi_major_m * np.cos(angle), ellipse.semi_minor_m * np.sin(angle)
    azimuth = np.radians(ellipse.azimuth_deg)
    east = along * np.sin(azimuth) + across * np.cos(azimuth)
    north = along * np.cos(azimuth) - across * np.sin(azimuth)
    return east, north


def _draw_lens(axes: Axes, origin: Origin, widest_m: float, corner: str) -> Bbox:
    """The ellipses through a lens, where they are too small for the map; where it lies, in pixels."""
    share = np.array([LENS_IN / (WIDTH_IN - LEFT_IN - RIGHT_IN), LENS_IN / MAP_IN])
    x = 0.012 if corner.endswith("left") else 0.988 - share[0]
    y = 0.012 if corner.startswith("lower") else 0.988 - share[1]
    lens = axes.inset_axes((x, y, share[0], share[1]), zorder=9)
    dress(lens)
    reach_km = 1.35 * widest_m / 1000
    for ellipse in origin.ellipses:
        east, north = _around(ellipse)
        style = "solid" if ellipse.confidence < INNER else (0, (4, 2))
        lens.fill(east / 1000, north / 1000, color=STAR_COLOUR, alpha=0.14, linewidth=0)
        lens.plot(east / 1000, north / 1000, color=STAR_COLOUR, linewidth=1.1, linestyle=style)
    lens.scatter([0.0], [0.0], marker="*", s=90, color=STAR_COLOUR, edgecolors="white", linewidths=0.7, zorder=3)
    lens.set_xlim(-reach_km, reach_km)
    lens.set_ylim(-reach_km, reach_km)
    lens.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    lens.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    lens.tick_params(labelsize=SMALL_PT - 1, direction="in", pad=-9, length=2)
    lens.tick_params(axis="y", labelleft=False)
    lens.text(0.96, 0.93, "km", transform=lens.transAxes, ha="right", va="top", fontsize=SMALL_PT - 1, color=FAINT_INK)
    return Bbox([[x, y], [x + share[0], y + share[1]]]).transformed(axes.transAxes)


def _draw_names(figure: Figure, axes: Axes, origin: Origin, marks: list[_Mark], taken: list[Bbox]) -> None:
    """Name stations where a name fits beside its mark without touching another mark, name or the legend."""
    scale = figure.dpi / 72
    taken = list(taken)
    frame = axes.get_legend()
    if frame is not None:
        taken.append(frame.get_window_extent())
    at = {mark: axes.transData.transform((mark.longitude_deg, mark.latitude_deg)) for mark in marks}
    at_star = axes.transData.transform((origin.longitude_deg, origin.latitude_deg))
    taken += [_square(x, y, 4.5 * scale) for x, y in (*at.values(), at_star)]
    # names of used stations first, nearest the star first
    order = sorted(marks, key=lambda mark: (not mark.used, float(np.hypot(*(at[mark] - at_star)))))
    for mark in order[:MOST_NAMES]:
        for dx, dy, side, rise in _PLACES:
            name = axes.annotate(
                mark.name, (mark.longitude_deg, mark.latitude_deg), xytext=(dx, dy), textcoords="offset points",
                ha=side, va=rise, fontsize=SMALL_PT, color=INK if mark.used else FAINT_INK, zorder=7,
            )  # fmt: skip
            box = name.get_window_extent()
            if axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1 and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            name.remove()


#: Where a name may stand: offset in points and alignment, the most readable first.
_PLACES = (
    (6, 0, "left", "center"),
    (-6, 0, "right", "center"),
    (0, 6, "center", "bottom"),
    (0, -6, "center", "top"),
    (5, 5, "left", "bottom"),
    (5, -5, "left", "top"),
    (-5, 5, "right", "bottom"),
    (-5, -5, "right", "top"),
)


def _square(x: float, y: float, half: float) -> Bbox:
    return Bbox([[x - half, y - half], [x + half, y + half]])


def _draw_section(axes: Axes, origin: Origin, marks: list[_Mark], frame: _Frame, language: Language) -> None:
    dress(axes)
    depth_km, sigma_km = origin.depth_m / 1000, origin.depth_uncertainty_m / 1000
    top_km = -max([0.0, *(mark.elevation_m / 1000 for mark in marks)])
    bottom_km = max(depth_km + 2.2 * sigma_km, 1.25 * depth_km, 5.0)
    high_km = min(top_km, depth_km - sigma_km) - 0.08 * (bottom_km - top_km)
    axes.set_xlim(frame.west_deg, frame.east_deg)
    axes.set_ylim(bottom_km, high_km)
    axes.axhline(0.0, color=FAINT_INK, linewidth=0.9)
    mark_degrees(axes.xaxis, frame.east_deg - frame.west_deg, "EW")
    axes.set_ylabel(label("depth axis", language), fontsize=TEXT_PT, color=INK)
    for mark in marks:
        axes.plot(
            mark.longitude_deg, -mark.elevation_m / 1000, marker="^", markersize=5, zorder=3, markeredgewidth=0.6,
            markerfacecolor=USED_COLOUR if mark.used else "white", markeredgecolor="white" if mark.used else FAINT_INK,
        )  # fmt: skip
    east_m = float(np.sqrt(max(origin.covariance_m2[0, 0], 0.0)))
    _, east = travelled(origin.latitude_deg, origin.longitude_deg, east_m, 0.0)
    axes.errorbar(
        origin.longitude_deg, depth_km, xerr=(float(east) - origin.longitude_deg) % 360.0, yerr=sigma_km,
        color=STAR_COLOUR, linewidth=1.3, capsize=3, zorder=4,
    )  # fmt: skip
    axes.annotate(
        f"{depth_km:.1f} ± {sigma_km:.1f} km", (origin.longitude_deg, depth_km), xytext=(9, 6),
        textcoords="offset points", fontsize=SMALL_PT, color=INK, zorder=6,
    )  # fmt: skip
    axes.text(0.008, 0.05, label("west-east", language), transform=axes.transAxes, fontsize=SMALL_PT, color=FAINT_INK)
    axes.scatter(
        [origin.longitude_deg], [depth_km], marker="*", s=150, color=STAR_COLOUR, edgecolors="white", linewidths=0.8,
        zorder=5,
    )  # fmt: skip
