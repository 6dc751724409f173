"""Whether memory stays flat over a long replay, from files to results.

The same hour of the twin's network (five quakes), over and over, a file per hour. Each length is replayed in a
process of its own; memory is what the process has for itself, without the files it looks at.

Usage: python bench/long.py
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from houfeng.quake.detect.picker import AicPicker
from houfeng.shell.demo import CRUST_CSV, stations_table
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.shell.replay.replay import Setup, load_inventory, replay
from houfeng.shell.replay.results import Results
from houfeng.twin.hour import make_hour
from houfeng.wire import mseed
from houfeng.wire.model import read_velocity_model
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import segments_of
from memory import memory_mb

Measured = tuple[str, float, str, float | None, str]

STATIONS = 10
HOURS = (1, 6)
HOUR_NS = 3600 * NS_PER_S
START_NS = 1_700_000_000 // 3600 * HOUR_NS
MODEL = read_velocity_model(CRUST_CSV, "crust")


@contextmanager
def recording(hours: int) -> Iterator[Path]:
    """A folder with stations.csv and hours of waveforms."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "waveforms").mkdir()
        for number in range(hours):
            hour = make_hour(MODEL, seed=1, start_ns=START_NS + number * HOUR_NS, stations=STATIONS)
            content = b"".join(mseed.encode(segments_of(batch)) for batch in hour.batches)
            (folder / "waveforms" / f"{number}.mseed").write_bytes(content)
        (folder / "stations.csv").write_bytes(stations_table(hour.stations))
        yield folder


def play(folder: Path) -> None:
    """Replay the folder in this process; says memory after each hour, the peak, and how many quakes as JSON."""
    setup = Setup(
        recordings=open_recordings(find_files([str(folder / "waveforms")]), now_ns=time.time_ns()),
        inventory=load_inventory([str(folder / "stations.csv")]),
        model=MODEL,
        picker=AicPicker(),
    )
    held_mb: list[float] = []

    def note(now_ns: int, *_: object) -> None:
        if now_ns >= START_NS + (len(held_mb) + 1) * HOUR_NS - 10 * NS_PER_S:
            held_mb.append(memory_mb("RssAnon"))

    with Results(folder / "results", pictures=False) as results:
        outcome = replay(setup, on_told=results.tell, on_progress=note)
        results.finish(outcome.quakes)
    print(json.dumps({"held_mb": held_mb, "peak_mb": memory_mb("VmHWM"), "quakes": len(outcome.quakes)}))


def measured() -> Iterator[tuple[int, dict[str, Any]]]:
    """For each length, what play says of it."""
    for hours in HOURS:
        with recording(hours) as folder:
            command = [sys.executable, __file__, "--one", str(folder)]
            result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            yield hours, json.loads(result.stdout)


def rows() -> list[Measured]:
    """What was done, how much of it, in what unit, beside what of whom."""
    (_, short), (hours, long) = measured()
    held_mb = long["held_mb"]
    return [
        (
            f"memory after a replay of {hours} hours, beside that after its first",
            held_mb[-1],
            "MB",
            held_mb[0],
            "hour 1",
        ),
        (
            f"peak memory of a replay of {hours} hours, files included",
            long["peak_mb"],
            "MB",
            short["peak_mb"],
            "1 hour",
        ),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        play(Path(sys.argv[2]))
    else:
        for hours, said in measured():
            held = " ".join(f"{mb:.1f}" for mb in said["held_mb"])
            print(f"{hours} h, {said['quakes']} quakes: {held} MB after each hour; peak {said['peak_mb']:.1f} MB")
