"""A digitiser, an agent as a process of its own, a centre over TLS: whole, cut, killed, with keys that change."""

import asyncio
import contextlib
import io
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cryptography
import pytest
from agent_account import Account
from agent_line import PASSWORD, Agent, Digitiser, finish, is_whole, kill_often, reading, short_records
from datalink_client import DataLink
from seedlink_client import Protocol, SeedLink

from houfeng.guard.vouch import Vouch, verify_offline
from houfeng.shell.agent import station as agent_station
from houfeng.shell.agent.packing import write_pyz
from houfeng.shell.agent.settings import read_settings
from houfeng.shell.agent.voice import Voice
from houfeng.shell.keys import enrolled as keys_enrolled
from houfeng.shell.keys import keys
from houfeng.shell.keys.files import write_whole
from houfeng.shell.keys.requests import read_request
from houfeng.shell.seedlink.readers import issue_token
from houfeng.wire.manifest import carried, is_carrier
from houfeng.wire.records import cut
from houfeng.words.assurance import EnrolledKey, Enrolment, Tier, Vouched
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

SECOND_NS = 1_000_000_000
MIB = 1 << 20
NOW_NS = 1_790_000_000_000_000_000
LATER_NS = 600_000_000_000


def accounts(agent, centre, *identities):
    """Every station's account, each statement checked."""
    told = {}
    for station, got in centre.got.items():
        account = told[station] = Account(agent.centre, identities)
        for content in got:
            account.add(content)
    return told


def records_of(got):
    return [content for content in got if not is_carrier(content)]


def check_by_the_centres_own_judge(agent, centre, *, findings=()):
    """The stage that vouches, and the third party's offline check, say of it what the account says."""
    request = read_request(agent.folder / "request.toml")
    for station, got in centre.got.items():
        enrolment = Enrolment(station, (EnrolledKey(request.public, "sensor", 0),))
        vouch = Vouch([enrolment], agent.centre, secured_feeds=["agent"], patience_ns=LATER_NS)
        out = []
        for number, content in enumerate(got):
            arrival_ns = NOW_NS + number * SECOND_NS  # a judge tires of sessions that open faster
            out += vouch.handle([Packet("agent", station, number, arrival_ns, content)])
        out += vouch.elapse(arrival_ns + 2 * LATER_NS)
        told = [value for value in out if isinstance(value, Finding)]
        assert sorted({value.kind for value in told}) == sorted(findings), told
        vouched = [value for value in out if isinstance(value, Vouched)]
        assert sorted(value.packet.content for value in vouched) == sorted(records_of(got))
        assert {value.tier for value in vouched} == {Tier.SENSOR_SIGNED}
        report = verify_offline(got, request.public)
        assert report.whole, report.faults


@contextlib.asynccontextmanager
async def lowered(port, version):
    """A port of the server at another, which for version 3 is reached through a relay that knows no better."""
    if version == 4:
        yield port
        return

    async def relay(reader, writer):
        below_reader, below = await asyncio.open_connection("127.0.0.1", port)

        async def back():
            with contextlib.suppress(ConnectionError):
                while data := await below_reader.read(65536):
                    writer.write(data.replace(b"SLPROTO:4.0 ", b""))
            writer.close()

        pumping = asyncio.create_task(back())
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                below.write(data)
        below.close()
        await pumping

    old = await asyncio.start_server(relay, "127.0.0.1", 0)
    try:
        yield old.sockets[0].getsockname()[1]
    finally:
        old.close()


