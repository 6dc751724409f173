"""What the world does to a running centre: nothing acknowledged is lost, nothing doubled, and the rest is unharmed."""

import asyncio
import contextlib
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from faulty_world import (
    FullDisk,
    HeldCentre,
    LateDisk,
    RingSource,
    Space,
    StrangeServer,
    Wire,
    journalled,
    kept_samples,
    strike,
    write_stations,
)
from journalled import packets_of, replayed_at_once
from postgres_server import PASSWORD, Postgres
from running_centre import Source, make_centre, outcome
from short_recording import make_short

from houfeng.shell.catalogue.catalogue import Catalogue
from houfeng.shell.feeds.peers import Peer
from houfeng.shell.feeds.seedlink import SeedLink
from houfeng.wire.quakeml import write_quakeml


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    folder = tmp_path_factory.mktemp("short")
    made = make_short(folder)
    return replace(made, stations=write_stations(folder / "stations.xml", made.hour.stations))


@pytest.fixture(scope="module")
def packets(short):
    return packets_of(short)


@pytest.fixture(scope="module")
def asked(short, packets, tmp_path_factory):
    return asked_of(short, packets, tmp_path_factory.mktemp("replayed"))


def asked_of(short, packets, folder):
    """What a replay of these packets tells."""
    (folder / "played.mseed").write_bytes(b"".join(packet.content for packet in packets))
    played = replace(short, waveforms=folder / "played.mseed")
    told = replayed_at_once(played, folder / "results", folder / "archive")
    return said(told) | {"samples": kept_samples(folder / "archive")}


def told_by(folder):
    """Picks, findings, quakes and samples of a centre."""
    return said(outcome(folder)) | {"samples": kept_samples(folder / "archive")}


def said(told):
    return {name: told[name] for name in ("picks", "findings", "catalogue")}


def differing(told, asked):
    return [name for name in asked if told[name] != asked[name]]


def refused_for_a_while(kind, short, packets, tmp_path):
    """The folder of a centre whose journal's disk was full, in one way or another, and had room again."""
    with Space("mount") as space, Source(tmp_path / "ring", packets) as source:
        folder = make_centre(tmp_path / "centre", short, source.port)
        disk = kind(space, folder / "journal", 200_000)
        with HeldCentre(folder, space.within) as centre:
            centre.until(lambda status: in_trouble("journal", status))
            assert centre.status()["reached"] < len(packets)
            disk.make_room()
            centre.until_reached(len(packets))
            assert not in_trouble("journal", centre.status())
            centre.finish()
        assert journalled(space.seen(folder)) == [packet.content for packet in packets]
    return folder


def test_a_full_disk_under_the_journal(short, packets, asked, tmp_path):
    """What does not fit is not acknowledged: the source keeps it, and gives it once there is room."""
    assert differing(told_by(refused_for_a_while(FullDisk, short, packets, tmp_path)), asked) == []


def test_a_disk_under_the_journal_that_is_full_only_when_it_is_to_keep(short, packets, asked, tmp_path):
    """Writes that had been taken are lost. The centre goes on by itself once there is room, and says what there was."""
    folder = refused_for_a_while(LateDisk, short, packets, tmp_path)
    told = told_by(folder)
    more = [line for line in told["findings"].splitlines() if line not in asked["findings"].splitlines()]
    assert {kind for kind in (b"journal-doubtful", b"journal-mended") for line in more if kind in line} == {
        b"journal-doubtful",
        b"journal-mended",
    }
    assert all(b"journal-doubtful" in line or b"journal-mended" in line for line in more)
    told["findings"] = asked["findings"]
    assert differing(told, asked) == []


@pytest.mark.parametrize("left_bytes", [40_000, 200_000], ids=["while it runs", "at its end"])
def test_a_full_disk_under_the_archive(left_bytes, short, packets, tmp_path):
    """What was acknowledged waits in the journal. A gap after 40 records of each station has what is before written."""
    holed = [packet for packet in packets if packet.station_key != "XX.W01" or packet.sequence % 40]
    with Space("mount") as space, Source(tmp_path / "ring", holed) as source:
        folder = make_centre(tmp_path / "centre", short, source.port)
        disk = FullDisk(space, folder / "archive", left_bytes)
        with HeldCentre(folder, space.within) as centre:
            centre.until_reached(len(holed))
            if left_bytes > 100_000:
                centre.tell("finish")
            centre.until(lambda status: in_trouble("engine", status))
            disk.make_room()
            if left_bytes > 100_000:
                centre.ended()
            else:
                centre.until(lambda status: not in_trouble("engine", status))
                centre.finish()
        assert differing(told_by(space.seen(folder)), asked_of(short, holed, tmp_path)) == []


def in_trouble(part, status):
    return any(reason.startswith(f"{part}:") for reason in status["reasons"])


