"""A SeedLink server with a recording in its ring, and a centre that reads from it as a process of its own."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from houfeng.shell.catalogue.catalogue import Catalogue, url_of
from houfeng.shell.centre.thinking import TOLD_FILE
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.founding.answers import Answers
from houfeng.shell.founding.founding import found
from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.readers import Readers
from houfeng.shell.seedlink.server import Listen, SeedlinkServer
from houfeng.wire.quakeml import write_quakeml

#: Centres begun; none outlives its source, whatever a test comes to.
STARTED: list[subprocess.Popen] = []


class Source:
    """A SeedLink server in a thread of its own; more can be published while it runs."""

    def __init__(self, folder: Path, packets=()):
        self.journal = Journal(folder, keep_bytes=1 << 30)
        self._publish(packets)
        self._ready, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *error):
        while STARTED:
            STARTED.pop().kill()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self.journal.close()

    def add(self, packets):
        numbers = self._publish(packets)
        self._loop.call_soon_threadsafe(self._server.published, numbers, packets)

    def _publish(self, packets):
        numbers = self.journal.append(packets)
        self.journal.sync()
        return numbers

    async def _serve(self):
        self._stop = asyncio.Event()
        server = SeedlinkServer(self.journal, Readers.everything_open(), tell=lambda _: None, listen=[Listen(port=0)])
        async with server:
            self._server, self.port = server, server.addresses[0][1]
            self._ready.set()
            await self._stop.wait()


def make_centre(folder: Path, short, port: int, **changes) -> Path:
    """A centre for a short recording, fed by a SeedLink server on this machine."""
    found(folder, Answers("test", (str(short.stations),), f"127.0.0.1:{port}"), now_ns=time.time_ns())
    text = (folder / "centre.toml").read_text()
    swaps = {
        f'address = "127.0.0.1:{port}"': f'address = "127.0.0.1:{port}"\nbegin = "oldest"',
        'tls_listen = "127.0.0.1:18500"': 'tls_listen = ""',
        'listen = "127.0.0.1:18000"': 'listen = "127.0.0.1:0"',
        'listen = "127.0.0.1:8080"': 'listen = "127.0.0.1:0"',
        '# model = "': f'model = "{short.model}"  # "',
        **changes,
    }
    for old, new in swaps.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "centre.toml").write_text(text)
    return folder


def start(folder: Path, *options: str) -> subprocess.Popen:
    """houfeng run, as people start it."""
    command = [sys.executable, "-m", "houfeng", "run", str(folder), *options]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    STARTED.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment))
    return STARTED[-1]


def children(pid: int) -> list[int]:
    """Processes that a process started, by any of its threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for task in tasks for each in task.read_text(encoding="ascii").split()]


def kill(pid: int) -> None:
    """kill -9, of a process of ours."""
    os.kill(pid, signal.SIGKILL)


def outcome(folder: Path) -> dict[str, bytes]:
    """What a centre has told, and every file of its archive."""
    with ToldStore(folder / TOLD_FILE) as store:
        picks, findings = b"".join(store.picks()), b"".join(sorted(store.findings()))
    with Catalogue(url_of(str(folder / "catalogue.sqlite"))) as catalogue:
        quakes = write_quakeml(catalogue.query())
    archive = folder / "archive"
    return {
        "picks": picks,
        "findings": findings,
        "catalogue": quakes,
        **{str(path.relative_to(archive)): path.read_bytes() for path in sorted(archive.rglob("*.D.*"))},
    }
