"""Joining records of one direction, and pieces of long flows, to two-way conversations."""

import csv
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.guard.observe.joining import FORGET_NS, HOLD_NS, SILENCE_NS, Joining, join
from houfeng.wire.eyes.nfdump import NfdumpReader
from houfeng.words.network import Flow, Seen

S = 1_000_000_000
A, B = ("10.1.0.2", 40000), ("10.9.0.5", 18000)


def ahead(start_s=0, end_s=1, packets=3, *, eye="x", protocol="tcp", outcome="unknown", begun=True, ends=(A, B)):
    """What the client sent."""
    client, server = ends
    return Flow(
        Seen(eye, 1), start_s * S, end_s * S, *client, *server, protocol, packets, 0, packets * 100, 0,
        outcome=outcome, begun=begun,
    )  # fmt: skip


def back(*args, packets=2, **named):
    """What the server sent."""
    flow = ahead(*args, packets=packets, **named)
    return replace(
        flow,
        client_packets=0,
        client_bytes=0,
        server_packets=flow.client_packets,
        server_bytes=flow.client_bytes,
    )


def turned(flow):
    """The same record by an exporter that takes the other side for the client."""
    return replace(
        flow,
        client=flow.server,
        client_port=flow.server_port,
        server=flow.client,
        server_port=flow.client_port,
        client_packets=flow.server_packets,
        server_packets=flow.client_packets,
        client_bytes=flow.server_bytes,
        server_bytes=flow.client_bytes,
    )


def summed(flow):
    return flow.client, flow.client_packets, flow.server_packets, flow.client_bytes, flow.server_bytes


# Laws

pieces = st.lists(
    st.tuples(st.booleans(), st.integers(0, 100), st.integers(0, 60), st.integers(1, 9)), min_size=1, max_size=12
)


@given(pieces=pieces, data=st.data())
def test_pieces_in_any_order_join_to_one_conversation_with_their_sums(pieces, data):
    flows = [
        (ahead if forth else back)(start, start + lasts, packets=packets, protocol="udp")
        for forth, start, lasts, packets in pieces
    ]
    (flow,) = join(data.draw(st.permutations(flows)))
    assert flow.start_ns == min(one.start_ns for one in flows)
    assert flow.end_ns == max(one.end_ns for one in flows)
    totals = sum(one.client_packets for one in flows), sum(one.server_packets for one in flows)
    assert sorted((flow.client_packets, flow.server_packets)) == sorted(totals)
    assert flow.client_bytes + flow.server_bytes == 100 * sum(totals)


@given(
    told=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 5000), st.booleans()), max_size=30),
    most=st.integers(1, 5),
)
def test_no_packet_is_lost_or_made_up_live_or_at_once(told, most):
    flows = [
        (ahead if forth else back)(start, start + 5, ends=((A[0], A[1] + n), B), begun=begun)
        for n, forth, start, begun in told
    ]
    joining = Joining(most)
    live = []
    for flow in flows:
        live += joining.elapse(flow.end_ns)
        live += joining.handle(flow)
    live += joining.end()
    for out in ([flow for flow in live if not flow.ongoing], join(flows)):
        assert sum(flow.client_packets + flow.server_packets for flow in out) == sum(
            flow.client_packets + flow.server_packets for flow in flows
        )


@given(turn=st.booleans())
def test_which_side_the_record_took_for_the_client_does_not_matter_when_one_side_began(turn):
    flows = [ahead(0, 9), back(1, 9)]
    (flow,) = join([turned(one) if turn else one for one in flows])
    assert summed(flow) == ("10.1.0.2", 3, 2, 300, 200)
    assert flow.outcome == "answered"


# Examples


def test_a_certain_opening_outweighs_who_was_seen_first():
    (flow,) = join([turned(back(0, 1)), ahead(1, 1, outcome="unanswered")])
    assert summed(flow)[:3] == ("10.1.0.2", 3, 2)


