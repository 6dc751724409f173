"""Certificates made for tests, which end when a test wants them to."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def made(*ends: dt.datetime) -> tuple[bytes, bytes]:
    """Certificates of one key that sign themselves, for this machine, one for each end; and the key. Both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificates = [
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - dt.timedelta(days=400))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        for end in ends
    ]
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return b"".join(each.public_bytes(form[0]) for each in certificates), key.private_bytes(*form)


def write_made(certificate: Path, key: Path, *ends: dt.datetime) -> bytes:
    """Write some, each file whole at once; the first certificate, DER."""
    pems, secret = made(*ends)
    for path, content in ((key, secret), (certificate, pems)):
        draft = path.with_suffix(".draft")
        draft.write_bytes(content)
        draft.chmod(0o600)
        draft.replace(path)
    return x509.load_pem_x509_certificates(pems)[0].public_bytes(serialization.Encoding.DER)
