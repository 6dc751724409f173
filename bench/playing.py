"""Playing a set through the whole centre with nothing but its own inventory and model, and what it says is true."""

import time

import numpy as np

from houfeng.quake.detect.picker import Picker
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.shell.replay.replay import OnTold, Outcome, Setup, load_inventory, load_model, replay
from houfeng.words.instant import parse_instant
from houfeng.words.quake import Origin
from rows import DATA, rows_of


def play(name: str, picker: Picker, waveforms: str = "waveforms", on_told: OnTold = lambda _: None) -> Outcome:
    """Replay a set with nothing but its own inventory and model."""
    folder = DATA / name
    stations = folder / "stations"
    model = stations / "velocity_model.csv"
    metadata = [str(path) for path in sorted(stations.iterdir()) if path != model] if stations.is_dir() else []
    setup = Setup(
        recordings=open_recordings(find_files([str(folder / waveforms)]), now_ns=time.time_ns()),
        inventory=load_inventory(metadata),
        model=load_model(model if model.exists() else None),
        picker=picker,
        default_model_used=not model.exists(),
    )
    return replay(setup, on_told=on_told, on_progress=lambda *_: None)


def true_origin(name: str) -> Origin:
    """The catalogued quake."""
    row = rows_of(DATA / name / "truth" / "events.csv")[0]
    return Origin(
        time_ns=parse_instant(row["origin_time"]),
        latitude_deg=float(row["latitude"]),
        longitude_deg=float(row["longitude"]),
        depth_m=1000 * float(row["depth_km"]),
        covariance_m2=np.zeros((3, 3)),
        time_uncertainty_s=0.0,
        depth_uncertainty_m=0.0,
        ellipses=(),
        gap_deg=0.0,
        rms_s=0.0,
        nearest_m=0.0,
        station_count=0,
        quality="A",
        model="",
        arrivals=(),
    )
