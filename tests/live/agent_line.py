"""A line to try an agent on: a digitiser, the agent as a process of its own, and a centre that reads it over TLS."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import os
import random
import ssl
import struct
import sys
import tempfile
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from houfeng.shell.journal.journal import Journal
from houfeng.shell.keys import keys
from houfeng.shell.seedlink.readers import Readers, add_reader
from houfeng.shell.seedlink.server import Listen, SeedlinkServer
from houfeng.wire import mseed
from houfeng.wire.manifest import Manifest, Opening, carried, is_carrier, statement_of
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

SOURCE = Path(__file__).resolve().parents[2] / "src"
PASSWORD = "do-not-show-me"
HEADER = struct.Struct("<2sccIQB")
MIB = 1 << 20

#: Beyond this a test fails: nothing is waited for by time alone.
LIMIT_S = 120


def certify(folder):
    """A certificate for 127.0.0.1 and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "station")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=400))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(pem)
    (folder / "tls.key").chmod(0o600)


class Digitiser:
    """The house's own SeedLink server over a journal, in the clear."""

    def __init__(self, folder):
        self._journal = Journal(folder, segment_bytes=16 * MIB, keep_bytes=512 * MIB)
        self._server = SeedlinkServer(
            self._journal, Readers.everything_open(), tell=lambda _: None, listen=(Listen(port=0),)
        )
        self.said = defaultdict(list)
        self.port = 0

    async def __aenter__(self):
        await self._server.__aenter__()
        self.port = self._server.addresses[0][1]
        return self

    async def __aexit__(self, *error):
        await self._server.__aexit__(*error)
        self._journal.close()

    def say(self, station, records):
        packets = [Packet("sensor", station, number, 0, content) for number, content in enumerate(records)]
        numbers = self._journal.append(packets)
        self._journal.sync()
        self._server.published(numbers, packets)
        self.said[station] += records


class Agent:
    """An agent's folder, and the agent itself as a process."""

    def __init__(self, folder, stations, source, *, program=("-m", "houfeng.shell.agent"), tls=True):
        self.folder, self.stations = folder, stations
        self._source, self._program, self._tls = source, program, tls
        self.centre = keys.make_centre_key(folder / "centre.pem")
        keys.write_centre_public(folder / "centre.pub", keys.public_of(self.centre))
        certify(folder)
        add_reader(folder / "readers.toml", "centre", ["*"], PASSWORD)
        self._port = folder / "port"
        self.write_settings()
        self.process = self._log = None
        self.port = 0

    def write_settings(self):
        source = (
            f'[files]\nfolder = "{self._source}"'
            if isinstance(self._source, Path)
            else f'[digitiser]\naddress = "127.0.0.1:{self._source}"'
        )
        serve = (
            'tls_listen = "127.0.0.1:0"\ncertificate = "tls.pem"\nkey = "tls.key"\n'
            'readers = "readers.toml"\ncentre = "centre"\n'
            if self._tls
            else 'listen = "127.0.0.1:0"\n'
        )
        names = ", ".join(f'"{station}"' for station in self.stations)
        (self.folder / "agent.toml").write_text(
            f"stations = [{names}]\nkeep_mib = 256\n{source}\n"
            f'[keys]\nprevious = "previous.pem"\ncentre = "centre.pub"\nplace = "sensor"\n[serve]\n{serve}'
        )

    def command(self, *options):
        return [sys.executable, *self._program, "--settings", str(self.folder / "agent.toml"), *options]

    @property
    def environment(self):
        return {**os.environ, "PYTHONPATH": str(SOURCE)}

    async def do(self, *options):
        """Run it for something it does at once: status and what it said."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*options), env=self.environment, stderr=asyncio.subprocess.PIPE
        )
        _, said = await process.communicate()
        return process.returncode, said.decode()

    async def start(self):
        """Start it without waiting for anything."""
        self.process = await asyncio.create_subprocess_exec(
            *self.command(), env=self.environment, stderr=asyncio.subprocess.PIPE
        )
        self._log = asyncio.create_task(self._listen(self.process))

    async def ready(self):
        """Start it, and wait until it serves."""
        await self.start()
        async with asyncio.timeout(LIMIT_S):
            while not self.port:
                assert self.process.returncode is None, self.said
                await asyncio.sleep(0.01)

    async def stop(self):
        """Ask it to end, and wait until it has."""
        self.process.terminate()
        await self.process.wait()
        await self._log
        self.port = 0
        return self.process.returncode

    async def kill(self):
        """End it as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, 9)
        await self.process.wait()
        await self._log
        self.port = 0

    said = ""

    async def _listen(self, process):
        async for line in process.stderr:
            self.said += line.decode()
            if b"serving on" in line:
                self.port = int(line.split()[-1])


