"""NetFlow 5, 9 and IPFIX: round trips, order and loss of templates, clocks, hostile datagrams, real exports."""

import csv
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.eyes.netflow import NetFlowDecoder
from houfeng.wire.eyes.netflow_memory import MOST_TEMPLATES, MOST_WAITING_BYTES, PATIENCE_NS
from houfeng.words.finding import Finding
from houfeng.words.network import Flow

S = 1_000_000_000
#: 2026-11-22T00:00:00Z, when the datagrams of these tests are sent.
SENT_S = 1_795_305_600
HERE = "10.0.0.1"

# Fields: protocol, flags, ports, addresses, packets, bytes, start and end (uptime, milliseconds).
V4 = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (2, 4), (1, 4))
UPTIMES = ((22, 4), (21, 4))
MILLISECONDS = ((152, 8), (153, 8))


def five(*records, uptime_ms=100_000, second=SENT_S, count=None, sampling=0):
    body = b"".join(
        struct.pack(">4s4s8xIIIIHHxBB9x", src, dst, packets, octets, first, last, sport, dport, flags, proto)
        for src, dst, sport, dport, proto, flags, packets, octets, first, last in records
    )
    return struct.pack(">HHIIIIBBH", 5, count or len(records), uptime_ms, second, 0, 0, 0, 0, sampling) + body


def a_set(number, body):
    return struct.pack(">HH", number, len(body) + 4) + body


def template(number, fields):
    return struct.pack(">HH", number, len(fields)) + b"".join(struct.pack(">HH", *field) for field in fields)


def values(fields, *told):
    return b"".join(
        value if isinstance(value, bytes) else value.to_bytes(length, "big")
        for (_, length), value in zip(fields, told, strict=True)
    )


def nine(*sets, uptime_ms=100_000, second=SENT_S, source=0):
    return struct.pack(">HHIIII", 9, 1, uptime_ms, second, 0, source) + b"".join(sets)


def ipfix(*sets, second=SENT_S, domain=0):
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body), second, 0, domain) + body


def addresses(a="10.1.0.2", b="10.9.0.5"):
    return tuple(bytes(map(int, text.split("."))) for text in (a, b))


def decoded(*datagrams, exporter=HERE, arrived_ns=(SENT_S + 1) * S):
    decoder = NetFlowDecoder("x")
    out = [told for data in datagrams for told in decoder.datagram(data, exporter, arrived_ns)]
    return (
        [told for told in out if isinstance(told, Flow)],
        [told for told in out if isinstance(told, Finding)],
        decoder,
    )


def kinds(findings):
    return [finding.kind for finding in findings]


octets = st.integers(0, 2**32 - 1)
records = st.tuples(
    st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4),
    st.integers(0, 65535), st.integers(0, 65535), st.sampled_from([6, 17, 47]), st.integers(0, 63), octets, octets,
)  # fmt: skip


def both_sides(flow):
    """What holds whoever is the client."""
    ends = [
        (flow.client, flow.client_packets, flow.client_bytes),
        (flow.server, flow.server_packets, flow.server_bytes),
    ]
    return sorted(ends), flow.start_ns, flow.end_ns


# Laws


@given(told=st.lists(records, min_size=1, max_size=30))
def test_all_three_versions_tell_the_same_flows(told):
    fields = (*V4, *UPTIMES)
    rows = [values(fields, *row, 90_000, 95_000) for row in told]
    by_nine = nine(a_set(0, template(300, fields)), a_set(300, b"".join(rows)))
    fields = (*V4, *MILLISECONDS)
    start_ms = SENT_S * 1000 - 10_000
    rows = [values(fields, *row, start_ms, start_ms + 5000) for row in told]
    by_ipfix = ipfix(a_set(2, template(300, fields)), a_set(300, b"".join(rows)))
    flows, findings, decoder = decoded(five(*((*row, 90_000, 95_000) for row in told)))
    assert decoder.records == len(flows) == len(told)
    assert findings == []
    assert {(flow.start_ns, flow.end_ns) for flow in flows} == {((SENT_S - 10) * S, (SENT_S - 5) * S)}
    assert sum(flow.client_packets + flow.server_packets for flow in flows) == sum(row[6] for row in told)
    assert decoded(by_nine)[:2] == (flows, [])
    assert decoded(by_ipfix)[:2] == (flows, [])


