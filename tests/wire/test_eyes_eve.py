"""Suricata's EVE log: any cut of the bytes, any bytes, every event that tells something, and the real sets."""

import csv
import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.eyes.eve import eve_reader
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import parse_instant
from houfeng.words.network import Flow, Login, Lookup, Notice, Seen

ENDS = {"src_ip": "10.0.0.8", "src_port": 40000, "dest_ip": "10.0.0.3", "dest_port": 20000, "proto": "TCP"}
COUNTS = {"pkts_toserver": 4, "pkts_toclient": 3, "bytes_toserver": 400, "bytes_toclient": 300}
SPAN = {"start": "2026-11-22T00:10:00.000000+0000", "end": "2026-11-22T00:10:09.500000+0000"}
START_NS = parse_instant("2026-11-22T00:10:00Z")


def event(kind="flow", at_s=20, **fields):
    stamp = f"2026-11-22T00:{10 + at_s // 60:02d}:{at_s % 60:02d}.000000+0000"
    return {"timestamp": stamp, "flow_id": 1, "event_type": kind} | ENDS | fields


def flow_event(tcp=("1b", "1b"), at_s=20, **fields):
    flow = fields.pop("flow", {})
    told = {} if tcp is None else {"tcp": {"tcp_flags_ts": tcp[0], "tcp_flags_tc": tcp[1]}}
    return event(at_s=at_s, flow=COUNTS | SPAN | flow, **told) | fields


def lines(*events):
    return b"".join(json.dumps(value).encode() + b"\n" for value in events)


def read(data, pieces=(), name="eve.json"):
    reader = eve_reader(name)
    ends = sorted({piece % (len(data) + 1) for piece in pieces} | {0, len(data)})
    out = [thing for start, end in pairwise(ends) for thing in reader.read(data[start:end])]
    return reader, out + reader.end()


def of(kind, out):
    return [thing for thing in out if isinstance(thing, kind)]


def dns(at_s=0, **fields):
    return event("dns", at_s, **(ENDS | {"dest_port": 53, "proto": "UDP"}), dns=fields)


SAMPLE = (
    lines(flow_event(), dns(type="query", id=7, rrname="a", rrtype="A"), event("alert", alert={"signature": "x\x1b"}))
    + b'\0{"a":\n\n[1]\n'
    + lines(dns(type="answer", version=2, id=7, rrname="a", rrtype="A", rcode="NOERROR"), {"event_type": "stats"})
    + lines(dns(type="query", id=8, rrname="b", rrtype="A"), flow_event(proto=5))
)


@given(st.lists(st.integers(0, len(SAMPLE)), max_size=12))
def test_the_outcome_does_not_depend_on_how_the_bytes_were_cut(places):
    whole, out = read(SAMPLE)
    again, same = read(SAMPLE, places)
    assert same == out
    assert (again.records, again.first_ns, again.last_ns) == (whole.records, whole.first_ns, whole.last_ns)
    assert whole.records == 6


def test_byte_by_byte():
    assert read(SAMPLE, range(len(SAMPLE)))[1] == read(SAMPLE)[1]


@given(st.binary(max_size=300), st.sampled_from([b"", SAMPLE, b'{"event_type":"flow","flow":', lines(flow_event())]))
@settings(deadline=None)
def test_no_bytes_lead_to_anything_but_findings_or_a_refusal(tail, before):
    try:
        _, out = read(before + tail)
    except DataFault as fault:
        out = [Finding("refused", fault.reason, fault.subject)]
    assert all(thing.file == "eve.json" for thing in of(Finding, out))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
    | st.sampled_from(["10.0.0.1", "query", "answer", "USER", "PASS", "02", "TCP", "2026-11-22T00:10:00.000000+0000"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "id", "rrname", "rrtype", "queries", "answers", "rcode", "signature", "severity", "signature_id",
             "event", "command", "command_data", "completion_code", "start", "end", "pkts_toserver", "src_ip",
             "src_macs", "tcp_flags_ts", "tcp_flags"]
        ),
        inner,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.sampled_from(["flow", "netflow", "alert", "anomaly", "dns", "ftp", "http", "stats"]),
    st.dictionaries(
        st.sampled_from([*ENDS, "flow", "netflow", "tcp", "alert", "anomaly", "dns", "ftp", "vlan", "ether", "flow_id",
                         "timestamp", "icmp_type", "app_proto", "direction", "event_type"]),
        anything,
    ),
)  # fmt: skip
@settings(deadline=None)
def test_no_value_in_an_event_leads_to_anything_but_findings(kind, fields):
    base = flow_event() if kind == "flow" else event(kind)
    reader, out = read(lines(flow_event(), base | fields))
    assert reader.records + len(of(Finding, out)) == 2
    assert all(len(finding.reason) < 200 for finding in of(Finding, out))


