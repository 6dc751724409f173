"""The intruder on real traffic: stations, gateways, a centre and an outsider in network namespaces of their own.

Every station serves its records with Houfeng's SeedLink server to the centre's reader, asks for the time and is asked
how it is; maintenance logs in now and then. A stretch in which nothing else happens comes first; then one stretch for
each thing an intruder does. Imitations all: what they copy is noise, what they guess opens nothing. Each capture is
judged alone, as `houfeng guard check` does it: with the profiles that an operator declares, with one learned from the
quiet stretch, and with none.

Played at ten times the pace of the field unless told otherwise, the stamps stretched back (see intruder_site): a
stretch of a minute is ten minutes of the site. Injected and replayed quakes, a pulled clock and a changed gain leave
the wire as it is and are judged in the waveform, not here.

Usage: python bench/intruder.py [--seconds 60] [--clean 360] [--speed 10] [--stations 30] [--full] [SCENARIO ...]
    --full  as the issue asks, at the pace of the field: ten minutes each after a clean hour (3 h in all)
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from houfeng.quake.detect.picker import Picker
from houfeng.words.conduct import Conduct
from intruder_judged import Asked, Said, after_s, asked_of, declared, is_right, learned, said_of, smallest_rate
from intruder_site import FEWEST_STATIONS, MOST_STATIONS, Plan
from intruder_stage import Stretch, Taken, cannot, play
from rows import Row, at_most

#: The slowest copy tried is ten bytes a minute; what the issue begins with is a kilobyte.
ASKED_BYTES_PER_MINUTE = 1_000


@dataclass(frozen=True, slots=True)
class Length:
    """How long a run is.

    seconds  of each scenario, by the clock of this machine
    clean    of the quiet stretch
    speed    how many times faster than in the field
    stations how many
    """

    seconds: float = 60.0
    clean: float = 360.0
    speed: float = 10.0
    stations: int = 30


#: Ten minutes of the site for each scenario after an hour of quiet, as the issue asks, in a quarter of an hour.
SHORT = Length()

#: The same at the pace of the field.
FULL = Length(600.0, 3600.0, 1.0)


def run(length: Length, scenarios: Sequence[str], folder: Path) -> Iterator[Row]:
    """Play, judge, and tell.

    scenarios  names; none for all
    folder     takes captures and logs
    """
    plan = Plan(length.stations, length.speed, time.time_ns(), str(folder))
    wanted = [name for name in asked_of(plan) if not scenarios or name in scenarios]
    stretches = [Stretch("clean", "", length.clean), *(Stretch(name, name, length.seconds) for name in wanted)]
    clean, *hostile = play(plan, stretches, folder)
    yield from _of_clean(plan, clean)
    profiles = {"declared": declared(plan), "learned": learned(clean)[0]}
    for taken in hostile:
        yield from _of_scenario(plan, taken, profiles)


def _of_clean(plan: Plan, clean: Taken) -> Iterator[Row]:
    name = f"intruder, {(clean.ended_ns - clean.begun_ns) / 60e9:.0f} quiet minutes of {plan.stations} stations"
    yield at_most(name, f"frames the tap lost, of {clean.frames}", clean.dropped, 0, "{:.0f}")
    conducts, doubts = learned(clean)
    yield Row(name, "a profile is learned from it", "yes", "; ".join(doubts[:3]) or "yes", bool(conducts))
    for how, profiles in (("without a profile", []), ("profile declared", declared(plan)), ("learned", conducts)):
        found = said_of(clean, profiles)
        yield Row(name, f"findings, {how}", "0", _told(found), not found)


def _of_scenario(plan: Plan, taken: Taken, profiles: dict[str, list[Conduct]]) -> Iterator[Row]:
    asked = asked_of(plan)[taken.deed]
    minutes = (taken.ended_ns - taken.begun_ns) / 60e9
    name = f"intruder {taken.name}, {minutes:.0f} min: {asked.what}"
    for how, conducts in profiles.items():
        found = said_of(taken, conducts)
        right = [one for one in found if is_right(one.judgement, asked)]
        by = sorted({one.judgement.detector for one in right})
        yield Row(name, f"{how}: found by", ", ".join(asked.detectors), ", ".join(by), set(asked.detectors) <= set(by))
        yield from _times(name, how, asked, right, taken)
        wrong = [one for one in found if not is_right(one.judgement, asked)]
        yield Row(name, f"{how}: findings that accuse somebody else", "0", _told(wrong), not wrong)
        if taken.deed == "copy-slowly":
            rate = smallest_rate(right, plan)
            said = "none" if rate is None else f"{rate} bytes a minute, the slowest tried is 10"
            slow = rate is not None and rate <= ASKED_BYTES_PER_MINUTE
            yield Row(name, f"{how}: smallest rate found", f"≤ {ASKED_BYTES_PER_MINUTE} bytes a minute", said, slow)
    without = [one for one in said_of(taken, []) if is_right(one.judgement, asked)]
    by_itself = sorted({one.judgement.detector for one in without})
    yield Row(name, "without a profile: found by", "-", ", ".join(by_itself) or "nobody", passed=True)


def _times(name: str, how: str, asked: Asked, right: list[Said], taken: Taken) -> Iterator[Row]:
    """Seconds from the first hostile packet to the first finding, and to that of each detector asked for."""
    each = {
        detector: after_s([one for one in right if one.judgement.detector == detector], taken)
        for detector in asked.detectors
    }
    told = ", ".join(f"{detector} {'-' if late_s is None else f'{late_s:.0f}'}" for detector, late_s in each.items())
    first_s = after_s(right, taken)
    first = "-" if first_s is None else f"{first_s:.1f}"
    yield Row(name, f"{how}: first finding, s after the first hostile packet", "-", f"{first} ({told})", passed=True)


def _told(found: Sequence[Said]) -> str:
    """How many, and the first few."""
    some = sorted({f"{one.judgement.detector} {one.judgement.subject}" for one in found})
    return f"{len(found)}" + (": " + ", ".join(some[:4]) if some else "")


def intruder(_picker: Picker, _label: str) -> Iterator[Row]:
    """Every scenario of the wire, ten minutes each after a quiet hour, at ten times the pace."""
    if why := cannot():
        yield Row("intruder", "network namespaces", "yes", why, passed=False)
        return
    with tempfile.TemporaryDirectory(prefix="intruder") as folder:
        yield from run(SHORT, (), Path(folder))


CHECKS: dict[str, Callable[[Picker, str], Iterator[Row]]] = {"intruder": intruder}


def main() -> int:
    """Play, print the rows, and say whether all pass."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", help="only these")
    parser.add_argument("--seconds", type=float, default=SHORT.seconds)
    parser.add_argument("--clean", type=float, default=SHORT.clean)
    parser.add_argument("--speed", type=float, default=SHORT.speed)
    parser.add_argument(
        "--stations", type=int, default=SHORT.stations, choices=range(FEWEST_STATIONS, MOST_STATIONS + 1), metavar="N"
    )
    parser.add_argument("--full", action="store_true", help="as the issue asks, at the pace of the field")
    parser.add_argument("--keep", type=Path, help="keep captures and logs in this folder")
    given = parser.parse_args()
    if why := cannot():
        print(why, file=sys.stderr)
        return 1
    length = FULL if given.full else Length(given.seconds, given.clean, given.speed, given.stations)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="intruder"))
    table = Table("what", "figure", "asked", "got", "pass")
    try:
        rows = list(run(length, given.scenarios, folder))
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    for row in rows:
        table.add_row(row.name, row.what, row.asked, row.got, "[green]yes[/]" if row.passed else "[bold red]NO[/]")
    Console(width=160).print(table)
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
