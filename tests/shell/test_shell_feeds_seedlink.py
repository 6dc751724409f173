"""The SeedLink feed against servers that are right, wrong, slow and hostile."""

import asyncio
import random

import pytest
from feed_peers import Certificates, Listener, packet_3, packet_4, record, serving, shake_hands

from houfeng.shell.feeds.peers import Login, Peer, Stations
from houfeng.shell.feeds.seedlink import SeedLink
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.packet import NO_SEQUENCE

NOW_NS = 1_800_000_000_000_000_000
BOTH = Stations(("XX.A", "XX.B"))


def feed(port, listener, *, tls=False, ca=None, login=None, **settings):
    peer = Peer("127.0.0.1", port, tls=tls, ca=ca, login=login)
    return SeedLink(
        "north",
        peer,
        clock=lambda: NOW_NS,
        chance=random.Random(1),
        sleep=listener.sleep,
        **({"stations": BOTH} | settings),
    )


def listen(handle, until, *, listener=None, tls=None, **settings):
    """What a feed brings from such a server, with the feed."""

    async def run():
        heard = listener or Listener()
        async with serving(handle, tls=tls) as port:
            source = feed(port, heard, tls=tls is not None, **settings)
            await heard.listen(source, until)
        return heard, source

    return asyncio.run(run())


def having(count):
    return lambda heard: len(heard.packets) >= count


def sending(*parts, **manners):
    """A server that greets, sends this on its first connection, and then waits."""

    async def handle(reader, writer):
        await shake_hands(reader, writer, **manners)
        for part in parts:
            writer.write(part)
        await reader.read()

    return handle


def test_packets_come_as_they_were_sent():
    a, b = record("XX.A"), record("XX.B", version=3)
    heard, source = listen(sending(packet_4("XX.A", 5, a), packet_4("XX.B", 2**63, b, b"3D")), having(2))
    assert heard.brought == [("XX.A", 5), ("XX.B", 2**63)]
    assert [packet.content for packet in heard.packets] == [a, b]
    assert {(packet.feed, packet.arrival_ns) for packet in heard.packets} == {("north", NOW_NS)}
    health = source.health()
    assert (health.connected, health.packets, health.bytes, health.reconnects) == (True, 2, len(a) + len(b), 0)
    assert health.last_arrival_ns == {"XX.A": NOW_NS, "XX.B": NOW_NS}
    assert not source.secured


def test_each_station_is_resumed_after_its_mark_and_wildcards_stand_for_the_others():
    seen = []

    async def handle(reader, writer):
        seen.append(await shake_hands(reader, writer))
        writer.write(packet_4("XX.A", 8, record("XX.A")))
        await reader.read()

    marks = {"XX.A": 7, "XX.B": 41, "YY.C": 3}
    listen(handle, having(1), listener=Listener(marks), stations=Stations(("XX.*",)), selectors=("HH?",))
    wanted = [command for command in seen[0] if command.split()[0] in {"STATION", "SELECT", "DATA"}]
    select = "SELECT *_H_H_?"
    assert wanted == [
        "STATION XX_A",
        select,
        "DATA 8",
        "STATION XX_B",
        select,
        "DATA 42",
        "STATION XX_*",
        select,
        "DATA",
    ]


@pytest.mark.parametrize(("mark", "asked"), [(7, "DATA 8"), (0xFFFFFF, "DATA 0"), (0xABCDEF, "DATA ABCDF0")])
def test_version_3_counts_in_six_digits_and_begins_anew_after_them(mark, asked):
    seen = []

    async def handle(reader, writer):
        seen.extend(await shake_hands(reader, writer, protocols="SLPROTO:3.1"))
        writer.write(packet_3(1, record("XX.A")))
        await reader.read()

    heard, _ = listen(handle, having(1), listener=Listener({"XX.A": mark}), stations=Stations(("XX.A",)))
    assert seen[-3:] == ["STATION A XX", asked, "END"]
    assert heard.brought == [("XX.A", 1)]


def test_a_version_3_server_without_wildcards_is_asked_for_all_it_has():
    seen = []

    async def handle(reader, writer):
        line = b""
        while not line.startswith(b"DATA"):
            line = await reader.readuntil(b"\n")
            seen.append(line.decode().strip())
            writer.write(b"SeedLink v3.1\r\nnobody\r\n" if line.startswith(b"HELLO") else b"")
        writer.write(packet_3(9, record("XX.A")))
        await reader.read()

    heard, _ = listen(handle, having(1), stations=None)
    assert seen == ["HELLO", "DATA"]
    assert heard.brought == [("XX.A", 9)]


def test_a_refused_station_keeps_nobody_else_from_coming():
    heard, _ = listen(sending(packet_4("XX.B", 1, record("XX.B")), refuse=("XX_A",)), having(1))
    assert heard.brought == [("XX.B", 1)]
    assert heard.kinds == [("station-refused", "XX.A")]
    assert "no such station" in heard.findings[0].reason


