"""TLS of a server of ours."""

import ssl
from pathlib import Path

from houfeng.words.errors import DataFault


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server shows over TLS. Raises DataFault when the files do not make a pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        remedy = "give a certificate and its own key, both PEM, the key without a passphrase"
        raise DataFault(f"{certificate} with {key}", "cannot be used for TLS", remedy) from error
    return context
