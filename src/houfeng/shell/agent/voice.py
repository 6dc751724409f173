"""What an agent says: short lines on standard error, the same thing once, and never a secret."""

import sys
import time
from typing import TextIO


class Voice:
    """Lines with the time before them.

    out  where they go, None for standard error
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._troubles: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Say one thing."""
        clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(f"{clock} {' '.join(text.split())}", file=self._out, flush=True)

    def trouble(self, about: str, text: str) -> None:
        """Say that something is wrong, unless that was the last thing said about it."""
        if self._troubles.get(about) != text:
            self._troubles[about] = text
            self.say(f"{about}: {text}")

    def well(self, about: str) -> None:
        """Say that a trouble is over, if there was one."""
        if self._troubles.pop(about, None) is not None:
            self.say(f"{about}: well again")