@pytest.fixture
def ringserver_port(tmp_path):
    """A fresh ringserver's port; without the program, from RINGSERVER or the path, a test is skipped."""
    program = os.environ.get("RINGSERVER") or shutil.which("ringserver")
    if not program:
        pytest.skip("no ringserver: set RINGSERVER to the program")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "ring").mkdir()
    options = ["-Rd", str(tmp_path / "ring"), "-Rs", "10000000", "-L", str(port)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        began_s = time.monotonic()
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None
            assert time.monotonic() - began_s < 60
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def identity(agent):
    return keys.public_of(keys.read_identity(agent.folder / "identity.pem"))


def test_real_records_arrive_unchanged_and_every_one_is_vouched_for(houfeng_data, tmp_path):
    data = (houfeng_data / "iceland_dyke_2014" / "waveforms" / "Z7.FLUR.mseed").read_bytes()
    records = [record.content for record in cut(data).records]
    assert len(records) > 100

    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser:
            agent = Agent(tmp_path, ("Z7.FLUR",), digitiser.port)
            await agent.do("--make-keys")
            await agent.ready()
            async with reading(agent) as centre:
                for at in range(0, len(records), 50):
                    digitiser.say("Z7.FLUR", records[at : at + 50])
                    await asyncio.sleep(0)
                await centre.until(lambda centre: is_whole(centre, digitiser))
                await finish(agent, centre)
            return agent, centre

    agent, centre = asyncio.run(line())
    assert records_of(centre.got["Z7.FLUR"]) == records
    account = accounts(agent, centre, identity(agent))["Z7.FLUR"]
    account.settle()
    assert account.signatures == 1
    check_by_the_centres_own_judge(agent, centre)
    assert PASSWORD not in agent.said


@pytest.mark.parametrize("login", ["password", "token"])
def test_a_client_that_is_not_ours_reads_it_over_tls(tmp_path, monkeypatch, login):
    """EarthScope's client, with a password, or with a token that the centre made."""
    records = short_records("XX.S1", 30)

    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser:
            digitiser.say("XX.S1", records)
            agent = Agent(tmp_path, ("XX.S1",), digitiser.port)
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "tls.pem"))
            auth = ("centre", PASSWORD)
            if login == "token":
                write_whole(tmp_path / "secret", b"0123456789abcdef" * 2, secret=True, replace=False)
                tokens = b'\n[tokens]\nalgorithm = "HS256"\nkey_file = "secret"\n'
                readers = (tmp_path / "readers.toml").read_bytes() + tokens
                write_whole(tmp_path / "readers.toml", readers, secret=True, replace=True)
                auth = issue_token("centre", time.time_ns() + LATER_NS, b"0123456789abcdef" * 2, "HS256")
            await agent.do("--make-keys")
            await agent.ready()

            def read():
                client = SeedLink("localhost", agent.port, timeout=60, tls=True, protocol=Protocol.V4, auth=auth)
                client.add_stream("XX_S1", None, seqnum=0)  # what it had last: nothing
                got = []
                with client:
                    for packet in client.collect(reconnect=False):
                        got.append(bytes(packet.payload))
                        if is_whole(SimpleNamespace(got={"XX.S1": got}), digitiser):
                            return got
                raise AssertionError("the client ended")

            got = await asyncio.wait_for(asyncio.to_thread(read), 120)
            await agent.stop()
            return got

    assert records_of(asyncio.run(line())) == records


def test_a_link_cut_again_and_again_loses_nothing(tmp_path):
    records = short_records("XX.S1", 150)

    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser:
            agent = Agent(tmp_path, ("XX.S1",), digitiser.port)
            await agent.do("--make-keys")
            await agent.ready()
            async with reading(agent) as centre:
                for at in range(0, len(records), 10):
                    digitiser.say("XX.S1", records[at : at + 10])
                    await centre.until(lambda centre, at=at: len(records_of(centre.got["XX.S1"])) > at)
                    centre.cut()
                await centre.until(lambda centre: is_whole(centre, digitiser))
                await finish(agent, centre)
            return agent, centre

    agent, centre = asyncio.run(line())
    assert centre.connections > 10
    assert records_of(centre.got["XX.S1"]) == records
    accounts(agent, centre, identity(agent))["XX.S1"].settle()
    check_by_the_centres_own_judge(agent, centre)


def test_an_agent_killed_at_random_moments_loses_nothing_and_names_nothing_twice(tmp_path, capsys):
    kills = 100
    agent, centre, digitiser = asyncio.run(kill_often(tmp_path, kills=kills, seed=20, longest_s=0.8))
    told = accounts(agent, centre, identity(agent))
    for station, account in told.items():
        account.settle()
        assert records_of(centre.got[station]) == digitiser.said[station]
    check_by_the_centres_own_judge(agent, centre)
    sessions = sum(len(account.sessions) for account in told.values())
    records = sum(account.named.total() for account in told.values())
    with capsys.disabled():
        sys.stdout.write(f"\n{kills} times SIGKILL: {records} records named once, {sessions} sessions, none unsigned\n")
    assert sessions > kills // 2