def test_a_flow_is_read_to_the_last_digit_without_what_ethernet_adds():
    reader, out = read(lines(flow_event(app_proto="ssh", ether={"src_macs": ["AA:bb:cc:dd:ee:01"], "dest_macs": []})))
    assert out == [
        Flow(
            Seen("eve.json", 1), START_NS, START_NS + 9_500_000_000, "10.0.0.8", 40000, "10.0.0.3", 20000, "tcp", 4, 3,
            400 - 4 * 14, 300 - 3 * 14, None, None, "answered", True, "ssh", "aa:bb:cc:dd:ee:01",
        )
    ]  # fmt: skip
    assert (reader.records, reader.first_ns) == (1, START_NS + 20_000_000_000)


@pytest.mark.parametrize(
    ("changed", "outcome", "begun"),
    [
        ({"tcp": ("02", "12")}, "answered", True),
        ({"tcp": ("02", "14")}, "refused", True),
        ({"tcp": ("02", "04")}, "refused", True),
        ({"tcp": ("02", "00"), "flow": {"pkts_toclient": 0, "bytes_toclient": 0}}, "unanswered", True),
        ({"tcp": ("18", "00"), "flow": {"pkts_toclient": 0, "bytes_toclient": 0}}, "unknown", False),
        ({"tcp": ("18", "14")}, "answered", False),
        ({"tcp": ("10", "04"), "flow": {"pkts_toclient": 1, "bytes_toclient": 60}}, "refused", False),
        ({"tcp": None, "proto": "UDP"}, "answered", True),
        ({"tcp": None, "proto": "UDP", "flow": {"pkts_toclient": 0, "bytes_toclient": 0}}, "unanswered", True),
    ],
)
def test_counts_and_flags_say_how_it_went(changed, outcome, begun):
    (flow,) = of(Flow, read(lines(flow_event(**changed)))[1])
    assert (flow.outcome, flow.begun) == (outcome, begun)


def test_where_no_beginning_was_seen_the_higher_port_is_the_client():
    (flow,) = of(Flow, read(lines(flow_event(tcp=("18", "10"), src_port=22)))[1])
    assert (flow.client, flow.client_port, flow.server_port) == ("10.0.0.3", 20000, 22)
    assert (flow.client_packets, flow.server_packets) == (3, 4)


def test_bytes_of_links_other_than_plain_ethernet():
    tagged, raw = of(
        Flow,
        read(
            lines(
                flow_event(vlan=[7, 8]),
                flow_event(flow={"bytes_toserver": 4 * 20, "bytes_toclient": 3 * 33}),
            )
        )[1],
    )
    assert (tagged.client_bytes, tagged.server_bytes) == (400 - 4 * 22, 300 - 3 * 22)
    assert (raw.client_bytes, raw.server_bytes) == (80, 99)


