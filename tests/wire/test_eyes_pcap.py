"""Capture files: any cut of the bytes, any bytes, what each header says, and the real files, sound and damaged."""

import csv
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.eyes.frames import ARP, COLUMNS, IPV4, IPV6, NO_MAC, FrameBatch
from houfeng.wire.eyes.pcap import NO_TIME_NS, PcapReader, datagrams
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from made_frames import (
    ACK,
    MAC_A,
    MAC_B,
    PSH,
    START_NS,
    arp,
    block,
    enhanced,
    ethernet,
    icmp,
    interface,
    ip4,
    ip6,
    pcap,
    section,
    tag,
    tcp,
    udp,
)

S = 10**9
SMALL = ethernet(ip4("10.0.0.1", "10.0.0.2", 6, tcp(4000, 80, PSH | ACK, b"hello", sequence=7, ack=9)))
QUESTION = ethernet(ip4("10.0.0.1", "10.0.0.3", 17, udp(5000, 53, b"who?")))


def read(pieces: Sequence[bytes]) -> tuple[list[FrameBatch], list[Finding]]:
    reader = PcapReader("it")
    said = [one for piece in pieces for one in reader.read(piece)] + reader.end()
    batches = [one for one in said if isinstance(one, FrameBatch)]
    assert reader.records == sum(map(len, batches))
    return batches, [one for one in said if isinstance(one, Finding)]


def table(batches: Sequence[FrameBatch]) -> list[tuple[object, ...]]:
    """Every frame as it was read, whatever the batches, its payload in place of where that lies."""
    rows: list[tuple[object, ...]] = []
    for batch in batches:
        columns = [getattr(batch, name).tolist() for name in COLUMNS if name != "payload_at"]
        places = zip(batch.payload_at.tolist(), batch.payload_kept.tolist(), strict=True)
        payloads = [batch.data[at : at + kept] for at, kept in places]
        rows += list(zip(*columns, payloads, strict=True))
    return rows


def outcome(pieces: Sequence[bytes]) -> tuple[object, ...]:
    try:
        batches, findings = read(pieces)
    except DataFault as fault:
        return (fault.args,)
    return table(batches), sorted((one.kind, one.reason, one.file) for one in findings)


def only(frame: bytes, **options: int) -> dict[str, int]:
    """The columns of a file's only frame, which is sound."""
    batches, findings = read([pcap([(START_NS, frame)], **options)])  # type: ignore[arg-type]
    assert findings == []
    (batch,) = batches
    assert len(batch) == 1
    return {name: int(getattr(batch, name)[0]) for name in COLUMNS}


def damaged(frame: bytes) -> str:
    """What is said of a damaged frame, which is counted and belongs to nothing."""
    batches, findings = read([pcap([(START_NS, frame)])])
    (batch,) = batches
    assert (batch.protocol[0], batch.ip_bytes[0], batch.src_lo[0], batch.payload_bytes[0]) == (-1, 0, 0, 0)
    (finding,) = findings
    assert finding.kind == "damaged-frame"
    assert finding.file == "it"
    assert finding.reason.startswith("frame 1 at byte 24 ")
    return finding.reason