def test_a_new_key_takes_over_and_falls_with_the_one_it_was_vouched_by(tmp_path):
    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser:
            agent = Agent(tmp_path, ("XX.S1",), digitiser.port)
            await agent.do("--make-keys")
            first = read_request(tmp_path / "request.toml")
            keys_enrolled.enrol(tmp_path / "stations", first, NOW_NS)
            await agent.ready()
            async with reading(agent) as centre:
                digitiser.say("XX.S1", short_records("XX.S1", 5))
                await centre.until(lambda centre: is_whole(centre, digitiser))
                await agent.stop()
                status, said = await agent.do("--rotate-keys")
                assert status == 0, said
                second = read_request(tmp_path / "request.toml")
                assert keys.fingerprint(second.public) in said
                await agent.ready()
                digitiser.say("XX.S1", short_records("XX.S1", 5, first=5))
                await centre.until(lambda centre: is_whole(centre, digitiser))
                await finish(agent, centre)
            return agent, centre, first, second

    agent, centre, first, second = asyncio.run(line())
    (account,) = accounts(agent, centre, first.public, second.public).values()
    account.settle()
    assert account.handovers == 1
    assert second.previous == first.public
    got = centre.got["XX.S1"]
    before = next(at for at, content in enumerate(got) if is_carrier(content) and second.public in carried(content)[1])

    def judged(enrolments, told=()):
        """Tiers of the records before and after the new key, and the findings."""
        vouch = Vouch(enrolments, agent.centre, secured_feeds=["agent"], patience_ns=60 * SECOND_NS)
        out = []
        for number, content in enumerate(got):
            if number == before:
                for enrolment in told:
                    out += vouch.handle(enrolment)
            out += vouch.handle([Packet("agent", "XX.S1", number, NOW_NS + number * SECOND_NS, content)])
        out += vouch.elapse(NOW_NS + LATER_NS)
        records = {content: number for number, content in enumerate(got)}
        vouched = [value for value in out if isinstance(value, Vouched)]
        tiers = [{v.tier for v in vouched if (records[v.packet.content] < before) is early} for early in (True, False)]
        return [*tiers, {value.kind for value in out if isinstance(value, Finding)}]

    enrolled = keys_enrolled.load(tmp_path / "stations")
    good = {Tier.SENSOR_SIGNED}
    assert judged(enrolled) == [good, good, {"key-rotated"}]  # the old key's signature is enough
    keys_enrolled.rotate(tmp_path / "stations", second, NOW_NS, overlap_ns=LATER_NS)
    assert judged(keys_enrolled.load(tmp_path / "stations"))[:2] == [good, good]
    revoked = keys_enrolled.revoke(tmp_path / "stations", second.public, NOW_NS + before * SECOND_NS)
    early, late, kinds = judged(enrolled, revoked)
    assert early == good
    assert late == {Tier.BROKEN}
    assert "revoked-key" in kinds


def test_the_packed_agent_runs_where_nothing_but_cryptography_is_installed(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    installed = Path(cryptography.__file__).parents[1]
    for name in installed.iterdir():
        if name.name.startswith(("cryptography", "_cffi_backend", "cffi", "pycparser")):
            (site / name.name).symlink_to(name)
    write_pyz(tmp_path / "houfeng-agent.pyz")
    records = short_records("XX.S1", 20)

    class Alone(Agent):
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "PYTHONNOUSERSITE": "1"}  # noqa: RUF012

    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser:
            agent = Alone(tmp_path, ("XX.S1",), digitiser.port, program=("-S", str(tmp_path / "houfeng-agent.pyz")))
            for missing in ("numpy", "pydantic", "typer", "houfeng"):
                alone = await asyncio.create_subprocess_exec(
                    sys.executable, "-S", "-c", f"import {missing}", env=agent.environment, cwd=tmp_path,
                    stderr=asyncio.subprocess.DEVNULL,
                )  # fmt: skip
                assert await alone.wait() == 1
            status, said = await agent.do("--make-keys")
            assert status == 0, said
            await agent.ready()
            async with reading(agent) as centre:
                digitiser.say("XX.S1", records)
                await centre.until(lambda centre: is_whole(centre, digitiser))
                await finish(agent, centre)
            return agent, centre

    agent, centre = asyncio.run(line())
    assert records_of(centre.got["XX.S1"]) == records
    check_by_the_centres_own_judge(agent, centre)


