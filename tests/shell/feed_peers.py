"""Servers that feeds connect to in tests, on loopback: they say what a test lets them say, be it right or wrong."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import struct
from dataclasses import dataclass, field

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from houfeng.wire import mseed
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

START_NS = parse_instant("2024-01-01T00:00:00Z")
LIMIT_S = 30


def record(station="XX.A", second=0, *, version=2, channel="HHZ"):
    """One record of a second of a station."""
    network, _, code = station.partition(".")
    samples = np.arange(100, dtype=np.int32) + second
    segment = Segment(SourceId(network, code, "", channel), START_NS + second * NS_PER_S, 100.0, samples)
    return mseed.encode([segment], version=version)


def packet_4(station, sequence, content, form=b"2D"):
    """A packet of SeedLink 4."""
    name = station.replace(".", "_").encode()
    return b"SE" + form + struct.pack("<IQB", len(content), sequence, len(name)) + name + content


def packet_3(sequence, content):
    """A packet of SeedLink 3."""
    return f"SL{sequence:06X}".encode() + content


async def shake_hands(reader, writer, *, refuse=(), protocols="SLPROTO:4.0 SLPROTO:3.1", login=""):
    """Answer a SeedLink client until it begins to wait for packets; the commands it sent."""
    commands, line = [], b""
    while True:
        letter = await reader.readexactly(1)
        if letter not in b"\r\n":
            line += letter
            continue
        if not line:
            continue
        command, line = line.decode(), b""
        commands.append(command)
        word, *arguments = command.split()
        if word == "HELLO":
            writer.write(f"SeedLink v4.0 (test) :: {protocols}\r\nnobody\r\n".encode())
        elif word == "AUTH" and command != f"AUTH {login}":
            writer.write(b"ERROR AUTH no such " + command.encode() + b"\r\n")
        elif word == "STATION" and arguments[0] in refuse:
            writer.write(b"ERROR ARGUMENTS no such station\r\n")
        elif word != "END":
            writer.write(b"OK\r\n")
        if word == "END":
            return commands


@contextlib.asynccontextmanager
async def serving(handle, *, tls=None):
    """A server that handles each connection so; its port."""

    async def handled(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(handled, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass
class Listener:
    """What a feed brought, and what it told. marks follow what was brought, as the journal's would."""

    marks: dict[str, int] = field(default_factory=dict)
    packets: list = field(default_factory=list)
    findings: list = field(default_factory=list)
    waits_s: list = field(default_factory=list)

    async def sleep(self, wait_s):
        """Wait no time, and remember what for."""
        self.waits_s.append(wait_s)
        self.look()
        await asyncio.sleep(0)

    def look(self):
        """See whether what is listened for has come."""

    async def listen(self, feed, until):
        """Run a feed until a condition on this listener holds, which is looked at after everything it does."""
        done = asyncio.Event()

        def look():
            if until(self):
                done.set()

        self.look = look

        async def deliver(packet):
            self.packets.append(packet)
            self.marks[packet.station_key] = packet.sequence
            look()
            await asyncio.sleep(0)

        def tell(finding):
            self.findings.append(finding)
            look()

        task = asyncio.create_task(feed.run(self.marks, deliver, tell))
        waiting = asyncio.create_task(done.wait())
        try:
            async with asyncio.timeout(LIMIT_S):
                await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
        finally:
            for each in (task, waiting):
                each.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await each
        return self

    @property
    def brought(self):
        """Station and sequence of each packet."""
        return [(packet.station_key, packet.sequence) for packet in self.packets]

    @property
    def kinds(self):
        """Kind and station of each finding."""
        return [(finding.kind, finding.station) for finding in self.findings]


class Certificates:
    """A certificate authority of its own, and a server's certificate for a host or an address."""

    def __init__(self, folder, name="authority", host="127.0.0.1"):
        self.ca = folder / f"{name}.pem"
        key, authority = _certificate(name, None, None)
        server_key, server = _certificate(host, key, authority)
        self.ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        self.certificate, self.key = folder / f"{name}-server.pem", folder / f"{name}-server.key"
        self.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.key.write_bytes(server_key.private_bytes(serialization.Encoding.PEM, *form))

    def context(self):
        """What the server goes by."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def _certificate(name, issuer_key, issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=400))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is None:
        uses = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
        usage = dict.fromkeys([*uses, "encipher_only", "decipher_only"], False)
        builder = builder.add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True)
    else:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        subject_name = x509.DNSName(name) if name == "localhost" else x509.IPAddress(ipaddress.ip_address(name))
        address = x509.SubjectAlternativeName([subject_name])
        builder = builder.add_extension(authority, critical=False).add_extension(address, critical=False)
    return key, builder.sign(issuer_key or key, hashes.SHA256())
