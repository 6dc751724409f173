"""A certificate of one's own for the SeedLink server's TLS port, until there is one from an authority."""

import ipaddress
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from houfeng.shell.keys.files import write_whole
from houfeng.words.instant import NS_PER_S

#: How long it is good for, and how far behind a reader's clock may be.
VALID = timedelta(days=730)
EARLIER = timedelta(days=1)


def make_certificate(certificate: Path, key: Path, *, name: str, now_ns: int) -> None:
    """Make a key pair (NIST P-256) and a certificate that it signs itself, for this machine's names.

    certificate, key  files to write, PEM; the key for its owner only
    name              of the centre

    Readers trust it by having the certificate's file. Raises WorldFault when a file exists or the disk refuses.
    """
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.fromtimestamp(now_ns / NS_PER_S, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_whole(key, pem, secret=True, replace=False)
    write_whole(certificate, made.public_bytes(serialization.Encoding.PEM), secret=False, replace=False)


def _names() -> list[x509.GeneralName]:
    hosts = dict.fromkeys(["localhost", socket.gethostname()])
    numbers = ["127.0.0.1", "::1"]
    return [
        *(x509.DNSName(host) for host in hosts if host.isascii()),
        *(x509.IPAddress(ipaddress.ip_address(number)) for number in numbers),
    ]