def test_a_database_that_dies_while_quakes_are_told(short, packets, asked, tmp_path):
    with Postgres() as server, Source(tmp_path / "ring", packets[:900]) as source:
        url = server.url.replace(f":{PASSWORD}", "")
        changes = {'url = "catalogue.sqlite"': f'url = "{url}"\npassword_file = "keys/database.password"'}
        folder = make_centre(tmp_path / "centre", short, source.port, **changes)
        secret = folder / "keys" / "database.password"
        secret.write_text(PASSWORD)
        secret.chmod(0o600)
        with HeldCentre(folder) as centre:
            centre.until(lambda status: status["quakes"] > 0)
            server.die()
            source.add(packets[900:])
            centre.until(lambda status: in_trouble("engine", status))
            centre.until_reached(len(packets))  # feeds do not wait for the database
            server.start()
            centre.until(lambda status: not in_trouble("engine", status))
            centre.finish()
        with Catalogue(server.url) as catalogue:
            told = write_quakeml(catalogue.query())
    assert differing(told_by(folder) | {"catalogue": told}, asked) == []


def test_a_source_that_dies_and_comes_back(short, packets, asked, tmp_path):
    """Its ring outlives kill -9, and the feed goes on behind the last record that is in the journal."""
    with RingSource(tmp_path, packets) as source:
        folder = make_centre(tmp_path / "centre", short, source.port)
        with HeldCentre(folder) as centre:
            centre.until_reached(source.grow(300))
            source.kill()
            centre.until(lambda status: status["feeds"] == {"seedlink": "connecting"})
            source.begin()
            source.grow(500)
            source.kill()
            source.begin()
            centre.until_reached(source.grow(len(packets)))
            centre.finish()
    assert journalled(folder) == [packet.content for packet in packets]
    assert differing(told_by(folder), asked) == []


def test_sources_that_are_silent_or_talk_nonsense(short, packets, asked, tmp_path):
    """Beside a good one: one that accepts and never speaks, one that sends garbage, one that greets and then does."""
    noise = random.Random(4).randbytes(1 << 20)
    greeting = b"SeedLink v4.0 (made up) :: SLPROTO:4.0 SLPROTO:3.1\r\nnowhere\r\n"
    with (
        Source(tmp_path / "ring", packets) as source,
        StrangeServer(lambda connection: bytes(connection.recv(1 << 20)) and time.sleep(600)) as silent,
        StrangeServer(lambda connection: connection.sendall(noise)) as garbage,
        StrangeServer(lambda connection: connection.sendall(greeting + b"OK\r\n" * 9 + noise)) as greeter,
    ):
        folder = make_centre(tmp_path / "centre", short, source.port)
        with (folder / "centre.toml").open("a") as settings:
            for name, peer in (("silent", silent), ("garbage", garbage), ("greeter", greeter)):
                settings.write(f'\n[[feeds]]\nname = "{name}"\nkind = "seedlink"\naddress = "127.0.0.1:{peer.port}"\n')
        with HeldCentre(folder) as centre:
            centre.until_reached(len(packets))
            assert min(silent.met, garbage.met, greeter.met) >= 1
            stand = {"seedlink": "connected"} | dict.fromkeys(("silent", "garbage", "greeter"), "connecting")
            centre.until(lambda status: status["feeds"] == stand)
            centre.finish()
    assert differing(told_by(folder), asked) == []


def test_a_clock_that_jumps_an_hour_ahead_and_back(short, packets, asked, tmp_path):
    with Source(tmp_path / "ring", packets[:300]) as source:
        folder = make_centre(tmp_path / "centre", short, source.port)
        with HeldCentre(folder) as centre:
            for ahead_s, begin, end in ((3600, 300, 600), (0, 600, 800), (-3600, 800, len(packets))):
                centre.until_reached(begin)
                centre.tell(f"clock {ahead_s}")
                source.add(packets[begin:end])
            centre.until_reached(len(packets))
            centre.finish()
    assert journalled(folder) == [packet.content for packet in packets]
    assert differing(told_by(folder), asked) == []


def test_a_wire_that_is_cut_for_a_while(short, packets, asked, tmp_path):
    with Wire() as wire, RingSource(tmp_path, packets, "10.17.0.1", wire.source.within) as source:
        folder = _centre_over_wire(tmp_path, short, source)
        with HeldCentre(folder, wire.centre.within) as centre:
            centre.until_reached(source.grow(400))
            wire.cut()
            last = source.grow(len(packets))
            until_s = time.monotonic() + 5.0
            while time.monotonic() < until_s:  # the fault itself takes its time
                assert centre.status()["reached"] == 400
                time.sleep(0.2)
            assert wire.lost() > 0
            wire.mend()
            centre.until_reached(last)
            centre.finish()
    assert journalled(folder) == [packet.content for packet in packets]
    assert differing(told_by(folder), asked) == []


def test_a_wire_that_loses_three_packets_in_ten(short, packets, asked, tmp_path):
    with Wire() as wire, RingSource(tmp_path, packets, "10.17.0.1", wire.source.within) as source:
        folder = _centre_over_wire(tmp_path, short, source)
        wire.lose(30)
        with HeldCentre(folder, wire.centre.within) as centre:
            for count in range(100, len(packets), 100):
                source.grow(count)
            centre.until_reached(source.grow(len(packets)))
            assert wire.lost() > 0
            centre.finish()
    assert journalled(folder) == [packet.content for packet in packets]
    assert differing(told_by(folder), asked) == []