@pytest.mark.parametrize(
    ("flows", "outcome"),
    [
        ([ahead()], "unknown"),
        ([ahead(outcome="unanswered")], "unanswered"),
        ([back(outcome="refused")], "refused"),
        ([ahead(outcome="unanswered"), back(outcome="refused")], "refused"),
        ([ahead(), back()], "answered"),
        # A reset at the end of a conversation that was answered refuses nothing.
        ([ahead(), back(), back(1, 1, outcome="refused", begun=False)], "answered"),
        ([ahead(protocol="udp")], "unknown"),
        ([ahead(protocol="udp"), back(protocol="udp")], "answered"),
    ],
)
def test_how_it_went(flows, outcome):
    (flow,) = join(flows)
    assert flow.outcome == outcome


def test_an_exporter_that_shows_both_sides_tells_that_nobody_answered():
    other = (("10.1.0.2", 40001), ("10.9.0.7", 514))
    flows = [ahead(protocol="udp"), back(protocol="udp"), ahead(5, 6, protocol="udp", ends=other)]
    assert [flow.outcome for flow in join(flows)] == ["answered", "unanswered"]
    assert join([replace(flow, seen=Seen("y")) for flow in flows[2:]])[0].outcome == "unknown"


def test_exporters_are_not_added_up():
    assert len(join([ahead(), ahead(eye="y")])) == 2


