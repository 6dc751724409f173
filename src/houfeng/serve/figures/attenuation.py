"""How shaking falls with distance: what stations measured, and what the map says at that distance."""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from houfeng.serve.figures.labels import Language, label
from houfeng.serve.figures.style import (
    FAINT_INK,
    HEAD_IN,
    INK,
    STAR_COLOUR,
    TEXT_PT,
    USED_COLOUR,
    dress,
    headline,
    legend,
    new_figure,
    png,
    say_nothing_there,
)
from houfeng.words.earth import EARTH_RADIUS_M, distance_m
from houfeng.words.quake import Origin, Quake
from houfeng.words.shaking import ShakingMap, StationShaking

WIDTH_IN, HEIGHT_IN = 10.0, 4.6

#: A tenth of a decade of distance is one bin of the map's nodes; one with fewer nodes says little.
BIN_DECADES: Final = 0.1
LEAST_NODES: Final = 3

#: Nearer than this a distance from the epicentre means nothing; the axis starts here.
NEAREST_M: Final = 1_000.0

#: No ground on Earth has moved outside these, m/s2 or m/s.
WEAKEST, STRONGEST = 1e-9, 1e3

Peak = Literal["pga", "pgv"]


def attenuation_figure(
    quake: Quake, stations: Sequence[StationShaking], shaking: ShakingMap | None = None, *, language: Language = "en"
) -> bytes:
    """Draw peak acceleration and velocity of stations against epicentral distance, as PNG.

    stations  those without a distance or a peak are passed over; refused ones are drawn hollow
    shaking   with it, the line is the mean over the map's nodes at a distance, in the logarithm, and the band one
              standard deviation: their scatter and their own sigma together
    """
    figure = new_figure(WIDTH_IN, HEIGHT_IN)
    headline(figure, quake, language)
    width, top = (WIDTH_IN - 1.75) / 2 / WIDTH_IN, 1 - HEAD_IN / HEIGHT_IN
    peaks: tuple[Peak, Peak] = ("pga", "pgv")
    for left_in, peak in zip((0.75, 0.75 + width * WIDTH_IN + 0.85), peaks, strict=True):
        axes = figure.add_axes((left_in / WIDTH_IN, 0.12, width, top - 0.12))
        dress(axes)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(label("distance", language), fontsize=TEXT_PT, color=INK)
        axes.set_ylabel(label("pga m/s2" if peak == "pga" else "pgv m/s", language), fontsize=TEXT_PT, color=INK)
        band = np.empty((0, 3)) if shaking is None else _band(quake.origin, shaking, peak)
        _draw(axes, _seen(stations, peak), band, language)
    return png(figure)


def _seen(stations: Sequence[StationShaking], peak: Peak) -> NDArray[np.float64]:
    """Distance, m, peak, and 1 for a station that counts, else 0; [stations, 3]."""
    rows = [
        (one.distance_m, one.pga_mps2 if peak == "pga" else one.pgv_mps, 0.0 if one.refused else 1.0)
        for one in stations
    ]
    seen = np.array(rows, dtype=np.float64).reshape(-1, 3)
    there = (seen[:, 0] >= 0) & (seen[:, 0] <= np.pi * EARTH_RADIUS_M)
    return seen[there & (seen[:, 1] >= WEAKEST) & (seen[:, 1] <= STRONGEST)]


def _band(origin: Origin, shaking: ShakingMap, peak: Peak) -> NDArray[np.float64]:
    """Distance, m, mean and standard deviation of the logarithm of the peak; [bins, 3]."""
    shape = (len(shaking.latitude_deg), len(shaking.longitude_deg))
    if peak not in shaking.median or shaking.median[peak].shape != shape:
        return np.empty((0, 3))
    sigma = shaking.sigma[peak] if peak in shaking.sigma else np.zeros(shape)
    places = np.meshgrid(shaking.longitude_deg, shaking.latitude_deg)
    away_m = np.maximum(distance_m(origin.latitude_deg, origin.longitude_deg, places[1], places[0]), NEAREST_M)
    with np.errstate(divide="ignore", invalid="ignore"):
        ln_median = np.log(shaking.median[peak])
    if sigma.shape != shape:
        return np.empty((0, 3))
    known = np.isfinite(ln_median) & np.isfinite(sigma) & np.isfinite(away_m)
    bins = np.floor(np.log10(away_m[known]) / BIN_DECADES).astype(int)
    rows = []
    for one in np.unique(bins):
        mine = bins == one
        if mine.sum() >= LEAST_NODES:
            logs, unsure = ln_median[known][mine], sigma[known][mine]
            spread = float(np.sqrt(np.var(logs) + np.mean(unsure**2)))
            rows.append((10 ** ((one + 0.5) * BIN_DECADES), float(np.mean(logs)), spread))
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _draw(axes: Axes, seen: NDArray[np.float64], band: NDArray[np.float64], language: Language) -> None:
    if not len(seen) and not len(band):
        say_nothing_there(axes, label("no shaking", language))
        return
    if len(band):
        km, mean, spread = band[:, 0] / 1000, band[:, 1], band[:, 2]
        axes.fill_between(km, np.exp(mean - spread), np.exp(mean + spread), color="#D9D6CE", alpha=0.6, lw=0)
        axes.plot(km, np.exp(mean), color=STAR_COLOUR, linewidth=1.3, label=label("map at distance", language))
    for counts in (True, False):
        mine = seen[(seen[:, 2] > 0) == counts]
        if len(mine):
            axes.scatter(
                np.maximum(mine[:, 0], NEAREST_M) / 1000, mine[:, 1], marker="^", s=30 if counts else 24,
                facecolors=USED_COLOUR if counts else "none", edgecolors="white" if counts else FAINT_INK,
                linewidths=0.6 if counts else 0.9, zorder=4 if counts else 3,
                label=f"{label('counts' if counts else 'left out', language)} ({len(mine)})",
            )  # fmt: skip
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    legend(axes, loc="lower left")