FILES = {
    "pcap": pcap([(START_NS + k * S, frame) for k, frame in enumerate([SMALL, QUESTION, SMALL[:30], b""])]),
    "times": pcap([(t, SMALL) for t in (0, START_NS, START_NS + S, 4 * 10**18, START_NS + 3 * S)]),
    "cut": pcap([(START_NS, SMALL), (START_NS, QUESTION)])[:-5],
    "claim": pcap([(START_NS, SMALL)]) + struct.pack("<IIII", 1_700_000_000, 0, 2**31 - 1, 60) + SMALL,
    "pcapng": section()
    + interface(resolution=9)
    + enhanced(START_NS, SMALL)
    + block(5, b"statistics")
    + block(3, struct.pack("<I", len(QUESTION)) + QUESTION)
    + section(">")
    + interface(">")
    + interface(">", link=147)
    + enhanced(START_NS // 1000, QUESTION, ">", number=1)
    + enhanced(START_NS // 1000, SMALL, ">", number=5),
    "text": b"Dec 10 06:55:46 LabSZ sshd[24200]: nothing of the kind",
    "empty": b"",
    "header": pcap([])[:11],
}


@pytest.mark.parametrize("name", FILES)
def test_every_byte_alone_gives_the_same(name: str) -> None:
    data = FILES[name]
    assert outcome([data[i : i + 1] for i in range(len(data))]) == outcome([data])


@given(name=st.sampled_from(sorted(FILES)), cuts=st.lists(st.integers(0, 800), max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same(name: str, cuts: list[int]) -> None:
    data = FILES[name]
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert outcome(pieces) == outcome([data])


@given(
    name=st.sampled_from(["pcap", "times", "pcapng"]),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12),
    tail=st.binary(max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_damage_anywhere_is_told_and_never_raises_anything_else(
    name: str, changes: list[tuple[int, int]], tail: bytes
) -> None:
    data = bytearray(FILES[name] + tail)
    for at, value in changes:
        data[at % len(data)] = value
    told = outcome([bytes(data)])
    assert told == outcome([bytes(data[:57]), bytes(data[57:])])


@given(frames=st.lists(st.binary(max_size=90), max_size=20), link=st.sampled_from([0, 1, 101, 113, 276]))
@settings(max_examples=150, deadline=None)
def test_no_frame_gives_more_than_it_has(frames: list[bytes], link: int) -> None:
    batches, _ = read([pcap([(START_NS, frame) for frame in frames], link=link)])
    rows = [(batch, i) for batch in batches for i in range(len(batch))]
    assert len(rows) == len(frames)
    for (batch, i), frame in zip(rows, frames, strict=True):
        assert batch.frame_bytes[i] == len(frame)
        assert batch.payload_kept[i] <= batch.payload_bytes[i] <= max(batch.ip_bytes[i], 0) <= len(frame)
        assert frame.endswith(batch.data[batch.payload_at[i] :][: batch.payload_kept[i]]) or batch.ip_bytes[i] > 0


def test_what_is_read_of_tcp() -> None:
    got = only(SMALL)
    assert got == {
        **dict.fromkeys(COLUMNS, 0),
        "number": 1,
        "time_ns": START_NS,
        "frame_bytes": 59,
        "src_mac": int.from_bytes(MAC_A, "big"),
        "dst_mac": int.from_bytes(MAC_B, "big"),
        "ether_type": IPV4,
        "src_lo": 0x0A000001,
        "dst_lo": 0x0A000002,
        "protocol": 6,
        "src_port": 4000,
        "dst_port": 80,
        "tcp_flags": PSH | ACK,
        "sequence": 7,
        "acknowledged": 9,
        "ip_bytes": 45,
        "payload_bytes": 5,
        "payload_at": got["payload_at"],
        "payload_kept": 5,
        "digest": got["digest"],
        "counter": -1,
        "arp_mac": NO_MAC,
    }
    assert got["digest"] != 0


def test_padding_is_no_payload() -> None:
    assert only(QUESTION + bytes(14))["payload_bytes"] == 4
    assert only(QUESTION + bytes(14))["ip_bytes"] == 32


def test_tags_options_and_other_links() -> None:
    plain = only(SMALL)
    packet = SMALL[14:]
    same = ("ether_type", "src_lo", "dst_port", "ip_bytes", "payload_bytes", "digest")
    optioned = ethernet(ip4("10.0.0.1", "10.0.0.2", 6, packet[20:], options=b"\1\1\1\0"))
    sll = struct.pack(">HHH6s2xH", 0, 1, 6, MAC_A, IPV4) + packet
    sll2 = struct.pack(">HHIHBB6s2x", IPV4, 0, 3, 1, 0, 6, MAC_A) + packet
    for got in (
        only(tag(SMALL)),
        only(tag(tag(SMALL), 0x88A8)),
        only(sll, link=113),
        only(sll2, link=276),
        only(packet, link=101),
        only(struct.pack("<I", 2) + packet, link=0),
        only(struct.pack(">I", 2) + packet, link=108),
    ):
        assert [got[name] for name in same] == [plain[name] for name in same]
    assert only(sll, link=113)["src_mac"] == int.from_bytes(MAC_A, "big")
    assert only(packet, link=101)["src_mac"] == NO_MAC
    assert only(optioned)["ip_bytes"] == 49
    assert only(optioned)["digest"] == plain["digest"]


def test_what_is_not_ip_is_other() -> None:
    got = only(ethernet(b"\x42\x42\x03" + bytes(43), 0x0026))
    assert (got["ether_type"], got["protocol"], got["ip_bytes"]) == (0x26, -1, 0)


def test_arp() -> None:
    got = only(ethernet(arp(1, "10.0.0.1", "10.0.0.9"), ARP))
    assert (got["arp_op"], got["arp_mac"], got["src_lo"], got["dst_lo"]) == (
        1,
        int.from_bytes(MAC_A, "big"),
        0x0A000001,
        0x0A000009,
    )
    assert got["protocol"] == -1


def test_fragments() -> None:
    first = only(ethernet(ip4("10.0.0.1", "10.0.0.2", 17, udp(9, 53, bytes(16), length=900), fragment=0x2000)))
    later = only(ethernet(ip4("10.0.0.1", "10.0.0.2", 17, bytes(32), fragment=3)))
    assert (first["protocol"], first["dst_port"], first["payload_bytes"]) == (17, 53, 16)
    assert (later["protocol"], later["dst_port"], later["payload_bytes"], later["ip_bytes"]) == (0, 0, 32, 52)


def test_ipv6_with_extension_headers() -> None:
    inner = udp(5000, 53, b"who?")
    chain = b"\x2b\0" + bytes(6) + b"\x3c\0" + bytes(6) + b"\x11\1" + bytes(14) + inner
    got = only(ethernet(ip6("fe80::1", "ff02::2", 0, chain), IPV6))
    assert (got["protocol"], got["dst_port"], got["payload_bytes"], got["ip_bytes"]) == (17, 53, 4, 84)
    assert (got["src_hi"], got["src_lo"]) == (0xFE80 << 48, 1)
    later = only(ethernet(ip6("fe80::1", "ff02::2", 44, b"\x11\0\0\x09" + bytes(12)), IPV6))
    assert (later["protocol"], later["payload_bytes"]) == (0, 8)
    secured = only(ethernet(ip6("fe80::1", "fe80::2", 51, b"\x11\1" + bytes(10) + inner), IPV6))
    assert secured["dst_port"] == 53
    endless = ethernet(ip6("fe80::1", "fe80::2", 60, (b"\x3c\0" + bytes(6)) * 20), IPV6)
    assert "IP header" in damaged(endless)


def test_icmp_has_type_and_code() -> None:
    got = only(ethernet(ip4("10.0.0.1", "10.0.0.2", 1, icmp(3, 1, b"quoted"))))
    assert (got["protocol"], got["src_port"], got["dst_port"], got["payload_bytes"]) == (1, 3, 1, 6)


def test_lengths_that_a_network_card_fills_in() -> None:
    segment = tcp(4000, 80, ACK, bytes(3000))
    assert only(ethernet(ip4("10.0.0.1", "10.0.0.2", 6, segment, total=0)))["payload_bytes"] == 3000
    assert only(ethernet(ip6("fe80::1", "fe80::2", 6, segment, length=0), IPV6))["payload_bytes"] == 3000


def test_frames_cut_by_the_capture_keep_their_lengths() -> None:
    long = ethernet(ip4("10.0.0.1", "10.0.0.2", 6, tcp(4000, 80, ACK, bytes(900))))
    for snap, kept in ((64, 10), (54, 0), (48, 0), (34, 0)):
        got = only(long, snap=snap)
        assert (got["ip_bytes"], got["payload_bytes"], got["payload_kept"]) == (940, 900, kept)
    assert only(long, snap=20)["protocol"] == -1
    assert only(long, snap=5)["ether_type"] == 0


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (ethernet(ip4("10.0.0.1", "10.0.0.2", 17, udp(1, 2), total=400)), "more IP bytes than the frame has"),
        (ethernet(ip6("fe80::1", "fe80::2", 17, udp(1, 2), length=400), IPV6), "more IP bytes"),
        (ethernet(ip4("10.0.0.1", "10.0.0.2", 17, udp(1, 2), total=12)), "contradicts itself"),
        (ethernet(b"\x65" + SMALL[15:]), "contradicts itself"),
        (ethernet(ip4("10.0.0.1", "10.0.0.2", 17, udp(1, 2, length=400))), "no room for"),
        (ethernet(ip4("10.0.0.1", "10.0.0.2", 17, udp(1, 2, length=3))), "no room for"),
        (ethernet(ip4("10.0.0.1", "10.0.0.2", 6, tcp(1, 2, ACK)[:12])), "no room for"),
        (ethernet(ip4("10.0.0.1", "10.0.0.2", 6, tcp(1, 2, ACK)[:12] + b"\xf0" + bytes(7))), "no room for"),
        (SMALL[:20], "too short"),
        (SMALL[:9], "too short"),
        (ethernet(arp(1, "10.0.0.1", "10.0.0.2")[:20], ARP), "too short"),
    ],
)
def test_frames_that_lie(frame: bytes, words: str) -> None:
    assert words in damaged(frame)


def test_a_flood_of_damaged_frames_is_summed_up() -> None:
    _, findings = read([pcap([(START_NS, SMALL[:20])] * 500)])
    assert len(findings) == 21
    assert findings[-1].reason == "the same 480 more times"


def test_equal_payloads_have_equal_digests_and_others_have_not() -> None:
    seen = {}
    for size in range(1, 40):
        for k in range(size):
            payload = bytearray(size)
            payload[k] = 1
            seen[bytes(payload)] = only(ethernet(ip4("1.1.1.1", "2.2.2.2", 17, udp(1, 2, bytes(payload)))))["digest"]
    assert len(set(seen.values())) == len(seen)
    assert 0 not in seen.values()
    again = ethernet(ip4("3.3.3.3", "4.4.4.4", 17, udp(7, 8, b"\0\1\0")))
    assert only(again)["digest"] == seen[b"\0\1\0"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [True, False])
def test_byte_orders_and_fractions(order: str, nano: bool) -> None:
    frames = [(START_NS + 123_456_789, SMALL), (START_NS + S, QUESTION)]
    batches, findings = read([pcap(frames, order=order, nano=nano)])
    assert findings == []
    assert np.concatenate([batch.time_ns for batch in batches]).tolist() == [
        START_NS + (123_456_789 if nano else 123_456_000),
        START_NS + S,
    ]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "offset_s", "stamp", "time_ns"),
    [
        (None, None, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (9, None, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (0, None, 1_700_000_000, 1_700_000_000 * S),
        (3, 1_700_000_000, 1_500, 1_700_000_001_500_000_000),
        (12, 1_700_000_000, 1_500_000_123_456, 1_700_000_001_500_000_123),
        (0x80 | 20, None, (1_700_000_000 << 20) + (1 << 19), 1_700_000_000_500_000_000),
        (0x80 | 40, 1_700_000_000, 1 << 39, 1_700_000_000_500_000_000),
        (127, 1_700_000_000, 2**64 - 1, 1_700_000_000 * S),
        (255, 1_700_000_000, 2**64 - 1, 1_700_000_000 * S),
        (0, None, 2**64 - 1, NO_TIME_NS),
        (6, -(2**62), 5, NO_TIME_NS),
        (6, -9, 5, NO_TIME_NS),
        (0, 2**63 - 1, 2**63, NO_TIME_NS),
    ],
)
def test_stamps_of_pcapng(order: str, resolution: int | None, offset_s: int | None, stamp: int, time_ns: int) -> None:
    described = interface(order, resolution=resolution, offset_s=offset_s)
    batches, findings = read([section(order) + described + enhanced(stamp, SMALL, order)])
    assert batches[0].time_ns.tolist() == [time_ns]
    assert [one.kind for one in findings] == (["impossible-time"] if time_ns == NO_TIME_NS else [])


def test_sections_interfaces_and_kinds_of_blocks() -> None:
    old = struct.pack("<HHIIII", 0, 0, START_NS >> 32, START_NS & 0xFFFFFFFF, len(SMALL), len(SMALL)) + SMALL
    data = (
        section()
        + interface(resolution=9)
        + interface(link=101, resolution=9)
        + enhanced(START_NS, SMALL[14:], number=1)
        + block(2, old)
        + block(3, struct.pack("<I", len(SMALL)) + SMALL)
        + section()
        + interface(link=113, resolution=9)
        + enhanced(START_NS, struct.pack(">HHH6s2xH", 0, 1, 6, MAC_A, IPV4) + SMALL[14:])
    )
    batches, findings = read([data])
    rows = [row for batch in batches for row in zip(batch.time_ns.tolist(), batch.dst_port.tolist(), strict=True)]
    assert rows == [(START_NS, 80), (START_NS, 80), (NO_TIME_NS, 80), (START_NS, 80)]
    assert [one.kind for one in findings] == ["no-time"]


def test_blocks_that_lie() -> None:
    start = section() + interface(resolution=9)
    _, findings = read([start + enhanced(START_NS, SMALL, captured=2**31) + enhanced(START_NS, SMALL)])
    assert [one.kind for one in findings] == ["damaged-frame"]
    _, findings = read([start + enhanced(START_NS, SMALL, number=3) + enhanced(START_NS, SMALL)])
    assert "interface" in findings[0].reason
    good = enhanced(START_NS, SMALL)
    for claimed in (0, 13, 2**31, 2**32 - 4):
        lie = good[:4] + struct.pack("<I", claimed) + good[8:]
        batches, findings = read([start + good + lie + good])
        assert sum(map(len, batches)) == 1
        assert [one.kind for one in findings] == ["damaged-capture"]
        assert f"byte {len(start + good)}" in findings[0].reason
    batches, findings = read([start + good[:-4] + b"\1\1\1\1" + good])
    assert [one.kind for one in findings] == ["damaged-capture"]


def test_more_interfaces_than_any_machine_has() -> None:
    _, findings = read([section() + interface() * 5000])
    assert "more than 4096 interfaces" in findings[0].reason


def test_a_link_that_is_not_read_is_named_once() -> None:
    batches, findings = read([pcap([(START_NS, SMALL)] * 3, link=239)])
    assert sum(map(len, batches)) == 3
    assert [one.reason for one in findings] == ["link type 239 (NFLOG) is not read: its frames are only counted"]


def test_a_lone_stamp_is_marked_and_told() -> None:
    day = 86_400 * S
    times = [START_NS, START_NS + S, START_NS - day, START_NS + 2 * S, START_NS + 3 * S]
    batches, findings = read([pcap([(t, SMALL) for t in times])])
    assert [t for batch in batches for t in batch.time_ns.tolist()] == [*times[:2], NO_TIME_NS, *times[3:]]
    (finding,) = findings
    assert finding.kind == "impossible-time"
    assert finding.reason.startswith("frame 3 at byte 174 stamped 2023-11-13T22:13:20")


def test_fractions_beyond_a_second_are_no_times() -> None:
    data = bytearray(pcap([(START_NS, SMALL)] * 2, nano=False))
    data[28:32] = (1_000_000).to_bytes(4, "little")
    batches, findings = read([bytes(data)])
    assert [t for batch in batches for t in batch.time_ns.tolist()] == [NO_TIME_NS, START_NS]
    assert "no time" in findings[0].reason


def test_datagrams_to_a_port() -> None:
    six = ethernet(ip6("fe80::1", "fe80::2", 17, udp(9, 53, b"six")), IPV6)
    batches, _ = read([pcap([(START_NS, QUESTION), (START_NS + 1, SMALL), (START_NS + 2, six)])])
    assert [said for batch in batches for said in datagrams(batch, 53)] == [
        (START_NS, "10.0.0.1", b"who?"),
        (START_NS + 2, "fe80::1", b"six"),
    ]


def real(houfeng_data: Path, name: str) -> bytes:
    return (houfeng_data / name).read_bytes()


@pytest.fixture(scope="module")
def expectations(houfeng_data: Path) -> dict[str, dict[str, str]]:
    with (houfeng_data / "net_malformed_a/truth/expectations.csv").open(encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file) if ".pcap" in row["file"]}


def test_real_files_that_are_odd_or_damaged(houfeng_data: Path, expectations: dict[str, dict[str, str]]) -> None:
    assert len(expectations) == 19
    for name, row in expectations.items():
        data = real(houfeng_data, f"net_malformed_a/files/{name}")
        if row["must"].startswith("refuse with"):
            with pytest.raises(DataFault, match=r"empty|no capture"):
                read([data])
            continue
        batches, findings = read([data[i : i + 1000] for i in range(0, len(data), 1000)])
        timed = sum(int((batch.time_ns >= 0).sum()) for batch in batches)
        if name.startswith("netflow"):
            # What these say is in their datagrams; as captures they are sound.
            assert (findings, timed) == ([], int(row["seen_here"].split()[2])), name
            continue
        assert timed >= int(row["good_records_at_least"]), name
        if row["must"].startswith("valid"):
            assert (findings, timed) == ([], int(row["seen_here"].split()[2])), name
        else:
            assert findings, name


def test_real_files_whose_damage_has_a_place(houfeng_data: Path) -> None:
    told = {
        name: [one.reason for one in read([real(houfeng_data, f"net_malformed_a/files/{name}")])[1]]
        for name in ("huge_caplen.pcap", "truncated_mid_packet.pcap", "pcapng_cut.pcapng", "ipv4_total_length_lie.pcap")
    }
    assert told == {
        "huge_caplen.pcap": [
            "byte 4625: the frame there claims 2147483647 captured bytes, more than can be; nothing behind it was read"
        ],
        "truncated_mid_packet.pcap": ["ends inside what begins at byte 19955, after 45 bytes of it"],
        "pcapng_cut.pcapng": ["ends inside what begins at byte 32908, after 36 bytes of it"],
        "ipv4_total_length_lie.pcap": [
            "frame 1 at byte 24 claims more IP bytes than the frame has: it was left out of every flow"
        ],
    }


def test_real_stamps_that_cannot_be(houfeng_data: Path) -> None:
    batches, findings = read([real(houfeng_data, "net_malformed_a/files/absurd_times.pcap")])
    marked = [n for b in batches for n, t in zip(b.number.tolist(), b.time_ns.tolist(), strict=True) if t < 0]
    assert marked == [6, 11, 16, 21, 26]
    assert [one.kind for one in findings] == ["impossible-time"] * 5


def test_real_captures_are_counted_as_their_truth_says(houfeng_data: Path) -> None:
    with (houfeng_data / "net_formats_a/truth/readers.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["format"] == "pcap"]
    assert len(rows) == 2
    for row in rows:
        batches, findings = read([real(houfeng_data, f"net_formats_a/{row['file']}")])
        times = np.concatenate([batch.time_ns for batch in batches])
        got = [len(times), f"{times.min() / 1e9:.6f}", f"{times.max() / 1e9:.6f}"]
        assert got == [int(row["records"]), row["first"], row["last"]]
        assert sum(int(batch.ip_bytes.sum()) for batch in batches) == int(row["ip_bytes"])
        assert findings == []