def test_protocols_have_their_numbers():
    events = [flow_event(tcp=None, proto=name) for name in ("ICMP", "IPv6-ICMP", "SCTP", "089", "Frob")]
    for told in events:
        del told["src_port"], told["dest_port"]
    events[0]["icmp_type"] = 8
    got = of(Flow, read(lines(*events))[1])
    assert [flow.protocol for flow in got] == ["icmp", "icmp6", "132", "89", "frob"]
    assert [(flow.client_port, flow.server_port) for flow in got] == [(0, 8), (0, 0), (0, 0), (0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("changed", "kind", "reason"),
    [
        ({"timestamp": "0000-13-45T99:99:99Z"}, "implausible-time", "timestamp cannot be '0000-13-45T99:99:99Z'"),
        ({"timestamp": "9999-12-31T23:59:59.999999+1400"}, "implausible-time", "its year is nowhere near ours"),
        ({"timestamp": "2026-11-22T00:10:00"}, "implausible-time", "timestamp cannot be '2026-11-22T00:10:00'"),
        ({"flow": COUNTS | {"start": SPAN["end"], "end": SPAN["start"]}}, "implausible-time", "it cannot last from"),
        ({"flow": COUNTS | SPAN | {"start": "1971-01-01T00:00:00Z"}}, "implausible-time", "it cannot last from"),
        ({"flow": COUNTS | SPAN | {"pkts_toserver": 2**70}}, "damaged-line", f"pkts_toserver cannot be {2**70}"),
        ({"flow": COUNTS | SPAN | {"bytes_toclient": -5}}, "damaged-line", "bytes_toclient cannot be -5"),
        ({"flow": [1]}, "damaged-line", "flow cannot be a list"),
        ({"src_ip": None}, "damaged-line", "src_ip is missing"),
        ({"src_port": float("nan")}, "damaged-line", "src_port cannot be nan"),
        ({"event_type": None}, "damaged-line", "it has no event_type"),
    ],
)
def test_a_value_that_cannot_be_costs_its_line_only(changed, kind, reason):
    reader, out = read(lines(flow_event(), flow_event() | changed, flow_event()))
    assert (reader.records, len(of(Flow, out))) == (2, 2)
    (finding,) = of(Finding, out)
    assert (finding.kind, finding.file) == (kind, "eve.json")
    assert finding.reason.startswith(f"line 2: {reason}")


def test_netflow_events_are_one_way_and_only_read_where_there_are_no_flows():
    netflow = {"pkts": 5, "bytes": 500} | SPAN
    there = event("netflow", netflow=netflow, tcp={"tcp_flags": "1b"})
    back = event("netflow", netflow=netflow, tcp={"tcp_flags": "1b"}) | {
        "src_ip": "10.0.0.3", "src_port": 20000, "dest_ip": "10.0.0.8", "dest_port": 40000,
    }  # fmt: skip
    reader, out = read(lines(there, back))
    told = [(flow.client, flow.client_packets, flow.server_packets, flow.server_bytes, flow.outcome) for flow in out]
    assert told == [("10.0.0.8", 5, 0, 0, "unknown"), ("10.0.0.8", 0, 5, 430, "unknown")]
    reader, out = read(lines(flow_event(), there, back))
    assert (reader.records, len(out)) == (3, 1)


def test_the_time_of_statistics_is_of_the_run_and_not_of_the_traffic():
    reader, out = read(lines(flow_event(), {"timestamp": "2030-01-01T00:00:00.000000+0000", "event_type": "stats"}))
    assert reader.records == 2
    assert reader.first_ns == reader.last_ns == START_NS + 20_000_000_000
    assert of(Finding, out) == []


QUESTION = {"rrname": "a.example", "rrtype": "A"}
ANSWER = {"rcode": "NXDOMAIN", "id": 7}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"type": "query", "id": 7} | QUESTION, {"type": "answer", "rrname": "b.example", "rrtype": "CNAME"} | ANSWER),
        ({"type": "query", "id": 7} | QUESTION, {"type": "answer", "version": 2, "answers": []} | QUESTION | ANSWER),
        (
            {"type": "request", "version": 3, "id": 7, "queries": [QUESTION]},
            {"type": "response", "version": 3, "queries": [QUESTION]} | ANSWER,
        ),
    ],
    ids=["before 4.1", "to 7", "from 8"],
)
def test_question_and_answer_are_one_lookup_however_often_they_are_told(question, answer):
    lookup = Lookup(Seen("eve.json", 1), START_NS, "10.0.0.8", "10.0.0.3", "a.example", "A", "NXDOMAIN")
    assert read(lines(dns(**question), dns(1, **answer)))[1] == [lookup]
    assert read(lines(dns(**question), dns(**question), dns(1, **answer), dns(1, **answer)))[1] == [lookup]


