"""kill -9 of every role of a cluster and of its broker at random moments: what was lost, doubled, and for how long.

    python bench/cluster_kills.py [--kills 100] [--minutes 30] [--shards 2] [--seed 1]

One recording is played through real processes and a real nats-server; after every kill the next one waits until the
cluster has gone on by a slice. In the end picks and catalogue are compared with those of one process.
"""

import argparse
import io
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

import obspy

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "live"))

from cluster_processes import LIMIT_S, Processes
from cluster_rehearsal import CRUST, Rehearsal, Told, make_recording, rehearse
from nats_server import running_broker

#: Longest time between recovery from one kill and the next, s.
LONGEST_PEACE_S = 0.5


def main() -> None:
    """Kill, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--minutes", type=int, default=30)
    options.add_argument("--shards", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="houfeng-kills-") as scratch:
        folder = Path(scratch)
        stations = make_recording(folder / "recording.mseed", duration_s=60 * chosen.minutes)
        began = time.monotonic()
        rehearsal = rehearse(folder / "recording.mseed", stations, CRUST)
        alone_s = time.monotonic() - began
        print(
            f"{chosen.minutes} min, {len(stations)} stations, {len(rehearsal.alone.picks)} picks: {alone_s:.0f} s alone"
        )
        rng = random.Random(chosen.seed)
        recovery_s: dict[str, list[float]] = defaultdict(list)
        lost, doubled, runs, same = 0, 0, 0, 0
        while sum(map(len, recovery_s.values())) < chosen.kills:
            (folder / str(runs)).mkdir()
            left = chosen.kills - sum(map(len, recovery_s.values()))
            told = one_run(rehearsal, chosen.shards, folder / str(runs), left, rng, recovery_s)
            missing, more = compared(told, rehearsal.alone)
            lost, doubled, runs = lost + missing, doubled + more, runs + 1
            same += told.catalogue == rehearsal.alone.catalogue
            print(f"run {runs}: {sum(map(len, recovery_s.values()))} kills so far, lost {lost}, doubled {doubled}")
        print(f"{'killed':14s} {'kills':>6s} {'recovery s: median':>19s} {'longest':>8s}")
        for name, times in sorted(recovery_s.items()):
            print(f"{name:14s} {len(times):6d} {median(times):19.1f} {max(times):8.1f}")
        kills = sum(map(len, recovery_s.values()))
        print(f"{kills} kills, {runs} runs, lost {lost}, doubled {doubled}, catalogue byte for byte the same in {same}")
        sys.exit(bool(lost or doubled or same < runs))


def one_run(
    rehearsal: Rehearsal,
    shards: int,
    folder: Path,
    most: int,
    rng: random.Random,
    recovery_s: dict[str, list[float]],
) -> Told:
    """Play the recording once, killing until it ends."""
    with running_broker() as broker, Processes(broker, shards, rehearsal, folder) as processes:
        processes.wait(LIMIT_S)
        for _ in range(most):
            processes.wait(rng.uniform(0.0, LONGEST_PEACE_S))
            if processes.ended:
                break
            name = rng.choice([*processes.names, "broker"])
            began = time.monotonic()
            processes.strike(name)
            processes.forget_progress()
            while not (processes.wait(1.0) or processes.ended) and time.monotonic() - began < LIMIT_S:
                pass
            recovery_s[name.partition(" ")[0]].append(time.monotonic() - began)
        processes.finish()
        print(f"messages of records let go of meanwhile: {processes.let_go()}")
        return processes.told()


def compared(told: Told, alone: Told) -> tuple[int, int]:
    """How many picks and quakes are missing, and how many there are too often."""
    have, want = Counter(told.picks), Counter(alone.picks)
    have.update(quakes(told.catalogue))
    want.update(quakes(alone.catalogue))
    return (want - have).total(), (have - want).total()


def quakes(catalogue: bytes) -> list[str]:
    """The names of the quakes in a catalogue."""
    return [str(event.resource_id) for event in obspy.read_events(io.BytesIO(catalogue))]


if __name__ == "__main__":
    main()
