"""A real PostgreSQL server for the tests that need one, started and stopped here."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Made up, to see that it never shows.
PASSWORD = "do-not-show-me"

START_LIMIT_S = 60


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a fresh server that asks for a password, with an empty database "postgres".

    Without the server's programs a test is skipped, saying so; in CI it fails.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not programs:
        message = "no PostgreSQL server here: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="houfeng-postgres-"))
    server = None
    try:
        user = _unprivileged(folder)
        server, log = _start(programs[-1].parent, folder, user)
        with log:
            yield f"postgresql://houfeng:{PASSWORD}@/postgres?host={folder}"
    finally:
        if server is not None:
            server.terminate()
            server.wait(timeout=START_LIMIT_S)
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: the user to run it as there, who then owns the folder."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    shutil.chown(folder, user)
    return user


def _start(programs: Path, folder: Path, user: str | None):
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if user is not None:
        shutil.chown(secret, user)
    become = {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    subprocess.run(
        [
            programs / "initdb",
            *("--pgdata", folder / "data", "--username", "houfeng", "--pwfile", secret),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        **become,
    )
    log = (folder / "log").open("wb")
    settings = {"unix_socket_directories": folder, "listen_addresses": "", "fsync": "off", "shared_buffers": "16MB"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [programs / "postgres", "-D", folder / "data", *options], stdout=log, stderr=log, cwd=folder, **become
    )
    ready = [programs / "pg_isready", "--quiet", "--host", folder]
    deadline = time.monotonic() + START_LIMIT_S
    while subprocess.run(ready, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            pytest.fail(f"PostgreSQL did not start: {(folder / 'log').read_text()}")
        time.sleep(0.1)
    return server, log
