"""A real PostgreSQL server of a test's own, which can be killed and begun again."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

#: Made up, to see that it never shows.
PASSWORD = "do-not-show-me"

START_LIMIT_S = 60


class Postgres:
    """A fresh server that asks for a password, with an empty database "postgres".

    Without the server's programs a test is skipped, saying so; in CI it fails.
    """

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        if not programs:
            message = "no PostgreSQL server here: apt-get install postgresql"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        self._programs = programs[-1].parent
        self.folder = Path(tempfile.mkdtemp(prefix="houfeng-postgres-"))
        self._server: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        """Where it is found, with its password."""
        return f"postgresql://houfeng:{PASSWORD}@/postgres?host={self.folder}"

    def __enter__(self):
        user = _unprivileged(self.folder)
        self._become = {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if user is not None:
            shutil.chown(secret, user)
        self._run(
            *("initdb", "--pgdata", self.folder / "data", "--username", "houfeng", "--pwfile", secret),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"),
        )
        self.start()
        return self

    def start(self) -> None:
        """Begin, or begin again, and wait until it answers."""
        settings = {"unix_socket_directories": self.folder, "listen_addresses": "", "shared_buffers": "16MB"}
        options = [word for name, value in {**settings, "fsync": "off"}.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *options],
                **{"stdout": log, "stderr": log, "cwd": self.folder, **self._become},
            )
        ready = [self._programs / "pg_isready", "--quiet", "--host", self.folder]
        deadline = time.monotonic() + START_LIMIT_S
        while subprocess.run(ready, check=False).returncode != 0:
            if self._server.poll() is not None or time.monotonic() > deadline:
                self._server.kill()
                pytest.fail(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.1)

    def die(self) -> None:
        """End at once, as after a crash: without tidying up."""
        assert self._server is not None
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(timeout=START_LIMIT_S)

    def __exit__(self, *error: object) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.terminate()
            self._server.wait(timeout=START_LIMIT_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: object) -> None:
        command = [self._programs / program, *map(str, words)]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._become)


def _unprivileged(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: the user to run it as there, who then owns the folder."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    shutil.chown(folder, user)
    return user