def test_an_answer_alone_is_a_lookup_of_who_has_the_higher_port():
    turned = {"src_ip": "10.0.0.3", "src_port": 53, "dest_ip": "10.0.0.8", "dest_port": 40000}
    _, out = read(lines(dns(type="answer", version=2, **QUESTION, **ANSWER) | turned))
    assert out == [Lookup(Seen("eve.json", 1), START_NS, "10.0.0.8", "10.0.0.3", "a.example", "A", "NXDOMAIN")]


def test_an_unanswered_question_is_told_when_its_time_is_over_or_the_log_ends():
    asked = dns(type="query", id=7, **QUESTION)
    _, out = read(lines(asked))
    assert [(thing.name, thing.answer) for thing in out] == [("a.example", "")]
    later = [dns(11, type="query", id=100 + number, **QUESTION) for number in range(16)]
    reader = eve_reader("eve.json")
    assert reader.read(lines(asked, *later[:15])) == []
    assert [thing.seen.line for thing in reader.read(lines(*later[15:]))] == [1]


def test_the_same_question_a_minute_later_is_another_lookup():
    both = [dns(at_s, type=kind, version=2, id=7, rcode="NOERROR", **QUESTION)
            for at_s in (0, 60) for kind in ("query", "answer")]  # fmt: skip
    assert [thing.seen.line for thing in read(lines(*both))[1]] == [1, 3]


def test_questions_without_end_are_not_remembered_without_end():
    reader = eve_reader("eve.json")
    told = reader.read(lines(*(dns(type="query", id=number % 65536, **QUESTION) for number in range(6000))))
    assert len(told) == 6000 - 4096
    assert len(told) + len(reader.end()) == 6000
    told = reader.read(lines(*(dns(type="query", id=7, rrname=str(number), rrtype="A") for number in range(100))))
    assert len(told) == 100 - 8


def test_alerts_tell_client_and_server_and_how_grave():
    alert = {"signature": "x", "signature_id": 2_403_388, "severity": 2}
    newer = event("alert", alert=alert, direction="to_client", flow={"src_ip": "10.0.0.3", "dest_ip": "10.0.0.8"})
    del newer["direction"]
    out = read(
        lines(
            event("alert", alert=alert),
            event("alert", alert=alert, direction="to_client"),
            newer,
            event("alert", alert=alert | {"severity": 9}),
            event(
                "alert", alert={"signature": "SURICATA TCPv4 invalid checksum", "signature_id": 2200074, "severity": 3}
            ),
            event("anomaly", anomaly={"type": "stream", "event": "stream.pkt_invalid_ack"}),
        )
    )[1]
    assert all(isinstance(thing, Notice) and thing.sensor == "suricata" for thing in out)
    assert [(thing.client, thing.server) for thing in out[:3]] == [
        ("10.0.0.8", "10.0.0.3"),
        ("10.0.0.3", "10.0.0.8"),
        ("10.0.0.3", "10.0.0.8"),
    ]
    assert [thing.severity for thing in out] == [2, 2, 2, 4, 4, 4]
    assert out[5].name == "stream.pkt_invalid_ack"


def test_logins_by_ftp_without_the_password():
    def ftp(command, data, *codes):
        return event("ftp", ftp={"command": command, "command_data": data, "completion_code": list(codes)})

    _, out = read(
        lines(ftp("USER", "bro", "331"), ftp("PASS", "secret", "530"), ftp("PASS", "secret", "230"), ftp("PASS", "?"))
    )
    assert [(login.user, login.accepted, login.seen.line) for login in out] == [("bro", False, 2), ("bro", True, 3)]
    assert all(isinstance(login, Login) and login.service == "ftp" for login in out)
    assert "secret" not in repr(out)


def test_what_is_no_eve_log_is_refused():
    for data in (b"Lorem ipsum\n", b'{"ts":1}\n' * 30, b"\0" * 2_000_000, b"[" * 100_000):
        with pytest.raises(DataFault) as refused:
            read(data)
        assert refused.value.subject == "eve.json"
        assert refused.value.reason.startswith("it is no EVE log: ")
    assert [thing.kind for thing in read(b"")[1]] == ["empty-log"]


def test_a_torn_beginning_is_no_reason_to_refuse():
    reader, out = read(b'0","proto":"TCP"}\n' + lines(flow_event()))
    assert reader.records == 1
    assert [finding.kind for finding in of(Finding, out)] == ["damaged-line"]


