"""The outlet that is a folder: one file of XML for each version, there whole or not at all."""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from houfeng.serve.alerts.news import News
from houfeng.shell.keys.files import write_whole
from houfeng.shell.outlets.outlet import Issue
from houfeng.wire.xml_pieces import escaped_id
from houfeng.words.errors import WorldFault

#: Makes the file of a version from it and the files of the versions before it, in order.
Render = Callable[[News, Sequence[bytes]], bytes]

#: What write_whole leaves when it is interrupted.
_ASIDE = re.compile(r"\..*\.xml\.[0-9a-f]{16}")


class Folder:
    """Writes ALERT.VERSION.xml into a folder; the names are safe whatever the alert is called.

    path  of the folder; made when missing
    """

    lasting = True
    trouble = ""

    def __init__(self, path: Path, render: Render) -> None:
        self._path = path
        self._render = render
        self._thread = ThreadPoolExecutor(1, "alerts-folder")  # a disk that hangs, hangs here

    async def open(self, earlier: Sequence[Issue]) -> None:
        """See Outlet."""
        del earlier  # what is in the folder counts
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def give(self, issue: Issue) -> None:
        """See Outlet."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._give, issue)

    async def close(self) -> None:
        """See Outlet."""
        self._thread.shutdown(wait=False)

    def _open(self) -> None:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            for file in self._path.iterdir():
                if _ASIDE.fullmatch(file.name):
                    file.unlink()
        except OSError as error:
            raise self._fault(error) from error

    def _give(self, issue: Issue) -> None:
        stem = escaped_id(issue.alert_id)
        path = self._path / f"{stem}.{issue.version}.xml"
        version = re.compile(rf"{re.escape(stem)}\.([0-9]+)\.xml")
        try:
            if path.exists():
                return
            found = [(int(match[1]), file) for file in self._path.iterdir() if (match := version.fullmatch(file.name))]
            earlier = [file.read_bytes() for number, file in sorted(found) if number < issue.version]
        except OSError as error:
            raise self._fault(error) from error
        write_whole(path, self._render(issue.news, earlier), secret=False, replace=False)

    def _fault(self, error: OSError) -> WorldFault:
        return WorldFault(str(self._path), error.strerror or str(error), "check the folder, its permissions and room")
