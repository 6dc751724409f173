"""How well the arrivals fit the location."""

import numpy as np
from matplotlib.axes import Axes

from houfeng.serve.figures.labels import Language, label
from houfeng.serve.figures.style import (
    FAINT_INK,
    HEAD_IN,
    INK,
    PHASE_COLOUR,
    SMALL_PT,
    TEXT_PT,
    dress,
    headline,
    legend,
    new_figure,
    plain,
    png,
    say_nothing_there,
)
from houfeng.words.quake import Arrival, Phase, Quake

WIDTH_IN, HEIGHT_IN = 10.0, 5.0

#: Below this share of its weight an arrival did not count.
OUTLIER_WEIGHT = 0.1

#: So many of those left out are named; more would hide the points.
NAMED = 8

_SHAPE: dict[Phase, str] = {"P": "o", "S": "s"}


def residuals(quake: Quake, *, language: Language = "en") -> bytes:
    """Draw observed minus predicted arrival time against distance and azimuth, as PNG.

    The larger the mark, the more an arrival weighed; crosses were left out as outliers and named. The grey band
    is the origin's rms. What lies beyond the axis is drawn as a triangle at its edge.
    """
    figure = new_figure(WIDTH_IN, HEIGHT_IN)
    grid = figure.add_gridspec(
        1, 2, left=0.08, right=0.985, bottom=0.12, top=1 - HEAD_IN / HEIGHT_IN, wspace=0.04, width_ratios=(1.15, 1)
    )
    near, around = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    arrivals = quake.origin.arrivals
    limit_s = _limit_s(arrivals, quake.origin.rms_s)
    counts = "  ".join(f"{sum(a.pick.phase == phase for a in arrivals)} {phase}" for phase in ("P", "S"))
    headline(figure, quake, language, counts)
    for axes in (near, around):
        dress(axes)
        axes.set_ylim(-limit_s, limit_s)
        axes.axhspan(
            -quake.origin.rms_s, quake.origin.rms_s, color="#D9D6CE", alpha=0.55, lw=0, label=label("rms", language)
        )
        axes.axhline(0.0, color=FAINT_INK, linewidth=0.9)
    _draw(near, arrivals, [arrival.distance_m / 1000 for arrival in arrivals], limit_s, language)
    _draw(around, arrivals, [arrival.azimuth_deg for arrival in arrivals], limit_s, language)
    if not arrivals:
        say_nothing_there(near, label("no arrivals", language))
    near.set_xlim(0, 1.08 * max((arrival.distance_m / 1000 for arrival in arrivals), default=1.0) + 0.1)
    near.set_xlabel(label("distance", language), fontsize=TEXT_PT, color=INK)
    near.set_ylabel(label("residual", language), fontsize=TEXT_PT, color=INK)
    around.set_xlim(0, 360)
    around.set_xticks([0, 90, 180, 270, 360], ["N", "E", "S", "W", "N"])
    around.set_xlabel(label("azimuth", language), fontsize=TEXT_PT, color=INK)
    around.tick_params(labelleft=False)
    legend(near, loc="best", ncols=2)
    return png(figure)


def _limit_s(arrivals: tuple[Arrival, ...], rms_s: float) -> float:
    """Half the axis: room for all that counted, and for outliers up to twice that."""
    counted = [abs(arrival.residual_s) for arrival in arrivals if arrival.weight >= OUTLIER_WEIGHT]
    everything = [abs(arrival.residual_s) for arrival in arrivals]
    inner = max([3 * rms_s, 0.1, *counted])
    return 1.15 * min(max([inner, *everything]), 2 * inner)


def _draw(axes: Axes, arrivals: tuple[Arrival, ...], across: list[float], limit_s: float, language: Language) -> None:
    x, y = np.array(across), np.array([arrival.residual_s for arrival in arrivals])
    weight = np.array([arrival.weight for arrival in arrivals])
    for phase, colour in PHASE_COLOUR.items():
        mine = np.array([arrival.pick.phase == phase for arrival in arrivals], dtype=bool)
        counted, inside = weight >= OUTLIER_WEIGHT, np.abs(y) <= limit_s
        kept, left_out = mine & counted, mine & ~counted & inside
        if kept.any():
            axes.scatter(
                x[kept], y[kept], s=16 + 44 * weight[kept], marker=_SHAPE[phase], color=colour, alpha=0.75,
                edgecolors="white", linewidths=0.6, label=phase, zorder=3,
            )  # fmt: skip
        if left_out.any():
            axes.scatter(
                x[left_out], y[left_out], s=34, marker="x", color=colour, linewidths=1.3, zorder=4,
                label=f"{phase} {label('outlier', language)}",
            )  # fmt: skip
        for up in (True, False):
            far = mine & ~inside & ((y > 0) == up)
            if far.any():
                axes.scatter(
                    x[far], np.full(far.sum(), 0.965 * limit_s if up else -0.965 * limit_s), s=36,
                    marker="^" if up else "v", facecolors="none", edgecolors=colour, linewidths=1.2, zorder=4,
                    label=f"{phase} {label('beyond', language)}" if up or not (mine & (y > limit_s)).any() else None,
                )  # fmt: skip
    worst = sorted(np.flatnonzero(weight < OUTLIER_WEIGHT), key=lambda row: -abs(y[row]))[:NAMED]
    for row in worst:
        axes.annotate(
            plain(arrivals[row].pick.source.station, 12),
            (x[row], float(np.clip(y[row], -0.965 * limit_s, 0.965 * limit_s))),
            xytext=(5, 3 if y[row] < 0 else -9),
            textcoords="offset points",
            fontsize=SMALL_PT,
            color=FAINT_INK,
        )
