"""Header tables and tables of counters: every row is read exactly or complained of with its line."""

import gzip
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.eyes.frame_table import FIELDS, FrameTableReader
from houfeng.wire.eyes.frames import ACK, ARP, COLUMNS, IPV4, IPV6, NO_MAC, PSH, FrameBatch
from houfeng.wire.eyes.rate_table import RateBatch, RateTableReader
from houfeng.wire.eyes.table_lines import LONGEST_LINE_BYTES, TOLD
from houfeng.words.finding import Finding

HEAD = (
    "t_utc_s,len,eth_src,eth_dst,l3,ip_src,ip_dst,l4,sport,dport,tcp_flags,tcp_seq,tcp_ack,payload_len,payload_sha8,"
    "arp_op,arp_sender_mac,arp_sender_ip,arp_target_ip,dnp3_link_dst,dnp3_link_src,dnp3_app_ctrl,dnp3_func"
)
TCP = (
    "1475584247.287309001,72,00:18:64:02:2f:a6,00:10:18:cb:8c:13,IPv4,192.168.10.221,192.168.10.222,TCP,57680,20000,PA,"
    "4294967295,3101521375,18,5f60c29b,,,,,1,0,199,1"
)
ASK = (
    "1475584238.6,60,00:18:64:02:2f:a6,ff:ff:ff:ff:ff:ff,ARP,,,,,,,,,,,1,00:18:64:02:2f:a6,192.168.10.221,"
    "192.168.10.222,,,,"
)
SIX = "1475590122,62,00:20:06:30:96:60,33:33:00:00:00:02,IPv6,fe80000000000000022006fffe309660,ff02::2,58" + "," * 15
OTHER = "1475590123.5,100,,,0x88b8" + "," * 18
TABLE = f"{HEAD}\n{TCP}\n{ASK}\n{SIX}\n{OTHER}\n".encode()
RATES = b"second_utc_s,master_tcp,slave_tcp\n1475562234,5444,5441\n1475562235,0,1\n"


def columns(out):
    batches = [one for one in out if isinstance(one, FrameBatch)]
    return {key: [value for one in batches for value in getattr(one, key).tolist()] for key in COLUMNS}


def findings(out):
    return [one for one in out if isinstance(one, Finding)]


def read(reader, *pieces):
    return [one for piece in pieces for one in reader.read(piece)] + list(reader.end())


@given(st.lists(st.integers(0, len(TABLE)), max_size=6))
def test_cutting_the_table_anywhere_gives_the_same_frames(borders):
    edges = [0, *sorted(borders), len(TABLE)]
    pieces = [TABLE[a:b] for a, b in pairwise(edges)]
    assert columns(read(FrameTableReader("t"), *pieces)) == columns(read(FrameTableReader("t"), TABLE))


@settings(max_examples=200)
@given(st.binary(max_size=300), st.integers(0, len(TABLE)), st.booleans())
def test_garbage_is_a_finding_and_never_an_error(garbage, at, headed):
    table = (TABLE[:at] if headed else b"") + garbage + TABLE[at:]
    for reader in (FrameTableReader("t"), RateTableReader("t")):
        out = read(reader, table)
        assert all(one.file == "t" and len(one.reason) < 200 for one in findings(out))


@given(st.lists(st.text(alphabet="0123456789abcdef:.,-+_xIPv46ARPTCU ", max_size=30), min_size=23, max_size=23))
def test_a_row_of_odd_fields_is_read_or_told_with_its_line(fields):
    row = ",".join(field.replace(",", "") for field in fields)
    reader = FrameTableReader("t")
    out = read(reader, f"{HEAD}\n{row}\n".encode())
    assert reader.records + len(findings(out)) == 1
    assert all(one.kind == "row-broken" and one.reason.startswith("line 2: ") for one in findings(out))


def test_every_column_of_a_tcp_frame():
    frame = {key: values[0] for key, values in columns(read(FrameTableReader("eye"), TABLE)).items()}
    assert frame == {
        "number": 1, "time_ns": 1_475_584_247_287_309_001, "frame_bytes": 72, "src_mac": 0x001864022FA6,
        "dst_mac": 0x001018CB8C13, "ether_type": IPV4, "src_hi": 0, "src_lo": 0xC0A80ADD, "dst_hi": 0,
        "dst_lo": 0xC0A80ADE, "protocol": 6, "src_port": 57680, "dst_port": 20000, "tcp_flags": PSH | ACK,
        "sequence": 4294967295, "acknowledged": 3101521375, "ip_bytes": 58, "payload_bytes": 18, "payload_at": 0,
        "payload_kept": 0, "digest": 0x5F60C29B, "counter": 7, "arp_op": 0, "arp_mac": NO_MAC,
    }  # fmt: skip


