"""nfdump files of both layouts: round trips, pieces of any size, packed and broken blocks, real files."""

import bz2
import csv
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.eyes.nfdump import NfdumpReader
from houfeng.words.finding import Finding
from houfeng.words.network import Flow

S = 1_000_000_000
START_MS = 1_795_305_600_000


def v3(src=1, dst=2, sport=40000, dport=80, proto=6, flags=0x1B, packets=5, octets=300, *, exporter=0, more=b"", **_):
    generic = struct.pack(
        "<QQQQQHHBBBB", START_MS, START_MS + 1500, 0, packets, octets, sport, dport, proto, flags, 0, 0
    )
    ends = struct.pack("<HHII", 2, 12, src, dst)
    body = struct.pack("<HH", 1, 52) + generic + ends + more
    count = 2 + bool(more)
    return struct.pack("<HHHBBHBB", 11, 12 + len(body), count, 0, 0, exporter, 0, 0) + body


def block(*records, kind=3, flags=0, size=None):
    body = b"".join(records)
    return struct.pack("<IIHH", len(records), len(body) if size is None else size, kind, flags) + body


def layout_2(*blocks, packing=0, encrypted=0):
    return struct.pack("<2sHIQBBHIQII", b"\x0c\xa5", 2, 0, 0, packing, encrypted, 0, 0, 0, 0, len(blocks)) + b"".join(
        blocks
    )


def layout_1(*blocks, flags=0):
    return struct.pack("<2sHII128x136x", b"\x0c\xa5", 1, flags, len(blocks)) + b"".join(blocks)


def a_map(number, *extensions):
    ids = struct.pack(f"<{len(extensions) + 1}H", *extensions, 0)
    return struct.pack("<HHHH", 2, 8 + len(ids), number, 0) + ids


def common(number=1, *, flags=0, ends=None, counts=None, more=b"", old=False, port=40000):
    ends = struct.pack("<II", 1, 2) if ends is None else ends
    counts = struct.pack("<II", 5, 300) if counts is None else counts
    second = START_MS // 1000
    times = struct.pack("<HHIIBBBBHH", 7, 9, second, second + 1, 0, 0x1B, 6, 0, port, 80)
    body = times + (b"" if old else struct.pack("<HH", 1, 0)) + ends + counts + more
    head = struct.pack("<BBH", flags, 1, number) if old else struct.pack("<HH", flags, number)
    return struct.pack("<HH", 1 if old else 10, 8 + len(body)) + head + body


def read(data, cuts=()):
    reader = NfdumpReader("x")
    edges = [0, *sorted(cuts), len(data)]
    out = [told for a, b in pairwise(edges) for told in reader.read(data[a:b])]
    out += reader.end()
    flows = [told for told in out if isinstance(told, Flow)]
    assert len(flows) == reader.records
    return flows, [told for told in out if isinstance(told, Finding)]


# Laws


@given(
    told=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1024, 65535), st.integers(0, 2**63)), max_size=20),
    packing=st.sampled_from([0, 2]),
    per_block=st.integers(1, 5),
    data=st.data(),
)
def test_what_was_written_is_read_however_it_is_cut(told, packing, per_block, data):
    rows = [v3(dst=dst, sport=port, packets=packets) for dst, port, packets in told]
    blocks = [block(*rows[at : at + per_block]) for at in range(0, len(rows), per_block)]
    if packing == 2:
        packed = [bz2.compress(one[12:]) for one in blocks]
        blocks = [block(one) for one in packed]
    whole = layout_2(*blocks, packing=packing)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=5))
    flows, findings = read(whole, cuts)
    assert findings == []
    assert [(flow.client_port, flow.client_packets) for flow in flows] == [(port, packets) for _, port, packets in told]
    assert all((flow.start_ns, flow.end_ns) == (START_MS * 10**6, (START_MS + 1500) * 10**6) for flow in flows)


@given(cut=st.integers(0, 40 + 12 + 76 * 4 - 1))
def test_a_cut_file_keeps_its_whole_records_and_says_where_it_ends(cut):
    whole = layout_2(block(v3(), v3(), v3(), v3()))
    flows, findings = read(whole[:cut])
    assert len(flows) == max(0, cut - 52) // 76
    assert [finding.kind for finding in findings] == ([] if cut == 40 else ["nfdump-cut"])
    assert all(f"at byte {cut}" in finding.reason for finding in findings)


@given(
    data=st.binary(max_size=300), head=st.sampled_from([b"", b"\x0c\xa5", layout_2(), layout_1(), layout_2(packing=2)])
)
def test_garbage_never_raises(data, head):
    read(head + data)


@given(data=st.data())
def test_a_good_file_with_bytes_changed_never_raises(data):
    good = bytearray(
        data.draw(
            st.sampled_from(
                [
                    layout_2(block(v3(), v3(more=struct.pack("<HHQQQ", 5, 28, 1, 2, 3)))),
                    layout_2(block(bz2.compress(v3() * 3)), packing=2),
                    layout_1(
                        block(a_map(1, 4, 14, 16), common(more=bytes(12)), common(old=True, more=bytes(12)), kind=2)
                    ),
                ]
            )
        )
    )
    for at in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=8)):
        good[at] = data.draw(st.integers(0, 255))
    read(bytes(good))


# Examples


