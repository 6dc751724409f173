"""A real PostgreSQL server for the tests that need one, started and stopped here."""

from collections.abc import Iterator

import pytest
from postgres_server import Postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a fresh server, see Postgres."""
    with Postgres() as server:
        yield server.url
