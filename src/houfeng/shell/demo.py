"""The demonstration recording: a make-believe hour on disk, with its truth."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from houfeng.shell.results import open_folder, write_file
from houfeng.twin.hour import MadeQuake, make_hour
from houfeng.wire import mseed
from houfeng.wire.csv_text import write_csv
from houfeng.wire.model import read_velocity_model
from houfeng.words.instant import NS_PER_S, format_instant, parse_instant
from houfeng.words.quake import Quake
from houfeng.words.samples import segments_of
from houfeng.words.station import Station

#: A plain crust over the mantle, for the make-believe region only.
CRUST_CSV = b"layer_top_km,vp_km_s,vs_km_s\n0,5.5,3.2\n10,6.2,3.6\n35,8.0,4.6\n"

START = "2024-01-01T00:00:00Z"
#: Origin times farther apart are of different quakes: the twin's lie minutes apart.
SAME_QUAKE_NS = 10 * NS_PER_S

SEED = 132  # the year of Zhang Heng's seismoscope


@dataclass(frozen=True, slots=True)
class Recording:
    """Where the recording's parts lie, and the truth about it."""

    waveforms: Path
    stations: Path
    model: Path
    truth: Path
    quakes: tuple[MadeQuake, ...]


def make_recording(folder: Path) -> Recording:
    """Write the hour as miniSEED, station and model tables, and the truth as a table of quakes."""
    hour = make_hour(read_velocity_model(CRUST_CSV, "demo crust"), seed=SEED, start_ns=parse_instant(START))
    recording = Recording(
        folder / "hour.mseed", folder / "stations.csv", folder / "model.csv", folder / "truth.csv", hour.quakes
    )
    open_folder(folder)
    write_file(recording.waveforms, b"".join(mseed.encode(segments_of(batch)) for batch in hour.batches))
    write_file(recording.model, CRUST_CSV)
    write_file(recording.stations, stations_table(hour.stations))
    write_file(recording.truth, _truth(hour.quakes))
    return recording


def heard_of(made: MadeQuake, heard: Iterable[Quake]) -> Quake | None:
    """The quake heard that is this one: the nearest in time, if that is near."""
    near = [quake for quake in heard if abs(quake.origin.time_ns - made.time_ns) <= SAME_QUAKE_NS]
    return min(near, key=lambda quake: abs(quake.origin.time_ns - made.time_ns), default=None)


def stations_table(stations: Iterable[Station]) -> bytes:
    """A station list as CSV, a line per channel; the twin's instruments are flat, so a sensitivity says it all."""
    header = (
        "network",
        "station",
        "location",
        "channel",
        "latitude",
        "longitude",
        "elevation_m",
        "azimuth",
        "dip",
        "scale",
        "scalefreq",
        "scaleunits",
        "samplerate",
    )
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


def _truth(quakes: Iterable[MadeQuake]) -> bytes:
    rows = [
        (
            f"made_{number}",
            format_instant(quake.time_ns),
            round(quake.latitude_deg, 5),
            round(quake.longitude_deg, 5),
            quake.depth_m / 1000,
            quake.magnitude,
        )
        for number, quake in enumerate(quakes, start=1)
    ]
    return write_csv([("event_id", "origin_time", "latitude", "longitude", "depth_km", "magnitude"), *rows])
