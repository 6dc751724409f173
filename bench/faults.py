"""kill -9 of a centre's processes and of its source at random moments: what was lost, doubled, and for how long.

    python bench/faults.py [--kills 300] [--seed 1] [--a-run 25]

A short recording is sent through a real SeedLink server to a centre, which is killed a few times on the way; then what
it has told and kept is compared with a replay of the same recording. Recovery: from the kill until a packet sent after
it is in the journal and, where the engine was killed, until an engine hears again.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "live"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shell"))

from faulty_world import HeldCentre, RingSource, journalled, kept_samples, strike, write_stations
from journalled import packets_of, replayed_at_once
from running_centre import make_centre, outcome
from short_recording import Short, make_short

from houfeng.words.packet import Packet

#: Who is killed, and how often of ten times.
VICTIMS = {"engine": 4, "centre": 4, "source": 2}

#: Longest time between one kill, or recovery from it, and the next, s.
LONGEST_PEACE_S = 3.0

#: Of so many kills recovery is waited for, and its time taken.
WAITED_FOR = 0.3


def main() -> None:
    """Kill, and print. Exit status 1 when anything was lost or doubled."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--a-run", type=int, default=25, help="kills on the way of one recording")
    chosen = options.parse_args()
    rng = random.Random(chosen.seed)
    recovery_s: dict[str, list[float]] = defaultdict(list)
    times: Counter[str] = Counter()
    lost, doubled, same, runs, done = Counter[str](), Counter[str](), 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="houfeng-faults-") as scratch:
        place = Path(scratch)
        short = make_short(place)
        short = replace(short, stations=write_stations(place / "stations.xml", short.hour.stations))
        packets = packets_of(short)
        asked = things(replayed_at_once(short, place / "results", place / "archive"), place / "archive")
        asked["records"] = Counter(packet.content for packet in packets)
        while done < chosen.kills:
            folder = place / f"run {runs}"
            folder.mkdir()
            most = min(chosen.a_run, chosen.kills - done)
            told = one_run(folder, short, packets, most, rng, times, recovery_s)
            for name, wanted in asked.items():
                lost[name] += (wanted - told[name]).total()
                doubled[name] += (told[name] - wanted).total()
            same += told == asked
            runs, done = runs + 1, done + most
            print(f"run {runs}: {done} kills so far, lost {lost.total()}, doubled {doubled.total()}", flush=True)
    print(f"{'kill -9 of':12s} {'times':>6s} {'recovery s: median':>19s} {'longest':>8s}")
    for name, count in sorted(times.items()):
        taken_s = recovery_s[name] or [float("nan")]
        print(f"{name:12s} {count:6d} {median(taken_s):19.1f} {max(taken_s):8.1f}")
    for name in asked:
        print(f"{name}: lost {lost[name]}, doubled {doubled[name]}, of {asked[name].total()} in each of {runs} runs")
    counted = f"{done} kills, lost {lost.total()}, doubled {doubled.total()}"
    print(f"{counted}, the same as a replay in {same} of {runs} runs")
    sys.exit(bool(lost.total() or doubled.total()))


def one_run(
    folder: Path,
    short: Short,
    packets: list[Packet],
    most: int,
    rng: random.Random,
    times: Counter[str],
    recovery_s: dict[str, list[float]],
) -> dict[str, Counter]:
    """Send the recording once and kill so many times on the way; what a centre told and kept."""
    cuts = sorted(rng.sample(range(50, len(packets)), most))
    with RingSource(folder, packets) as source:
        place = make_centre(folder / "centre", short, source.port)
        with HeldCentre(place) as centre:
            centre.until(lambda status: status["engine"] is not None)
            victim = ""
            for cut in cuts:
                source.grow(cut)
                time.sleep(rng.uniform(0.0, LONGEST_PEACE_S))  # a moment that nobody chose
                # An engine that dies again and again is begun again after ever longer waits; a new centre forgets them.
                (victim,) = rng.choices(list(VICTIMS), list(VICTIMS.values())) if victim != "engine" else ("centre",)
                begun_s = time.monotonic()
                strike(victim, centre, source)
                last = source.grow(min(cut + 1, len(packets)))
                times[victim] += 1
                if rng.random() < WAITED_FOR:  # the others are struck again while they recover
                    centre.until(lambda status, last=last: status["reached"] >= last and status["hears"])
                    recovery_s[victim].append(time.monotonic() - begun_s)
            centre.until_reached(source.grow(len(packets)))
            centre.finish()
    return things(outcome(place), place / "archive") | {"records": Counter(journalled(place))}


def things(told: dict[str, bytes], archive: Path) -> dict[str, Counter]:
    """What was told and kept, piece by piece."""
    samples = kept_samples(archive)
    return {
        "picks": Counter(told["picks"].splitlines()),
        "quakes": Counter(told["catalogue"].split(b"<event ")[1:]),
        "findings": Counter(told["findings"].splitlines()),
        "stretches of samples": Counter((name, *stretch) for name, kept in samples.items() for stretch in kept),
    }


if __name__ == "__main__":
    main()
