"""Argus binetflow: lines of any kind, cut anywhere, and the real files."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.eyes.argus import ArgusReader
from houfeng.words.finding import Finding
from houfeng.words.instant import parse_instant
from houfeng.words.network import Asked, Flow

HEAD = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label\n"
HEAD_SPLIT = HEAD.replace("SrcBytes", "SrcBytes,SrcPkts")
SSH = "2018/09/27 22:40:52.362768,193.831726,tcp,192.168.2.1,52893,  <?>,192.168.2.12,22,CON,16,16,35,3766,1224,\n"


def row(proto="tcp", sport="40000", way="->", dport="80", state="", packets=2, octets=120, sent=60, split=""):
    ends = f"{proto},10.0.0.1,{sport}, {way},10.0.0.2,{dport},{state}"
    return f"2018/09/27 22:40:52,1.5,{ends},0,0,{packets},{octets},{sent},{split}\n"


def read(text, cuts=()):
    data = text.encode() if isinstance(text, str) else text
    reader = ArgusReader("x")
    edges = [0, *sorted(cuts), len(data)]
    out = [told for a, b in pairwise(edges) for told in reader.read(data[a:b])]
    out += reader.end()
    told = [one for one in out if not isinstance(one, Finding)]
    assert len(told) == reader.records
    return told, [one for one in out if isinstance(one, Finding)]


# Laws


@given(cuts=st.lists(st.integers(0, 4 * len(SSH)), max_size=8))
def test_cut_anywhere_the_same_is_read(cuts):
    text = HEAD + SSH + "garbage\n" + SSH.rstrip("\n")
    assert read(text, [min(cut, len(text)) for cut in cuts]) == read(text)


@given(body=st.binary(max_size=300))
def test_garbage_never_raises(body):
    read(body)
    read(HEAD.encode() + body)


@given(cells=st.lists(st.text(max_size=8), min_size=15, max_size=15), good=st.sets(st.integers(0, 14)))
def test_lines_of_odd_cells_never_raise(cells, good):
    right = SSH.rstrip("\n").split(",")
    line = ",".join(right[at] if at in good else cells[at] for at in range(15))
    read(HEAD + line)


@given(packets=st.integers(0, 9), octets=st.integers(0, 2000), sent=st.integers(0, 2000))
def test_the_split_of_packets_keeps_their_sum_and_the_silent_silent(packets, octets, sent):
    told, findings = read(HEAD + row(packets=packets, octets=octets, sent=sent))
    if sent > octets:
        assert (told, len(findings)) == ([], 1)
        return
    (flow,) = told
    assert flow.client_packets + flow.server_packets == packets
    if sent == octets:
        assert flow.server_packets == flow.server_bytes == 0
    elif sent and packets > 1:
        assert flow.client_packets > 0
        assert flow.server_packets > 0


# Examples


def test_a_flow_whose_beginning_was_not_seen():
    ((flow,), findings) = read(HEAD + SSH)
    assert findings == []
    assert flow.start_ns == parse_instant("2018-09-27T22:40:52.362768Z")
    assert flow.end_ns - flow.start_ns == 193_831_726_000
    assert (flow.client, flow.client_port, flow.server, flow.server_port) == (
        "192.168.2.1",
        52893,
        "192.168.2.12",
        22,
    )
    assert (flow.seen.line, flow.begun, flow.outcome) == (2, False, "answered")
    # 35 packets, shared as 1,224 bytes to 2,542 are; each frame with 14 bytes of Ethernet.
    assert (flow.client_packets, flow.server_packets) == (11, 24)
    assert (flow.client_bytes, flow.server_bytes) == (1224 - 11 * 14, 2542 - 24 * 14)


def test_packets_of_each_side_where_a_column_tells():
    ((flow,), _) = read(HEAD_SPLIT + row(packets=6, octets=563, sent=264, split="4,"))
    assert (flow.client_packets, flow.server_packets, flow.client_bytes) == (4, 2, 264 - 56)


@pytest.mark.parametrize(
    ("state", "octets", "outcome"),
    [
        ("S_RA", 120, "refused"),
        ("S_R", 120, "refused"),
        ("S_", 60, "unanswered"),
        ("FSPA_FSPA", 120, "answered"),
        ("SRPA_", 60, "unknown"),  # an ACK of the source answers something that was not seen
        ("S_", 120, "unknown"),
        ("REQ", 60, "unanswered"),
        ("CON", 120, "answered"),
        ("CON", 60, "unknown"),
        ("RST", 114, "refused"),
        ("RST", 1500, "answered"),
        ("", 120, "answered"),
    ],
)
def test_how_a_tcp_flow_went(state, octets, outcome):
    ((flow,), _) = read(HEAD + row(state=state, octets=octets, sent=60))
    assert flow.outcome == outcome


@pytest.mark.parametrize(
    ("way", "sport", "dport", "client"),
    [
        ("->", "80", "40000", "10.0.0.1"),
        ("<->", "80", "40000", "10.0.0.1"),
        ("<-", "80", "40000", "10.0.0.2"),
        ("<?>", "80", "40000", "10.0.0.2"),
        ("?>", "0x9c40", "0x0050", "10.0.0.1"),
        (" get_message  ->", "80", "40000", "10.0.0.1"),
    ],
)
def test_who_began(way, sport, dport, client):
    ((flow,), _) = read(HEAD + row(way=way, sport=sport, dport=dport))
    assert flow.client == client


def test_a_flow_turned_round_is_refused_by_its_source():
    ((flow,), _) = read(HEAD + row(way="<-", state="RA_S", sport="80", dport="40000"))
    assert (flow.client, flow.outcome) == ("10.0.0.2", "refused")


def test_other_protocols():
    text = row("udp", state="INT", octets=60) + row("icmp", "0x0008", "<->", "0x0f72", "ECO") + row("icmp", "0x0303")
    text += row("ipv6-icmp", "133", dport="0", octets=60) + row("esp", "", dport="") + row("89", "", dport="")
    told, findings = read(HEAD + text)
    assert findings == []
    assert [(one.protocol, one.client_port, one.server_port, one.outcome) for one in told] == [
        ("udp", 40000, 80, "unanswered"),
        ("icmp", 0, 8, "answered"),
        ("icmp", 0, 3, "answered"),
        ("icmp6", 0, 133, "unanswered"),
        ("50", 0, 0, "answered"),
        ("89", 0, 0, "answered"),
    ]


def test_arp_is_asking():
    ((asked,), _) = read(HEAD + row("arp", "", "who", ""))
    assert isinstance(asked, Asked)
    assert (asked.asker, asked.target, asked.seen.line) == ("10.0.0.1", "10.0.0.2", 2)


@pytest.mark.parametrize(
    "broken",
    [
        row(packets="-1"),
        row(packets="1e3"),
        row(sport="70000"),
        row(sport="0xzz"),
        row().replace("10.0.0.1", "10.0.0"),
        row().replace("1.5", "nan"),
        row().replace("1.5", "-1"),
        row().replace("2018/09/27", "2018/02/31"),
        row(proto="florp"),
        "a,b\n",
        "\x00\n",
        row(sport="٣"),
        "x" * 70_000 + "\n",
    ],
)
def test_a_broken_line_costs_itself_and_is_named(broken):
    told, (finding,) = read(HEAD + SSH + broken + SSH)
    assert len(told) == 2
    assert (finding.kind, finding.file) == ("argus-line", "x")
    assert finding.reason.startswith("line 3: ")
    assert len(finding.reason) < 250


def test_a_line_without_end_costs_no_memory():
    reader = ArgusReader("x")
    reader.read(HEAD.encode())
    for _ in range(50):
        assert reader.read(b"x" * 65_536) == []
        assert len(reader._pending) <= 65_537
    (finding, flow) = reader.read(b"\n" + SSH.encode())
    assert "longer than 65536 bytes" in finding.reason
    assert isinstance(flow, Flow)


def test_what_is_no_binetflow_is_said_once():
    told, (finding,) = read("ts,uid\n1,2\n3,4\n")
    assert (told, finding.kind) == ([], "argus-header")


# Real files


def test_a_real_sample_is_read_whole(houfeng_data):
    told, findings = read((houfeng_data / "net_formats_a/real_samples/argus.binetflow").read_bytes())
    assert (len(told), findings) == (89, [])
    assert sum(flow.client_packets + flow.server_packets for flow in told) == 186
    assert min(flow.start_ns for flow in told) == parse_instant("2018-12-18T14:00:00Z")
    assert told[0].start_ns == parse_instant("2018-12-18T14:00:00.075359Z")
    assert max(flow.start_ns for flow in told) == parse_instant("2018-12-18T15:10:00.000001Z")


def test_the_worm_of_a_camera_stands_out(houfeng_data):
    told, findings = read((houfeng_data / "net_bruteforce_scan_a/iot_telnet_scan.binetflow").read_bytes())
    assert (len(told), findings) == (394, [])
    flows = [one for one in told if isinstance(one, Flow) and one.client == "192.168.2.12"]
    for port, count, hosts in ((23, 90, 45), (81, 128, 64)):
        chosen = [flow for flow in flows if flow.server_port == port]
        assert (len(chosen), len({flow.server for flow in chosen})) == (count, hosts)
        assert {flow.outcome for flow in chosen} == {"unanswered"}
