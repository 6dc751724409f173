"""The SeedLink server, read by the clients of others, and by those who mean no good.

`pytest -s` prints a table of what every client was shown to do.
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from seedlink_clients import CLIENTS, Asked
from seedlink_peers import (
    NS,
    START_NS,
    ask,
    certificate,
    hear,
    packets_v3,
    packets_v4,
    record,
    run,
    say,
    slinktool,
    world,
)

from houfeng.shell.seedlink.bans import MOST_FAILURES
from houfeng.shell.seedlink.parcels import PIECE_BYTES
from houfeng.shell.seedlink.readers import Permit, Reader, Readers, TokenRule, hash_password, issue_token
from houfeng.shell.seedlink.server import Limits, Listen, SeedlinkServer
from houfeng.shell.seedlink.session import BEHIND_BYTES
from houfeng.wire.seedlink.notes import Connected, Delivered, Disconnected, LoggedIn, Subscribed, read_note, write_note
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/seedlink.md"
CHANNELS = ("HHZ", "HHN")
HISTORY = [
    record(station, channel, second) for second in range(20) for station in ("AAA", "BBB") for channel in CHANNELS
]


def rows_of(packets, first=1):
    """What a client should have been sent of packets numbered from first on."""
    return [
        (f"{packet.station_key}.00.{CHANNELS[k % 2]}", packet.arrival_ns - NS, first + k)
        for k, packet in enumerate(packets)
    ]


def seen(client, rows):
    """Rows as far as a client shows them."""
    return rows if client.shows_sequence else [(*row[:2], None) for row in rows]


@pytest.fixture(scope="module")
def table():
    """What was shown of each client; printed in the end."""
    shown = {}
    yield shown
    features = list(dict.fromkeys(feature for _, feature in shown))
    rows = [["client", *features]]
    rows += [[client.name, *(shown.get((client.name, feature), "?") for feature in features)] for client in CLIENTS]
    for name, *cells in rows:
        sys.stdout.write(f"\n{name:20}" + "".join(f"{cell:>12}" for cell in cells))


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name.replace(" ", "-"))
def client(request):
    if request.param.name.startswith("slinktool"):
        slinktool()
    return request.param


def page_cells():
    """The table of clients as the page has it: client, feature, and what is said of it."""
    lines = iter(PAGE.read_text().partition("## Clients")[2].splitlines())
    header = next(line for line in lines if line.startswith("| client"))
    _, *features = cells_of(header.replace("time window", "window").replace("`", ""))
    for line in lines:
        if line.startswith("| ") and not line.startswith("|---"):
            told, *cells = cells_of(line)
            name = re.sub(r" [\d.]+(?:, version (\d))?$", lambda found: f" v{found[1]}" if found[1] else "", told)
            yield from ((name, feature, cell) for feature, cell in zip(features, cells, strict=True))


def cells_of(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def lacks(table, client, feature):
    """Say that it is the client that has no such thing."""
    table[client.name, feature] = "-"
    pytest.skip(f"{client.name} has no {feature}")


class TestClients:
    def test_wildcard_and_time_window(self, client, table, tmp_path):
        async def scene():
            async with world(tmp_path, before=HISTORY) as here:
                window = (START_NS + 5 * NS, START_NS + 8 * NS)
                rows = await client.read(here.port, Asked(window=window))
                assert rows == seen(client, rows_of(HISTORY)[20:32])

        run(scene())
        table[client.name, "window"] = table[client.name, "wildcard"] = "yes"

    def test_selectors(self, client, table, tmp_path):
        async def scene():
            async with world(tmp_path, before=HISTORY) as here:
                window = (START_NS, START_NS + 20 * NS)
                for selector in ("HHZ", "00HHZ", *(("H_H_Z", "*_Z.2D") if client.protocol == 4 else ("HHZ.D",))):
                    rows = await client.read(here.port, Asked("XX_AAA", selector, window=window))
                    assert rows == seen(client, rows_of(HISTORY)[::4])

        run(scene())
        table[client.name, "selectors"] = "yes"

    def test_going_on_after_a_sequence(self, client, table, tmp_path):
        async def scene():
            async with world(tmp_path, before=HISTORY) as here:
                extra = {"folder": tmp_path} if client.name.startswith("slinktool") else {}
                rows = await client.read(here.port, Asked("XX_AAA", "HHZ", after=37), **extra)
                assert rows == seen(client, [each for each in rows_of(HISTORY)[::4] if each[2] > 37])

        run(scene())
        table[client.name, "resume"] = "yes"

    def test_live(self, client, table, tmp_path):
        async def scene():
            async with world(tmp_path, before=HISTORY) as here:
                live = [record(station, "HHZ", second) for second in range(30, 40) for station in ("AAA", "BBB")]

                async def ready():
                    await here.hears_of(Subscribed)
                    for packet in live:
                        here.publish([packet])

                rows = await client.follow(here.port, Asked("XX_*", "HH?"), len(live), ready)
                expected = [
                    (f"{packet.station_key}.00.HHZ", packet.arrival_ns - NS, len(HISTORY) + 1 + k)
                    for k, packet in enumerate(live)
                ]
                assert rows == seen(client, expected)

        run(scene())
        table[client.name, "live"] = "yes"

    @pytest.mark.parametrize("level", ["ID", "STATIONS", "STREAMS", "CONNECTIONS", "CAPABILITIES"])
    def test_info(self, client, table, tmp_path, level):
        async def scene():
            async with world(tmp_path, before=HISTORY, organisation="Somewhere & more") as here:
                told = await client.info(here.port, level)
                assert "Houfeng/0.1" in told
                assert ("Somewhere &amp; more" if client.protocol == 3 else "Somewhere & more") in told
                assert ("BBB" in told) == (level in {"STATIONS", "STREAMS"})

        run(scene())
        table[client.name, "INFO"] = "yes"

    def test_tls(self, client, table, tmp_path, monkeypatch):
        if not client.tls:
            lacks(table, client, "TLS")
        context, path = certificate(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        monkeypatch.setenv("LIBSLINK_CA_CERT_FILE", str(path))

        async def scene():
            async with world(tmp_path, before=HISTORY, tls=context) as here:
                window = (START_NS, START_NS + 20 * NS)
                rows = await client.read(here.server.addresses[1][1], Asked(window=window, tls=True))
                assert rows == seen(client, rows_of(HISTORY))
                assert here.told(Connected)[0].encrypted

        run(scene())
        table[client.name, "TLS"] = "yes"

    @pytest.mark.parametrize("method", ["USERPASS", "JWT"])
    def test_logging_in(self, client, table, tmp_path, method):
        if method not in client.logins:
            lacks(table, client, method)
        readers, login = accounts(method)

        async def scene():
            async with world(tmp_path, before=HISTORY, readers=readers) as here:
                window = (START_NS, START_NS + 20 * NS)
                open_to_all = await client.read(here.port, Asked(window=window))
                assert open_to_all == seen(client, [each for each in rows_of(HISTORY) if ".AAA." in each[0]])
                rows = await client.read(here.port, Asked(window=window, login=login))
                assert rows == seen(client, rows_of(HISTORY))
                assert [(each.reader, each.accepted) for each in here.told(LoggedIn)] == [("alice", True)]
                assert not any(
                    "wonderland" in write_note(note) or str(login) in write_note(note) for note in here.notes
                )

        run(scene())
        table[client.name, method] = "yes"

    def test_miniseed_3_of_early_warning(self, client, table, tmp_path):
        if client.protocol == 3:
            lacks(table, client, "miniSEED 3")
        small = [record("EEW", "HNZ", second, version=3, length=256) for second in range(5)]
        small += [record("EEW", "HNE", second, length=128) for second in range(5)]
        long = [record("EEW", "HNN", second, length=4096, seconds=20) for second in range(2)]

        async def scene():
            async with world(tmp_path, before=small + long) as here:
                rows = await client.read(here.port, Asked(window=(START_NS, START_NS + 60 * NS)))
                assert [each[0][-1] for each in rows] == ["Z"] * 5 + ["E"] * 5 + ["N"] * 2

        run(scene())
        table[client.name, "miniSEED 3"] = "yes"

    def test_the_page_says_what_was_shown(self, client, table):
        said = {(name, feature): cell for name, feature, cell in page_cells() if name == client.name}
        shown = {(name, feature): cell for (name, feature), cell in table.items() if name == client.name}
        assert shown.items() <= said.items()
        assert not shown or len(said) == 10


def accounts(method):
    """AAA is open, alice may have all of XX; her account and what she logs in with."""
    if method == "USERPASS":
        alice = Reader("alice", Permit(("XX.*",)), hash_password("wonderland"))
        return Readers(Permit(("XX.AAA",)), {"alice": alice}), ("alice", "wonderland")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    alice = Reader("alice", Permit(("XX.*",)))
    readers = Readers(Permit(("XX.AAA",)), {"alice": alice}, TokenRule("EdDSA", public))
    return readers, issue_token("alice", time.time_ns() + 3600 * NS, private, "EdDSA")


def ended(data):
    return data.endswith(b"END")


ALL_OF_IT = ["SLPROTO 4.0", "STATION *", "DATA ALL", "ENDFETCH"]


class TestRecords:
    def test_nothing_is_lost_or_doubled_between_the_disk_memory_and_live(self, tmp_path):
        async def scene():
            async with world(tmp_path, before=HISTORY) as here:
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                data = await say(reader, writer, ["SLPROTO 4.0", "STATION *", "DATA 11", "END"], packets_v4)
                for second in range(100, 1100):
                    here.publish([record("AAA", "HHZ", second, length=128, version=3), record("BBB", "HHZ", second)])
                    await asyncio.sleep(0)
                wanted = len(HISTORY) + 2000
                last = wanted.to_bytes(8, "little")
                data += await hear(reader, lambda heard: last in heard[-2000:])
                assert [each[1] for each in packets_v4(data)] == list(range(11, wanted + 1))
                writer.close()

        run(scene())

    def test_version_3_gets_what_it_can_carry(self, tmp_path):
        mixed = [
            record("AAA", "HHZ", k, length=(512, 128, 4096)[k % 3], version=3 if k % 4 == 3 else 2) for k in range(24)
        ]

        async def scene():
            async with world(tmp_path, before=mixed) as here:
                commands = ["STATION AAA XX", "FETCH 1", "END"]
                data = await ask(here.port, commands, ended)
                good = [k + 1 for k in range(24) if k % 3 == 0 and k % 4 != 3]
                assert [int(sequence, 16) for sequence, _ in packets_v3(data)] == good
                assert [each[1] for each in packets_v4(await ask(here.port, ALL_OF_IT, ended))] == list(range(1, 25))

        run(scene())

    def test_a_time_window_waits_for_what_is_late_and_then_ends(self, tmp_path):
        now = [START_NS + 25 * NS]

        async def scene():
            async with world(tmp_path, before=HISTORY, clock=lambda: now[0]) as here:
                begin, end = "2023,11,14,22,14,19", "2023,11,14,22,14,22"
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                data = await say(reader, writer, ["STATION AAA XX", f"TIME {begin} {end}", "END"], packets_v3)
                here.publish([record("AAA", channel, 20) for channel in CHANNELS])
                here.publish([record("BBB", "HHZ", 23)])
                here.publish([record("AAA", "HHZ", 21), record("AAA", "HHN", 21)])
                data += await hear(reader, ended)
                numbers = [int(sequence, 16) for sequence, _ in packets_v3(data)]
                assert numbers == [77, 78, 81, 82, 84, 85]
                writer.close()

        run(scene())

    def test_what_is_no_record_is_told_and_serves_nobody(self, tmp_path):
        good = record()
        bad = [
            type(good)("made", "XX.BAD", 0, 0, b"no record at all, but long enough for one"),
            type(good)("made", "no station", 0, 0, good.content),
            type(good)("made", "XX.LIAR", 0, 0, good.content + good.content),
        ]

        async def scene():
            async with world(tmp_path) as here:
                here.publish([*bad, *bad, good])
                assert [each[1] for each in packets_v4(await ask(here.port, ALL_OF_IT, ended))] == [7]
                assert sorted(each.station for each in here.told(Finding)) == ["XX.BAD", "XX.LIAR", "no station"]

        run(scene())

    def test_a_station_that_makes_up_channels_is_served_so_far_and_harms_none(self, tmp_path):
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        flood = [record("AAA", f"{a}{b}Z", 0, length=128) for a in letters for b in letters]

        async def scene():
            async with world(tmp_path) as here:
                here.publish([*flood, record("BBB")])
                data = await ask(here.port, ALL_OF_IT, ended)
                stations = [each[2] for each in packets_v4(data)]
                assert stations.count("XX_AAA") == 256
                assert stations.count("XX_BBB") == 1

        run(scene())


class TestPermission:
    def test_a_station_one_may_not_have_is_as_one_that_does_not_exist(self, tmp_path):
        readers, _ = accounts("USERPASS")

        async def scene():
            async with world(tmp_path, before=HISTORY, readers=readers) as here:
                for hidden, missing in (("XX_BBB", "XX_CCC"), ("*_BBB", "*_CCC")):
                    told = [
                        await ask(here.port, ["SLPROTO 4.0", f"STATION {name}", "DATA ALL", "ENDFETCH"], ended)
                        for name in (hidden, missing)
                    ]
                    assert told[0] == told[1] == b"OK\r\n" * 3 + b"END"
                for protocol in (["SLPROTO 4.0"], []):
                    for level in ("STATIONS", "STREAMS"):
                        told = await ask(here.port, [*protocol, f"INFO {level}", "BYE"], lambda _: False)
                        assert b"AAA" in told
                        assert b"BBB" not in told
                cat = await ask(here.port, ["CAT"], lambda data: data.endswith(b"END\r\n"))
                assert cat == b"XX AAA\r\nEND\r\n"

        run(scene())

    def test_wrong_passwords_are_counted_and_then_not_even_looked_at(self, tmp_path):
        readers, (name, password) = accounts("USERPASS")

        async def scene():
            async with world(tmp_path, before=HISTORY, readers=readers) as here:
                wrong = [f"AUTH USERPASS {name} wrong"] * MOST_FAILURES
                right = f"AUTH USERPASS {name} {password}"
                commands = ["SLPROTO 4.0", right, *wrong, right, *ALL_OF_IT[1:]]
                data = await ask(here.port, commands, ended)
                assert data.count(b"ERROR AUTH ") == MOST_FAILURES + 1
                # Who was let in stays in, and what is open stays open to those who are not.
                assert len(packets_v4(data)) == len(HISTORY)
                assert len(packets_v4(await ask(here.port, ALL_OF_IT, ended))) == len(HISTORY) / 2
                refusals = [each.refusal for each in here.told(LoggedIn)]
                assert refusals == ["", *["credentials"] * MOST_FAILURES, "banned"]

        run(scene())

    def test_a_name_that_is_none_is_not_written_down(self, tmp_path):
        readers, _ = accounts("USERPASS")

        async def scene():
            async with world(tmp_path, readers=readers) as here:
                await ask(here.port, ["SLPROTO 4.0", "AUTH USERPASS my-password x"], lambda data: b"AUTH" in data)
                (note,) = here.told(LoggedIn)
                assert (note.reader, note.accepted) == ("", False)

        run(scene())

    def test_whose_permission_changes_has_to_come_again(self, tmp_path):
        readers, (name, password) = accounts("USERPASS")

        async def scene():
            async with world(tmp_path, before=HISTORY, readers=readers) as here:
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                login = ["SLPROTO 4.0", f"AUTH USERPASS {name} {password}", "STATION *", "DATA ALL", "END"]
                await say(reader, writer, login, packets_v4)
                open_reader, open_writer = await asyncio.open_connection("127.0.0.1", here.port)
                await say(open_reader, open_writer, [*ALL_OF_IT[:-1], "END"], packets_v4)
                here.server.change_readers(Readers(readers.open))
                await here.hears_of(Disconnected)
                assert await ended_or_reset(reader)
                here.publish([record("AAA", "HHZ", 50)])
                last = (len(HISTORY) + 1).to_bytes(8, "little")
                assert last in await hear(open_reader, lambda data: last in data)
                writer.close()
                open_writer.close()

        run(scene())

    def test_the_session_log_says_who_got_what(self, tmp_path):
        readers, (name, password) = accounts("USERPASS")

        async def scene():
            async with world(tmp_path, before=HISTORY, readers=readers) as here:
                login = ["SLPROTO 4.0", "USERAGENT test/1", f"AUTH USERPASS {name} {password}"]
                wanted = ["STATION XX_B*", "SELECT *_Z", "DATA 3", "ENDFETCH"]
                data = await ask(here.port, [*login, *wanted], ended)
                await here.hears_of(Disconnected)
                sent = packets_v4(data)
                assert here.told(Subscribed)[0].streams == ("*_Z",)
                (subscribed,), (delivered,), (ending,) = map(here.told, (Subscribed, Delivered, Disconnected))
                assert (subscribed.reader, subscribed.agent, subscribed.begin) == ("alice", "test/1", "3")
                assert (delivered.station, delivered.stream) == ("XX_BBB", "00_H_H_Z.2D")
                assert delivered.records == ending.records == len(sent) == 20
                assert delivered.sent_bytes == ending.sent_bytes == 20 * (17 + 6 + 512)
                assert [read_note(write_note(note)) for note in here.notes] == here.notes

        run(scene())


class TestHarm:
    def test_one_that_never_reads_costs_little_delays_nobody_and_is_dropped(self, tmp_path):
        limits = Limits(stalled_s=1.0)

        async def scene():
            async with world(tmp_path, limits=limits) as here:
                subscribe = ["SLPROTO 4.0", "STATION *", "DATA", "END"]
                _, lazy_writer = await asyncio.open_connection("127.0.0.1", here.port, limit=1)
                lazy_writer.write("".join(f"{each}\r\n" for each in subscribe).encode())
                quiet_reader, quiet_writer = await asyncio.open_connection("127.0.0.1", here.port)
                await say(
                    quiet_reader, quiet_writer, ["SLPROTO 4.0", "STATION NO_NE", "DATA", "END"], lambda d: len(d) >= 12
                )
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                await say(reader, writer, subscribe, lambda heard: len(heard) >= 12)
                one = record(length=4096)
                sent = 0
                while not here.told(Disconnected):
                    here.publish([one] * 200)
                    here.journal.hold(here.journal.next)
                    sent += 200
                    last = sent.to_bytes(8, "little")
                    await hear(reader, lambda heard, last=last: last in heard[-4200:])
                    held = [session.unsent_bytes for session in here.server._sessions]
                    assert max(held) <= BEHIND_BYTES + PIECE_BYTES
                (ending,) = here.told(Disconnected)
                assert ending.reason in {"it does not read", "it reads so slowly that its place in the ring is gone"}
                assert ending.session == here.told(Connected)[0].session
                assert here.server.connected == 2
                for each in (lazy_writer, quiet_writer, writer):
                    each.close()

        run(scene())

    def test_one_that_is_slow_gets_everything_from_the_disk_also_when_all_are(self, tmp_path):
        async def scene():
            async with world(tmp_path) as here:
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                await say(reader, writer, ["SLPROTO 4.0", "STATION *", "DATA", "END"], lambda heard: len(heard) >= 12)
                one, times = record(length=4096), 20
                for _ in range(times):
                    # More at once than is kept in memory.
                    here.publish([one] * 256)
                last = (times * 256).to_bytes(8, "little")
                data = await hear(reader, lambda heard: last in heard[-4200:])
                assert [each[1] for each in packets_v4(data)] == list(range(1, times * 256 + 1))
                writer.close()

        run(scene())

    def test_one_whose_place_leaves_the_ring_is_dropped_others_go_on(self, tmp_path):
        async def scene():
            sizes = {"segment_bytes": 1 << 20, "keep_bytes": 2 << 20}
            async with world(tmp_path, **sizes) as here:
                subscribe = ["SLPROTO 4.0", "STATION *", "DATA", "END"]
                _, lazy_writer = await asyncio.open_connection("127.0.0.1", here.port, limit=1)
                lazy_writer.write("".join(f"{each}\r\n" for each in subscribe).encode())
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                await say(reader, writer, subscribe, lambda heard: len(heard) >= 12)
                one, sent = record(length=4096), 0
                while not here.told(Disconnected):
                    sent = here.publish([one] * 200)[-1]
                    here.journal.hold(here.journal.next)
                    last = sent.to_bytes(8, "little")
                    await hear(reader, lambda heard, last=last: last in heard[-4200:])
                assert here.told(Disconnected)[0].reason == "it reads so slowly that its place in the ring is gone"
                first = packets_v4(await ask(here.port, ALL_OF_IT, ended))[0][1]
                assert min(first, here.journal.first) > 1
                writer.close()
                lazy_writer.close()

        run(scene())

    def test_garbage_ends_at_most_its_own_connection(self, tmp_path):
        async def scene():
            async with world(tmp_path, before=HISTORY) as here:
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                await say(reader, writer, ["SLPROTO 4.0", "STATION *", "DATA", "END"], lambda heard: len(heard) >= 12)
                noise = [bytes([byte]) * 5000 for byte in (0, 10, 13, 255)] + [b"\x16\x03\x01" + bytes(range(256)) * 40]
                for garbage in [*noise, b"GET / HTTP/1.1\r\n\r\n", b"INFO STREAMS\r" * 3000, b"STATION * *\r" * 3000]:
                    _, bad_writer = await asyncio.open_connection("127.0.0.1", here.port)
                    bad_writer.write(garbage)
                    await bad_writer.drain()
                here.publish([record("AAA", "HHZ", 50)])
                last = (len(HISTORY) + 1).to_bytes(8, "little")
                assert last in await hear(reader, lambda data: last in data)
                assert not [each for each in here.told(Disconnected) if each.reason.startswith("a fault")]
                writer.close()

        run(scene())

    def test_when_all_places_are_taken_those_who_ask_for_nothing_make_room(self, tmp_path):
        async def scene():
            async with world(tmp_path, limits=Limits(connections=4)) as here:
                reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
                await say(reader, writer, ["SLPROTO 4.0", "STATION *", "DATA", "END"], lambda heard: len(heard) >= 12)
                idle = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(30)]
                told = await ask(here.port, ["HELLO"], lambda data: data.count(b"\n") == 2)
                assert told.startswith(b"SeedLink")
                here.publish([record()])
                assert len(await hear(reader, packets_v4)) > 512
                reasons = {each.reason for each in here.told(Disconnected)}
                assert "its place was needed before it asked for anything" in reasons
                for _, each in [*idle, (reader, writer)]:
                    each.close()

        run(scene())

    def test_one_address_has_so_many_connections(self, tmp_path):
        async def scene():
            async with world(tmp_path, limits=Limits(of_one_address=3)) as here:
                held = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(4)]
                assert await ended_or_reset(held[3][0])
                assert here.server.connected == 3
                held[0][1].close()
                await here.hears_of(Disconnected)
                assert here.told(Disconnected)[0].reason == "no room for another connection"
                for _, each in held:
                    each.close()

        run(scene())


async def ended_or_reset(reader):
    """Whether a connection is over, by whatever the other side did, and nothing came of it any more."""
    try:
        return await reader.read() is not None
    except ConnectionError:
        return True


def test_a_place_that_is_taken_is_said_so(tmp_path):
    async def scene():
        async with world(tmp_path) as here:
            taken = SeedlinkServer(
                here.journal, Readers(), tell=here.tell, listen=[Listen(port=0), Listen(port=here.port)]
            )
            with pytest.raises(WorldFault, match=f"127.0.0.1:{here.port}: cannot listen there"):
                await taken.__aenter__()

    run(scene())


def test_info_of_version_4_is_what_the_specification_names(tmp_path):
    async def scene():
        async with world(tmp_path, before=HISTORY) as here:
            data = await ask(here.port, ["SLPROTO 4.0", "INFO STREAMS XX_AAA *_Z.2"], packets_v4)
            (packet,) = packets_v4(data)
            told = json.loads(packet[3])
            assert {"software", "organization", "format", "filter", "station"} <= set(told)
            (station,) = told["station"]
            assert (station["id"], station["start_seq"], station["end_seq"]) == ("XX_AAA", 1, 79)
            (stream,) = station["stream"]
            assert stream["start_time"] == "2023-11-14T22:14:00.000000Z"
            assert stream["end_time"] == "2023-11-14T22:14:20.000000Z"

    run(scene())
