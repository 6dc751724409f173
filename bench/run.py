"""How fast Houfeng is, beside ObsPy in the same run, as one table.

Each measurement lives in a module of this folder and gives its rows; each runs in a process of its own, so that
peak memory is its own and nothing compiled for one warms another. Quote ratios, never absolutes: machines differ.

Usage: python bench/run.py [decode detect refine associate locate long manifests]
"""

import json
import resource
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

MEASUREMENTS = ("decode", "detect", "refine", "associate", "locate", "long", "manifests")

#: Columns of the table, also where the output is no terminal: one line a row.
WIDTH = 170


class Row(NamedTuple):
    """One line of the table. Each measurement's rows() gives these five, in this order.

    what    what was done
    rate    how much of it per second on one core
    unit    of what: "samples", "records", "picks", "locations"
    beside  the same done by the peer in the same run, per second; None where there is no peer
    peer    who that is: "ObsPy, 1-s packets" ..., "" without one
    """

    what: str
    rate: float
    unit: str
    beside: float | None = None
    peer: str = ""


def main(chosen: list[str]) -> int:
    """Run the chosen measurements one after the other and print their table."""
    table = Table("measurement", "what", "per second", "unit", "times", "beside", "peak MB")
    failed = []
    console = Console(width=WIDTH)
    for name in chosen or MEASUREMENTS:
        started = time.monotonic()
        command = [sys.executable, __file__, "--one", name]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            failed.append(name)
            continue
        told = json.loads(result.stdout.splitlines()[-1])
        for row in (Row(*row) for row in told["rows"]):
            times = f"{row.rate / row.beside:,.1f}" if row.beside else ""
            beside = f"{row.peer}: {row.beside:,.{0 if row.beside >= 10 else 2}f}" if row.beside else ""
            table.add_row(name, row.what, f"{row.rate:,.0f}", row.unit, times, beside, f"{told['peak_mb']:,.0f}")
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    console.print(table)
    for name in failed:
        console.print(f"{name} failed: run python bench/{name}.py to see why", style="red")
    return 1 if failed else 0


def one(name: str) -> None:
    """Run one measurement in this process and say its rows and peak memory as JSON."""
    rows = [tuple(row) for row in import_module(name).rows()]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "peak_mb": peak_mb}))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1:]))
