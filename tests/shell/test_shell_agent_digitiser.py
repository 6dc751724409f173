"""The SeedLink client of an agent, against a peer that may say anything."""

import asyncio
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.shell.agent.digitiser import RECORD_LIMIT_BYTES, Digitiser, Wanted, hear
from houfeng.words.errors import PeerFault, WorldFault
from houfeng.words.packet import Packet

HEADER = struct.Struct("<2sccIQB")
HELLO_4 = b"SeedLink v4.0 (Test/1) :: SLPROTO:4.0 SLPROTO:3.1\r\nHere\r\n"
HELLO_3 = b"SeedLink v3.1 (2020.075)\r\nHere\r\n"
NOW_NS = 7
S1 = (Wanted("XX.S1"),)


def frame_4(sequence, content, station=b"XX_S1", form=b"2D"):
    return HEADER.pack(b"SE", form[:1], form[1:], len(content), sequence, len(station)) + station + content


def record_2(station=b"S1", network=b"XX"):
    return (b"000001D " + station.ljust(5) + b"  HHZ" + network).ljust(512, b"\0")


def heard(answers, *, marks=None, most=10, wanted=S1, split=None):
    """What the client hears of a server that answers each line with the next of these bytes, and the lines it got."""
    lines = []

    async def serve(reader, writer):
        for answer in answers:
            lines.append((await reader.readline()).decode().strip())
            step = split or len(answer) or 1
            for at in range(0, len(answer), step):
                writer.write(answer[at : at + step])
                await writer.drain()
        writer.close()

    async def line():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        digitiser = Digitiser("feed", "127.0.0.1", server.sockets[0].getsockname()[1], wanted)
        packets = []
        try:
            async for packet in hear(digitiser, marks or {}, lambda: NOW_NS):
                packets.append(packet)
                if len(packets) == most:
                    break
        finally:
            server.close()
        return packets

    return asyncio.run(line()), lines


OK = b"OK\r\n"


def conversation(hello, count, tail):
    """The greeting, answers to so many requests, and then what follows END."""
    return [hello, *[OK] * count, tail]


@pytest.mark.parametrize("split", [None, 1, 7])
def test_version_4_is_asked_for_and_read_however_the_bytes_are_cut(split):
    tail = frame_4(8, b"a record") + frame_4(0, b"{}", b"", b"JI") + frame_4(9, b"", b"XX_OTHER") + frame_4(10, b"b")
    packets, lines = heard(conversation(HELLO_4, 3, tail), most=2, split=split)
    assert lines == ["HELLO", "SLPROTO 4.0", "STATION XX_S1", "DATA ALL", "END"]
    assert packets == [
        Packet("feed", "XX.S1", 8, NOW_NS, b"a record"),
        Packet("feed", "XX.S1", 10, NOW_NS, b"b"),
    ]


@pytest.mark.parametrize("split", [None, 1, 7])
def test_version_3_is_fallen_back_to_and_read_however_the_bytes_are_cut(split):
    info = b"SLINFO *" + bytes(512)
    tail = b"SLFFFFFF" + record_2() + info + b"SL000000" + record_2(b"OTHER") + b"SL000001" + record_2()
    packets, lines = heard(conversation(HELLO_3, 2, tail), most=2, split=split)
    assert lines == ["HELLO", "STATION S1 XX", "DATA", "END"]
    assert [(packet.station_key, packet.sequence) for packet in packets] == [("XX.S1", 0xFFFFFF), ("XX.S1", 1)]
    assert {packet.content for packet in packets} == {record_2()}


def test_resumption_asks_for_what_follows_and_version_3_begins_again_after_24_bits():
    _, lines = heard(conversation(HELLO_4, 3, frame_4(6, b"x")), marks={"XX.S1": 5}, most=1)
    assert lines[3] == "DATA 6"
    _, lines = heard(conversation(HELLO_3, 2, b"SL000000" + record_2()), marks={"XX.S1": 0xFFFFFF}, most=1)
    assert lines[2] == "DATA 000000"


def test_selectors_and_several_stations_are_asked_for_in_order():
    wanted = (Wanted("XX.S1", ("*_H_H_?", "!LOG")), Wanted("YY.S2"))
    _, lines = heard(conversation(HELLO_4, 7, frame_4(6, b"x")), most=1, wanted=wanted)
    assert lines[2:] == [
        "STATION XX_S1", "SELECT *_H_H_?", "SELECT !LOG", "DATA ALL", "STATION YY_S2", "DATA ALL", "END",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "does not greet"),
        ([HELLO_4, b"ERROR UNSUPPORTED\r\n"], "refuses 'SLPROTO 4.0'"),
        ([HELLO_4, OK, b"ERROR ARGUMENTS no such station\r\n"], "refuses 'STATION XX_S1'"),
        (conversation(HELLO_4, 3, b"XX" + bytes(600)), "no packet"),
        (conversation(HELLO_3, 2, b"SE" + bytes(600)), "no packet"),
        (conversation(HELLO_3, 2, b"SLzzzzzz" + bytes(512)), "without a number"),
        (conversation(HELLO_4, 3, HEADER.pack(b"SE", b"2", b"D", 1 << 31, 1, 5) + b"XX_S1"), "2147483648 bytes"),
        ([b"SeedLink v4.0 " + b"x" * 2000 + b"\r\n"], "its answer has"),
        ([b"x" * (3 * RECORD_LIMIT_BYTES)], "does not end"),
    ],
    ids=["http", "no-v4", "no-station", "no-se", "no-sl", "no-number", "huge", "long-line", "endless-line"],
)
def test_a_peer_that_breaks_the_protocol_is_said_to(answers, reason):
    with pytest.raises(PeerFault, match=reason):
        heard(answers)


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [HELLO_4[:10]],
        [HELLO_4],
        conversation(HELLO_4, 3, frame_4(1, b"whole")[:-1]),
        conversation(HELLO_3, 2, b"SL000001" + record_2()[:-1]),
    ],
    ids=["at-once", "in-greeting", "in-requests", "in-record-4", "in-record-3"],
)
def test_a_peer_that_leaves_is_a_fault_of_the_world(answers):
    with pytest.raises(WorldFault, match="the connection ended"):
        heard(answers)


def test_nobody_there_is_a_fault_of_the_world():
    async def line():
        async for _ in hear(Digitiser("feed", "127.0.0.1", 1, (Wanted("XX.S1"),)), {}, lambda: NOW_NS):
            pass

    with pytest.raises(WorldFault, match="cannot be reached"):
        asyncio.run(line())


@settings(max_examples=50, deadline=None)
@given(tail=st.binary(max_size=200), version=st.sampled_from([3, 4]))
def test_any_bytes_after_the_handshake_give_packets_or_a_documented_fault(tail, version):
    hello, count = (HELLO_4, 3) if version == 4 else (HELLO_3, 2)
    with pytest.raises((PeerFault, WorldFault)):
        heard(conversation(hello, count, tail), most=1000)
