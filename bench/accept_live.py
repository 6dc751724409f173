"""The running centre: the figures asked for, each measured by a program of this folder or by the tests that show it.

A row's figure is the last line its program printed, or the first with a word in it; it passes when the program says so
by its exit status.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from houfeng.quake.detect.picker import Picker
from live import made
from live import rows as live_rows
from live_latency import rows as latency_rows
from rows import Row

BENCH = Path(__file__).parent
ROOT = BENCH.parent

#: Length of the recordings; and of the province the first minute of what is played at its own pace, and how many.
MINUTES = 60
QUAKE_MINUTES = 27, 12


def live(_: Picker, label: str) -> Iterator[Row]:
    """An hour of a city and of a province over SeedLink into a running centre, beside a replay; and at its own pace.

    The hour of the province holds a swarm, a magnitude 5.8 and its aftershocks.
    """
    for scenario in ("city", "province"):
        with tempfile.TemporaryDirectory(prefix="houfeng-accept-") as name:
            recording = made(scenario, MINUTES, Path(name))
            for what, asked, got, passed in live_rows(scenario, MINUTES, recording):
                yield Row(f"live {scenario}, {MINUTES} min{label}", what, asked, got, passed)
            if scenario == "province":
                for what, asked, got, passed in latency_rows(scenario, *QUAKE_MINUTES, recording):
                    yield Row(f"live {scenario}, its own pace{label}", what, asked, got, passed)


def clients(_: Picker, label: str) -> Iterator[Row]:
    """Who reads from the centre's SeedLink server, and how fast it is beside ringserver."""
    name = f"live clients{label}"
    yield _tests(
        name, "ObsPy, seedlink-client, slinktool: versions, TLS, logins", "tests/live/test_live_seedlink_server.py"
    )
    yield _tests(name, "feeds in: SeedLink, DataLink, files, dataselect", "tests/live/test_live_feeds.py")
    yield _program(name, "500 readers, 1,000 stations, beside ringserver", "seedlink_server.py")


def signed(_: Picker, label: str) -> Iterator[Row]:
    """Signed data: every attack found out, the third party's check, what it costs."""
    name = f"live signed{label}"
    yield _tests(name, "attacks, each its own finding", "tests/guard")
    yield _tests(name, "one byte changed anywhere; a verifier from the spec alone", "tests/laws/test_law_manifest.py")
    yield _program(name, "manifests verified", "manifests.py", figure="station-seconds")
    yield _program(
        name,
        "the agent: channels, of one core, MiB now, most, records, overhead",
        "agent.py",
        "--seconds",
        "20",
        figure="| 3 |",
    )


def faults(_: Picker, label: str) -> Iterator[Row]:
    """What the world does to a centre, and kill -9 a thousand times in all."""
    name = f"live faults{label}"
    yield _tests(name, "the fault table", "tests/live/test_live_faults.py")
    yield _program(name, "journal: kill -9, 500 times", "journal_kills.py", "--kills", "500")
    yield _program(name, "agent: kill -9, 200 times", "agent.py", "--kills", "200")
    yield _program(name, "centre and engine: kill -9, 200 times", "faults.py", "--kills", "200")
    yield _program(
        name, "roles and broker: kill -9, 100 times", "cluster_kills.py", "--kills", "100", "--minutes", "15"
    )
    yield _tests(name, "one process, 8 shards on NATS", "tests/live/test_live_cluster.py")
    yield _tests(name, "one process, Dask", "tests/live/test_live_dask.py")


def laws(_: Picker, label: str) -> Iterator[Row]:
    """Laws 1, 2, 11 and 12."""
    name = f"live laws{label}"
    yield _tests(name, "1: the same journal tells the same bytes", "tests/laws/test_law_engine.py")
    yield _tests(name, "2: packets split and merged", "tests/laws/test_law_packets.py")
    yield _tests(name, "11: kill -9", "tests/laws/test_law_journal.py", "tests/live/test_live_centre.py")
    yield _tests(name, "12: hostile bytes", "tests/wire/test_wire_seedlink.py", "tests/laws/test_law_by_arrival.py")


def _tests(name: str, what: str, *files: str) -> Row:
    return _ran(name, what, "pass", "-m", "pytest", *files)


def _program(name: str, what: str, program: str, *options: str, figure: str = "") -> Row:
    return _ran(name, what, "see the program", str(BENCH / program), *options, figure=figure)


def _ran(name: str, what: str, asked: str, *command: str, figure: str = "") -> Row:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": f"{BENCH}"}
    ran = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    lines = (ran.stdout.strip() or ran.stderr.strip() or "nothing said").splitlines()
    chosen = next((line for line in lines if figure and figure in line and ran.returncode == 0), lines[-1])
    return Row(name, what, asked, chosen.strip("= "), ran.returncode == 0)


CHECKS = {
    "live": live,
    "live clients": clients,
    "live signed": signed,
    "live faults": faults,
    "live laws": laws,
}