def test_the_old_layout_with_its_maps():
    wide_ends = struct.pack("<QQQQ", 0, 1, 0, 2)
    wide_counts = struct.pack("<QQ", 6, 600)
    back = struct.pack("<4xII", 7, 700)
    whole = layout_1(
        block(a_map(1), a_map(2, 4, 14, 16), common(1, port=40001), common(1, old=True, port=40002), kind=2),
        block(
            common(1, flags=7, ends=wide_ends, counts=wide_counts, port=40003), common(2, more=back, port=40004), kind=2
        ),
    )
    flows, findings = read(whole)
    assert findings == []
    assert [flow.client_port for flow in flows] == [40001, 40002, 40003, 40004]
    assert [(flow.client, flow.client_packets, flow.client_bytes) for flow in flows[1:3]] == [
        ("0.0.0.1", 5, 300),
        ("::1", 6, 600),
    ]
    assert (flows[3].server_packets, flows[3].server_bytes, flows[3].outcome) == (7, 700, "answered")
    assert flows[0].start_ns == START_MS * 10**6 + 7_000_000
    assert flows[0].end_ns == START_MS * 10**6 + 1_009_000_000


def test_what_came_back_and_mac_addresses_of_the_new_layout():
    back = struct.pack("<HHQQQ", 5, 28, 1, 7, 700)
    macs = struct.pack("<HHQQQQ", 15, 36, 0x020000000001, 0, 0x020000000002, 0)
    (flow,), _ = read(layout_2(block(v3(more=back))))
    assert (flow.client_packets, flow.server_packets, flow.server_bytes, flow.outcome) == (5, 7, 700, "answered")
    (flow,), _ = read(layout_2(block(v3(more=macs))))
    assert (flow.client_mac, flow.server_mac) == ("02:00:00:00:00:01", "02:00:00:00:00:02")


def test_several_exporters_are_eyes_of_their_own():
    flows, _ = read(layout_2(block(v3(exporter=1), v3(exporter=2))))
    assert [flow.seen.eye for flow in flows] == ["x", "x exporter 2"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (layout_2(packing=1), "LZO; rewrite it with nfdump -r IN -w OUT -j"),
        (layout_2(packing=3), "LZ4"),
        (layout_2(packing=4), "zstd"),
        (layout_2(packing=9), "compression 9"),
        (layout_2(encrypted=1), "encryption"),
        (layout_1(flags=1), "LZO"),
        (layout_1(flags=16), "LZ4"),
        (b"\xa5\x0c\0\1", "big-endian"),
        (b"\x0c\xa5\3\0", "layout version 3"),
        (b"GIF89a", "no nfdump file"),
    ],
)
def test_what_cannot_be_read_is_refused_once_with_the_remedy(data, words):
    flows, (finding,) = read(data + bytes(1000), cuts=[3, 400])
    assert (flows, finding.kind, finding.file) == ([], "nfdump-refused", "x")
    assert words in finding.reason


def test_a_broken_record_costs_itself_and_a_broken_length_its_block():
    late = v3().replace(struct.pack("<Q", START_MS + 1500), struct.pack("<Q", START_MS - 1))
    short = struct.pack("<HHHBBHBB", 11, 12, 1, 0, 0, 0, 0, 0)
    whole = layout_2(block(v3(), late, short, v3()), block(v3(), b"\x0b\0\2\0", v3()), block(v3()))
    flows, findings = read(whole)
    assert len(flows) == 4
    assert [finding.kind for finding in findings] == ["nfdump-record", "nfdump-record", "nfdump-block"]
    assert "the record at byte 76 of the block at byte 52: its times are impossible" in findings[0].reason
    assert "a record at byte 76 claims 2 bytes" in findings[2].reason


def test_a_block_that_does_not_unpack_is_skipped():
    whole = layout_2(block(b"no bzip2 at all"), block(bz2.compress(v3())), block(v3(), flags=1), packing=2)
    flows, (finding,) = read(whole)
    assert (len(flows), finding.kind) == (2, "nfdump-block")


def test_a_small_block_that_unpacks_to_much_is_bounded():
    whole = layout_2(block(bz2.compress(bytes(20_000_000))), packing=2)
    flows, (finding,) = read(whole)
    assert (flows, finding.kind) == ([], "nfdump-block")


def test_many_broken_records_are_told_twenty_times_and_counted():
    broken = struct.pack("<HHHBBHBB", 11, 12, 1, 0, 0, 0, 0, 0)
    _, findings = read(layout_2(block(*[broken] * 50)))
    assert len(findings) == 21
    assert "30 more records" in findings[-1].reason


# Real files


def test_every_real_file_is_read_whole(houfeng_data):
    folder = houfeng_data / "net_formats_a"
    with (folder / "truth/readers.csv").open() as lines:
        truths = [row for row in csv.DictReader(lines) if row["format"].startswith("nfdump")]
    assert len(truths) == 6
    for truth in truths:
        flows, findings = read((folder / truth["file"]).read_bytes())
        packets = sum(flow.client_packets + flow.server_packets for flow in flows)
        ip_bytes = sum(flow.client_bytes + flow.server_bytes for flow in flows)
        assert [len(flows), packets, ip_bytes] == [int(truth[name]) for name in ("records", "packets", "ip_bytes")]
        assert min(flow.start_ns for flow in flows) // S == int(truth["first"])
        assert max(flow.end_ns for flow in flows) // S == int(truth["last"])
        assert findings == []


def test_half_a_real_file_keeps_the_first_half(houfeng_data):
    whole = (houfeng_data / "net_formats_a/seedlink_benign/nfdump/nfcapd.202611220000").read_bytes()
    half = (houfeng_data / "net_malformed_a/files/nfcapd_half.202611220000").read_bytes()
    flows, (finding,) = read(half)
    assert flows == read(whole)[0][: len(flows)]
    assert len(flows) == (len(half) - 52) // 76
    assert (finding.kind, finding.reason) == (
        "nfdump-cut",
        "the file ends at byte 5468: 5300 bytes of its last block are missing",
    )
