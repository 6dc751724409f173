"""Alerts as signed CAP messages and as QuakeML, one file each."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from houfeng.serve.alerts.cap import Issuer, reference_of, write_cap
from houfeng.serve.alerts.news import News
from houfeng.serve.alerts.quakeml import write_alert_quakeml
from houfeng.shell.keys.files import read_secret
from houfeng.shell.outlets.folder import Folder
from houfeng.words.errors import DataFault, WorldFault

_REMEDY = "make a key on the curve P-256 and a certificate of it, both PEM: see how to get alerts out"


def cap_folder(path: Path, issuer: Issuer, audience: str, *, certificate: Path, key: Path) -> Folder:
    """An outlet that writes signed CAP 1.2 messages for an audience.

    certificate, key  PEM; see load_signer

    Raises as load_signer, and WorldFault when signxml is not installed.
    """
    try:
        from houfeng.serve.alerts.signature import sign_cap  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise WorldFault("signxml", "is not installed", "pip install 'houfeng[alerts]'") from error
    private, public = load_signer(certificate, key)

    def render(news: News, earlier: Sequence[bytes]) -> bytes:
        return sign_cap(write_cap(news, issuer, audience, tuple(_references(earlier))), private, public)

    return Folder(path, render)


def _references(earlier: Sequence[bytes]) -> Iterator[str]:
    """References to what went before. Somebody's damage to an earlier file keeps nobody from being warned."""
    for message in earlier:
        with contextlib.suppress(DataFault):
            yield reference_of(message)


def quakeml_folder(path: Path, agency: str) -> Folder:
    """An outlet that writes QuakeML 1.2."""
    return Folder(path, lambda news, _: write_alert_quakeml(news.alert, agency=agency))


def load_signer(certificate: Path, key: Path) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
    """The key that alerts are signed with, and its certificate.

    Raises WorldFault when a file cannot be read, or the key's is open to others; DataFault when the key is not of
    P-256, or the certificate not of the key.
    """
    try:
        private = load_pem_private_key(read_secret(key), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DataFault(str(key), "holds no private key in PEM without a passphrase", _REMEDY) from error
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise DataFault(str(key), "holds a key of another kind than ECDSA on P-256", _REMEDY)
    try:
        public = x509.load_pem_x509_certificate(certificate.read_bytes())
    except OSError as error:
        raise WorldFault(str(certificate), f"cannot be read: {error.strerror}", _REMEDY) from error
    except ValueError as error:
        raise DataFault(str(certificate), "holds no certificate in PEM", _REMEDY) from error
    if public.public_key() != private.public_key():
        raise DataFault(str(certificate), f"is not of the key in {key}", _REMEDY)
    return private, public
