"""Playing a set of recordings through the whole centre, with nothing but its own inventory and model."""

import time

from houfeng.quake.detect.picker import Picker
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.shell.replay import OnTold, Outcome, Setup, load_inventory, load_model, replay
from rows import DATA


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
