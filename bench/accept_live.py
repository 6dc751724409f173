"""The running centre: the figures asked for, each measured by a program of this folder or by the tests that show it.

A row's figure is the last line its program printed; it passes when the program says so by its exit status.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from houfeng.quake.detect.picker import Picker
from live import rows as live_rows
from rows import Row

BENCH = Path(__file__).parent
ROOT = BENCH.parent


def live(_: Picker, label: str) -> Iterator[Row]:
    """A city and a province over SeedLink into a running centre, beside a replay.

    The hour of the province holds a magnitude 5.8 with its aftershocks, in whose wake association is slower than the
    ground; what can be shown in reasonable time is its first 25 minutes, with the swarm.
    """
    for scenario, minutes in (("city", 60), ("province", 25)):
        for what, asked, got, passed in live_rows(scenario, minutes, None):
            yield Row(f"live {scenario}, {minutes} min{label}", what, asked, got, passed)


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
    yield _program(name, "manifests verified", "manifests.py")
    yield _program(name, "the agent's cost", "agent.py", "--seconds", "20")


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


def _program(name: str, what: str, program: str, *options: str) -> Row:
    return _ran(name, what, "see the program", str(BENCH / program), *options)


def _ran(name: str, what: str, asked: str, *command: str) -> Row:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": f"{BENCH}"}
    ran = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    lines = (ran.stdout.strip() or ran.stderr.strip() or "nothing said").splitlines()
    return Row(name, what, asked, lines[-1].strip("= "), ran.returncode == 0)


CHECKS = {
    "live": live,
    "live clients": clients,
    "live signed": signed,
    "live faults": faults,
    "live laws": laws,
}
