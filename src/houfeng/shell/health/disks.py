"""Looks at how much the disks have left, before they are full."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from houfeng.shell.health.metrics import Metrics

#: How often, s. Half a gigabyte, which counts as full, lasts a nation's 48,000 records a second for twice as long.
EVERY_S = 10.0


async def watch_disks(
    folders: Mapping[str, Path], metrics: Metrics, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Tell for ever what is left on the disk of each folder.

    folders  by what they are called: journal, archive ...
    sleep    waits so many seconds, as asyncio.sleep
    """
    while True:
        for place, folder in folders.items():
            try:
                # A disk that hangs holds up a thread, not the centre.
                metrics.disk_stands(place, await asyncio.to_thread(left_bytes, folder))
                metrics.trouble(f"disk of the {place}", "")
            except OSError as error:
                metrics.trouble(f"disk of the {place}", error.strerror or str(error))
        await sleep(EVERY_S)


def left_bytes(folder: Path) -> int:
    """What is left for us on the disk that holds a folder, or will hold it. Raises OSError when nobody can say."""
    there = next((each for each in (folder, *folder.absolute().parents) if each.exists()), folder)
    disk = os.statvfs(there)
    return disk.f_bavail * disk.f_frsize