def test_a_disk_that_refuses_is_said_and_nothing_is_lost_once_it_takes_again(tmp_path):
    """A limit on the size of files stands for the full disk: the kernel refuses the write in the same place."""

    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser:
            agent = Agent(tmp_path, ("XX.S1",), digitiser.port)
            await agent.do("--make-keys")
            await agent.ready()
            async with reading(agent) as centre:
                digitiser.say("XX.S1", short_records("XX.S1", 20))
                await centre.until(lambda centre: is_whole(centre, digitiser))
                resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
                digitiser.say("XX.S1", short_records("XX.S1", 300, first=20))
                await centre.until(lambda _: "journal: takes nothing" in agent.said)
                async with reading(agent) as another:  # what is there is served all the same
                    await another.until(lambda another: len(records_of(another.got["XX.S1"])) >= 20)
                resource.prlimit(
                    agent.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                )
                await centre.until(lambda centre: is_whole(centre, digitiser))
                await finish(agent, centre)
            return agent, centre, digitiser

    agent, centre, digitiser = asyncio.run(line())
    assert records_of(centre.got["XX.S1"]) == digitiser.said["XX.S1"]
    assert "journal: well again" in agent.said
    check_by_the_centres_own_judge(agent, centre)


def test_a_journal_filling_up_drops_only_what_the_centre_says_it_has(tmp_path, monkeypatch):
    """More than twice what it may take passes through it; in this process, so that its rhythm can be quickened."""
    monkeypatch.setattr(agent_station, "_HOUSEKEEPING_S", 0.1)
    monkeypatch.setattr(agent_station, "_ASKED_EVERY_S", 0.1)
    out = io.StringIO()

    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser:
            agent = Agent(tmp_path, ("XX.S1",), digitiser.port)
            await agent.do("--make-keys")
            settings = replace(read_settings(tmp_path / "agent.toml"), keep_bytes=MIB)
            running = asyncio.create_task(agent_station.run(settings, Voice(out)))
            while "serving on" not in out.getvalue():  # noqa: ASYNC110  it tells nobody else
                await asyncio.sleep(0.01)
            agent.port = int(out.getvalue().split("port ")[1].split()[0])
            async with reading(agent) as centre:
                for first in range(0, 4000, 500):
                    digitiser.say("XX.S1", short_records("XX.S1", 500, first=first))
                    await asyncio.sleep(0)
                await centre.until(lambda centre: is_whole(centre, digitiser))
                assert not running.done()
                os.kill(os.getpid(), signal.SIGTERM)
                await running
            return agent, centre, digitiser

    agent, centre, digitiser = asyncio.run(line())
    assert records_of(centre.got["XX.S1"]) == digitiser.said["XX.S1"]
    assert "asking it to come again" in out.getvalue()
    assert centre.connections > 2
    assert sum(path.stat().st_size for path in (tmp_path / "state" / "journal").iterdir()) <= 1.2 * MIB
    accounts(agent, centre, identity(agent))["XX.S1"].settle()


def test_files_that_appear_and_grow_are_read_once_across_kills(tmp_path):
    folder = tmp_path / "files"
    (folder / "day").mkdir(parents=True)
    records = short_records("XX.S1", 60)

    class Files:
        said = {"XX.S1": records}  # noqa: RUF012

    async def line():
        agent = Agent(tmp_path, ("XX.S1",), folder)
        await agent.do("--make-keys")
        (folder / "day" / "a.mseed").write_bytes(b"".join(records[:20]))
        await agent.ready()
        async with reading(agent) as centre:
            await centre.until(lambda centre: len(records_of(centre.got["XX.S1"])) == 20)
            await agent.kill()
            with (folder / "day" / "a.mseed").open("ab") as file:
                file.write(b"".join(records[20:40])[:-100])
            await agent.ready()
            await centre.until(lambda centre: len(records_of(centre.got["XX.S1"])) == 39)
            await agent.kill()
            with (folder / "day" / "a.mseed").open("ab") as file:
                file.write(b"".join(records[20:40])[-100:])
            (folder / "b.mseed").write_bytes(b"".join(records[40:]))
            (folder / ".hidden").write_bytes(b"".join(short_records("XX.S1", 1, first=99)))
            await agent.ready()
            await centre.until(lambda centre: is_whole(centre, Files))
            await finish(agent, centre)
        return agent, centre

    agent, centre = asyncio.run(line())
    assert sorted(records_of(centre.got["XX.S1"])) == sorted(records)
    accounts(agent, centre, identity(agent))["XX.S1"].settle()


