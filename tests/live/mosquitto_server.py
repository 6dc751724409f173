"""A real mosquitto for the tests that need one, started and stopped here."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest

START_LIMIT_S = 30


class Mosquitto:
    """A broker on a port of loopback, with a folder of its own; it can be stopped and started again.

    options  more lines for its configuration file
    """

    def __init__(self, folder: Path, options: str = "allow_anonymous true") -> None:
        self.port = _free_port()
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen | None = None
        self._configuration = folder / "mosquitto.conf"
        # Started as root it would become another user, who cannot read the folder.
        user = "user root\n" if os.geteuid() == 0 else ""
        self._configuration.write_text(f"{user}listener {self.port} 127.0.0.1\n{options}\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([program(), "-c", self._configuration], stdout=log, stderr=log)
        deadline = time.monotonic() + START_LIMIT_S
        while not _takes_connections(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"mosquitto did not start: {self._log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=START_LIMIT_S)


def program(name: str = "mosquitto") -> str:
    """The broker's program. Without it a test is skipped, saying so; in CI it fails."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        message = f"no {name} here: apt-get install mosquitto"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
