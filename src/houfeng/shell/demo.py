"""The demonstration recording: an hour of a make-believe city on disk, with its truth."""

from collections.abc import Iterable
from pathlib import Path

from houfeng.shell.twinning import Recording, load_scenario, write_recording
from houfeng.twin.made import MadeQuake
from houfeng.wire.csv_text import write_csv
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Quake
from houfeng.words.station import Station

#: The scenario that is played.
SCENARIO = "city"

#: A plain crust over the mantle, for make-believe regions only.
CRUST_CSV = b"layer_top_km,vp_km_s,vs_km_s\n0,5.5,3.2\n10,6.2,3.6\n35,8.0,4.6\n"

#: Origin times farther apart are of different quakes: the twin's lie minutes apart.
SAME_QUAKE_NS = 10 * NS_PER_S


def make_recording(folder: Path) -> Recording:
    """Write the hour as miniSEED, station and model tables, and the truth as tables."""
    return write_recording(load_scenario(SCENARIO), folder)


def heard_of(made: MadeQuake, heard: Iterable[Quake]) -> Quake | None:
    """The quake heard that is this one: the nearest in time, if that is near."""
    near = [quake for quake in heard if abs(quake.origin.time_ns - made.time_ns) <= SAME_QUAKE_NS]
    return min(near, key=lambda quake: abs(quake.origin.time_ns - made.time_ns), default=None)


def stations_table(stations: Iterable[Station]) -> bytes:
    """A station list as CSV, a line per channel, for flat instruments, whose sensitivity says it all."""
    header = (
        "network", "station", "location", "channel", "latitude", "longitude", "elevation_m", "azimuth", "dip", "scale",
        "scalefreq", "scaleunits", "samplerate",
    )  # fmt: skip
    rows = [
        (
            channel.source.network,
            channel.source.station,
            channel.source.location,
            channel.source.channel,
            station.latitude_deg,
            station.longitude_deg,
            station.elevation_m,
            channel.azimuth_deg,
            channel.dip_deg,
            channel.response.sensitivity,
            channel.response.sensitivity_hz,
            channel.response.input_units,
            channel.rate_hz,
        )
        for station in stations
        for channel in station.channels
        if channel.response is not None
    ]
    return write_csv([header, *rows])