@given(data=st.binary(max_size=200), head=st.sampled_from([b"", b"\0\5", b"\0\t", b"\0\n"]))
def test_garbage_never_raises(data, head):
    flows, findings, _ = decoded(head + data)
    assert all(len(finding.reason) < 300 for finding in findings)
    assert flows or findings or len(head + data) >= 16


@settings(max_examples=300)
@given(data=st.data())
def test_a_good_datagram_with_bytes_changed_or_cut_never_raises(data):
    fields = (*V4, (82, 65535), *UPTIMES)
    row = values(V4, *addresses(), 40000, 80, 6, 2, 1, 60) + b"\3eth" + bytes(8)
    options = struct.pack(">HHH", 256, 2, 1) + struct.pack(">HHHH", 149, 4, 34, 4)
    by_nine = nine(a_set(0, template(300, fields)), a_set(300, row * 3), a_set(1, options), a_set(256, bytes(8)))
    by_ipfix = ipfix(a_set(2, template(300, fields)), a_set(300, row * 3), a_set(3, options), a_set(256, bytes(8)))
    good = bytearray(data.draw(st.sampled_from([by_nine, by_ipfix])))
    for at in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=6)):
        good[at] = data.draw(st.integers(0, 255))
    decoded(bytes(good[: data.draw(st.integers(0, len(good)))]))


@given(order=st.permutations(range(4)))
def test_data_before_their_template_are_told_once_it_comes(order):
    rows = [values((*V4, *UPTIMES), *addresses(), 40000 + n, 80, 6, 2, 1, 60, 90_000, 90_000) for n in range(3)]
    told = nine(a_set(0, template(300, (*V4, *UPTIMES))))
    datagrams = [told, *(nine(a_set(300, row)) for row in rows)]
    flows, findings, decoder = decoded(*(datagrams[n] for n in order))
    assert sorted(flow.client_port for flow in flows) == [40000, 40001, 40002]
    assert findings == decoder.end() == []


@given(first=st.integers(0, 2**32 - 1), lasted=st.integers(0, 604_800_000), late=st.integers(0, 86_400_000))
def test_times_are_right_across_the_wrap_of_the_uptime(first, lasted, late):
    last, uptime = (first + lasted) % 2**32, (first + lasted + late) % 2**32
    flow = decoded(five((*addresses(), 40000, 80, 6, 2, 1, 60, first, last), uptime_ms=uptime))[0][0]
    assert flow.end_ns == SENT_S * S - late * 1_000_000
    assert flow.end_ns - flow.start_ns == lasted * 1_000_000


@given(lag_ms=st.integers(86_400_001, 2**32 - 60_001))
def test_a_flow_far_from_its_export_gets_the_time_of_the_export_and_a_finding(lag_ms):
    record = (*addresses(), 40000, 80, 6, 2, 1, 60, -lag_ms % 2**32, -lag_ms % 2**32)
    flows, findings, _ = decoded(five(record, uptime_ms=0))
    assert (flows[0].start_ns, flows[0].end_ns) == (SENT_S * S, SENT_S * S)
    assert kinds(findings) == ["implausible-clock"]


# Examples


def test_a_start_after_the_end_starts_at_the_end():
    flows, findings, _ = decoded(five((*addresses(), 40000, 80, 6, 2, 1, 60, 95_000, 90_000)))
    assert flows[0].start_ns == flows[0].end_ns == (SENT_S - 10) * S
    assert "start is after its end" in findings[0].reason


def test_a_start_of_zero_is_kept_and_doubted():
    flows, findings, _ = decoded(five((*addresses(), 40000, 80, 6, 2, 1, 60, 0, 90_000)))
    assert flows[0].start_ns == (SENT_S - 100) * S
    assert kinds(findings) == ["implausible-clock"]


@pytest.mark.parametrize("second", [0, 86_400, SENT_S + 200_000])
def test_a_datagram_without_a_usable_time_of_day_is_of_when_it_arrived(second):
    flows, findings, _ = decoded(five((*addresses(), 40000, 80, 6, 2, 1, 60, 90_000, 95_000), second=second))
    assert flows[0].end_ns == (SENT_S + 1 - 5) * S
    assert kinds(findings) == ["implausible-clock"]


