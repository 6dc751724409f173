"""Zeek's logs: any cut of the bytes, any bytes, every form and log, and the real sets."""

import csv
import gzip
import json
import tracemalloc
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.eyes.zeek import zeek_reader
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.network import Flow, Login, Lookup, Notice, Seen

FIELDS = [
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes",
    "resp_bytes", "conn_state", "local_orig", "local_resp", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes",
    "resp_pkts", "resp_ip_bytes", "tunnel_parents",
]  # fmt: skip
ROW = [
    "1097501938.503079", "CYKCgkp7I96uz3ik4", "10.0.0.8", "2789", "10.0.0.3", "20000", "tcp", "dnp3_tcp", "123.537063",
    "64", "51", "S1", "-", "-", "0", "ShAdDa", "8", "392", "5", "259", "(empty)",
]  # fmt: skip


def header(path, fields, separator="\t"):
    names = separator.join(fields)
    return (
        f"#separator {separator if separator != chr(9) else chr(92) + 'x09'}\n#set_separator{separator},\n"
        f"#empty_field{separator}(empty)\n#unset_field{separator}-\n#path{separator}{path}\n"
        f"#open{separator}2016-06-24-11-45-29\n#fields{separator}{names}\n"
    ).encode()


def row(**changed):
    values = dict(zip(FIELDS, ROW, strict=True)) | changed
    return "\t".join(values[field] for field in FIELDS).encode() + b"\n"


def conn(*rows):
    return header("conn", FIELDS) + b"".join(rows)


def read(data, pieces=(), name="conn.log"):
    reader = zeek_reader(name)
    ends = sorted({piece % (len(data) + 1) for piece in pieces} | {0, len(data)})
    out = [thing for start, end in pairwise(ends) for thing in reader.read(data[start:end])]
    return reader, out + reader.end()


def flows(out):
    return [thing for thing in out if isinstance(thing, Flow)]


def findings(out):
    return [thing for thing in out if isinstance(thing, Finding)]


SAMPLE = conn(
    row(),
    row(ts="11.5"),
    row(proto="tcp\x00\xff"),
    b"\n",
    b"torn\trow\n",
    row(**{"id.resp_p": "word"}),
    row(ts="1097501999.000001", duration="-", orig_bytes="-", conn_state="S0", history="S"),
) + conn(row(conn_state="REJ", history="Sr"))


@given(st.lists(st.integers(0, len(SAMPLE)), max_size=12))
def test_the_outcome_does_not_depend_on_how_the_bytes_were_cut(places):
    whole, out = read(SAMPLE)
    again, same = read(SAMPLE, places)
    assert same == out
    assert (again.records, again.first_ns, again.last_ns) == (whole.records, whole.first_ns, whole.last_ns)
    assert whole.records == 4


def test_byte_by_byte():
    assert read(SAMPLE, range(len(SAMPLE)))[1] == read(SAMPLE)[1]


@given(
    st.binary(max_size=400), st.sampled_from([b"", SAMPLE[:300], conn(row()), b'{"ts":1097501938.5}\n', b"#fields\t"])
)
@settings(deadline=None)
def test_no_bytes_lead_to_anything_but_findings_or_a_refusal(tail, before):
    try:
        _, out = read(before + tail)
    except DataFault as fault:
        out = [Finding("refused", fault.reason, fault.subject)]
    assert all(thing.file == "conn.log" for thing in findings(out))


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just([]), st.just({}),
    st.sampled_from(["tcp", "10.0.0.1", "conn", 1097501938.5, "T", 53]),
)  # fmt: skip


