"""A recording through a real SeedLink server into a running centre, beside a replay of the same recording.

The recording's packets, in the order in which they would have arrived, lie in the ring of a SeedLink server in a
process of its own; `houfeng run` reads them over the network as fast as it can. What it tells must be what
`houfeng replay` tells: picks, catalogue and archive byte for byte, findings in any order.

Usage: python bench/live.py [--scenario province] [--minutes 60] [--recording DIR]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from houfeng.shell.twinning import load_scenario, write_recording

HERE = Path(__file__).parent
HOUFENG = [sys.executable, "-m", "houfeng"]

#: How often memory is looked at, s.
LOOK_S = 0.5

Measured = tuple[str, str, str, bool]


def made(scenario: str, minutes: int, folder: Path) -> Path:
    """The recording of a scenario's first minutes."""
    write_recording(replace(load_scenario(scenario), duration_s=60.0 * minutes), folder)
    return folder


def replayed(recording: Path, folder: Path) -> float:
    """Replay it; returns how long that took, s."""
    begun_s = time.monotonic()
    command = [*HOUFENG, "replay", recording / "waveforms", "--stations", recording / "stations.xml"]
    command += ["--model", recording / "model.csv", "--out", folder, "--archive", folder / "archive", "--no-pictures"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return time.monotonic() - begun_s


def founded(recording: Path, folder: Path, port: int) -> None:
    """A centre that hears a SeedLink server from its oldest record on."""
    command = [*HOUFENG, "init", folder, "--name", "bench", "--stations", recording / "stations.xml"]
    subprocess.run([*map(str, command), "--feed", f"127.0.0.1:{port}"], check=True, capture_output=True)
    settings = folder / "centre.toml"
    text = settings.read_text()
    for old, new in (
        (f'address = "127.0.0.1:{port}"', f'address = "127.0.0.1:{port}"\nbegin = "oldest"'),
        ('listen = "127.0.0.1:18000"', 'listen = "127.0.0.1:0"'),
        ('tls_listen = "127.0.0.1:18500"', 'tls_listen = ""'),
        ('listen = "127.0.0.1:8080"', 'listen = ""'),
        ('level = "info"', 'level = "error"'),
        ('# model = "', f'model = "{recording / "model.csv"}"  # "'),
    ):
        assert old in text, old
        text = text.replace(old, new)
    settings.write_text(text)


def lived(folder: Path) -> tuple[float, float, list[float]]:
    """Run the centre until nothing comes any more; how long that took, its processor time, its memory over time, MB."""
    begun_s, used_s, memory_mb = time.monotonic(), 0.0, []
    with subprocess.Popen([*HOUFENG, "run", str(folder), "--until-idle", "5"], stderr=subprocess.DEVNULL) as centre:
        while centre.poll() is None:
            family = _family(centre.pid)
            memory_mb.append(sum(map(_memory_mb, family)))
            used_s = max(used_s, sum(map(cpu_s, family)))
            time.sleep(LOOK_S)
    if centre.returncode:
        raise SystemExit(f"houfeng run ended with {centre.returncode}")
    return time.monotonic() - begun_s, used_s, memory_mb


def compared(replay: Path, centre: Path) -> Iterator[Measured]:
    """What differs between a replay's results and a centre's folder."""
    command = [*HOUFENG, "told", centre, "--picks", centre / "picks.csv", "--findings", centre / "findings.jsonl"]
    subprocess.run(list(map(str, command)), check=True)
    command = [*HOUFENG, "catalogue", centre / "catalogue.sqlite", "--quakeml", centre / "catalogue.xml"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    for name in ("catalogue.xml", "picks.csv"):
        one, other = ((folder / name).read_bytes() for folder in (replay, centre))
        yield name, "the same bytes", f"{len(one):,} and {len(other):,} bytes", one == other
    told, heard = (sorted((folder / "findings.jsonl").read_text().splitlines()) for folder in (replay, centre))
    yield "findings.jsonl, sorted", "the same", f"{len(told)} and {len(heard)} lines", told == heard
    files = {
        folder: {path.relative_to(folder): path.read_bytes() for path in sorted((folder / "archive").rglob("*.D.*"))}
        for folder in (replay, centre)
    }
    one, other = files.values()
    apart = [path for path in one.keys() | other.keys() if one.get(path) != other.get(path)]
    got = f"{len(one):,} files, {sum(map(len, one.values())) / 1e6:,.0f} MB, {len(apart)} differ"
    yield "archive", "the same bytes", got, not apart


def cpu_s(pid: int) -> float:
    """Processor time a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    """A process and those it started."""
    try:
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text(encoding="ascii").split()]
    except OSError:
        return []
    return [pid, *(each for child in children for each in _family(int(child)))]


def _memory_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


def rows(scenario: str, minutes: int, recording: Path | None) -> Iterator[Measured]:
    """What was asked, what was got, and whether that is it."""
    with tempfile.TemporaryDirectory(prefix="houfeng-live-") as name:
        work = Path(name)
        recording = recording or made(scenario, minutes, work / "recording")
        took_s = replayed(recording, work / "replay")
        yield "replay", "", f"{took_s:.0f} s", True
        command = [sys.executable, str(HERE / "live_source.py"), str(recording), str(work / "ring")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as source:
            try:
                assert source.stdout is not None
                port, count = map(int, source.stdout.readline().split())
                founded(recording, work / "centre", port)
                took_s, used_s, memory_mb = lived(work / "centre")
            finally:
                source.terminate()
        got = f"{took_s:.0f} s, {count / took_s:,.0f} records/s, {used_s:.0f} s of processor"
        yield "houfeng run over SeedLink", "", got, True
        half = len(memory_mb) // 2
        first, second = max(memory_mb[: half or 1]), max(memory_mb[half:])
        yield "memory, later half over first", "<= 1.10", f"{first:.0f} and {second:.0f} MB", second <= 1.10 * first
        yield from compared(work / "replay", work / "centre")


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--scenario", default="province")
    asked.add_argument("--minutes", type=int, default=60)
    asked.add_argument("--recording", type=Path)
    chosen = asked.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    failed = False
    for what, want, got, passed in rows(chosen.scenario, chosen.minutes, chosen.recording):
        print(f"{what:34} {want:16} {got:48} {'yes' if passed else 'NO'}", flush=True)
        failed |= not passed
    sys.exit(failed)


if __name__ == "__main__":
    main()
