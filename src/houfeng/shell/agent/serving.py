"""Serve an agent's journal to the centre: plain on this machine, with TLS beyond it."""

import ssl
from collections.abc import Callable
from pathlib import Path

from houfeng.shell.agent.settings import ServeSettings
from houfeng.shell.agent.visitors import Visitors
from houfeng.shell.journal.journal import Journal
from houfeng.shell.keys.files import read_secret
from houfeng.shell.seedlink.server import Limits, Listen, SeedlinkServer
from houfeng.wire.seedlink.notes import Note
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding

#: A station is read by its centre, perhaps by two, and by its engineer.
_LIMITS = Limits(connections=32, of_one_address=16)

#: Records sent to a reader at once, at most; see Journal.read().
_PORTION = 1000


def make_server(journal: Journal, settings: ServeSettings, tell: Callable[[Note | Finding], None]) -> SeedlinkServer:
    """The server as the settings have it; it listens once entered.

    Raises WorldFault or DataFault when certificate, key or readers cannot be used.
    """
    places = []
    if settings.listen is not None:
        places.append(Listen(settings.listen.host, settings.listen.port))
    if settings.tls_listen is not None:
        places.append(Listen(settings.tls_listen.host, settings.tls_listen.port, _tls(settings)))
    return SeedlinkServer(
        journal,
        readers_of(settings),
        tell=tell,
        listen=places,
        organisation="Houfeng agent",
        software="Houfeng-agent/0.1",
        limits=_LIMITS,
    )


def readers_of(settings: ServeSettings) -> Visitors:
    """Who may read. Raises as load_readers() does."""
    return Visitors.load(settings.readers) if settings.readers is not None else Visitors.everything_open()


class Publisher:
    """Passes on to a server what became durable in a journal since it was opened.

    Make it before the first record is appended.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._next = journal.next

    def publish(self, server: SeedlinkServer) -> None:
        """Pass on what is new. Raises WorldFault when the disk refuses."""
        while found := self._journal.read(self._next, most=_PORTION):
            first, end = found[0][0], found[-1][0] + 1
            server.published(range(first, end), [packet for _, packet in found])
            self._next = end


def _tls(settings: ServeSettings) -> ssl.SSLContext:
    assert settings.certificate is not None
    assert settings.key is not None
    read_secret(settings.key)  # refused when others may open it
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=_no_passphrase(settings.key))
    except (OSError, ssl.SSLError) as error:
        raise WorldFault(str(settings.certificate), f"and its key cannot be used: {error}") from error
    return context


def _no_passphrase(key: Path) -> Callable[[], bytes]:
    """What OpenSSL calls for a key that is locked; else it would ask at a terminal that nobody sits at."""

    def refuse() -> bytes:
        raise WorldFault(str(key), "is locked by a passphrase", "give TLS a key without one, mode 0600")

    return refuse
