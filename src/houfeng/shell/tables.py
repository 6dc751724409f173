"""Quakes as tables on a terminal."""

from collections.abc import Sequence

from rich.table import Table

from houfeng.shell.demo import heard_of
from houfeng.twin.made import MadeQuake
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S, format_instant
from houfeng.words.quake import Quake


def quake_table(quakes: Sequence[Quake], *, versions: bool = False) -> Table:
    """A line per quake; versions: say which version of it."""
    named = ("v",) if versions else ()
    table = _table("time (UTC)", "lat", "lon", "± km", "depth km", "size", "picks", "gap", "rms", "Q", *named)
    for quake in quakes:
        origin = quake.origin
        major_m = origin.ellipses[0].semi_major_m if origin.ellipses else float("nan")
        table.add_row(
            _clock(origin.time_ns),
            f"{origin.latitude_deg:.3f}",
            f"{origin.longitude_deg:.3f}",
            f"{major_m / 1000:.1f}",
            f"{origin.depth_m / 1000:.1f}±{origin.depth_uncertainty_m / 1000:.1f}",
            _size(quake),
            str(len(origin.arrivals)),
            f"{origin.gap_deg:.0f}°",
            f"{origin.rms_s:.2f}",
            origin.quality,
            *((str(quake.version),) if versions else ()),
        )
    return table


def truth_table(made: Sequence[MadeQuake], heard: Sequence[Quake]) -> Table:
    """A line per quake that was made, with how far off what was heard of it is."""
    table = _table("made (UTC)", "size", "heard as", "s late", "km away", "km too deep")
    for one in made:
        quake = heard_of(one, heard)
        said: tuple[str, ...] = ("not heard",)
        if quake is not None:
            origin = quake.origin
            away_m = distance_m(one.latitude_deg, one.longitude_deg, origin.latitude_deg, origin.longitude_deg)
            said = (
                _size(quake),
                f"{(origin.time_ns - one.time_ns) / NS_PER_S:+.2f}",
                f"{away_m / 1000:.1f}",
                f"{(origin.depth_m - one.depth_m) / 1000:+.1f}",
            )
        table.add_row(_clock(one.time_ns), f"{one.magnitude:.1f}", *said)
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))  # tight: ten columns in the 80 of an ordinary terminal
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _clock(time_ns: int) -> str:
    return format_instant(time_ns, 1).replace("T", " ").rstrip("Z")


def _size(quake: Quake) -> str:
    return f"{quake.magnitude.kind} {quake.magnitude.value:.1f}" if quake.magnitude else "-"
