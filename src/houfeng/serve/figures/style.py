"""The look all pictures share: figure, colours, headline, and text that cannot misbehave."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from houfeng.serve.figures.fonts import LATIN, drawable, families
from houfeng.serve.figures.labels import Language, label
from houfeng.words.instant import format_instant
from houfeng.words.quake import Origin, Phase, Quake

#: Okabe & Ito's colours (2008), told apart by every kind of colour vision; shapes repeat what they say.
PHASE_COLOUR: Final[dict[Phase, str]] = {"P": "#0072B2", "S": "#D55E00"}
STAR_COLOUR: Final = "#CC3311"
USED_COLOUR: Final = "#0072B2"
INK: Final = "#222222"
FAINT_INK: Final = "#777777"
GRID: Final = "#E3E1DC"
PAPER: Final = "#FFFFFF"
PANEL: Final = "#FBFAF7"

DPI: Final = 150
HEADLINE_PT: Final = 13.0
TEXT_PT: Final = 9.0
SMALL_PT: Final = 7.5

#: Room above the axes for headline and second line, inches.
HEAD_IN: Final = 0.85

_LONGEST: Final = 160


def new_figure(width_in: float, height_in: float) -> Figure:
    """A blank figure, outside pyplot and its global state."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes for the same content."""
    for text in figure.findobj(Text):
        text.set_fontfamily(list(families()))
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor=PAPER, metadata={"Software": None})
    return buffer.getvalue()


def plain(text: str, longest: int = _LONGEST) -> str:
    """Text from outside, fit to draw: printable with the fonts there are, on one line, no mathematics, not too long."""
    printable = "".join(char if char.isprintable() and ord(char) in drawable() else "?" for char in text)
    cut = printable if len(printable) <= longest else printable[: longest - 1] + "…"
    return cut.replace("\\", "/").replace("$", r"\$")


def dress(axes: Axes) -> None:
    """House look of one panel."""
    axes.set_facecolor(PANEL)
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=GRID, linewidth=0.7)
    axes.tick_params(labelsize=SMALL_PT + 0.5, colors=INK, length=3, width=0.7, labelfontfamily=LATIN)
    for spine in axes.spines.values():
        spine.set_color(FAINT_INK)
        spine.set_linewidth(0.7)


def legend(axes: Axes, order: Sequence[str] = (), **where: Any) -> None:
    """House look of a legend, the labels named in order first; nothing when there is nothing to explain."""
    handles, names = axes.get_legend_handles_labels()
    rank = {name: place for place, name in enumerate(order)}
    rows = sorted(range(len(names)), key=lambda row: rank.get(names[row], len(rank)))
    if rows:
        frame = axes.legend(
            [handles[row] for row in rows], [names[row] for row in rows], fontsize=SMALL_PT, framealpha=0.92,
            edgecolor=GRID, facecolor=PAPER, **where,
        )  # fmt: skip
        frame.set_zorder(20)
        for text in frame.get_texts():  # now rather than in png(): the room it takes is asked for before
            text.set_fontfamily(list(families()))


def headline(figure: Figure, quake: Quake, language: Language, extra: str = "") -> None:
    """Say on top what, when and where, and below it how sure."""
    width, height = figure.get_size_inches()
    left = 0.12 / width * 4
    figure.text(
        left, 1 - 0.2 / height, plain(what(quake, language)), fontsize=HEADLINE_PT, weight="bold", color=INK, va="top"
    )
    line = plain(how_sure(quake.origin, language) + (f"  ·  {extra}" if extra else ""))
    figure.text(left, 1 - 0.5 / height, line, fontsize=TEXT_PT, color=FAINT_INK, va="top")


def what(quake: Quake, language: Language) -> str:
    """Size, time and place in one line."""
    origin, magnitude = quake.origin, quake.magnitude
    size = (
        label("no magnitude", language)
        if magnitude is None
        else f"{magnitude.kind} {magnitude.value:.1f} ± {magnitude.uncertainty:.1f}"
    )
    time = format_instant(origin.time_ns, 1).replace("T", " ").replace("Z", " UTC")
    return f"{size}   {time}   {place(origin)}"


def place(origin: Origin) -> str:
    """Latitude and longitude as people write them."""
    north, east = "N" if origin.latitude_deg >= 0 else "S", "E" if origin.longitude_deg >= 0 else "W"
    return f"{abs(origin.latitude_deg):.3f}°{north} {abs(origin.longitude_deg):.3f}°{east}"


def how_sure(origin: Origin, language: Language) -> str:
    """Depth, errors and quality in one line."""
    parts = [
        f"{label('depth', language)} {origin.depth_m / 1000:.1f} ± {origin.depth_uncertainty_m / 1000:.1f} km",
        *(
            f"{label('epicentre within', language)} {ellipse.semi_major_m / 1000:.1f} km ({ellipse.confidence:.0%})"
            for ellipse in origin.ellipses[:1]
        ),
        f"{origin.station_count} {label('stations', language)}",
        f"{label('gap', language)} {origin.gap_deg:.0f}°",
        f"{label('rms', language)} {origin.rms_s:.2f} s",
        f"{label('quality', language)} {origin.quality}",
        origin.model,
    ]
    return "  ·  ".join(part for part in parts if part)


def say_nothing_there(axes: Axes, text: str) -> None:
    """Write across an empty panel why it is empty."""
    axes.text(0.5, 0.5, plain(text), transform=axes.transAxes, ha="center", va="center", color=FAINT_INK, fontsize=11)
