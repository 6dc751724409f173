"""Write quakes as a plain table."""

from collections.abc import Iterable

from houfeng.wire.csv_text import harmless, write_csv
from houfeng.words.instant import format_instant
from houfeng.words.quake import Quake

COLUMNS = (
    "quake_id",
    "version",
    "time",
    "latitude_deg",
    "longitude_deg",
    "depth_m",
    "time_uncertainty_s",
    "semi_major_m",
    "depth_uncertainty_m",
    "magnitude_kind",
    "magnitude",
    "magnitude_uncertainty",
    "arrivals",
    "stations",
    "gap_deg",
    "rms_s",
    "nearest_m",
    "quality",
    "model",
)


def write_quakes_csv(quakes: Iterable[Quake]) -> bytes:
    """Write versions of quakes as CSV with a header, one line each, in the order given.

    semi_major_m is that of the 68 % ellipse. What a quake does not have is left empty.
    """
    return write_csv([COLUMNS, *map(_row, quakes)])


def _row(quake: Quake) -> tuple[object, ...]:
    origin, size = quake.origin, quake.magnitude
    return (
        harmless(quake.quake_id),
        quake.version,
        format_instant(origin.time_ns),
        origin.latitude_deg,
        origin.longitude_deg,
        origin.depth_m,
        origin.time_uncertainty_s,
        origin.ellipses[0].semi_major_m if origin.ellipses else "",
        origin.depth_uncertainty_m,
        size.kind if size else "",
        size.value if size else "",
        size.uncertainty if size else "",
        len(origin.arrivals),
        origin.station_count,
        origin.gap_deg,
        origin.rms_s,
        origin.nearest_m,
        origin.quality,
        harmless(origin.model),
    )
