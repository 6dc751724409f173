"""Disks: what is left is told, again and again, and a disk that is gone is trouble until it is back."""

import asyncio
import shutil

from houfeng.shell.health.disks import EVERY_S, left_bytes, watch_disks
from houfeng.shell.health.metrics import Metrics


class Enough(Exception):
    """Ends a watch that goes on for ever."""


def watched(folders, metrics, *steps):
    """Watch, taking one step at each sleep."""
    remaining, slept = list(steps), []

    async def sleep(wait_s):
        slept.append(wait_s)
        if not remaining:
            raise Enough
        remaining.pop(0)()

    async def main():
        try:
            await watch_disks(folders, metrics, sleep=sleep)
        except Enough:
            return slept

    return asyncio.run(main())


def test_a_folder_that_is_not_there_yet_lies_on_the_disk_of_its_parent(tmp_path):
    total = shutil.disk_usage(tmp_path).total
    assert 0 <= left_bytes(tmp_path / "not/there/yet") <= total


def test_every_folder_is_told_under_its_name(tmp_path):
    metrics = Metrics()
    assert watched({"archive": tmp_path, "journal": tmp_path / "j"}, metrics, lambda: None) == [EVERY_S, EVERY_S]
    assert metrics.disks.keys() == {"archive", "journal"}
    assert metrics.troubles == {}


def test_a_folder_nobody_can_look_at_is_trouble_until_it_is_mended(tmp_path):
    metrics, seen = Metrics(), []
    folders = {"archive": tmp_path / ("x" * 300)}  # longer than a name may be

    def mend():
        seen.append(dict(metrics.troubles))
        folders["archive"] = tmp_path

    watched(folders, metrics, mend)
    assert seen == [{"disk of the archive": "File name too long"}]
    assert metrics.troubles == {}
