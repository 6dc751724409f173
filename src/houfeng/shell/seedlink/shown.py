"""The certificate a TLS port shows, changed while it listens. Standard library only."""

import ssl
from pathlib import Path

from houfeng.words.errors import DataFault


class Shown:
    """A certificate chain and its key, for connections from now on; those that stand keep theirs.

    context  what to listen with

    Raises DataFault when they cannot be used together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._now = _context(certificate, key)
        self.context = _context(certificate, key)
        # Asked at the begin of every handshake, also of those that name no server.
        self.context.sni_callback = self._choose

    def change(self, certificate: Path, key: Path) -> None:
        """Show another one. Raises DataFault, and then the old one is shown on."""
        self._now = _context(certificate, key)

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _listening: ssl.SSLContext) -> None:
        connection.context = self._now


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a passphrase, so that nobody is asked for one.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        remedy = "give a certificate and its own key, both PEM, the key without a passphrase"
        raise DataFault(f"{certificate} with {key}", "cannot be used for TLS", remedy) from error
    return context