def test_what_is_not_tcp():
    out = read(FrameTableReader("eye"), TABLE)
    kept = columns(out)
    assert findings(out) == []
    assert kept["number"] == [1, 2, 3, 4]
    assert kept["ether_type"] == [IPV4, ARP, IPV6, 0x88B8]
    assert kept["protocol"] == [6, -1, 58, -1]
    assert kept["ip_bytes"] == [58, 0, 48, 0]
    assert kept["counter"] == [7, -1, -1, -1]
    assert kept["arp_op"] == [0, 1, 0, 0]
    assert kept["arp_mac"] == [NO_MAC, 0x001864022FA6, NO_MAC, NO_MAC]
    assert kept["src_mac"][3] == NO_MAC
    assert (kept["src_lo"][1], kept["dst_lo"][1]) == (0xC0A80ADD, 0xC0A80ADE)
    assert (kept["src_hi"][2], kept["src_lo"][2]) == (0xFE80_0000_0000_0000, 0x0220_06FF_FE30_9660)
    assert (kept["dst_hi"][2], kept["dst_lo"][2]) == (0xFF02_0000_0000_0000, 2)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (TCP.replace("57680", "65536"), "'65536' is more than 65535"),
        (TCP.replace("57680", "-1"), "'-1' is no whole number"),
        (TCP.replace("PA", "PX"), "'PX' is no set of TCP flags"),
        (TCP.replace("192.168.10.221", "192.168.10.256"), "'192.168.10.256' is no address"),
        (TCP.replace("00:18:64:02:2f:a6", "00:18:64:02:2f"), "'00:18:64:02:2f' is no MAC address"),
        (TCP.replace("1475584247.287309001", "1475584247.2e1"), "'1475584247.2e1' is no time"),
        (TCP.replace("1475584247.287309001", "nan"), "'nan' is no whole number"),
        (TCP.replace("5f60c29b", "zz"), "'zz' is no hexadecimal number"),
        (TCP + ",", "24 fields where the header has 23"),
        ("x" * (LONGEST_LINE_BYTES + 1), f"more than {LONGEST_LINE_BYTES} bytes without a line end"),
        (TCP.replace("192.168.10.221", "\x1b[31m" + "9" * 100), "'\\x1b[31m" + "9" * 48 + "... is no address"),
    ],
)  # fmt: skip
def test_a_broken_row_is_told_and_its_neighbours_are_read(row, why):
    reader = FrameTableReader("t")
    out = read(reader, f"{HEAD}\n{TCP}\n{row}\n{ASK}\n".encode())
    assert reader.records == 2
    assert [(one.kind, one.file) for one in findings(out)] == [("row-broken", "t")]
    assert findings(out)[0].reason.startswith(f"line 3: {why}")


def test_many_broken_rows_are_summed_up():
    out = read(FrameTableReader("t"), f"{HEAD}\n".encode() + b"x\n" * 1000)
    assert len(findings(out)) == TOLD + 1
    assert findings(out)[-1].reason == "the same 980 more times"


def test_a_line_without_end_takes_no_memory():
    reader = FrameTableReader("t")
    for _ in range(100):
        reader.read(b"9" * 100_000)
    assert [one.kind for one in findings(reader.end())] == ["row-broken"]


def test_another_table_is_refused():
    out = read(FrameTableReader("t"), RATES)
    assert [(one.kind, one.reason) for one in out] == [
        ("table-unknown", "line 1: no column t_utc_s; nothing of the table is read")
    ]
    assert [one.kind for one in read(FrameTableReader("t"))] == ["table-empty"]


def test_columns_may_stand_in_another_order():
    names, values = HEAD.split(","), TCP.split(",")
    turned = "\n".join([",".join(reversed(names)), ",".join(reversed(values))]).encode()
    assert set(FIELDS) <= set(names)
    assert columns(read(FrameTableReader("t"), turned))["sequence"] == [4294967295]


def test_counters():
    reader = RateTableReader("r")
    batch, *broken = read(reader, RATES[:40], RATES[40:], b"1475562236,1,x\n")
    other = read(RateTableReader("r"), RATES)[0]
    assert isinstance(batch, RateBatch)
    assert isinstance(other, RateBatch)
    assert other.columns == ("master_tcp", "slave_tcp")
    np.testing.assert_array_equal(other.time_ns, [1475562234 * 10**9, 1475562235 * 10**9])
    np.testing.assert_array_equal(other.frames, [[5444, 5441], [0, 1]])
    assert reader.records == 2
    assert [one.reason for one in findings(broken)] == ["line 4: 'x' is no whole number"]


def test_every_row_of_a_telemetry_day(houfeng_data):
    day = houfeng_data / "net_dnp3_qut_a" / "control_testing_frequent"
    frames, rates = FrameTableReader(day.name), RateTableReader(day.name)
    out = read(frames, gzip.decompress((day / f"packets_{day.name}.csv.gz").read_bytes()))
    counted = read(rates, gzip.decompress((day / f"rates_{day.name}.csv.gz").read_bytes()))
    assert findings(out) == findings(counted) == []
    # The set's own count of rows (truth/days.csv), and of the seconds of its counters.
    assert (frames.records, rates.records) == (17608, 86486)