def stamp_ns(text):
    offset_ns = int(text[-5:-2]) * 3600 * 10**9
    return parse_instant(text[:-5] + "Z") - offset_ns


def test_every_eve_log_of_the_formats_set_is_read_whole(houfeng_data):
    folder = houfeng_data / "net_formats_a"
    with (folder / "truth/readers.csv").open() as file:
        truth = [line for line in csv.DictReader(file) if line["format"] == "suricata-eve"]
    assert len(truth) == 6
    for line in truth:
        reader, out = read((folder / line["file"]).read_bytes())
        assert (reader.records, of(Finding, out)) == (int(line["records"]), []), line["file"]
        assert (reader.first_ns, reader.last_ns) == (stamp_ns(line["first"]), stamp_ns(line["last"])), line["file"]
        assert sum(flow.client_packets + flow.server_packets for flow in of(Flow, out)) == int(line["packets"])


@pytest.mark.parametrize(
    ("group", "ip_bytes"),
    [
        ("seedlink_benign", 1_682_838),
        ("ftp_bruteforce", 36_963),
        ("ssh_guess", 77_967),
        # Frames shorter than 60 bytes are padded in these two captures: 9964 and 6269 without.
        ("dnp3_part1", 10_384),
        ("modbus_part1", 6_617),
    ],
)
def test_ip_bytes_are_those_of_the_capture(houfeng_data, group, ip_bytes):
    _, out = read((houfeng_data / "net_formats_a" / group / "suricata/eve.json").read_bytes())
    assert sum(flow.client_bytes + flow.server_bytes for flow in of(Flow, out)) == ip_bytes


@pytest.mark.parametrize("group", ["dnp3_part1", "modbus_part1"])
def test_conversations_are_those_counted_in_the_capture(houfeng_data, group):
    folder = houfeng_data / "net_formats_a" / group
    with (folder / "truth_flows.csv").open() as file:
        truth = Counter(
            (line["src"], line["sport"], line["dst"], line["dport"], line["pkts_fwd"], line["pkts_rev"], line["syn"])
            for line in csv.DictReader(file)
        )
    got = Counter(
        (flow.client, str(flow.client_port), flow.server, str(flow.server_port), str(flow.client_packets),
         str(flow.server_packets), str(int(flow.begun)))
        for flow in of(Flow, read((folder / "suricata/eve.json").read_bytes())[1])
    )  # fmt: skip
    assert got == truth


def test_checksums_of_an_offloading_card_stay_quiet(houfeng_data):
    _, out = read((houfeng_data / "net_formats_a/ssh_guess/suricata/eve.json").read_bytes())
    assert Counter(notice.severity for notice in of(Notice, out)) == {4: 177, 2: 1}


def test_guessing_by_ftp_is_thirty_refused_logins(houfeng_data):
    _, out = read((houfeng_data / "net_formats_a/ftp_bruteforce/suricata/eve.json").read_bytes())
    assert Counter((login.source, login.user, login.accepted) for login in of(Login, out)) == {
        ("192.168.56.1", "bro", False): 30
    }


def test_lookups_told_twice_are_counted_once(houfeng_data):
    _, out = read((houfeng_data / "net_formats_a/real_samples/suricata_24h_eve.json").read_bytes())
    assert len(of(Lookup, out)) == 170
    assert all(lookup.answer for lookup in of(Lookup, out))


#: File: records kept, findings.
MALFORMED = {
    "eve_absurd_values.json": (73, {"implausible-time": 2, "damaged-line": 1}),
    "eve_broken_lines.json": (70, {"damaged-line": 5}),
    "eve_deep_nesting.json": (10, {"damaged-line": 1}),
    "eve_duplicate_keys.json": (10, {"ambiguous-line": 1}),
}


@pytest.mark.parametrize("file", MALFORMED)
def test_malformed_logs(houfeng_data, file):
    reader, out = read((houfeng_data / "net_malformed_a/files" / file).read_bytes(), name=file)
    assert (reader.records, Counter(finding.kind for finding in of(Finding, out))) == MALFORMED[file]
    assert all(finding.file == file and finding.reason.startswith("line ") for finding in of(Finding, out))
