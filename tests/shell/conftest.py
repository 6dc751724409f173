"""What tests of the shell share: the program run in this process, and a real PostgreSQL server."""

import sys
from collections.abc import Iterator

import pytest
from postgres_server import Postgres

from houfeng.shell.cli import main as cli


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a fresh server, see Postgres."""
    with Postgres() as server:
        yield server.url


@pytest.fixture
def houfeng(monkeypatch, capsys, tmp_path):
    """Run the program in an empty folder: exit code, standard output, standard error."""

    def run(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["houfeng", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run
