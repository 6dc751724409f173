"""A process that lets the same alerts out as often as it is started, until it is killed: see test_live_outlets.py."""

import asyncio
import os
import sys
import time
from pathlib import Path

from made_alert import FIRST, version

from houfeng.shell.centre.outlets import outlets_of
from houfeng.shell.settings.settings import read_settings

VERSIONS = 24


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def main(folder: Path) -> None:
    settings = read_settings(folder / "centre.toml")
    outlets = outlets_of(settings, folder, clock=time.time_ns, environment=os.environ, tell=say)
    async with outlets:
        for number in range(1, VERSIONS + 1):
            await outlets.publish(FIRST if number == 1 else version(number))
            say(number)
        await outlets.idle()
    say("end")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
