"""kill -9 of a process that writes a journal, again and again: what it had acknowledged, and what is there after.

Usage: python bench/journal_kills.py [--kills 500]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "laws"))

from test_law_journal import kill_writers

from houfeng.shell.journal.journal import Journal


def main() -> None:
    """Kill, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=500)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="houfeng-journal-") as name:
        began_s = time.monotonic()
        acknowledged = kill_writers(Path(name), chosen.kills)
        took_s = time.monotonic() - began_s
        with Journal(Path(name), keep_bytes=1 << 30) as journal:
            there: list[tuple[int, int]] = []
            while packets := journal.read(there[-1][0] + 1 if there else 1):
                there += [(number, packet.sequence) for number, packet in packets]
    found = dict(there)
    lost = sum(found.get(number) != sequence for number, sequence in acknowledged.items())
    doubled = len(there) - len({sequence for _, sequence in there})
    each_s = took_s / chosen.kills
    print(
        f"{chosen.kills} kills, {len(acknowledged)} acknowledged, {lost} lost, {doubled} doubled, {each_s:.2f} s each"
    )
    sys.exit(bool(lost or doubled))


if __name__ == "__main__":
    main()
