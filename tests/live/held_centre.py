"""A centre as a process that does what it is told: held_centre.py DIR, and one command a line on standard input.

status   print how it is, as one line of JSON
clock S  go on with a clock that is S seconds ahead of the machine's
finish   once all there is is heard, tell what is left as a replay does at its end, and stop
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from houfeng.shell.centre.centre import Centre
from houfeng.shell.centre.thinking import Heard
from houfeng.shell.health.health import judge
from houfeng.words.instant import NS_PER_S


class Held:
    """A centre, and what may be asked of it."""

    def __init__(self, folder: Path) -> None:
        self._ahead_ns, self._begun_ns = 0, time.time_ns()
        self._ports: dict[str, int] = {}
        self._quakes = 0
        self._centre = Centre(folder, clock=self._clock, on_ready=self._ports.__setitem__, on_heard=self._heard)

    async def run(self) -> None:
        """Until it is told to finish, or by a signal to stop."""
        obeying = asyncio.create_task(self._obey())
        late = await self._centre.run()
        obeying.cancel()
        say({"cut_short": late})

    def _clock(self) -> int:
        return time.time_ns() + self._ahead_ns

    def _heard(self, heard: Heard) -> None:
        self._quakes += len(heard.quakes)

    async def _obey(self) -> None:
        finishing, commands = asyncio.create_task(asyncio.sleep(0)), asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        while line := (await commands.readline()).decode().split():
            match line:
                case ["status"]:
                    say(self._status())
                case ["clock", ahead_s]:
                    self._ahead_ns = int(ahead_s) * NS_PER_S
                case ["finish"]:
                    finishing = asyncio.create_task(self._finish())
        await finishing

    def _status(self) -> dict[str, object]:
        centre = self._centre
        health = judge(centre.metrics, now_ns=time.time_ns(), begun_ns=self._begun_ns).document
        return {
            "reached": max(centre.intake.marks("seedlink").values(), default=0),
            "reasons": [told["reason"] for told in health["reasons"]],
            "feeds": {name: feed["state"] for name, feed in health["feeds"].items()},
            "ports": self._ports,
            "quakes": self._quakes,
            "hears": centre.thinker.pid is not None and centre.thinker.idle,
            "engine": centre.thinker.pid,
            "memory_bytes": _memory_bytes(),
        }

    async def _finish(self) -> None:
        # An engine that is begun again has not heard all there is.
        while not self._centre.thinker.idle:  # noqa: ASYNC110  it does not say when it is
            await asyncio.sleep(0.05)
        self._centre.thinker.finish()
        while self._centre.thinker.pid is not None:  # noqa: ASYNC110  it says nothing at its end
            await asyncio.sleep(0.05)
        self._centre.supervisor.ask_to_stop()


def say(told: dict[str, object]) -> None:
    """Answer, in one line."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _memory_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    asyncio.run(Held(Path(sys.argv[1])).run())