def test_an_old_recording_keeps_its_own_time():
    flow = decoded(five((*addresses(), 40000, 80, 6, 2, 1, 60, 90_000, 95_000), second=1_000_000_000))[0][0]
    assert flow.end_ns == 999_999_995 * S


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (((150, 4), (151, 4)), (SENT_S - 9, SENT_S - 5)),
        (((154, 8), (155, 8)), ((SENT_S - 9 + 2_208_988_800) << 32, (SENT_S - 5 + 2_208_988_800) << 32)),
        (((156, 8), (157, 8)), ((SENT_S - 9 + 2_208_988_800) << 32, (SENT_S - 5 + 2_208_988_800) << 32)),
        (((158, 4), (159, 4)), (9_000_000, 5_000_000)),
    ],
)
def test_every_way_of_ipfix_to_tell_time(fields, told):
    every = (*V4, *fields)
    row = values(every, *addresses(), 40000, 80, 6, 2, 1, 60, *told)
    flow = decoded(ipfix(a_set(2, template(300, every)), a_set(300, row)))[0][0]
    assert (flow.start_ns, flow.end_ns) == ((SENT_S - 9) * S, (SENT_S - 5) * S)


def test_ipfix_uptimes_count_from_the_start_that_an_options_record_tells():
    options = struct.pack(">HHH", 256, 2, 1) + struct.pack(">HHHH", 149, 4, 160, 8)
    started = values(((149, 4), (160, 8)), 0, (SENT_S - 100) * 1000)
    every = (*V4, *UPTIMES)
    data = a_set(300, values(every, *addresses(), 40000, 80, 6, 2, 1, 60, 90_000, 95_000))
    first = ipfix(a_set(3, options), a_set(256, started), a_set(2, template(300, every)))
    flows, findings, _ = decoded(first, ipfix(data))
    assert (flows[0].start_ns, findings) == ((SENT_S - 10) * S, [])
    flows, findings, _ = decoded(ipfix(a_set(2, template(300, every)), data))
    assert (flows[0].start_ns, kinds(findings)) == (SENT_S * S, ["implausible-clock"])


@pytest.mark.parametrize(
    ("sport", "dport", "protocol", "flags", "packets", "client_port", "outcome"),
    [
        (80, 40000, 6, 0x02, 1, 80, "unanswered"),  # SYN alone comes from who opens, whatever the ports
        (40000, 80, 6, 0x06, 2, 40000, "unanswered"),  # SYN and RST: a half-open scan
        (40000, 80, 6, 0x1B, 9, 40000, "unknown"),
        (80, 40000, 6, 0x1B, 9, 40000, "unknown"),
        (40000, 6000, 6, 0x12, 1, 6000, "unknown"),  # SYN with ACK answers
        (40000, 80, 6, 0x12, 5, 40000, "unknown"),  # but of many packets these are the flags of either side
        (80, 40000, 6, 0x14, 1, 40000, "refused"),
        (40000, 80, 6, 0x00, 5, 40000, "unknown"),  # an exporter that does not tell flags
        (40000, 80, 6, 0x14, 1, 40000, "unknown"),  # a client that gives up
        (2789, 20000, 6, 0x1B, 9, 2789, "unknown"),  # DNP3 has a registered port
        (500, 500, 17, 0, 1, 500, "unknown"),
    ],
)
def test_who_is_the_client(sport, dport, protocol, flags, packets, client_port, outcome):
    flow = decoded(five((*addresses(), sport, dport, protocol, flags, packets, 60, 90_000, 95_000)))[0][0]
    assert (flow.client_port, flow.outcome) == (client_port, outcome)
    assert flow.begun == (protocol != 6 or bool(flags & 2))


def test_an_echo_reply_is_the_servers():
    flow = decoded(five((*addresses(), 0, 0, 1, 0, 3, 252, 90_000, 95_000)))[0][0]
    assert (flow.client, flow.client_port, flow.server, flow.server_port) == ("10.9.0.5", 0, "10.1.0.2", 8)
    assert (flow.protocol, flow.client_packets, flow.server_packets) == ("icmp", 0, 3)


def test_a_biflow_is_two_way_and_other_enterprises_are_skipped():
    reverse = b"".join(
        struct.pack(">HHI", 0x8000 | number, length, 29305) for number, length in ((2, 4), (1, 8), (6, 1))
    )
    foreign = struct.pack(">HHI", 0x8001, 4, 9)
    head = struct.pack(">HH", 300, len(V4) + 4) + b"".join(struct.pack(">HH", *field) for field in V4)
    row = values(V4, *addresses(), 80, 40000, 6, 0x1B, 5, 300)
    data = ipfix(a_set(2, head + reverse + foreign), a_set(300, row + struct.pack(">IQB4x", 7, 900, 0x1B)))
    flow = decoded(data)[0][0]
    assert (flow.client, flow.client_packets, flow.client_bytes) == ("10.1.0.2", 5, 300)
    assert (flow.server_packets, flow.server_bytes, flow.outcome) == (7, 900, "answered")


