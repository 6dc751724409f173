"""The search for dead cycles is put off, and cycles do go in the end."""

import subprocess
import sys

SAID = """
import gc, weakref
from houfeng.shell.centre.collecting import YOUNG, collect_rarely

class Knot:
    def __init__(self):
        self.me = self

standing = [Knot() for _ in range(1000)]
collect_rarely()
assert gc.get_freeze_count() > 1000
before = gc.get_stats()[2]["collections"]
ends = weakref.ref(Knot())
kept = [[] for _ in range(2 * YOUNG)]
assert ends() is None, "a cycle was never found"
assert gc.get_stats()[2]["collections"] == before, "all that stands was searched"
"""


def test_what_stands_is_left_alone_and_dead_cycles_go():
    subprocess.run([sys.executable, "-c", SAID], check=True)  # in a process of its own, as its settings are a process's
