"""How long reprocessing takes in one process and on Dask's workers, and whether the results are the same.

Times are of the whole, with starting and ending the workers; how long that takes by itself stands beside it. One replay
goes before, unmeasured, so that nobody waits for compiled code to be read from the disk.

Usage: python bench/dask_replay.py [--shares 1,2] [WAVEFORMS STATIONS MODEL]   (default: nz_alpinefault_2013a)
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from houfeng.quake.detect.picker import AicPicker
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.shell.replay.replay import Outcome, Setup, Told, load_inventory, load_model, load_picker, replay
from houfeng.shell.reprocess.address import LOCAL, connected
from houfeng.shell.reprocess.replay import DaskSetup, Spread, replay_on_dask
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.finding import Finding
from houfeng.words.quake import Pick
from rows import DATA

NZ = DATA / "nz_alpinefault_2013a"


@dataclass
class Heard:
    """What one way of replaying told, how long it took, and how much processor time here and on workers."""

    took_s: float = 0.0
    here_s: float = 0.0
    workers_s: float = 0.0
    catalogue: bytes = b""
    picks: list[Pick] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def take(self, told: Told) -> None:
        """Keep what is to be compared."""
        if isinstance(told, Pick):
            self.picks.append(told)
        elif isinstance(told, Finding):
            self.findings.append(repr(told))

    def same_as(self, other: "Heard") -> bool:
        """Whether the same was told, findings in any order."""
        return (self.catalogue, self.picks, sorted(self.findings)) == (
            other.catalogue,
            other.picks,
            sorted(other.findings),
        )


def timed(play: Callable[[Callable[[Told], None]], Outcome]) -> Heard:
    """Play once."""
    heard = Heard()
    begun_s, here_s, workers_s = time.perf_counter(), time.process_time(), children_s()
    outcome = play(heard.take)
    heard.took_s, heard.here_s = time.perf_counter() - begun_s, time.process_time() - here_s
    heard.workers_s = children_s() - workers_s
    heard.catalogue = write_quakeml(outcome.quakes)
    return heard


def on_dask(setup: DaskSetup, spread: Spread, take: Callable[[Told], None]) -> Outcome:
    """Replay on workers."""
    return replay_on_dask(setup, spread, on_told=take, on_progress=lambda *_: None)


def children_s() -> float:
    """Processor time of processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def starting_s(workers: int) -> float:
    """How long it takes to start and end workers that do nothing."""
    begun_s = time.perf_counter()
    with connected(LOCAL, workers=workers):
        pass
    return time.perf_counter() - begun_s


def main() -> None:
    """Print one line for every way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shares", default="1,2", help="numbers of shares, by commas")
    parser.add_argument("waveforms", nargs="?", default=NZ / "waveforms", type=Path)
    parser.add_argument("stations", nargs="?", default=NZ / "stations" / "stations_derived.xml", type=Path)
    parser.add_argument("model", nargs="?", default=NZ / "stations" / "velocity_model.csv", type=Path)
    chosen = parser.parse_args()
    now_ns = time.time_ns()
    recordings = open_recordings(find_files([str(chosen.waveforms)]), now_ns=now_ns)
    inventory, model = load_inventory([str(chosen.stations)]), load_model(chosen.model)

    def quiet(*_: object) -> None:
        pass

    setup = Setup(recordings, inventory, model, AicPicker())
    replay(setup, on_told=quiet, on_progress=quiet)
    one = timed(lambda take: replay(setup, on_told=take, on_progress=quiet))
    load = os.getloadavg()[0]
    stations = len({source.station_key for source in recordings.channels})
    print(f"{stations} stations, {len(recordings.channels)} channels, {len(one.picks)} picks; load before: {load:.1f}")
    print(f"one process          {one.took_s:7.1f} s; processor {one.here_s:.1f} s")
    many = DaskSetup(recordings, inventory, model, partial(load_picker, "classical", None, None), now_ns)
    for shares in map(int, chosen.shares.split(",")):
        heard = timed(partial(on_dask, many, Spread(LOCAL, shares)))
        same = "the same" if heard.same_as(one) else "DIFFERENT"
        print(f"Dask, {shares} workers      {heard.took_s:7.1f} s, {starting_s(shares):.1f} s of it starting; {same}")
        print(f"  processor {heard.here_s:.1f} s here, {heard.workers_s / shares:.1f} s on each worker")


if __name__ == "__main__":
    main()
