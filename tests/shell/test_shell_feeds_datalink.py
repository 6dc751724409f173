"""The DataLink feed against servers that are right, wrong and hostile."""

import asyncio
import random

import pytest
from feed_peers import Certificates, Listener, record, serving

from houfeng.shell.feeds.datalink import DataLink
from houfeng.shell.feeds.peers import Login, Peer, Stations

NOW_NS = 1_800_000_000_000_000_000


def packet(stream, number, content):
    header = f"PACKET {stream} {number} 1 2 3 {len(content)}".encode()
    return b"DL" + bytes([len(header)]) + header + content


def reply(word, text=b"", value=0):
    header = f"{word} {value} {len(text)}".encode()
    return b"DL" + bytes([len(header)]) + header + text


async def shake_hands(reader, writer, *, refuse=()):
    """Answer a DataLink client until it asks to stream; what it asked for."""
    commands = []
    while True:
        begin = await reader.readexactly(3)
        header = (await reader.readexactly(begin[2])).decode()
        word, *arguments = header.split()
        load = await reader.readexactly(int(arguments[-1])) if word in {"MATCH", "AUTH"} else b""
        commands.append(" ".join(filter(None, (header, load.decode()))))
        if word == "STREAM":
            return commands
        if word == "ID":
            text = b"ID DataLink 1.1 :: DLPROTO:1.1"
            writer.write(b"DL" + bytes([len(text)]) + text)
        else:
            writer.write(reply("ERROR", b"no") if commands[-1].startswith(tuple(refuse)) and refuse else reply("OK"))


def sending(*parts, asked=None, **manners):
    async def handle(reader, writer):
        commands = await shake_hands(reader, writer, **manners)
        if asked is not None:
            asked.extend(commands)
        for part in parts:
            writer.write(part)
        await reader.read()

    return handle


def listen(handle, until, *, marks=None, tls=None, ca=None, login=None, **settings):
    async def run():
        heard = Listener(dict(marks or {}))
        async with serving(handle, tls=tls) as port:
            peer = Peer("127.0.0.1", port, tls=tls is not None, ca=ca, login=login)
            source = DataLink(
                "ring",
                peer,
                clock=lambda: NOW_NS,
                chance=random.Random(1),
                sleep=heard.sleep,
                **({"stations": Stations(("XX.*",))} | settings),
            )
            await heard.listen(source, until)
        return heard, source

    return asyncio.run(run())


def having(count):
    return lambda heard: len(heard.packets) >= count


def test_records_of_both_ways_of_naming_come_as_they_were_sent():
    a, b = record("XX.A"), record("XX.B", version=3)
    parts = [packet("XX_A__HHZ/MSEED", 5, a), packet("FDSN:XX_B__H_H_Z/MSEED3", 6, b)]
    heard, source = listen(sending(*parts), having(2))
    assert heard.brought == [("XX.A", 5), ("XX.B", 6)]
    assert [each.content for each in heard.packets] == [a, b]
    assert source.health().connected
    assert not source.secured


def test_it_goes_on_after_the_last_of_all_marks():
    asked = []
    handle = sending(packet("XX_A__HHZ/MSEED", 9, record()), asked=asked)
    listen(handle, having(1), marks={"XX.A": 4, "XX.B": 8})
    assert asked[1:] == [r"MATCH 25 ^(FDSN:)?(XX_.*)_.*/MSEED", "POSITION SET 8", "STREAM"]


def test_a_place_that_has_left_the_ring_is_followed_by_the_earliest():
    asked = []
    handle = sending(packet("XX_A__HHZ/MSEED", 9, record()), asked=asked, refuse=("POSITION SET 8",))
    listen(handle, having(1), marks={"XX.B": 8})
    assert asked[-3:] == ["POSITION SET 8", "POSITION SET EARLIEST", "STREAM"]


@pytest.mark.parametrize(
    ("odd", "finding"),
    [
        (packet("XX_A__HHZ/MSEED", 1, record("XX.B")), ("station-mismatch", "XX.A")),
        (packet("ZZ_A__HHZ/MSEED", 1, record("ZZ.A")), ("station-unasked", "ZZ.A")),
        (packet("XX_A__HHZ/MSEED", 1, b"rubbish" * 80), ("bad-record", "XX.A")),
        (packet("XX_A__HHZ/JSON", 1, b"{}"), ("not-a-record", "")),
        (packet("XX_A__HHZ/MSEED", -1, record()), ("bad-record", "XX.A")),
        (packet("XX_A__HHZ/MSEED", 2**63, record()), ("bad-record", "XX.A")),
    ],
    ids=["other-station", "unasked", "rubbish", "json", "negative", "large"],
)
def test_one_bad_packet_costs_itself_and_is_said_once(odd, finding):
    heard, source = listen(sending(odd, odd, packet("XX_A__HHZ/MSEED", 3, record())), having(1))
    assert heard.brought == [("XX.A", 3)]
    assert heard.kinds == [finding]
    assert source.health().reconnects == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 64,
        b"DL\x05\xff\xff\xff\xff\xff",
        b"DL\x22PACKET XX_A__HHZ/MSEED 1 2 3 4 99999999999",
        b"DL\x1dPACKET XX_A__HHZ/MSEED 1 2 3 x",
        reply("ERROR", b"out of order"),
        b"DL\x09ENDSTREAM",
        b"",
    ],
    ids=["zeros", "letters", "endless", "number", "error", "end", "nothing"],
)
def test_garbage_ends_the_connection_and_not_the_feed(garbage):
    calls = []

    async def handle(reader, writer):
        await shake_hands(reader, writer)
        calls.append(1)
        writer.write(garbage if len(calls) < 3 else packet("XX_A__HHZ/MSEED", 1, record()))
        await writer.drain()
        if len(calls) >= 3:
            await reader.read()

    heard, source = listen(handle, having(1))
    assert heard.brought == [("XX.A", 1)]
    assert source.health().reconnects == 2
    assert source.health().last_error


def test_a_server_that_stalls_is_left():
    calls = []

    async def handle(reader, writer):
        await shake_hands(reader, writer)
        calls.append(1)
        whole = packet("XX_A__HHZ/MSEED", len(calls), record())
        writer.write(whole[:-1] if len(calls) == 1 else whole)
        await reader.read()

    _, source = listen(handle, having(1), idle_s=0.05)
    assert "nothing came" in source.health().last_error


def test_a_login_is_sent_over_tls_and_a_refused_one_is_said(tmp_path):
    certificates, asked = Certificates(tmp_path), []
    secret = {"tls": certificates.context(), "ca": certificates.ca, "login": Login("reader", "let-me-in")}
    handle = sending(packet("XX_A__HHZ/MSEED", 1, record()), asked=asked)
    _, source = listen(handle, having(1), **secret)
    assert source.secured
    assert any(command.startswith("AUTH USERPASS") and "let-me-in" in command for command in asked)
    heard, source = listen(sending(refuse=("AUTH",)), lambda heard: len(heard.waits_s) >= 3, **secret)
    assert heard.kinds == [("login-refused", "")]
    assert "let-me-in" not in source.health().last_error + repr(heard.findings)


def test_a_server_of_another_authority_is_not_believed(tmp_path):
    mine, other = Certificates(tmp_path, "mine"), Certificates(tmp_path, "other")
    _, source = listen(sending(), lambda heard: len(heard.waits_s) >= 2, tls=other.context(), ca=mine.ca)
    assert "certificate" in source.health().last_error