def test_an_ipv6_record_with_mac_addresses_and_variable_length_names():
    fields = ((27, 16), (28, 16), (7, 2), (11, 2), (4, 1), (2, 3), (1, 5), (56, 6), (80, 6), (82, 65535), (83, 65535))
    row = values(fields[:9], bytes(15) + b"\1", bytes(15) + b"\2", 40000, 53, 17, 2, 200, 0x020000000001, 0)
    row += b"\4eth0" + b"\xff\1\0" + b"x" * 256
    data = ipfix(a_set(2, template(300, fields)), a_set(300, row * 2))
    flows, findings, _ = decoded(data)
    assert [(flow.client, flow.server, flow.client_packets, flow.client_bytes) for flow in flows] == [
        ("::1", "::2", 2, 200)
    ] * 2
    assert (flows[0].client_mac, flows[0].server_mac, findings) == ("02:00:00:00:00:01", "", [])


def test_sampling_is_said_once_and_not_made_good():
    record = (*addresses(), 40000, 80, 6, 2, 7, 60, 90_000, 95_000)
    flows, findings, _ = decoded(five(record, sampling=0x4000 | 100), five(record, sampling=0x4000 | 100))
    assert [flow.client_packets for flow in flows] == [7, 7]
    assert kinds(findings) == ["sampled-flows"]


def test_templates_of_domains_and_exporters_are_apart():
    told = nine(a_set(0, template(300, V4)), source=1)
    data = a_set(300, values(V4, *addresses(), 40000, 80, 6, 2, 1, 60))
    assert len(decoded(told, nine(data, source=1))[0]) == 1
    assert decoded(told, nine(data, source=2))[0] == []
    decoder = NetFlowDecoder("x")
    decoder.datagram(told, HERE, SENT_S * S)
    assert decoder.datagram(nine(data, source=1), "10.0.0.2", SENT_S * S) == []


def test_a_withdrawn_template_is_forgotten():
    data = a_set(300, values(V4, *addresses(), 40000, 80, 6, 2, 1, 60))
    flows, _, decoder = decoded(ipfix(a_set(2, template(300, V4))), ipfix(a_set(2, template(300, ()))), ipfix(data))
    assert (flows, kinds(decoder.end())) == ([], ["unknown-template"])


def test_data_that_wait_in_vain_are_counted_once():
    decoder = NetFlowDecoder("x")
    waiting = nine(a_set(300, bytes(40)), a_set(301, bytes(40)))
    assert decoder.datagram(waiting, HERE, SENT_S * S) == []
    assert decoder.elapse(SENT_S * S + PATIENCE_NS - 1) == []
    (finding,) = decoder.elapse(SENT_S * S + PATIENCE_NS)
    assert finding.kind == "unknown-template"
    assert "2 data sets dropped: unknown template 300, 301" in finding.reason
    assert decoder.end() == []


def test_a_flood_of_data_without_template_neither_fills_memory_nor_the_log():
    decoder = NetFlowDecoder("x")
    flood = nine(a_set(300, bytes(1400)))
    told = [found for _ in range(500) for found in decoder.datagram(flood, HERE, SENT_S * S)]
    assert len(told) <= 1
    assert decoder._exporters.all()[0][1].waiting_bytes <= MOST_WAITING_BYTES
    dropped = sum(int(found.reason.split(": ")[1].split()[0]) for found in [*told, *decoder.end()])
    assert dropped == 500


def test_a_flood_of_templates_keeps_the_newest():
    many = [nine(a_set(0, template(300 + n, V4))) for n in range(MOST_TEMPLATES + 1)]
    row = values(V4, *addresses(), 40000, 80, 6, 2, 1, 60)
    newest = nine(a_set(300 + MOST_TEMPLATES, row))
    assert len(decoded(*many, newest)[0]) == 1
    assert decoded(*many, nine(a_set(300, row)))[0] == []