class Centre:
    """Reads an agent over TLS, resumes by sequence after every cut, and keeps all it gets."""

    def __init__(self, agent):
        self._agent = agent
        self._context = ssl.create_default_context(cafile=agent.folder / "tls.pem")
        self.got = {station: [] for station in agent.stations}
        self.last = dict.fromkeys(agent.stations, 0)
        self.connections = 0
        self._writer = None

    async def run(self):
        """Read for ever."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
                await self._read()
            await asyncio.sleep(0.02)

    def cut(self):
        """Break the link."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def until(self, done):
        """Wait until something holds of what came."""
        async with asyncio.timeout(LIMIT_S):
            while not done(self):  # noqa: ASYNC110  what came is asked, whoever brought it
                await asyncio.sleep(0.02)

    async def _read(self):
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._agent.port or 1, ssl=self._context)
        try:
            await self._ask(reader, self._writer)
            self.connections += 1
            while True:
                head = await reader.readexactly(HEADER.size)
                signature, _, _, length, sequence, name_bytes = HEADER.unpack(head)
                assert signature == b"SE"
                station = (await reader.readexactly(name_bytes)).decode().replace("_", ".", 1)
                content = await reader.readexactly(length)
                assert sequence > self.last[station]
                self.last[station] = sequence
                self.got[station].append(content)
        finally:
            self._writer.transport.abort()

    async def _ask(self, reader, writer):
        lines = ["SLPROTO 4.0", f"AUTH USERPASS centre {PASSWORD}"]
        for station, last in self.last.items():
            lines += [f"STATION {station.replace('.', '_')}", f"DATA {last + 1 if last else 'ALL'}"]
        for line in lines:
            writer.write(f"{line}\r\n".encode())
            answer = await reader.readline()
            if not answer.startswith(b"OK"):
                raise ConnectionError(f"{line.split()[0]}: {answer!r}")
        writer.write(b"END\r\n")


@contextlib.asynccontextmanager
async def reading(agent):
    """A centre that reads while the block runs."""
    centre = Centre(agent)
    task = asyncio.create_task(centre.run())
    try:
        yield centre
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def short_records(station, count, *, channels=1, first=0):
    """Distinct records of a second each, as a digitiser cuts them."""
    network, code = station.split(".")
    chance = np.random.default_rng(5)
    sources = [SourceId(network, code, "", f"HH{letter}") for letter in "ZNE"[:channels]]
    records = []
    for number in range(first, first + count):
        samples = chance.integers(-100, 100, 20).astype(np.int32)
        samples[0] = number
        start_ns = 1_790_000_000_000_000_000 + (number // channels) * 1_000_000_000
        segment = Segment(sources[number % channels], start_ns, 20.0, samples)
        records.append(mseed.encode([segment], version=2, record_length=512))
    return records


async def kill_often(folder, *, kills, seed, longest_s=1.2):
    """A station under load whose agent is killed that many times at random moments. What came, and the agent."""
    stations = ("XX.S1", "XX.S2")
    chance = random.Random(seed)
    async with Digitiser(folder / "digitiser") as digitiser:
        agent = Agent(folder, stations, digitiser.port)
        assert (await agent.do("--make-keys"))[0] == 0
        made = {station: iter(short_records(station, 20 * 40 * kills)) for station in stations}
        speaking = asyncio.create_task(_speak(digitiser, made))
        try:
            async with reading(agent) as centre:
                for _ in range(kills):
                    # Most die at work, some while they start.
                    await (agent.ready() if chance.random() < 0.7 else agent.start())
                    await asyncio.sleep(chance.uniform(0.0, longest_s))
                    await agent.kill()
                speaking.cancel()
                await agent.ready()
                await centre.until(lambda centre: is_whole(centre, digitiser))
                await finish(agent, centre)
        finally:
            speaking.cancel()
        return agent, centre, digitiser


async def _speak(digitiser, made):
    while True:
        for station, records in made.items():
            digitiser.say(station, [next(records)])
        await asyncio.sleep(0.05)


def is_whole(centre, digitiser):
    """Whether every record came, and the last of each station is named."""
    for station, got in centre.got.items():
        records = [content for content in got if not is_carrier(content)]
        if len(records) < len(digitiser.said[station]):
            return False
        said = [statement_of(carried(content)[1]).value for content in got[-300:] if is_carrier(content)]
        named = {name.digest for value in said if isinstance(value, Manifest) for name in value.names}
        if records and sha256(records[-1]).digest() not in named:
            return False
    return True


def sessions_of(got):
    """Sessions opened, in order."""
    said = (statement_of(carried(content)[1]).value for content in got if is_carrier(content))
    return list(dict.fromkeys(value.session for value in said if isinstance(value, Opening)))


async def finish(agent, centre):
    """Stop the agent, and take from its journal what it said last; what a new session says is left out again."""
    assert await agent.stop() == 0, agent.said
    before = {station: len(sessions_of(got)) for station, got in centre.got.items()}
    await agent.ready()
    await centre.until(lambda centre: all(len(sessions_of(centre.got[key])) > count for key, count in before.items()))
    await agent.kill()
    for station, got in centre.got.items():
        last = sessions_of(got)[-1]
        centre.got[station] = [content for content in got if not (is_carrier(content) and last in carried(content)[1])]


def scratch():
    """A folder for a run outside the tests."""
    return tempfile.TemporaryDirectory(prefix="houfeng-agent-")
