"""The shaking map: how hard it shook, where that was measured, and how unsure it is in between."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from houfeng.serve.figures.basemap import VEIL, aspect, draw_earth, draw_scale, graticule, veil_sea
from houfeng.serve.figures.intensity_scale import COLOURS, HIGHEST, ROMAN, Scale, class_of, draw_classes, draw_numerals
from houfeng.serve.figures.labels import Language, label
from houfeng.serve.figures.style import (
    DPI,
    FAINT_INK,
    HEAD_IN,
    INK,
    SMALL_PT,
    STAR_COLOUR,
    TEXT_PT,
    dress,
    headline,
    new_figure,
    plain,
    png,
    say_nothing_there,
)
from houfeng.words.quake import Origin, Quake
from houfeng.words.shaking import ShakingMap, StationShaking

WIDTH_IN: Final = 1600 / DPI
LEFT_IN, SIDE_IN, BETWEEN_IN, RIGHT_IN = 0.6, 2.75, 0.3, 0.15
TITLE_IN, TICKS_IN, TABLE_IN, FOOT_IN = 0.15, 0.4, 1.05, 0.35
PLAN_IN: Final = WIDTH_IN - LEFT_IN - SIDE_IN - BETWEEN_IN - RIGHT_IN

#: The map keeps its proportions between these heights; beyond them the land around it is shown too.
LEAST_HEIGHT_IN, MOST_HEIGHT_IN = 5.6, 7.2

#: Room for the uncertainty's colour bar, and for the legend of marks below it.
BAR_IN, MARKS_IN = 0.62, 0.9

#: Without a map, so much around the epicentre is shown, degrees.
BARE_DEG: Final = 1.0

#: Numerals keep clear of the star, and of this many stations, by these shares of the map.
CLEAR_OF_STAR, CLEAR_OF_STATION, MOST_CLEARED = 0.045, 0.02, 200

#: Characters of a line of notes: Latin ones, and Chinese ones, which are wider.
COLUMNS, WIDE_COLUMNS = 49, 26
NOTE_LINE_IN: Final = 0.145

#: So many stations are drawn in full size.
ROOMY: Final = 80

#: How stations are drawn that count, and those that do not.
COUNTED: Final[dict[str, Any]] = {
    "s": 48, "linewidths": 0.9, "edgecolors": INK, "zorder": 4,
    "path_effects": [withStroke(linewidth=2.6, foreground="white")],
}  # fmt: skip
LEFT_OUT: Final[dict[str, Any]] = {"s": 30, "linewidths": 0.9, "edgecolors": "#666666", "zorder": 3}

#: The more unsure, the darker; not so dark that stations drown in it.
_UNSURE: Final = ListedColormap(colormaps["Purples"](np.linspace(0.05, 0.7, 64)))

#: West, south, east and north, degrees; east may lie beyond 180.
Frame = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Grid:
    """What of a shaking map is drawn: one scale, its uncertainty, and where."""

    longitude_deg: NDArray[np.float64]
    latitude_deg: NDArray[np.float64]
    intensity: NDArray[np.float64]
    sigma: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Mark:
    """A station on the map; its class, None when it does not count."""

    longitude_deg: float
    latitude_deg: float
    number: int | None


def shaking_map_figure(
    quake: Quake,
    shaking: ShakingMap,
    stations: Sequence[StationShaking],
    *,
    scale: Scale = "mmi",
    language: Language = "en",
    borders: bool = True,
) -> bytes:
    """Draw the intensities of a shaking map, the stations behind them and their uncertainty, as PNG.

    scale     which of the map's intensities is drawn; the uncertainty is that of MMI for either
    stations  those without coordinates or off the map are passed over; refused ones are drawn hollow
    borders   whether borders of countries are drawn

    The PNG is 1600 pixels wide. A map that has not two ascending rows and columns is said to be none.
    """
    origin, grid = quake.origin, _grid(shaking, scale)
    frame, high_in = _frame(origin, grid)
    height_in = HEAD_IN + TITLE_IN + high_in + TICKS_IN + TABLE_IN + FOOT_IN
    figure = new_figure(WIDTH_IN, height_in)
    headline(figure, quake, language)
    bottom_in = FOOT_IN + TABLE_IN + TICKS_IN
    plan = _panel(figure, (LEFT_IN, bottom_in, PLAN_IN, high_in))
    marks = list(_marks(stations, scale, frame))
    _draw_plan(plan, grid, marks, origin, frame, scale=scale, language=language, borders=borders)
    across_in = min(SIDE_IN, 2.6 * PLAN_IN / high_in)
    left_in, top_in = WIDTH_IN - RIGHT_IN - SIDE_IN, bottom_in + high_in
    side = _panel(figure, (left_in, top_in - across_in * high_in / PLAN_IN, across_in, across_in * high_in / PLAN_IN))
    _draw_sigma(side, grid, marks, origin, frame, language=language, borders=borders)
    below_in = top_in - across_in * high_in / PLAN_IN - BAR_IN
    _draw_legend(_panel(figure, (left_in, below_in - MARKS_IN, SIDE_IN, MARKS_IN)), language)
    lines = int((below_in - MARKS_IN - bottom_in) / NOTE_LINE_IN) - 1
    _write_notes(figure, shaking.notes, left_in, below_in - MARKS_IN, lines, language)
    draw_classes(_panel(figure, (RIGHT_IN, FOOT_IN, WIDTH_IN - 2 * RIGHT_IN, TABLE_IN)), scale, language)
    foot = "  ".join(label(key, language) for key in ("not official", "middle", "earth"))
    figure.text(RIGHT_IN / WIDTH_IN, 0.12 / height_in, foot, fontsize=SMALL_PT - 0.5, color=FAINT_INK)
    return png(figure)


def _panel(figure: Figure, box_in: tuple[float, float, float, float]) -> Axes:
    """Axes at left, bottom, width and height in inches."""
    width, height = figure.get_size_inches()
    left, bottom, across, up = box_in
    return figure.add_axes((left / width, bottom / height, across / width, up / height))


def _grid(shaking: ShakingMap, scale: Scale) -> _Grid | None:
    """The map as drawn, values outside the scale moved to its end; None where it cannot be drawn."""
    longitude, latitude = (np.asarray(line, float) for line in (shaking.longitude_deg, shaking.latitude_deg))
    values = np.asarray(shaking.mmi if scale == "mmi" else shaking.csis, dtype=np.float64)
    sigma = np.asarray(shaking.mmi_sigma, dtype=np.float64)
    for line in (longitude, latitude):
        if line.ndim != 1 or len(line) < 2 or not np.all(np.isfinite(line)) or not np.all(np.diff(line) > 0):
            return None
    if values.shape != (len(latitude), len(longitude)) or not np.any(np.isfinite(values)):
        return None
    if longitude[-1] - longitude[0] > 360.0 or np.abs(latitude).max() > 90.0 or np.abs(longitude).max() > 720.0:
        return None
    inside = np.clip(values, 0.5 + 1e-6, HIGHEST[scale] + 0.5 - 1e-6)
    known = np.where(np.isfinite(values), inside, np.nan)
    same = sigma.shape == values.shape
    return _Grid(longitude, latitude, known, sigma if same else np.full(values.shape, np.nan))


def _frame(origin: Origin, grid: _Grid | None) -> tuple[Frame, float]:
    """What is shown, and how high it is drawn, inches: the whole grid, true to scale at its middle."""
    if grid is None:
        middle = (origin.longitude_deg, origin.latitude_deg)
        half = np.array([BARE_DEG * aspect(middle[1], middle[1]), BARE_DEG])
    else:
        lines = (grid.longitude_deg, grid.latitude_deg)
        middle = (float(lines[0][0] + lines[0][-1]) / 2, float(lines[1][0] + lines[1][-1]) / 2)
        half = np.array([(line[-1] - line[0]) / 2 for line in lines])
    stretch = aspect(middle[1], middle[1])
    high_in = float(np.clip(PLAN_IN * stretch * half[1] / half[0], LEAST_HEIGHT_IN, MOST_HEIGHT_IN))
    half[0] = max(half[0], half[1] * stretch * PLAN_IN / high_in)
    half[1] = max(half[1], half[0] / stretch * high_in / PLAN_IN)
    east, north = float(half[0]), float(half[1])
    return (middle[0] - east, middle[1] - north, middle[0] + east, middle[1] + north), high_in


def _near(longitude_deg: float, frame: Frame) -> float:
    """A longitude, turned by whole turns to where the map has it."""
    middle = (frame[0] + frame[2]) / 2
    return middle + (longitude_deg - middle + 180.0) % 360.0 - 180.0


def _marks(stations: Sequence[StationShaking], scale: Scale, frame: Frame) -> Iterator[_Mark]:
    for station in stations:
        if station.latitude_deg is None or station.longitude_deg is None:
            continue
        longitude = _near(station.longitude_deg, frame)
        if frame[0] <= longitude <= frame[2] and frame[1] <= station.latitude_deg <= frame[3]:
            number = class_of(station.mmi if scale == "mmi" else station.csis, scale)
            yield _Mark(longitude, station.latitude_deg, None if station.refused else number)


def _draw_plan(
    axes: Axes, grid: _Grid | None, marks: list[_Mark], origin: Origin, frame: Frame,
    *, scale: Scale, language: Language, borders: bool,
) -> None:  # fmt: skip
    dress(axes)
    axes.grid(visible=False)
    draw_earth(axes, *frame, borders=borders)
    graticule(axes)
    title = label(scale, language)
    if grid is None:
        say_nothing_there(axes, label("no shaking", language))
    else:
        largest = float(np.nanmax(grid.intensity))
        title += f"  ·  {label('largest', language)} {ROMAN[(class_of(largest, scale) or 1) - 1]} ({largest:.1f})"
        bounds = np.arange(0.5, HIGHEST[scale] + 1)
        colours = ListedColormap(COLOURS[: HIGHEST[scale]])
        where = (grid.longitude_deg, grid.latitude_deg, grid.intensity)
        axes.contourf(*where, levels=bounds, cmap=colours, norm=BoundaryNorm(bounds, colours.N), zorder=1.0)
        axes.contour(*where, levels=bounds[1:-1], colors=INK, linewidths=0.5, alpha=0.55, zorder=1.1)
        veil_sea(axes, *frame)
    axes.set_title(title, loc="left", fontsize=TEXT_PT, color=INK, pad=4)
    axes.scatter(
        [_near(origin.longitude_deg, frame)], [origin.latitude_deg], marker="*", s=260, color=STAR_COLOUR,
        edgecolors="white", linewidths=1.1, zorder=6,
    )  # fmt: skip
    crowd = _crowd(marks)
    for counts, style in ((True, COUNTED), (False, LEFT_OUT)):
        mine = [mark for mark in marks if (mark.number is not None) == counts]
        mine.sort(key=lambda mark: mark.number or 0)  # the strongest on top
        axes.scatter(
            [mark.longitude_deg for mark in mine], [mark.latitude_deg for mark in mine], marker="^",
            facecolors=[COLOURS[mark.number - 1] for mark in mine if mark.number] or "none",
            **(style | {"s": crowd * style["s"], "linewidths": np.sqrt(crowd) * style["linewidths"]}),
        )  # fmt: skip
    bar = draw_scale(axes, "left")
    if grid is not None:
        taken = [(_near(origin.longitude_deg, frame), origin.latitude_deg, CLEAR_OF_STAR)]
        taken += [(mark.longitude_deg, mark.latitude_deg, CLEAR_OF_STATION) for mark in marks[:MOST_CLEARED]]
        draw_numerals(axes, grid.longitude_deg, grid.latitude_deg, grid.intensity, taken, bar)


def _crowd(marks: Sequence[_Mark]) -> float:
    """How large marks are drawn: where there are many, smaller."""
    return float(np.clip(np.sqrt(ROOMY / max(len(marks), 1)), 0.25, 1.0))


def _draw_legend(axes: Axes, language: Language) -> None:
    """Explain the marks, on axes of their own."""
    axes.set_axis_off()
    inside = COLOURS[4]
    handles = [
        axes.scatter(
            [], [], marker="*", s=170, color=STAR_COLOUR, edgecolors="white", label=label("epicentre", language)
        ),
        axes.scatter([], [], marker="^", facecolors=inside, label=label("station intensity", language), **COUNTED),
        axes.scatter([], [], marker="^", facecolors="none", label=label("refused", language), **LEFT_OUT),
        Patch(facecolor=inside, alpha=1 - VEIL, label=label("over water", language)),
    ]
    axes.legend(
        handles=handles, loc="upper left", fontsize=SMALL_PT, frameon=False, borderpad=0, borderaxespad=0,
        handletextpad=0.6, handlelength=1.4,
    )  # fmt: skip


def _draw_sigma(
    axes: Axes, grid: _Grid | None, marks: list[_Mark], origin: Origin, frame: Frame,
    *, language: Language, borders: bool,
) -> None:  # fmt: skip
    """How unsure the map is, with its colour bar below."""
    dress(axes)
    axes.grid(visible=False)
    draw_earth(axes, *frame, borders=borders)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(label("sigma", language), loc="left", fontsize=SMALL_PT + 0.5, color=INK, pad=4)
    known = grid is not None and bool(np.any(np.isfinite(grid.sigma)))
    if grid is None or not known:
        say_nothing_there(axes, "–")
    else:
        sigma = np.where(np.isfinite(grid.sigma), np.clip(grid.sigma, 0.0, None), np.nan)
        levels = MaxNLocator(nbins=7).tick_values(0.0, max(float(np.nanmax(sigma)), 0.1))
        field = axes.contourf(grid.longitude_deg, grid.latitude_deg, sigma, levels=levels, cmap=_UNSURE, zorder=1.0)
        bar = axes.inset_axes((0.03, -0.09, 0.94, 0.045))
        axes.figure.colorbar(field, cax=bar, orientation="horizontal", drawedges=True)
        bar.tick_params(labelsize=SMALL_PT - 0.5, length=2, width=0.6, colors=INK)
    axes.scatter(
        [mark.longitude_deg for mark in marks if mark.number], [mark.latitude_deg for mark in marks if mark.number],
        marker="^", s=9 * _crowd(marks), color=INK, linewidths=0, zorder=4,
    )  # fmt: skip
    axes.scatter(
        [_near(origin.longitude_deg, frame)], [origin.latitude_deg], marker="*", s=90, color=STAR_COLOUR,
        edgecolors="white", linewidths=0.7, zorder=6,
    )  # fmt: skip


def _write_notes(
    figure: Figure, notes: Sequence[str], left_in: float, top_in: float, most: int, language: Language
) -> None:
    """Write what a reader must know under the uncertainty, in so many lines."""
    width, height = figure.get_size_inches()
    texts = [plain(note, 400) for note in notes]
    lines = [
        line
        for text in texts
        for line in wrap(text, COLUMNS if text.isascii() else WIDE_COLUMNS, subsequent_indent="  ")
    ]
    shown = lines if len(lines) <= most else [*lines[: max(most - 1, 0)], "…"]
    if shown and most > 0:
        figure.text(
            left_in / width, top_in / height, label("made how", language), fontsize=SMALL_PT + 0.5, color=INK, va="top",
            weight="bold",
        )  # fmt: skip
        figure.text(
            left_in / width, (top_in - 0.17) / height, "\n".join(shown), fontsize=SMALL_PT - 0.5, color=INK, va="top",
            linespacing=1.25,
        )  # fmt: skip