@given(
    st.sampled_from(["conn", "dns", "ssh", "ftp", "notice", "weird", "http", None]),
    st.dictionaries(
        st.sampled_from(
            [*FIELDS, "query", "qtype_name", "rcode_name", "auth_success", "auth_attempts", "note", "name", "command",
             "reply_code", "user", "src", "dst", "ip_proto", "_path"],
        ),
        scalars,
    ),
)  # fmt: skip
@settings(deadline=None)
def test_no_value_in_json_leads_to_anything_but_findings(path, fields):
    good = {"_path": "conn", "ts": 1097501938.5} | dict(zip(("id.orig_h", "id.resp_h"), ("::1", "::2"), strict=True))
    good |= {"id.orig_p": 1, "id.resp_p": 2, "proto": "udp"}
    line = ({"_path": path} if path else {}) | fields
    reader, out = read(b"".join(json.dumps(value).encode() + b"\n" for value in (good, line)))
    complaints = [finding for finding in findings(out) if finding.kind != "relative-clock"]
    assert reader.records + len(complaints) == 2
    assert all(len(finding.reason) < 200 for finding in complaints)


def test_a_row_becomes_a_flow_to_the_last_digit():
    reader, out = read(conn(row()))
    start_ns = 1_097_501_938_503_079_000
    assert out == [
        Flow(
            Seen("conn.log", 8), start_ns, start_ns + 123_537_063_000, "10.0.0.8", 2789, "10.0.0.3", 20000, "tcp", 8, 5,
            392, 259, 64, 51, "answered", True, "dnp3_tcp",
        )
    ]  # fmt: skip
    assert (reader.records, reader.first_ns, reader.last_ns) == (1, start_ns, start_ns)


def of(**changed):
    (flow,) = flows(read(conn(row(**changed)))[1])
    return flow


@pytest.mark.parametrize(
    ("changed", "outcome", "begun"),
    [
        ({"conn_state": "S0", "history": "S", "resp_pkts": "0"}, "unanswered", True),
        ({"conn_state": "REJ", "history": "Sr"}, "refused", True),
        ({"conn_state": "RSTO", "history": "ShR"}, "answered", True),
        ({"conn_state": "RSTR", "history": "ShADdr"}, "answered", True),
        ({"conn_state": "RSTOS0", "history": "SR", "resp_pkts": "0"}, "unanswered", True),
        ({"conn_state": "RSTOS0", "history": "R", "resp_pkts": "0"}, "unknown", False),
        ({"conn_state": "SF", "history": "FafA"}, "answered", False),
        ({"conn_state": "OTH", "history": "DTadtAtT"}, "answered", False),
        ({"conn_state": "OTH", "history": "D", "resp_pkts": "0"}, "unknown", False),
        ({"conn_state": "OTH", "history": "Ar", "id.resp_p": "23"}, "refused", False),
        ({"conn_state": "SHR", "history": "^h", "orig_pkts": "0"}, "unknown", True),
        ({"conn_state": "OTH", "history": "-"}, "answered", False),
        ({"proto": "udp", "conn_state": "SF", "history": "Dd"}, "answered", True),
        ({"proto": "udp", "conn_state": "S0", "history": "D", "resp_pkts": "0"}, "unanswered", True),
        ({"proto": "udp", "conn_state": "SHR", "history": "^d", "orig_pkts": "0"}, "unknown", True),
    ],
)
def test_state_and_history_say_how_it_went(changed, outcome, begun):
    flow = of(**changed)
    assert (flow.outcome, flow.begun) == (outcome, begun)


def test_where_no_beginning_was_seen_the_higher_port_is_the_client():
    flow = of(history="DdA", conn_state="OTH", **{"id.orig_p": "22", "id.resp_p": "40000"})
    assert (flow.client, flow.client_port, flow.server, flow.server_port) == ("10.0.0.3", 40000, "10.0.0.8", 22)
    assert (flow.client_packets, flow.server_packets, flow.client_bytes, flow.server_bytes) == (5, 8, 259, 392)
    assert (flow.client_payload_bytes, flow.server_payload_bytes) == (51, 64)


def test_what_is_unset_is_not_told():
    flow = of(duration="-", orig_bytes="-", resp_bytes="-", service="-", orig_pkts="-", resp_ip_bytes="-")
    assert flow.end_ns == flow.start_ns
    assert (flow.client_payload_bytes, flow.server_payload_bytes, flow.service) == (None, None, "")
    assert (flow.client_packets, flow.server_bytes) == (0, 0)