def test_a_new_connection_on_old_ports_is_another_conversation():
    flows = [ahead(0, 9), back(0, 9), ahead(20, 29), back(20, 29)]
    assert [(flow.start_ns // S, flow.client_packets, flow.server_packets) for flow in join(flows)] == [
        (0, 3, 2),
        (20, 3, 2),
    ]


def test_records_that_overlap_are_one_conversation_and_so_are_pieces_without_flags():
    assert len(join([ahead(0, 9), back(0, 9), ahead(8, 12)])) == 1
    assert len(join([ahead(at, at + 9, begun=False) for at in (0, 10, 20)])) == 1


def test_a_client_that_tries_again_is_one_conversation():
    flows = [ahead(at, at, packets=1, outcome="unanswered") for at in (0, 30, 62)]
    (flow,) = join(flows)
    assert (flow.client_packets, flow.outcome) == (3, "unanswered")


def test_pieces_of_a_long_connection_are_one_however_long_it_was_silent():
    flows = [ahead(0, 9), back(0, 9), ahead(900, 950, begun=False), back(900, 950, begun=False)]
    (flow,) = join(flows)
    assert (flow.client_packets, flow.server_packets, flow.begun) == (6, 4, True)


def test_without_connection_silence_ends_a_conversation():
    gap_s = SILENCE_NS // S
    assert len(join([ahead(0, 1, protocol="udp"), ahead(gap_s + 1, gap_s + 2, protocol="udp")])) == 1
    assert len(join([ahead(0, 1, protocol="udp"), ahead(gap_s + 2, gap_s + 3, protocol="udp")])) == 2


def test_echoes_of_two_that_ping_each_other_are_two_conversations():
    flows = [
        ahead(protocol="icmp", ends=(("10.0.0.1", 0), ("10.0.0.2", 8))),
        back(protocol="icmp", ends=(("10.0.0.1", 0), ("10.0.0.2", 8))),
        ahead(protocol="icmp", ends=(("10.0.0.2", 0), ("10.0.0.1", 8))),
    ]
    assert [(flow.client, flow.server_port, flow.outcome) for flow in join(flows)] == [
        ("10.0.0.1", 8, "answered"),
        ("10.0.0.2", 8, "unanswered"),
    ]


def test_live_a_short_conversation_is_told_once_after_the_hold():
    joining = Joining()
    assert joining.elapse(100 * S) == []
    assert joining.handle(ahead(90, 95)) == []
    assert joining.elapse(101 * S) == joining.handle(back(90, 95)) == []
    assert joining.elapse(101 * S + HOLD_NS - 1) == []
    (flow,) = joining.elapse(101 * S + HOLD_NS)
    assert (flow.client_packets, flow.server_packets, flow.ongoing) == (3, 2, False)
    assert joining.end() == []


def test_live_a_long_conversation_is_told_as_it_grows_and_for_good_when_nothing_more_came():
    joining = Joining()
    joining.elapse(300 * S)
    joining.handle(ahead(0, 290))
    (first,) = joining.elapse(400 * S)
    joining.handle(back(0, 290))
    joining.handle(ahead(300, 395, begun=False))
    (second,) = joining.elapse(500 * S)
    assert joining.elapse(400 * S + FORGET_NS - 1) == []
    (last,) = joining.elapse(400 * S + FORGET_NS)
    assert [(flow.ongoing, flow.client_packets, flow.server_packets) for flow in (first, second, last)] == [
        (True, 3, 0),
        (True, 6, 2),
        (False, 6, 2),
    ]
    assert {(flow.client, flow.start_ns, flow.seen) for flow in (first, second, last)} == {(A[0], 0, Seen("x", 1))}


def test_live_the_client_that_was_told_stays_the_client():
    joining = Joining()
    joining.handle(turned(back(0, 290)))
    (first,) = joining.elapse(400 * S)
    joining.handle(ahead(0, 291, outcome="unanswered"))
    (second,) = joining.elapse(500 * S)
    assert first.client == second.client == B[0]


def test_memory_is_bounded_and_the_oldest_is_told():
    joining = Joining(2)
    ends = [((A[0], 40000 + n), B) for n in range(4)]
    told = [flow for pair in ends for flow in joining.handle(ahead(ends=pair))]
    assert [flow.client_port for flow in told] == [40000, 40001]
    assert [flow.client_port for flow in joining.end()] == [40002, 40003]


# Real files


@pytest.mark.parametrize(
    ("truth", "name", "count"),
    [
        ("net_formats_a/dnp3_part1/truth_flows.csv", "dnp3_part1/nfdump/nfcapd.200410110000", 8),
        ("net_formats_a/modbus_part1/truth_flows.csv", "modbus_part1/nfdump/nfcapd.200408260000", 6),
        ("net_seedlink_benign/truth/flows.csv", "seedlink_benign/nfdump/nfcapd.202611220000", 42),
    ],
)
def test_one_way_records_join_to_the_conversations_of_the_capture(houfeng_data, truth, name, count):
    with (houfeng_data / truth).open() as lines:
        wanted = Counter(
            tuple(row[key] for key in ("proto", "src", "sport", "dst", "dport"))
            + tuple(int(row[key]) for key in ("pkts_fwd", "pkts_rev", "ip_bytes_fwd", "ip_bytes_rev"))
            for row in csv.DictReader(lines)
        )
    reader = NfdumpReader("x")
    flows = join(told for told in reader.read((houfeng_data / "net_formats_a" / name).read_bytes()))
    got = Counter(
        (
            flow.protocol,
            flow.client,
            str(flow.client_port),
            flow.server,
            "0" if flow.protocol == "icmp" else str(flow.server_port),
            flow.client_packets,
            flow.server_packets,
            flow.client_bytes,
            flow.server_bytes,
        )
        for flow in flows
    )
    assert got == wanted
    assert len(flows) == count


def test_refused_tries_of_an_old_file_are_told_as_refused(houfeng_data):
    reader = NfdumpReader("x")
    flows = join(reader.read((houfeng_data / "net_formats_a/real_samples/nfdump_old_sample.nfdump").read_bytes()))
    tries = Counter(flow.outcome for flow in flows if flow.server_port == 902)
    assert tries == {"refused": 2264, "unanswered": 121}
    assert {flow.client for flow in flows if flow.server_port == 902} == {"147.32.80.119"}
