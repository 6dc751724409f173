"""The feeds against real servers: the house's own SeedLink server, and ringserver where it is to be had."""

import asyncio
import contextlib
import dataclasses
import os
import random
import shutil
import socket
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from datalink_client import AsyncDataLink, DataLinkError
from feed_peers import Certificates
from seedlink_peers import NS, certificate, record, world

from houfeng.shell.feeds.datalink import DataLink
from houfeng.shell.feeds.peers import Login, Peer, Stations
from houfeng.shell.feeds.seedlink import SeedLink
from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.readers import Permit, Reader, Readers, TokenRule, hash_password, issue_token
from houfeng.wire.seedlink.notes import Subscribed

STATIONS = ("AAA", "BBB")
ALL = Stations(("XX.AAA", "XX.BBB"))
LIMIT_S = 20
HISTORY = [record(station, "HHZ", second) for second in range(30) for station in STATIONS]


LONG = [record(station, "HHZ", second) for second in range(60) for station in STATIONS]


def feed(port, *, version=4, tls=False, ca=None, login=None, kind=SeedLink, **settings):
    peer = Peer("localhost", port, tls, ca, login)
    more = {"version": version} if kind is SeedLink else {}
    return kind("live", peer, clock=time.time_ns, chance=random.Random(1), **({"stations": ALL} | more | settings))