def test_icmp_has_its_type_and_family():
    flow = of(proto="icmp", conn_state="OTH", history="-", **{"id.orig_p": "8", "id.resp_p": "0"})
    assert (flow.protocol, flow.client_port, flow.server_port, flow.outcome) == ("icmp", 0, 8, "answered")
    assert of(proto="icmp", **{"id.orig_h": "fe80::1", "id.resp_h": "ff02::1"}).protocol == "icmp6"
    record = {"ts": 1097501938.5, "id.orig_h": "::1", "id.orig_p": 0, "id.resp_h": "::2", "id.resp_p": 0,
              "proto": "unknown_transport", "ip_proto": 47, "conn_state": "OTH"}  # fmt: skip
    assert flows(read(json.dumps(record).encode())[1])[0].protocol == "47"


@pytest.mark.parametrize(
    ("changed", "kind", "reason"),
    [
        ({"ts": "99999999999.0"}, "implausible-time", "its year is nowhere near ours; it was left out"),
        ({"ts": "0.000000"}, "implausible-time", "its time is 0, which is none; it was left out"),
        ({"ts": "nan"}, "implausible-time", "ts cannot be 'nan'; it was left out"),
        ({"duration": "1e300"}, "implausible-time", "duration cannot be '1e300'; it was left out"),
        ({"duration": "999999999"}, "implausible-time", "duration cannot be '999999999'; it was left out"),
        ({"id.resp_p": "65536"}, "damaged-line", "id.resp_p cannot be 65536; it was left out"),
        ({"orig_pkts": "-5"}, "damaged-line", "orig_pkts cannot be '-5'; it was left out"),
        ({"resp_ip_bytes": str(2**70)}, "damaged-line", f"resp_ip_bytes cannot be '{2**70}'; it was left out"),
        (
            {"id.orig_h": "\x1b[2J" * 40},
            "damaged-line",
            "id.orig_h cannot be '" + "\\x1b[2J" * 8 + "...; it was left out",
        ),
        ({"proto": "-"}, "damaged-line", "proto is missing; it was left out"),
        ({"service": "x" * 2000}, "damaged-line", "service cannot be '" + "x" * 56 + "...; it was left out"),
    ],
)
def test_a_value_that_cannot_be_costs_its_line_only(changed, kind, reason):
    reader, out = read(conn(row(), row(**changed), row()))
    assert (reader.records, len(flows(out))) == (2, 2)
    assert findings(out) == [Finding(kind, f"line 9: {reason}", "conn.log")]


def test_separator_unset_and_empty_are_what_the_header_says():
    data = header("conn", FIELDS, separator="|").replace(b"#unset_field|-", b"#unset_field|NIL")
    data += row(service="NIL").replace(b"\t", b"|")
    assert flows(read(data)[1])[0].service == ""


@pytest.mark.parametrize("gap", ["\t", "   "])
def test_labels_may_be_appended_by_tabs_or_by_three_spaces(gap):
    fields = "\t".join(FIELDS) + gap + "label" + gap + "detailed-label"
    data = header("conn", [fields]) + row().rstrip() + f"{gap}Malicious{gap}C&C\n".encode()
    assert read(data)[1] == [of()]


def test_joined_logs_have_several_headers_each_for_its_own_rows():
    dns = header("dns", ["ts", "id.orig_h", "id.resp_h", "query"]) + b"1097501939.0\t10.0.0.8\t10.0.0.1\ta.example\n"
    reader, out = read(conn(row()) + b"#close\t2016-06-24-11-45-29\n" + dns + conn(row()))
    assert [type(thing) for thing in out] == [Flow, Lookup, Flow]
    assert reader.records == 3


