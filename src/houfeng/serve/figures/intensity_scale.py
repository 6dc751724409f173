"""Classes of intensity: numerals, colours, and the shaking in the middle of each; their table and their numerals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from houfeng.quake.shake.csis import OF_PGA, OF_PGV
from houfeng.quake.shake.mmi import mmi_of_pga, mmi_of_pgv
from houfeng.serve.figures.labels import Language, felt, label
from houfeng.serve.figures.style import FAINT_INK, INK, SMALL_PT, TEXT_PT

Scale = Literal["mmi", "csis"]

ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

#: From pale blue over green, yellow and red to nearly black, as shaking maps have been since Wald et al. 1999
#: (doi:10.1193/1.1586058), but ever darker: the order stays visible in grey and to every kind of colour vision.
COLOURS: Final = (
    "#FBFCFF", "#E1E8FE", "#C2D6FC", "#9EDDE0", "#A9DA72", "#E6BF1E", "#EB9029", "#DB562E", "#B92734", "#871037",
    "#560F3C", "#280F36",
)  # fmt: skip

HIGHEST: Final[dict[Scale, int]] = {"mmi": 10, "csis": 12}

G_MPS2: Final = 9.80665  # standard gravity, CGPM 1901

#: Columns the row heads of the table take; the first class on which white reads better than black.
_HEADS, _DARK = 1.9, 8

#: A numeral stands where its class is at least so wide, as a share of the map, this far from the next one
#: and from the edge.
LEAST_BAND: Final = 0.012
APART: Final = 0.35
EDGE: Final = 0.025
MOST_NUMERALS: Final = 3

#: On grids with more rows or columns numerals are placed by every second, third ... of them.
MOST_CELLS: Final = 300

#: Where the inverse of Worden et al. 2012 is looked for: m/s2 and m/s.
_PEAKS: Final = np.logspace(-5, 3, 4001)


@dataclass(frozen=True, slots=True)
class IntensityClass:
    """One class of a scale, reaching half a unit to either side of its number.

    pga_mps2, pgv_mps  peaks that alone give this number
    """

    number: int
    roman: str
    colour: str
    pga_mps2: float
    pgv_mps: float


def classes(scale: Scale) -> tuple[IntensityClass, ...]:
    """All classes of a scale, the lowest first."""
    return tuple(
        IntensityClass(number, ROMAN[number - 1], COLOURS[number - 1], *_peaks(scale, float(number)))
        for number in range(1, HIGHEST[scale] + 1)
    )


def class_of(intensity: float, scale: Scale) -> int | None:
    """Number of the class an intensity falls in; None for NaN. Beyond an end of the scale it is the class there."""
    if not np.isfinite(intensity):
        return None
    return int(np.clip(np.floor(intensity + 0.5), 1, HIGHEST[scale]))


def draw_classes(axes: Axes, scale: Scale, language: Language) -> None:
    """Fill axes with a table of the classes: colour and numeral, how it is felt, and the peaks in its middle."""
    shown = classes(scale)
    axes.set_axis_off()
    axes.set_xlim(-_HEADS, len(shown))
    axes.set_ylim(0, 4)
    units = ("pga % g", "pgv cm/s") if scale == "mmi" else ("pga m/s2", "pgv m/s")
    for row, key in enumerate(("class", "felt", *units)):
        axes.text(-_HEADS, 3.5 - row, label(key, language), fontsize=SMALL_PT, color=INK, va="center")
    for column, one in enumerate(shown):
        axes.add_patch(Rectangle((column, 3.02), 1, 0.96, facecolor=one.colour, edgecolor=INK, linewidth=0.5))
        end = "<" if column == 0 else ">" if one is shown[-1] else ""
        pga = one.pga_mps2 / G_MPS2 * 100 if scale == "mmi" else one.pga_mps2
        pgv = one.pgv_mps * 100 if scale == "mmi" else one.pgv_mps
        for row, text in enumerate((one.roman, felt(scale, one.number, language), end + _two(pga), end + _two(pgv))):
            dark = row == 0 and one.number >= _DARK
            axes.text(
                column + 0.5, 3.5 - row, text, ha="center", va="center", color="white" if dark else INK,
                fontsize=TEXT_PT if row == 0 else SMALL_PT, weight="bold" if row == 0 else "normal",
            )  # fmt: skip
    for row in (1, 2):
        axes.axhline(row, color=FAINT_INK, linewidth=0.4)


def draw_numerals(
    axes: Axes,
    longitude_deg: NDArray[np.float64],
    latitude_deg: NDArray[np.float64],
    intensity: NDArray[np.float64],
    taken: Sequence[tuple[float, float, float]],
    bar: Bbox,
) -> None:
    """Write the numeral of each class of a field where that class is widest.

    longitude_deg, latitude_deg  [columns] and [rows], ascending, within the axes' limits
    intensity                    [rows, columns], NaN where it is not known
    taken                        longitude, latitude and radius, a share of the map, to keep clear of
    bar                          a lower corner to keep clear of, in shares of the axes
    """
    thin = max(1, max(intensity.shape) // MOST_CELLS)
    longitudes, latitudes, values = longitude_deg[::thin], latitude_deg[::thin], intensity[::thin, ::thin]
    if min(values.shape) < 2:
        return
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    x, y = (longitudes - west) / (east - west), (latitudes - south) / (north - south)
    step = (float(np.ptp(y)) / (len(y) - 1), float(np.ptp(x)) / (len(x) - 1))
    below = (y[:, None] < bar.y1) & (x[None, :] > bar.x0) & (x[None, :] < bar.x1)
    whole = (np.abs(y[:, None] - 0.5) < 0.5 - EDGE) & (np.abs(x[None, :] - 0.5) < 0.5 - EDGE)
    free = np.isfinite(values) & ~below & whole
    for longitude, latitude, clear in taken:
        free &= ~_within(x, y, (longitude - west) / (east - west), (latitude - south) / (north - south), clear)
    number = np.floor(np.where(free, values, 0.0) + 0.5)
    for one in np.unique(number[free]):
        mine = number == one
        for _ in range(MOST_NUMERALS):
            room = distance_transform_edt(np.pad(mine, 1), sampling=step)[1:-1, 1:-1]
            row, column = np.unravel_index(int(np.argmax(room)), room.shape)
            if room[row, column] < LEAST_BAND:
                break
            axes.text(
                longitudes[column], latitudes[row], ROMAN[int(one) - 1], fontsize=TEXT_PT + 1, weight="bold", color=INK,
                ha="center", va="center", zorder=5, clip_on=True,
                path_effects=[withStroke(linewidth=2.2, foreground="white", alpha=0.8)],
            )  # fmt: skip
            mine = mine & ~_within(x, y, x[column], y[row], APART)


def _within(
    x: NDArray[np.float64], y: NDArray[np.float64], at_x: float, at_y: float, radius: float
) -> NDArray[np.bool_]:
    return np.asarray((x[None, :] - at_x) ** 2 + (y[:, None] - at_y) ** 2 < radius**2)


def _two(value: float) -> str:
    """Two digits that count, no exponent."""
    return f"{value:.{max(0, 1 - int(np.floor(np.log10(value))))}f}"


def _peaks(scale: Scale, intensity: float) -> tuple[float, float]:
    """Peak acceleration, m/s2, and velocity, m/s, of an intensity."""
    if scale == "csis":
        pga, pgv = (10 ** ((intensity - constant) / slope) for slope, constant in (OF_PGA, OF_PGV))
        return pga, pgv
    pga, pgv = (_first_with(intensity, curve) for curve in (mmi_of_pga(_PEAKS), mmi_of_pgv(_PEAKS)))
    return pga, pgv


def _first_with(intensity: float, curve: NDArray[np.float64]) -> float:
    """The peak of an intensity; at the clipped ends, where many have the same, the one nearest the scale's inside."""
    at = np.flatnonzero(curve <= intensity)[-1] if intensity <= 1 else np.argmax(curve >= intensity)
    return float(_PEAKS[at])