def test_a_station_that_floods(short, packets, asked, tmp_path):
    """Of one station every record comes a hundred times; another, that nobody knows, sends a hundred records for one.

    All on the one connection on which the healthy stations come.
    """
    flood = []
    for packet in packets:
        loud = packet.station_key == "XX.W03"
        flood += [packet] * (100 if loud else 1)
        if loud:
            flood += [_renamed(packet, location) for location in range(100)]
    assert len(flood) > 20 * len(packets)
    with Source(tmp_path / "ring", flood[:8]) as source:
        folder = make_centre(tmp_path / "centre", short, source.port)
        with HeldCentre(folder) as centre:
            before_bytes = centre.until_reached(8)["memory_bytes"]
            for begin in range(8, len(flood), 4096):
                source.add(flood[begin : begin + 4096])
            after_bytes = centre.until_reached(len(flood))["memory_bytes"]
            centre.finish()
    assert after_bytes - before_bytes < 64 << 20
    told = told_by(folder)
    told["picks"] = b"".join(line for line in told["picks"].splitlines(keepends=True) if b"FLOOD" not in line)
    more = told.pop("findings").splitlines()
    assert all(line in more for line in asked["findings"].splitlines())
    assert [
        line for line in more if line not in asked["findings"] and b"W03" not in line and b"FLOOD" not in line
    ] == []
    told["samples"] = {name: kept for name, kept in told["samples"].items() if "FLOOD" not in name}
    assert [name for name in told if told[name] != asked[name]] == []


def _renamed(packet, location):
    """The record as one of a station that nobody knows, of one sensor of a hundred."""
    content = packet.content[:8] + b"FLOOD" + f"{location:02d}".encode() + packet.content[15:]
    return replace(packet, station_key="XX.FLOOD", content=content)


def test_kill_9_of_each_process_at_random_moments(short, packets, asked, tmp_path):
    """While packets go on arriving. Many more times: bench/faults.py."""
    rng = random.Random(9)
    victims = ["engine", "centre", "source", "centre"]
    cuts = sorted(rng.sample(range(100, len(packets)), len(victims)))
    with RingSource(tmp_path, packets) as source:
        folder = make_centre(tmp_path / "centre", short, source.port)
        with HeldCentre(folder) as centre:
            centre.until(lambda status: status["engine"] is not None)
            for cut, victim in zip(cuts, victims, strict=True):
                source.grow(cut)
                time.sleep(rng.uniform(0.0, 2.0))  # a moment that nobody chose
                strike(victim, centre, source)
            centre.until_reached(source.grow(len(packets)))
            centre.finish()
    assert journalled(folder) == [packet.content for packet in packets]
    assert differing(told_by(folder), asked) == []


def test_readers_that_never_read_or_talk_nonsense(short, packets, asked, tmp_path):
    """Another reads everything meanwhile, and what is heard is as ever."""
    noise = random.Random(7)
    with Source(tmp_path / "ring", packets[:300]) as source, contextlib.ExitStack() as lines:
        folder = make_centre(tmp_path / "centre", short, source.port)
        with HeldCentre(folder) as centre:
            port = centre.until(lambda status: "seedlink" in status["ports"])["ports"]["seedlink"]
            for _ in range(20):
                deaf = lines.enter_context(socket.socket())
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                deaf.connect(("127.0.0.1", port))
                deaf.sendall(b"SLPROTO 4.0\r\nSTATION *\r\nDATA 0\r\nEND\r\n")
                mad = lines.enter_context(socket.create_connection(("127.0.0.1", port)))
                with contextlib.suppress(ConnectionError):
                    mad.sendall(noise.randbytes(100_000))
            with ThreadPoolExecutor(1) as aside:
                reading = aside.submit(lambda: asyncio.run(_read(port, len(packets))))
                source.add(packets[300:])
                assert reading.result(120) == [packet.content for packet in packets]
            centre.until_reached(len(packets))
            centre.finish()
    assert differing(told_by(folder), asked) == []


async def _read(port, count):
    """The first so many records a server has."""
    records = []
    done = asyncio.Event()

    async def deliver(packet):
        records.append(packet.content)
        if len(records) == count:
            done.set()

    feed = SeedLink("reader", Peer("127.0.0.1", port), clock=time.time_ns, chance=random.Random(1), oldest=True)
    running = asyncio.create_task(feed.run({}, deliver, lambda _: None))
    async with asyncio.timeout(100):
        await done.wait()
    running.cancel()
    return records


def _centre_over_wire(tmp_path, short, source):
    here = {f'"127.0.0.1:{source.port}"': f'"10.17.0.1:{source.port}"'}
    return make_centre(tmp_path / "centre", short, source.port, **here)