def test_a_flood_of_exporters_keeps_the_newest():
    decoder = NetFlowDecoder("x")
    findings = [
        found for n in range(5000) for found in decoder.datagram(nine(a_set(0, template(300, V4))), f"e{n}", SENT_S * S)
    ]
    assert len(decoder._exporters.all()) == 4096
    assert kinds(findings) == ["exporter-forgotten"] * 3


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "netflow-version"),
        (b"\0\7" + bytes(60), "netflow-version"),
        (b"\0\5\0\1", "netflow-malformed"),
        (five(count=30), "netflow-malformed"),
        (nine(a_set(0, template(255, V4))), "netflow-malformed"),
        (nine(a_set(0, template(300, ((8, 0), (12, 0))))), "netflow-malformed"),
        (nine(a_set(2, template(300, V4))), "netflow-malformed"),
        (nine(b"\1\x2c\0\2" + bytes(8)), "netflow-malformed"),
        (nine(a_set(300, b"x" * 20)[:-1]), "netflow-malformed"),
        (nine(a_set(0, template(300, ((2, 4),))), a_set(300, b"abcd")), "flows-without-addresses"),
    ],
)
def test_what_is_broken_is_said(data, kind):
    flows, findings, _ = decoded(data)
    assert (flows, kinds(findings)) == ([], [kind])
    assert findings[0].file == "x"
    assert "datagram 1 of exporter '10.0.0.1'" in findings[0].reason


def test_trouble_is_told_at_the_first_tenth_and_hundredth_time():
    findings = decoded(*[b"\0\7"] * 150)[1]
    assert [finding.reason.rsplit("; ")[-1] for finding in findings[1:]] == ["10 times so far", "100 times so far"]


def test_a_cut_set_keeps_its_whole_records():
    row = values(V4, *addresses(), 40000, 80, 6, 2, 1, 60)
    data = nine(a_set(0, template(300, V4)), a_set(300, row * 3))
    flows, findings, _ = decoded(data[:-1])
    assert (len(flows), kinds(findings)) == (2, ["netflow-malformed"])


# Real exports


def export(path):
    """Times and UDP payloads of a little-endian capture of microseconds on Ethernet."""
    data, at = path.read_bytes(), 24
    while at < len(data):
        second, micro, kept, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + kept]
        yield second * S + micro * 1000, frame[14 + (frame[14] & 15) * 4 + 8 :]
        at += 16 + kept


def read(path):
    decoder = NetFlowDecoder(path.name)
    out = [told for arrived_ns, data in export(path) for told in decoder.datagram(data, HERE, arrived_ns)]
    out += decoder.end()
    return [told for told in out if isinstance(told, Flow)], [told for told in out if isinstance(told, Finding)]


def test_every_real_export_is_read_whole(houfeng_data):
    folder = houfeng_data / "net_formats_a"
    with (folder / "truth/readers.csv").open() as lines:
        truths = [row for row in csv.DictReader(lines) if row["format"] == "netflow-export-in-pcap"]
    assert len(truths) == 10
    for truth in truths:
        flows, _ = read(folder / truth["file"])
        packets = sum(flow.client_packets + flow.server_packets for flow in flows)
        ip_bytes = sum(flow.client_bytes + flow.server_bytes for flow in flows)
        assert [len(flows), packets, ip_bytes] == [int(truth[name]) for name in ("records", "packets", "ip_bytes")]
        assert min(flow.start_ns for flow in flows) // S == int(truth["first"])
        assert max(flow.end_ns for flow in flows) // S == int(truth["last"])


@pytest.mark.parametrize(
    ("name", "count", "kind"),
    [
        ("netflow_v5_wrapped_clock.pcap", 60, "implausible-clock"),
        ("netflow_v9_zero_first.pcap", 12, "implausible-clock"),
        ("netflow_v9_no_template.pcap", 0, "unknown-template"),
    ],
)
def test_every_damaged_export_keeps_what_is_good_and_is_told_of(houfeng_data, name, count, kind):
    flows, findings = read(houfeng_data / "net_malformed_a/files" / name)
    assert len(flows) == count
    assert kind in kinds(findings)
    assert {finding.file for finding in findings} == {name}


def test_a_wrapped_clock_tells_no_time_that_nobody_vouches_for(houfeng_data):
    flows, _ = read(houfeng_data / "net_malformed_a/files/netflow_v5_wrapped_clock.pcap")
    assert {(flow.start_ns // S, flow.end_ns // S) for flow in flows} == {(1_795_309_068, 1_795_309_068)}