async def gather(source, journal, count, until=None):
    """Run a feed into a journal, as a centre does, up to a count of packets or to those marks; its findings."""
    findings, done = [], asyncio.Event()
    marks = journal.marks("live")

    async def deliver(packet):
        journal.append([packet])
        journal.sync()
        marks[packet.station_key] = packet.sequence
        if journal.next > count or marks == until:
            done.set()
            await asyncio.Event().wait()  # takes no more: what came after is for the next time

    def tell(finding):
        findings.append(finding)

    task = asyncio.create_task(source.run(marks, deliver, tell))
    waiting = asyncio.create_task(done.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    for each in (task, waiting):
        each.cancel()
    failed, _ = await asyncio.gather(task, waiting, return_exceptions=True)
    assert isinstance(failed, asyncio.CancelledError), failed
    return findings


def contents(journal):
    return [packet.content for _, packet in journal.read(1, most=10_000)]


def by_station(packets):
    return {
        station: [packet.content for packet in packets if packet.station_key == f"XX.{station}"] for station in STATIONS
    }


def kept(journal):
    return by_station([packet for _, packet in journal.read(1, most=10_000)])


async def remember_beginning(journal, source, here):
    """Take the first packets as they are published: without a mark, a feed gets what comes next."""
    task = asyncio.create_task(gather(source, journal, 2))
    await here.hears_of(Subscribed)
    here.publish(HISTORY[:2])
    return await task


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("stations", [("XX.AAA", "XX.BBB"), ("XX.*",)], ids=["named", "wild"])
def test_a_feed_of_our_own_server_is_resumed_without_loss_or_repeat(tmp_path, version, stations):
    async def scene():
        async with world(tmp_path) as here:
            port, wanted = here.port, Stations(stations)
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                await remember_beginning(journal, feed(port, version=version, stations=wanted), here)
            here.publish(HISTORY[2:20])
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                await gather(feed(port, version=version, stations=wanted), journal, 11)
            here.publish(HISTORY[20:])
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                findings = await gather(feed(port, version=version, stations=wanted), journal, len(HISTORY))
                assert kept(journal) == by_station(HISTORY)
                assert findings == []

    asyncio.run(asyncio.wait_for(scene(), LIMIT_S))


def test_a_station_that_our_own_server_does_not_give_keeps_no_other_from_coming(tmp_path):
    async def scene():
        readers = Readers(Permit(("XX.AAA",)))
        async with world(tmp_path, before=HISTORY[:10], readers=readers) as here:
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                source = feed(here.port)
                task = asyncio.create_task(gather(source, journal, 1))
                await here.hears_of(Subscribed)
                here.publish(HISTORY[10:12])
                # It does not tell strangers which stations it has.
                assert await task == []
                assert kept(journal) == {"AAA": [HISTORY[10].content], "BBB": []}

    asyncio.run(asyncio.wait_for(scene(), LIMIT_S))


def readers_with(way):
    """A server's readers and what alice logs in with."""
    if way == "USERPASS":
        alice = Reader("alice", Permit(("XX.*",)), hash_password("wonderland"))
        return Readers(Permit(()), {"alice": alice}), Login("alice", "wonderland")
    key = Ed25519PrivateKey.generate()
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private = key.private_bytes(serialization.Encoding.PEM, *form)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    readers = Readers(Permit(()), {"alice": Reader("alice", Permit(("XX.*",)))}, TokenRule("EdDSA", public))
    return readers, Login(token=issue_token("alice", time.time_ns() + 3600 * NS, private, "EdDSA"))


@pytest.mark.parametrize("way", ["USERPASS", "JWT"])
def test_our_own_server_lets_a_feed_in_by_tls_and_login(tmp_path, way):
    async def scene():
        readers, login = readers_with(way)
        context, ca = certificate(tmp_path)
        async with world(tmp_path, readers=readers, tls=context) as here:
            port = here.server.addresses[1][1]
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                source = feed(port, tls=True, ca=ca, login=login)
                await remember_beginning(journal, source, here)
                assert kept(journal) == by_station(HISTORY[:2])
                assert source.secured

    asyncio.run(asyncio.wait_for(scene(), LIMIT_S))


def test_a_wrong_password_gets_nothing_and_is_said(tmp_path):
    async def scene():
        readers, _ = readers_with("USERPASS")
        context, ca = certificate(tmp_path)
        async with world(tmp_path, readers=readers, tls=context) as here:
            source = feed(here.server.addresses[1][1], tls=True, ca=ca, login=Login("alice", "looking-glass"))
            told = asyncio.Queue()
            task = asyncio.create_task(source.run({}, None, told.put_nowait))
            finding = await told.get()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert finding.kind == "login-refused"
            assert "looking-glass" not in finding.reason + source.health().last_error

    asyncio.run(asyncio.wait_for(scene(), LIMIT_S))


CENTRE = """
import asyncio, random, sys, time
from pathlib import Path
from houfeng.shell.feeds.peers import Peer, Stations
from houfeng.shell.feeds.seedlink import SeedLink
from houfeng.shell.journal.journal import Journal

async def main(root, port):
    with Journal(root, keep_bytes=256 << 20) as journal:
        async def deliver(packet):
            numbers = journal.append([packet])
            journal.sync()
            print(numbers[0], packet.station_key, packet.sequence, flush=True)
        peer, stations = Peer("127.0.0.1", port), Stations(("XX.AAA", "XX.BBB"))
        feed = SeedLink("live", peer, clock=time.time_ns, chance=random.Random(), stations=stations)
        await feed.run(journal.marks("live"), deliver, lambda finding: print(finding, file=sys.stderr))

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def test_a_centre_killed_again_and_again_has_every_packet_once(tmp_path):
    chance, acknowledged = random.Random(3), {}

    async def live_and_die(port, lines):
        """A process takes what comes until it has acknowledged so many packets, and is killed."""
        centre = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CENTRE, tmp_path / "in", str(port), stdout=asyncio.subprocess.PIPE
        )
        said = [await centre.stdout.readline() for _ in range(lines)]
        centre.kill()
        said += (await centre.stdout.read()).splitlines(keepends=True)
        await centre.wait()
        for number, key, sequence in (line.split() for line in said if line.endswith(b"\n")):
            assert int(number) not in acknowledged
            acknowledged[int(number)] = (key.decode(), int(sequence))

    async def scene():
        async with world(tmp_path, before=LONG) as here:
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                first = [dataclasses.replace(LONG[k], feed="live", sequence=k + 1) for k in range(2)]
                journal.append(first)
            while len(acknowledged) < len(LONG) - 2 - 50:
                await live_and_die(here.port, chance.randrange(1, 15))
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                if journal.marks("live") != {"XX.AAA": len(LONG) - 1, "XX.BBB": len(LONG)}:
                    await gather(feed(here.port), journal, 2**62, until={"XX.AAA": len(LONG) - 1, "XX.BBB": len(LONG)})
                found = journal.read(1, most=10_000)
                assert kept(journal) == by_station(LONG)
                assert (
                    acknowledged.items()
                    <= {number: (packet.station_key, packet.sequence) for number, packet in found}.items()
                )

    asyncio.run(asyncio.wait_for(scene(), 3 * LIMIT_S))


def ringserver(folder, *arguments, **environment):
    """A ringserver as a process, from RINGSERVER or the path; without it a test is skipped."""
    program = os.environ.get("RINGSERVER") or shutil.which("ringserver")
    if not program:
        pytest.skip("no ringserver: set RINGSERVER to the program, or build EarthScope's ringserver")
    (folder / "ring").mkdir()
    command = [program, "-Rd", folder / "ring", "-Rs", "10485760", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env={**os.environ, **environment}, **quiet)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture
def ring(tmp_path):
    """The port of a ringserver."""
    port = free_port()
    with ringserver(tmp_path, "-L", str(port)) as server:
        yield port
        server.terminate()


#: A ringserver asks a program who somebody is, and goes by what that prints.
AUTHORISER = """#!/bin/sh
if [ "$AUTH_USERNAME" = observatory ] && [ "$AUTH_PASSWORD" = 'right-horse!' ]; then
  echo '{"username": "observatory", "authenticated": true, "allowed_streams": ["^FDSN:XX_.*"]}'
elif [ "$AUTH_JWTOKEN" = head.body.seal ]; then
  echo '{"username": "bearer", "authenticated": true, "allowed_streams": ["^FDSN:XX_.*"]}'
else
  echo '{"username": "", "authenticated": false}'
fi
"""


@pytest.fixture
def locked_ring(tmp_path):
    """A ringserver that gives records only over TLS and to whom it knows: its port for writing, the other, the CA."""
    known = Certificates(tmp_path, host="localhost")
    authoriser = tmp_path / "authoriser.sh"
    authoriser.write_text(AUTHORISER)
    authoriser.chmod(0o700)
    plain, locked = free_port(), free_port()
    (tmp_path / "ring.conf").write_text(
        f"ListenPort {plain} DataLink IPv4\nListenPort {locked} SeedLink DataLink TLS IPv4\n"
        f"TLSCertFile {known.certificate}\nTLSKeyFile {known.key}\n"
        # Without an argument ringserver 4.5.3 ends at the first login.
        f"AuthCommand {authoriser} now\nAuthRequiredForStreams 1\n"
    )
    with ringserver(tmp_path, tmp_path / "ring.conf") as server:
        yield plain, locked, known.ca
        server.terminate()


@contextlib.asynccontextmanager
async def writing(port):
    """A client that writes into a ringserver, once that answers."""
    writer = AsyncDataLink("127.0.0.1", port, timeout=30, tls=False)
    async with asyncio.timeout(LIMIT_S):
        while not writer.is_connected:
            with contextlib.suppress(DataLinkError):
                await writer.connect()
            await asyncio.sleep(0.02)
    await writer.identify("test")
    try:
        yield writer
    finally:
        await writer.close()


async def write(writer, packets):
    for packet in packets:
        network, _, station = packet.station_key.partition(".")
        end_us = packet.arrival_ns // 1000
        name = f"FDSN:{network}_{station}_00_H_H_Z/MSEED"
        await writer.write(name, end_us - 1_000_000, end_us, packet.content, ack=True)


KINDS = [(SeedLink, 3), (SeedLink, 4), (DataLink, 0)]


@pytest.mark.parametrize(("kind", "version"), KINDS, ids=["v3", "v4", "datalink"])
def test_a_feed_of_ringserver_is_resumed_without_loss_or_repeat(tmp_path, ring, kind, version):
    async def first_part(writer):
        """Packets written until the feed has some: it gets what comes after it has asked."""
        with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
            task = asyncio.create_task(gather(feed(ring, kind=kind, version=version), journal, 4))
            sent = 2
            while not task.done() and sent < 100:
                await write(writer, LONG[sent : sent + 1])
                sent += 1
                await asyncio.wait([task], timeout=0.05)
            await task
            return sent, [packet.content for packet in LONG].index(contents(journal)[0])

    async def scene():
        async with writing(ring) as writer:
            # It refuses stations that it has never heard of.
            await write(writer, LONG[:2])
            sent, first = await first_part(writer)
            await write(writer, LONG[sent:])
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                findings = await gather(feed(ring, kind=kind, version=version), journal, len(LONG) - first)
                assert kept(journal) == by_station(LONG[first:])
                assert findings == []

    asyncio.run(asyncio.wait_for(scene(), LIMIT_S))


LOGINS = {"password": Login("observatory", "right-horse!"), "token": Login(token="head.body.seal")}


@pytest.mark.parametrize("kind", [SeedLink, DataLink], ids=["v4", "datalink"])
@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
def test_a_feed_of_ringserver_over_tls_with_a_login(tmp_path, locked_ring, kind, login):
    plain, locked, ca = locked_ring

    async def scene():
        async with writing(plain) as writer:
            await write(writer, LONG[:2])
            with Journal(tmp_path / "in", keep_bytes=256 << 20) as journal:
                task = asyncio.create_task(gather(feed(locked, kind=kind, tls=True, ca=ca, login=login), journal, 4))
                sent = 2
                while not task.done() and sent < 100:
                    await write(writer, LONG[sent : sent + 1])
                    sent += 1
                    await asyncio.wait([task], timeout=0.05)
                assert await task == []
                first = [packet.content for packet in LONG].index(contents(journal)[0])
                await write(writer, LONG[sent:])
                again = feed(locked, kind=kind, tls=True, ca=ca, login=login)
                assert await gather(again, journal, len(LONG) - first) == []
                assert kept(journal) == by_station(LONG[first:])

    asyncio.run(asyncio.wait_for(scene(), LIMIT_S))


@pytest.mark.parametrize("kind", [SeedLink, DataLink], ids=["v4", "datalink"])
def test_a_ringserver_that_does_not_know_us_is_told_of_and_our_password_is_not(locked_ring, kind):
    plain, locked, ca = locked_ring

    async def scene():
        async with writing(plain) as writer:
            await write(writer, LONG[:2])
            told = asyncio.Queue()
            stranger = feed(locked, kind=kind, tls=True, ca=ca, login=Login("observatory", "wrong-horse!"))
            task = asyncio.create_task(stranger.run({}, lambda _: asyncio.sleep(0), told.put_nowait))
            finding = await told.get()
            task.cancel()
            assert finding.kind == "login-refused"
            assert "wrong-horse!" not in finding.reason + stranger.health().last_error

    asyncio.run(asyncio.wait_for(scene(), LIMIT_S))


def test_a_ringserver_with_a_certificate_of_strangers_gets_no_password(tmp_path, locked_ring):
    plain, locked, _ = locked_ring
    (tmp_path / "others").mkdir()
    others = Certificates(tmp_path / "others", host="localhost").ca

    async def scene():
        async with writing(plain) as writer:
            await write(writer, LONG[:2])
            told, tried = [], asyncio.Event()

            async def sleep(_wait_s):
                tried.set()
                await asyncio.Event().wait()

            wary = feed(locked, tls=True, ca=others, login=LOGINS["password"], sleep=sleep)
            task = asyncio.create_task(wary.run({}, lambda _: asyncio.sleep(0), told.append))
            await tried.wait()
            task.cancel()
            assert "certificate" in wary.health().last_error.lower()
            assert told == []

    asyncio.run(asyncio.wait_for(scene(), LIMIT_S))