@pytest.mark.parametrize("version", [3, 4])
def test_one_bad_packet_costs_itself_and_is_said_once_per_station(version):
    good, bad = record("XX.A"), b"rubbish!" * 64
    if version == 4:
        parts = [packet_4("XX.B", 1, bad), packet_4("XX.B", 2, bad), packet_4("XX.A", 3, good)]
    else:
        parts = [packet_3(1, bad), packet_3(2, bad), packet_3(3, good)]
    heard, source = listen(sending(*parts), having(1), version=version)
    assert heard.brought == [("XX.A", 3)]
    assert heard.kinds == [("bad-record", "XX.B" if version == 4 else "")]
    assert source.health().reconnects == 0


def test_a_record_of_another_station_is_dropped_and_said():
    parts = [packet_4("XX.A", 1, record("XX.B")), packet_4("XX.B", 2, record("XX.B"))]
    heard, _ = listen(sending(*parts), having(1))
    assert heard.brought == [("XX.B", 2)]
    assert heard.kinds == [("station-mismatch", "XX.A")]


@pytest.mark.parametrize("version", [3, 4])
def test_a_record_nobody_asked_for_is_dropped_and_said(version):
    odd, good = record("ZZ.Z"), record("XX.A")
    parts = (
        [packet_4("ZZ.Z", 1, odd), packet_4("XX.A", 2, good)] if version == 4 else [packet_3(1, odd), packet_3(2, good)]
    )
    heard, _ = listen(sending(*parts), having(1), version=version)
    assert heard.brought == [("XX.A", 2)]
    assert heard.kinds == [("station-unasked", "ZZ.Z")]


def test_what_is_no_record_is_not_taken_for_one():
    parts = [
        packet_4("XX.A", 1, b'{"a": 1}', b"JD"),
        packet_4("XX.A", 2, record("XX.A") * 2),
        packet_4("XX.A", 3, record()),
    ]
    heard, _ = listen(sending(*parts), having(1))
    assert heard.brought == [("XX.A", 3)]
    assert heard.kinds == [("not-a-record", "XX.A"), ("bad-record", "XX.A")]


def test_the_word_for_no_number_is_no_number():
    heard, _ = listen(sending(packet_4("XX.A", 2**64 - 1, record())), having(1))
    assert heard.brought == [("XX.A", NO_SEQUENCE)]


def test_a_server_that_dies_is_resumed_without_loss_or_repeat():
    async def handle(reader, writer):
        """Sends two packets from where it is asked, then dies within a third."""
        commands = await shake_hands(reader, writer)
        asked = commands[commands.index("STATION XX_A") + 1].split()
        first = int(asked[1]) if len(asked) > 1 else 0
        for number in (first, first + 1):
            writer.write(packet_4("XX.A", number, record("XX.A", number)))
        writer.write(packet_4("XX.A", first + 2, record())[:100])
        await writer.drain()
        writer.close()

    heard, source = listen(handle, having(10))
    assert heard.brought == [("XX.A", number) for number in range(10)]
    health = source.health()
    assert health.reconnects == 4
    assert health.last_error


def test_a_server_that_stalls_within_a_packet_is_left():
    calls = []

    async def handle(reader, writer):
        await shake_hands(reader, writer)
        calls.append(1)
        whole = packet_4("XX.A", len(calls), record())
        writer.write(whole[:-1] if len(calls) == 1 else whole)
        await reader.read()

    heard, source = listen(handle, having(1), idle_s=0.05)
    assert heard.brought[0][0] == "XX.A"
    assert "nothing came" in source.health().last_error


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 64,
        b"GET / HTTP/1.1\r\n\r\n",
        b"SE2D" + b"\xff" * 32,
        b"SE\xff\xff" + bytes(13),
        b"SE2D" + bytes(12) + b"\x04\xff\xff\xff\xff",
        b"ERROR INTERNAL out of order\r\n",
        b"END",
        b"",
    ],
    ids=["zeros", "http", "endless", "format", "station", "error", "end", "nothing"],
)
def test_garbage_ends_the_connection_and_not_the_feed(garbage):
    calls = []

    async def handle(reader, writer):
        await shake_hands(reader, writer)
        calls.append(1)
        writer.write(garbage if len(calls) < 3 else packet_4("XX.A", 1, record()))
        await writer.drain()
        if len(calls) >= 3:
            await reader.read()

    heard, source = listen(handle, having(1))
    assert heard.brought == [("XX.A", 1)]
    assert source.health().reconnects == 2
    assert source.health().last_error.isprintable()


class Impatient(Listener):
    """Ends once it has been made to wait often enough."""

    async def sleep(self, wait_s):
        await super().sleep(wait_s)
        if len(self.waits_s) > 6:
            raise EnoughError


class EnoughError(Exception):
    """The feed has tried often enough."""