def test_a_damaged_header_after_good_rows_costs_its_rows_only():
    bad = header("conn", [field for field in FIELDS if field != "id.resp_p"]) + row() + row()
    reader, out = read(conn(row()) + bad + conn(row()))
    assert reader.records == 2
    assert [finding.kind for finding in findings(out)] == ["damaged-header"] * 3
    assert "lacks the field id.resp_p" in findings(out)[0].reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Lorem ipsum dolor sit amet\n", "line 1: neither a # header nor JSON, but b'Lorem ipsum dolor sit amet'"),
        (row(), "line 1: neither a # header nor JSON, but b'1097501938.503079\\tCYKCgkp7I96uz3ik4"),
        (header("conn", FIELDS[:5]) + row(), "line 7: its header lacks the field id.resp_p"),
        (b"#separator \\x09\n#path\tconn\n" + row(), "line 3: no header with the fields it needs stands before it"),
        (b"#!/bin/sh\n# nothing\n", "no line of it is a record"),
        (b'{"timestamp":1}\n' * 30, "line 20: it has no ts, as every record of Zeek has"),
        (b"\xff" * 3_000_000, "no line of it is a record"),
    ],
)
def test_what_is_no_zeek_log_is_refused_with_the_reason(data, reason):
    with pytest.raises(DataFault) as refused:
        read(data)
    assert refused.value.subject == "conn.log"
    assert refused.value.reason.startswith(f"it is no Zeek log: {reason}")


def test_nothing_at_all_is_said():
    reader, out = read(b"")
    assert (reader.records, reader.first_ns, [thing.kind for thing in out]) == (0, None, ["empty-log"])
    assert read(conn())[1] == []


def test_lookups_from_both_forms():
    fields = ["ts", "id.orig_h", "id.resp_h", "query", "qtype_name", "rcode_name"]
    table = header("dns", fields) + b"1097501939.0\t10.0.0.8\t10.0.0.1\ta.example\t*\tNXDOMAIN\n"
    table += b"1097501940.0\t10.0.0.8\t10.0.0.1\t-\t-\tNOERROR\n"
    reader, out = read(table)
    time_ns = 1_097_501_939_000_000_000
    assert out == [Lookup(Seen("conn.log", 8), time_ns, "10.0.0.8", "10.0.0.1", "a.example", "ANY", "NXDOMAIN")]
    assert reader.records == 2
    line = (
        b'{"ts":"2004-10-11T13:38:59.000000Z","trans_id":1,"id.orig_h":"10.0.0.8","id.resp_h":"10.0.0.1","query":"b"}'
    )
    assert read(line)[1] == [Lookup(Seen("conn.log", 1), time_ns, "10.0.0.8", "10.0.0.1", "b", "", "")]


@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        ("ssh", {"auth_success": True, "auth_attempts": 3}, ("ssh", "", True, 1)),
        ("ssh", {"auth_success": False, "auth_attempts": 3}, ("ssh", "", False, 3)),
        ("ssh", {"auth_success": False, "auth_attempts": 0}, ("ssh", "", False, 1)),
        ("ssh", {"auth_attempts": 3}, None),
        ("ftp", {"user": "bro", "command": "PASS", "password": "x", "reply_code": 530}, ("ftp", "bro", False, 1)),
        ("ftp", {"user": "bro", "command": "PASS", "password": "x", "reply_code": 230}, ("ftp", "bro", True, 1)),
        ("ftp", {"user": "bro", "command": "PASS", "reply_code": 331}, None),
        ("ftp", {"user": "bro", "command": "PASV", "reply_code": 227}, None),
    ],
)
def test_logins_where_the_log_tells_how_they_went(path, fields, expected):
    ends = {"ts": 1097501939.0, "id.orig_h": "10.0.0.8", "id.resp_h": "10.0.0.1"}
    as_json = json.dumps({"_path": path} | ends | fields).encode()
    told = {name: str(value).replace("True", "T").replace("False", "F") for name, value in (ends | fields).items()}
    as_table = header(path, told) + "\t".join(told.values()).encode()
    for data in (as_json, as_table):
        reader, out = read(data)
        got = [(login.service, login.user, login.accepted, login.tries) for login in out if isinstance(login, Login)]
        assert got == ([expected] if expected else [])
        assert reader.records == 1
        assert "password" not in repr(out)


