"""A few minutes of the twin's make-believe network, on disk, for the tests of the shell."""

from dataclasses import dataclass
from pathlib import Path

from houfeng.shell.demo import CRUST_CSV
from houfeng.twin.hour import Hour, make_hour
from houfeng.wire import mseed
from houfeng.wire.model import read_velocity_model
from houfeng.words.instant import parse_instant
from houfeng.words.samples import segments_of

START_NS = parse_instant("2024-01-01T00:00:00Z")


@dataclass(frozen=True)
class Short:
    """Where the files lie, and the hour they were made from."""

    waveforms: Path
    stations: Path
    model: Path
    hour: Hour


def make_short(folder: Path) -> Short:
    """150 s under eight stations: five quakes, one of them of magnitude 4."""
    hour = make_hour(read_velocity_model(CRUST_CSV, "crust"), seed=5, start_ns=START_NS, stations=8, duration_s=150)
    short = Short(folder / "short.mseed", folder / "stations.csv", folder / "model.csv", hour)
    short.waveforms.write_bytes(b"".join(mseed.encode(segments_of(batch)) for batch in hour.batches))
    short.model.write_bytes(CRUST_CSV)
    lines = ["network,station,latitude,longitude,elevation_m"]
    lines += [f"{s.network},{s.code},{s.latitude_deg},{s.longitude_deg},{s.elevation_m}" for s in hour.stations]
    short.stations.write_text("\n".join(lines) + "\n")
    return short