def tries(handle, **settings):
    """The waits between a feed's tries, with the feed."""

    async def run():
        heard = Impatient()
        async with serving(handle, tls=settings.pop("server_tls", None)) as port:
            source = feed(port, heard, **settings)
            with pytest.raises(EnoughError):
                await source.run({}, None, heard.findings.append)
        return heard, source

    return asyncio.run(run())


async def hang_up(_reader, _writer):
    """A server that closes every connection at once."""


@pytest.mark.parametrize("greeting", [b"", b"\xff\xfe\r\n\r\n", b"a" * 20_000, b"SeedLink :: SLPROTO:9.0\r\nx\r\n"])
def test_a_bad_greeting_is_survived(greeting):
    async def handle(_reader, writer):
        writer.write(greeting)
        await writer.drain()

    heard, source = tries(handle)
    assert heard.packets == []
    assert not source.health().connected
    assert source.health().last_error


def test_waits_double_with_jitter_while_nothing_comes():
    heard, source = tries(hang_up)
    assert all(0.5 * 2**tried <= wait_s <= 2**tried for tried, wait_s in enumerate(heard.waits_s[:6]))
    assert len(set(heard.waits_s)) == len(heard.waits_s)
    assert not source.health().connected


def test_a_login_is_sent_and_never_shown(tmp_path, caplog):
    certificates = Certificates(tmp_path)
    login = Login("reader", "let-me-in")
    caplog.set_level("DEBUG")
    manners = {"login": "USERPASS reader let-me-in"}
    heard, source = listen(
        sending(packet_4("XX.A", 1, record()), **manners),
        having(1),
        tls=certificates.context(),
        ca=certificates.ca,
        login=login,
    )
    assert heard.brought == [("XX.A", 1)]
    assert source.secured
    heard, source = tries(
        sending(login="USERPASS somebody else"),
        server_tls=certificates.context(),
        tls=True,
        ca=certificates.ca,
        login=login,
    )
    assert heard.kinds == [("login-refused", "")]
    assert min(heard.waits_s) >= 30
    shown = [caplog.text, repr(login), source.health().last_error, repr(heard.findings), repr(source)]
    assert not any("let-me-in" in text for text in shown)


def test_a_token_is_sent(tmp_path):
    certificates = Certificates(tmp_path)
    handle = sending(packet_4("XX.A", 1, record()), login="JWT abc.def.ghi")
    heard, _ = listen(
        handle, having(1), tls=certificates.context(), ca=certificates.ca, login=Login(token="abc.def.ghi")
    )
    assert heard.brought == [("XX.A", 1)]


def test_a_server_that_knows_no_logins_gets_no_connection(tmp_path):
    certificates = Certificates(tmp_path)
    handle = sending(packet_3(1, record()), protocols="SLPROTO:3.1")
    heard, source = tries(
        handle, server_tls=certificates.context(), tls=True, ca=certificates.ca, login=Login("reader", "let-me-in")
    )
    assert heard.packets == []
    assert "v4" in source.health().last_error


def test_a_server_of_another_authority_is_not_believed(tmp_path):
    mine, other = Certificates(tmp_path, "mine"), Certificates(tmp_path, "other")
    _, source = tries(sending(), server_tls=other.context(), tls=True, ca=mine.ca)
    assert "certificate" in source.health().last_error


@pytest.mark.parametrize("words", [("a b", "let-me-in"), ("a", "b\r\nDATA"), ("ä", "b"), ("a", "")])
def test_a_login_that_would_break_the_protocol_is_refused(words):
    with pytest.raises(DataFault) as raised:
        Login(*words)
    assert "let-me-in" not in str(raised.value)


def test_certificates_that_cannot_be_read_are_said_at_once(tmp_path):
    with pytest.raises(WorldFault, match="certificates"):
        feed(1, Listener(), tls=True, ca=tmp_path / "none.pem")


def test_what_delivery_raises_ends_the_feed():
    async def run():
        async with serving(sending(packet_4("XX.A", 1, record()))) as port:
            source = feed(port, Listener())

            async def full(_packet):
                raise WorldFault("journal", "journal full")

            with pytest.raises(WorldFault, match="journal full"):
                await source.run({}, full, None)

    asyncio.run(run())


def test_a_slow_taker_slows_the_sender():
    sent = []

    async def handle(reader, writer):
        await shake_hands(reader, writer)
        writer.transport.set_write_buffer_limits(high=0)
        for number in range(100_000):
            writer.write(packet_4("XX.A", number, record()))
            await writer.drain()
            sent.append(number)
        await reader.read()

    async def run():
        async with serving(handle) as port:
            blocked = asyncio.Event()

            async def never(_packet):
                blocked.set()
                await asyncio.Event().wait()

            task = asyncio.create_task(feed(port, Listener()).run({}, never, None))
            await blocked.wait()
            count = -1
            while count != len(sent):
                count = len(sent)
                for _ in range(1000):
                    await asyncio.sleep(0)
            task.cancel()

    asyncio.run(run())
    assert len(sent) < 50_000
