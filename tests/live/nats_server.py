"""A real nats-server for the tests that need one, started and stopped here."""

import datetime as dt
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

START_LIMIT_S = 30


class NatsServer:
    """A broker with JetStream on a free port of loopback, with a folder of its own; it can be killed and started again.

    options  more lines for its configuration file
    """

    def __init__(self, program: str, folder: Path, options: str = "") -> None:
        self.port = _free_port()
        self.address = f"nats://127.0.0.1:{self.port}"
        self._folder = folder
        self._program = program
        self._process: subprocess.Popen | None = None
        self._configuration = folder / "nats.conf"
        self._configuration.write_text(
            f"listen: 127.0.0.1:{self.port}\njetstream {{ store_dir: {folder / 'store'} }}\n{options}\n"
        )

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", self._configuration], stdout=log, stderr=log)
        deadline = time.monotonic() + START_LIMIT_S
        while not _takes_connections(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"nats-server did not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(timeout=START_LIMIT_S)
            except subprocess.TimeoutExpired:  # asked to end while it was busy, it may not
                self._process.kill()
                self._process.wait(timeout=START_LIMIT_S)


def nats_program() -> str:
    """The server's program. Without it a test is skipped, saying so; in CI it fails."""
    program = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        message = "no nats-server here: apt-get install nats-server"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return program


@contextmanager
def running_broker(options: str = "") -> Iterator[NatsServer]:
    """A fresh broker, gone without a trace when left."""
    folder = Path(tempfile.mkdtemp(prefix="houfeng-nats-"))
    server = NatsServer(nats_program(), folder, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=400))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "broker.pem", folder / "broker.key"
    pem.write_bytes(signed.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return pem, secret


def with_tls(folder: Path) -> tuple[Path, str]:
    """Lines of configuration for TLS, and the certificate to believe."""
    pem, secret = certificate(folder)
    return pem, f"tls {{ cert_file: {pem}, key_file: {secret} }}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
