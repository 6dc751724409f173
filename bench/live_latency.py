"""How long a running centre takes: a stretch of a recording over SeedLink at its own pace, delays and all.

The default is the province of 300 stations, from three minutes before its magnitude 5.8 on. The centre's own figures
(docs/how-to/metrics.md) are taken one by one: of records from their arrival to their having been listened to, when
what triggers in them is known; of picks from the arrival that completed what they need; and beside them from onset to
pick and from origin time to quake, with the time that the station's link took.

Usage: python bench/live_latency.py [--scenario province] [--from-minute 27] [--minutes 12] [--recording DIR]
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from houfeng.shell.arrivals.table import TABLE
from houfeng.shell.centre.centre import Centre
from houfeng.shell.centre.thinking import Heard
from houfeng.words.instant import NS_PER_S, format_instant, parse_instant
from live import HERE, Measured, cpu_s, founded, made

#: Length of the pieces of a run that are told apart, s.
STEP_S = 120.0


@dataclass
class Delays:
    """What a centre has said of its own delays, s, and of what it told, by the clock of the recording."""

    ahead_ns: int = 0
    records_s: list[float] = field(default_factory=list)
    picks_s: list[float] = field(default_factory=list)
    onsets_s: list[float] = field(default_factory=list)
    origins_s: list[float] = field(default_factory=list)
    longest_s: float = 0.0
    when_s: list[float] = field(default_factory=list)
    used_s: float = 0.0

    def hear(self, heard: Heard) -> None:
        """The engine has told something."""
        now_ns = time.time_ns() - self.ahead_ns
        self.records_s += heard.records_s
        self.when_s += [now_ns / NS_PER_S] * len(heard.records_s)
        self.picks_s += heard.picks_s
        self.onsets_s += [(now_ns - pick.time_ns) / NS_PER_S for pick in heard.picks]
        self.origins_s += [(now_ns - quake.origin.time_ns) / NS_PER_S for quake in heard.quakes]
        self.longest_s = max(self.longest_s, heard.took_s)

    def rows(self) -> Iterator[Measured]:
        """As a table."""
        for what, values_s in (
            ("record's arrival to its triggers known", self.records_s),
            ("arrival that completes a pick to it told", self.picks_s),
            ("onset to pick told", self.onsets_s),
            ("origin time to quake told", self.origins_s),
        ):
            if values_s:
                p50_s, p99_s = np.percentile(values_s, (50, 99))
                got = f"p50 {p50_s:.1f} s, p99 {p99_s:.1f} s, worst {max(values_s):.1f} s of {len(values_s):,}"
            else:
                got = "none"
            yield what, "", got, bool(values_s)

    def course(self) -> Iterator[Measured]:
        """How it went on for records."""
        when_s, records_s = np.array(self.when_s), np.array(self.records_s)
        for begin_s in np.arange(when_s[0], when_s[-1], STEP_S) if len(when_s) else ():
            values_s = records_s[(when_s >= begin_s) & (when_s < begin_s + STEP_S)]
            if len(values_s):
                p50_s, p99_s = np.percentile(values_s, (50, 99))
                at = format_instant(round(begin_s) * NS_PER_S, 0)
                yield f"  of those listened to from {at[11:16]} on", "", f"p50 {p50_s:.1f} s, p99 {p99_s:.1f} s", True


def stretch(recording: Path, folder: Path, from_minute: int, minutes: int) -> Path:
    """A recording of what came in some minutes of another: the same files, fewer lines in the table of arrivals."""
    folder.mkdir()
    for name in ("waveforms", "stations.xml", "model.csv"):
        (folder / name).symlink_to((recording / name).resolve())
    with (recording / TABLE).open(encoding="ascii") as table, (folder / TABLE).open("w", encoding="ascii") as cut:
        cut.write(next(table))
        first_ns = parse_instant((line := next(table)).partition(",")[0])
        begin, end = (format_instant(first_ns + 60 * k * NS_PER_S, 9) for k in (from_minute, from_minute + minutes))
        while line and line < end:
            if line >= begin:
                cut.write(line)
            line = next(table, "")
    return folder


async def live(folder: Path, source: subprocess.Popen[str], seconds: float) -> Delays:
    """Run a centre while a source sends; what it said of its delays."""
    assert source.stdin is not None
    assert source.stdout is not None
    delays = Delays()
    centre = Centre(folder, on_heard=delays.hear)
    running = asyncio.create_task(centre.run())
    while not (centre.metrics.feeds and centre.metrics.feeds["seedlink"].state == "connected"):  # noqa: ASYNC110  it does not say when
        await asyncio.sleep(0.2)
    source.stdin.write("begin\n")
    source.stdin.flush()
    delays.ahead_ns = int(await asyncio.to_thread(source.stdout.readline))
    await asyncio.sleep(seconds)
    delays.used_s = cpu_s(centre.thinker.pid or 0)
    centre.supervisor.ask_to_stop()
    await running
    return delays


def rows(scenario: str, from_minute: int, minutes: int, recording: Path | None) -> Iterator[Measured]:
    """What was asked, what was got, and whether that is it."""
    with tempfile.TemporaryDirectory(prefix="houfeng-latency-") as name:
        work = Path(name)
        recording = recording or made(scenario, from_minute + minutes, work / "recording")
        played = stretch(recording, work / "stretch", from_minute, minutes)
        command = [sys.executable, str(HERE / "live_source.py"), str(played), str(work / "ring"), "--paced"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, **pipes) as source:  # type: ignore[call-overload]
            try:
                port, _ = map(int, source.stdout.readline().split())
                founded(played, work / "centre", port)
                delays = asyncio.run(live(work / "centre", source, 60.0 * minutes))
            finally:
                source.terminate()
        yield from delays.rows()
        yield from delays.course()
        yield "longest that packets were thought over", "", f"{delays.longest_s:.1f} s", True
        used = f"{delays.used_s:.0f} s of processor in {60 * minutes} s; load of the machine {os.getloadavg()[2]:.1f}"
        yield "the engine", "", used, True


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--scenario", default="province")
    asked.add_argument("--from-minute", type=int, default=27)
    asked.add_argument("--minutes", type=int, default=12)
    asked.add_argument("--recording", type=Path)
    chosen = asked.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    failed = False
    for what, want, got, passed in rows(chosen.scenario, chosen.from_minute, chosen.minutes, chosen.recording):
        print(f"{what:42} {want:10} {got:60} {'yes' if passed else 'NO'}", flush=True)
        failed |= not passed
    sys.exit(failed)


if __name__ == "__main__":
    main()