def test_a_digitiser_of_version_3_is_heard_and_resumed(tmp_path):
    """The house's server behind a relay that takes version 4 out of its greeting."""

    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser, lowered(digitiser.port, 3) as port:
            agent = Agent(tmp_path, ("XX.S1",), port)
            await agent.do("--make-keys")
            await agent.ready()
            async with reading(agent) as centre:
                at = 0
                while not records_of(centre.got["XX.S1"]):  # version 3 hears what comes after it has asked
                    digitiser.say("XX.S1", short_records("XX.S1", 1, first=at))
                    at += 1
                    await asyncio.sleep(0.1)
                await agent.kill()
                digitiser.say("XX.S1", short_records("XX.S1", 50, first=at))
                await agent.ready()
                await centre.until(lambda centre: records_of(centre.got["XX.S1"])[-1] == digitiser.said["XX.S1"][-1])
                await finish(agent, centre)
            return agent, centre, digitiser

    agent, centre, digitiser = asyncio.run(line())
    records = records_of(centre.got["XX.S1"])
    assert len(records) >= 50
    assert records == digitiser.said["XX.S1"][-len(records) :]
    accounts(agent, centre, identity(agent))["XX.S1"].settle()


def test_nobody_reads_without_the_password_and_no_secret_is_said(tmp_path):
    async def line():
        async with Digitiser(tmp_path / "digitiser") as digitiser:
            agent = Agent(tmp_path, ("XX.S1",), digitiser.port)
            await agent.do("--make-keys")
            await agent.ready()
            digitiser.say("XX.S1", short_records("XX.S1", 3))
            context = ssl.create_default_context(cafile=tmp_path / "tls.pem")
            answers = []
            for lines in (
                ["SLPROTO 4.0", "AUTH USERPASS centre wrong", "STATION XX_S1", "DATA ALL", "ENDFETCH"],
                ["SLPROTO 4.0", "STATION *", "DATA ALL", "ENDFETCH"],
            ):
                reader, writer = await asyncio.open_connection("127.0.0.1", agent.port, ssl=context)
                writer.write("".join(f"{line}\r\n" for line in lines).encode())
                async with asyncio.timeout(60):
                    answers.append(await reader.readuntil(b"END"))
                writer.transport.abort()
            reader, writer = await asyncio.open_connection("127.0.0.1", agent.port)  # not even a word in the clear
            writer.write(b"HELLO\r\n")
            async with asyncio.timeout(60):
                answers.append(await reader.read())
            writer.transport.abort()
            await agent.stop()
            return agent, answers

    agent, (wrong, without, clear) = asyncio.run(line())
    assert b"ERROR AUTH" in wrong
    assert b"SE2D" not in wrong + without
    assert b"SeedLink" not in clear
    assert "was refused: credentials" in agent.said
    assert "wrong" not in agent.said


@pytest.mark.parametrize("version", [3, 4])
def test_ringserver_is_heard_and_resumed(tmp_path, ringserver_port, version):
    """A digitiser's server that is not ours. It gives a new client what comes from then on."""
    records = short_records("XX.S1", 80)

    async def line():
        with DataLink("127.0.0.1", ringserver_port) as feed:

            def write(*numbers):
                for number in numbers:
                    start_us = (1_790_000_000 + number) * 1_000_000
                    feed.write("FDSN:XX_S1__H_H_Z/MSEED", start_us, start_us + 1_000_000, records[number], ack=True)

            async with lowered(ringserver_port, version) as port:
                agent = Agent(tmp_path, ("XX.S1",), port)
                await agent.do("--make-keys")
                await agent.ready()
                async with reading(agent) as centre:
                    at = 0
                    while not records_of(centre.got["XX.S1"]):
                        write(at)
                        at += 1
                        await asyncio.sleep(0.1)
                    await agent.kill()
                    write(*range(at, at + 20))
                    await agent.ready()
                    await centre.until(lambda centre: records_of(centre.got["XX.S1"])[-1] == records[at + 19])
                    await agent.stop()
                    await agent.ready()  # resumed where nothing is waiting
                    await centre.until(lambda _: agent.said.count("reads XX_S1") >= 3)
                    write(at + 20)
                    await centre.until(lambda centre: records_of(centre.got["XX.S1"])[-1] == records[at + 20])
                    await finish(agent, centre)
        return agent, centre, at + 21

    agent, centre, count = asyncio.run(line())
    got = records_of(centre.got["XX.S1"])
    assert len(got) > 20
    assert got == records[count - len(got) : count]
    check_by_the_centres_own_judge(agent, centre)
