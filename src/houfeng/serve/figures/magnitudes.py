"""What each station says of the size, scale by scale."""

import numpy as np
from matplotlib.axes import Axes

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
    say_nothing_there,
)
from houfeng.words.earth import EARTH_RADIUS_M
from houfeng.words.quake import Magnitude, Quake, StationMagnitude

WIDTH_IN, PANEL_IN, FOOT_IN, BETWEEN_IN, SIDE_IN = 10.0, 2.3, 0.5, 0.32, 0.75

#: The headline leaves a little more room than the first panel's legend needs.
RAISED_IN = 0.15

#: More scales than this do not fit on a page; the preferred one comes first.
MOST_SCALES = 4

#: So many of those left out are named; more would hide the points.
NAMED = 8

#: No magnitude lies beyond, and no distance beyond half the way round the Earth.
SMALLEST, LARGEST = -5.0, 12.0
FARTHEST_M = np.pi * EARTH_RADIUS_M

#: The least a panel spans, magnitude units: a tenth more or less should not look like a quarrel.
LEAST_SPAN = 1.0


def magnitudes_figure(quake: Quake, *, language: Language = "en") -> bytes:
    """Draw station magnitudes against hypocentral distance, a panel for each scale, as PNG.

    The line is the network's value, the band one standard deviation to either side. Hollow marks did not count; those
    furthest from the line are named. A station whose distance is not known stands at the left edge.
    """
    shown = quake.magnitudes[:MOST_SCALES]
    rows = max(len(shown), 1)
    height_in = HEAD_IN + rows * (PANEL_IN + BETWEEN_IN) + FOOT_IN - RAISED_IN
    figure = new_figure(WIDTH_IN, height_in)
    hidden = len(quake.magnitudes) - len(shown)
    headline(figure, quake, language, f"{hidden} {label('more', language)}" if hidden else "")
    farthest_km = 1.06 * max((_distance_km(one) for size in shown for one in size.stations), default=1.0) + 0.1
    for row in range(rows):
        bottom = height_in - HEAD_IN + RAISED_IN - (row + 1) * (PANEL_IN + BETWEEN_IN)
        across = (WIDTH_IN - SIDE_IN - 0.15) / WIDTH_IN
        axes = figure.add_axes((SIDE_IN / WIDTH_IN, bottom / height_in, across, PANEL_IN / height_in))
        dress(axes)
        axes.set_xlim(0, farthest_km)
        axes.tick_params(labelbottom=row == rows - 1)
        if shown:
            _draw(axes, shown[row], language)
        else:
            say_nothing_there(axes, label("no magnitude", language))
    axes.set_xlabel(label("hypocentral", language), fontsize=TEXT_PT, color=INK)
    return png(figure)


def _distance_km(one: StationMagnitude) -> float:
    return float(one.distance_m / 1000) if 0 <= one.distance_m <= FARTHEST_M else 0.0


def _draw(axes: Axes, size: Magnitude, language: Language) -> None:
    kind = plain(size.kind, 12)
    axes.set_ylabel(kind, fontsize=TEXT_PT + 1, color=INK, weight="bold")
    stations = [one for one in size.stations if SMALLEST <= one.value <= LARGEST]
    known = SMALLEST <= size.value <= LARGEST
    middle = size.value if known else 0.0
    values = [middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2, *(one.value for one in stations)]
    room = 0.12 * (max(values) - min(values))
    axes.set_ylim(min(values) - room, max(values) + room)
    if known:
        scatter = size.uncertainty if 0 <= size.uncertainty <= LARGEST else 0.0
        axes.axhspan(middle - scatter, middle + scatter, color="#D9D6CE", alpha=0.55, lw=0)
        text = f"{label('network value', language)} {middle:.2f} ± {scatter:.2f}"
        axes.axhline(middle, color=STAR_COLOUR, linewidth=1.3, label=text)
    for counts in (True, False):
        mine = [one for one in stations if (not one.refused) == counts]
        if mine:
            axes.scatter(
                [_distance_km(one) for one in mine], [one.value for one in mine], marker="o", s=34 if counts else 28,
                facecolors=USED_COLOUR if counts else "none", edgecolors="white" if counts else FAINT_INK,
                linewidths=0.7 if counts else 1.0, alpha=0.85 if counts else 1.0, zorder=4 if counts else 3,
                label=f"{label('counts' if counts else 'left out', language)} ({len(mine)})", clip_on=False,
            )  # fmt: skip
    worst = sorted((one for one in stations if one.refused), key=lambda one: -abs(one.value - middle))[:NAMED]
    for one in worst:
        axes.annotate(
            plain(one.station_key, 16), (_distance_km(one), one.value), textcoords="offset points", color=FAINT_INK,
            xytext=(-6, 0) if _distance_km(one) > axes.get_xlim()[1] / 2 else (6, 0), va="center", fontsize=SMALL_PT,
            ha="right" if _distance_km(one) > axes.get_xlim()[1] / 2 else "left",
        )  # fmt: skip
    axes.text(
        0.0, 1.02, plain(size.relation, 90), transform=axes.transAxes, fontsize=SMALL_PT, color=FAINT_INK, va="bottom"
    )
    legend(axes, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.2)