def test_notices_and_weirds_with_and_without_addresses():
    lines = [
        {"_path": "notice", "ts": 1097501939.0, "note": "Scan::Port_Scan", "src": "10.0.0.8"},
        {"_path": "weird", "ts": 1097501939.5, "name": "truncated_header", "id.orig_h": "::1", "id.resp_h": "::2"},
    ]
    _, out = read("\n".join(map(json.dumps, lines)).encode())
    assert [(thing.name, thing.client, thing.server, thing.severity) for thing in out] == [
        ("Scan::Port_Scan", "10.0.0.8", "", 4),
        ("truncated_header", "::1", "::2", 4),
    ]
    assert all(isinstance(thing, Notice) and thing.sensor == "zeek" for thing in out)


def test_a_json_line_that_names_a_key_twice_is_kept_and_told():
    line = b'{"ts":1097501939.0,"conn_state":"SF","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2",'
    line += b'"id.resp_p":2,"proto":"udp","id.orig_h":"10.0.0.3"}'
    _, out = read(line)
    assert flows(out)[0].client == "10.0.0.3"
    assert findings(out)[0].reason == "line 1: it names 'id.orig_h' more than once; the last one counts"


def load(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def test_every_zeek_log_of_the_formats_set_is_read_whole(houfeng_data):
    folder = houfeng_data / "net_formats_a"
    with (folder / "truth/readers.csv").open() as file:
        truth = [line for line in csv.DictReader(file) if line["format"].startswith("zeek")]
    assert len(truth) == 15
    for line in truth:
        reader, out = read(load(folder / line["file"]))
        assert (reader.records, findings(out)) == (int(line["records"]), []), line["file"]
        if line["first"]:
            whole, _, fraction = line["first"].partition(".")
            assert reader.first_ns == int(whole + fraction.ljust(9, "0"))
            whole, _, fraction = line["last"].partition(".")
            assert reader.last_ns == int(whole + fraction.ljust(9, "0"))
        if line["packets"]:
            assert sum(flow.client_packets + flow.server_packets for flow in flows(out)) == int(line["packets"])
            assert sum(flow.client_bytes + flow.server_bytes for flow in flows(out)) == int(line["ip_bytes"])


@pytest.mark.parametrize("kind", ["ssh", "ntp", "snmp", "modbus"])
def test_both_forms_of_the_same_records_tell_the_same(houfeng_data, kind):
    folder = houfeng_data / "net_formats_a/real_samples"
    table, from_table = read(load(folder / f"wrccdc_zeek_tsv/{kind}.log.gz"))
    objects, from_json = read(load(folder / f"wrccdc_zeek_json/{kind}.json.gz"))
    assert (table.records, table.first_ns, table.last_ns) == (objects.records, objects.first_ns, objects.last_ns)

    def without_line(out):
        return [(thing.time_ns, thing.source, thing.host, thing.accepted, thing.tries) for thing in out]

    assert without_line(from_table) == without_line(from_json)
    assert len(from_table) == (7 if kind == "ssh" else 0)


@pytest.mark.parametrize("group", ["dnp3_part1", "modbus_part1"])
@pytest.mark.parametrize("form", ["zeek", "zeek_json"])
def test_connections_are_those_counted_in_the_capture(houfeng_data, group, form):
    folder = houfeng_data / "net_formats_a" / group
    with (folder / "truth_flows.csv").open() as file:
        truth = Counter(
            (line["proto"], line["src"], line["sport"], line["dst"], line["dport"], line["pkts_fwd"], line["pkts_rev"],
             line["ip_bytes_fwd"], line["ip_bytes_rev"], line["payload_fwd"], line["payload_rev"], line["syn"])
            for line in csv.DictReader(file)
        )  # fmt: skip
    _, out = read((folder / form / "conn.log").read_bytes())
    got = Counter(
        tuple(
            str(value)
            for value in (
                flow.protocol, flow.client, flow.client_port, flow.server, flow.server_port, flow.client_packets,
                flow.server_packets, flow.client_bytes, flow.server_bytes, flow.client_payload_bytes,
                flow.server_payload_bytes, int(flow.begun),
            )
        )
        for flow in flows(out)
    )  # fmt: skip
    assert got == truth


#: File: records kept, kinds of findings; None: refused, and what it says.
MALFORMED = {
    "conn_absurd_times.log": (1, {"implausible-time": 7}),
    "conn_huge_line.log": (7, {"overlong-line": 1}),
    "conn_ragged_rows.log": (5, {"damaged-line": 3}),
    "conn_truncated_rita.log": (58, {"damaged-line": 1}),
    "conn_no_header.log": (None, "neither a # header nor JSON"),
    "conn_lorem_ipsum.log": (None, "neither a # header nor JSON"),
    "conn_without_resp_port.log": (None, "its header lacks the field id.resp_p"),
}


@pytest.mark.parametrize("file", MALFORMED)
def test_malformed_logs(houfeng_data, file):
    records, said = MALFORMED[file]
    data = (houfeng_data / "net_malformed_a/files" / file).read_bytes()
    if records is None:
        with pytest.raises(DataFault, match=said):
            read(data, name=file)
        return
    reader, out = read(data, name=file)
    assert reader.records == records == len(flows(out))
    assert Counter(finding.kind for finding in findings(out)) == said
    assert all(finding.file == file and finding.reason.startswith("line ") for finding in findings(out))


def test_a_day_with_labels(houfeng_data):
    folder = houfeng_data / "net_benign_day_a"
    counts = {path.name.split(".")[0]: read(path.read_bytes()) for path in sorted(folder.glob("*.labeled"))}
    assert {name: reader.records for name, (reader, _) in counts.items()} == {
        "conn": 5663, "http": 342, "notice": 16, "sip": 33, "ssl": 545, "tunnel": 6, "weird": 56,
    }  # fmt: skip
    assert all(findings(out) == [] for _, out in counts.values())
    from_the_machine = [flow for flow in flows(counts["conn"][1]) if flow.client == "147.32.81.167"]
    # Zeek says 1462. Of 33 whose beginning it did not see the lower port is the originator's: 27 are turned so that
    # the machine is the client, 6 so that it is not.
    assert len(from_the_machine) == 1462 + 27 - 6


def test_a_machine_whose_every_connection_is_refused(houfeng_data):
    _, out = read((houfeng_data / "net_rat_a/remcos/conn.log.labeled").read_bytes())
    pair = [flow for flow in flows(out) if (flow.server, flow.server_port) == ("66.63.168.35", 5888)]
    assert Counter(flow.outcome for flow in pair) == {"refused": 718, "unanswered": 1}
    assert len(flows(out)) == 766


def test_times_that_count_from_the_start_of_a_capture(houfeng_data):
    folder = houfeng_data / "net_rat_a/simda"
    for log, observations in (("conn", 992), ("dns", 980), ("http", 0)):
        reader, out = read((folder / f"{log}.log").read_bytes())
        assert reader.records == 992
        assert [finding.kind for finding in findings(out)] == ["relative-clock"]
        assert len(out) - 1 == observations
    _, out = read((folder / "dns.log").read_bytes())
    dga = [
        thing for thing in out if isinstance(thing, Lookup) and len(thing.name) == 11 and thing.name.endswith(".com")
    ]
    assert len({thing.name for thing in dga}) == 256


def test_a_port_scan_in_json(houfeng_data):
    _, out = read((houfeng_data / "net_bruteforce_scan_a/vertical_scan_conn.json.log").read_bytes())
    scan = [flow for flow in flows(out) if (flow.client, flow.server) == ("192.168.1.9", "45.33.32.156")]
    assert (len(flows(out)), len(scan), len({flow.server_port for flow in scan})) == (50, 46, 44)
    assert scan[0].client_mac == "c4:23:60:3d:fd:d3"


def test_memory_does_not_grow_with_the_log():
    reader = zeek_reader("conn.log")
    reader.read(header("conn", FIELDS))
    piece = row() * 400
    list(reader.read(piece))
    tracemalloc.start()
    for _ in range(50):
        list(reader.read(piece))
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reader.records == 51 * 400
    assert left < 100_000
