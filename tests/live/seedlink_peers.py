"""A SeedLink server with records made here, and the clients that read from it."""

import asyncio
import contextlib
import datetime as dt
import os
import shutil
import ssl
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.readers import Readers
from houfeng.shell.seedlink.server import Listen, SeedlinkServer
from houfeng.wire import mseed
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

NS = 1_000_000_000
HEADER_4 = struct.Struct("<2s2sIQB")

#: A whole minute.
START_NS = 1_700_000_040 * NS

#: Long enough for any machine; reached only where something is broken.
LIMIT_S = 60


def record(station="AAA", channel="HHZ", second=0, *, network="XX", location="00", version=2, length=512, seconds=1):
    """One record of that many seconds: 100 Hz, or where it is to be small, little more than its header."""
    source = SourceId(network, station, location, channel)
    rate_hz = 100.0 if length >= 512 else 20.0
    samples = (np.arange(round(rate_hz * seconds)) * (second + 1) % 97).astype(np.int32)
    content = mseed.encode(
        [Segment(source, START_NS + second * NS, rate_hz, samples)], version=version, record_length=length
    )
    return Packet("made", f"{network}.{station}", second, START_NS + (second + 1) * NS, content)


class World:
    """A journal and a server over it."""

    def __init__(self, journal):
        self.journal, self.server, self.notes, self._told = journal, None, [], asyncio.Event()

    def tell(self, note):
        self.notes.append(note)
        self._told.set()

    @property
    def port(self):
        return self.server.addresses[0][1]

    def publish(self, packets):
        """Append, sync, tell: what the owner of a server does."""
        sequences = self.journal.append(packets)
        self.journal.sync()
        self.server.published(sequences, packets)
        return sequences

    def told(self, kind):
        return [note for note in self.notes if isinstance(note, kind)]

    async def hears_of(self, kind):
        """The first note of a kind, waited for."""
        while not self.told(kind):
            self._told.clear()
            await self._told.wait()
        return self.told(kind)[0]


@contextlib.asynccontextmanager
async def world(root, *, readers=None, tls=None, before=(), **options):
    """A world with some packets in its journal already."""
    # A ring of a few segments, so that tests reach its end.
    sizes = {name: options.pop(name) for name in ("segment_bytes", "keep_bytes") if name in options}
    with Journal(root / "journal", **({"keep_bytes": 256 << 20} | sizes)) as journal:
        if before:
            journal.append(before)
            journal.sync()
        listen = [Listen(port=0)] + ([Listen(port=0, tls=tls)] if tls else [])
        readers = Readers.everything_open() if readers is None else readers
        here = World(journal)
        async with SeedlinkServer(journal, readers, tell=here.tell, listen=listen, **options) as here.server:
            yield here


def run(scene):
    """Play an asynchronous scene."""
    asyncio.run(asyncio.wait_for(scene, LIMIT_S))


async def ask(port, commands, wanted):
    """Send commands, read until wanted(bytes) or the end of the connection, and give what came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await say(reader, writer, commands, wanted)
    finally:
        writer.close()


async def say(reader, writer, commands, wanted):
    writer.write("".join(f"{command}\r\n" for command in commands).encode())
    return await hear(reader, wanted)


async def hear(reader, wanted):
    heard = bytearray()
    while not wanted(heard):
        piece = await reader.read(1 << 16)
        if not piece:
            break
        heard += piece
    return bytes(heard)


def packets_v4(data):
    """The packets of version 4 at the end of what was heard: format, sequence, station, payload."""
    at = data.find(b"SE")
    found = []
    while at >= 0 and data[at : at + 2] == b"SE" and at + 17 <= len(data):
        _, format_, length, sequence, name = HEADER_4.unpack_from(data, at)
        begin = at + 17 + name
        at = begin + length
        if at > len(data):
            break
        found.append((format_.decode(), sequence, data[begin - name : begin].decode(), data[begin:at]))
    return found


def packets_v3(data):
    """The packets of version 3 after the last line end: sequence in hexadecimal, record."""
    at = data.find(b"SL")
    return [
        (data[k + 2 : k + 8].decode(), data[k + 8 : k + 520])
        for k in range(at, len(data) - 519, 520)
        if at >= 0 and data[k : k + 2] == b"SL"
    ]


def certificate(folder: Path):
    """A server's certificate for 127.0.0.1, good for an hour; gives the context and the certificate's path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "server.pem", folder / "server.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    return context, paths[0]


def slinktool():
    """The program, from SLINKTOOL or the path; without it a test is skipped."""
    found = os.environ.get("SLINKTOOL") or shutil.which("slinktool")
    if not found:
        pytest.skip("no slinktool: set SLINKTOOL to the program, or build EarthScope's slinktool")
    return found


async def run_slinktool(*arguments, environment=None, typed=None):
    """What slinktool printed, on both ways out, and the status it ended with.

    typed  what to say when it asks
    """
    process = await asyncio.create_subprocess_exec(
        slinktool(),
        *map(str, arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )
    printed, _ = await process.communicate((typed or "").encode())
    return printed.decode(errors="replace"), process.returncode
