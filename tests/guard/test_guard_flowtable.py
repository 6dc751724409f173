"""Flows, bindings and questions: any cut of the frames, a slow twin, examples, and the truth of real captures."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.guard.observe.bindings import Bindings
from houfeng.guard.observe.flowtable import FlowTable
from houfeng.guard.observe.observing import Observing
from houfeng.guard.observe.tap import TapFactory
from houfeng.wire.eyes.frames import ARP, COLUMNS, IPV6, FrameBatch
from houfeng.wire.eyes.pcap import NO_TIME_NS, PcapReader
from houfeng.words.finding import Finding
from houfeng.words.network import Asked, Binding, Flow, Notice, Observation, Seen
from made_frames import (
    ACK,
    FIN,
    MAC_A,
    MAC_B,
    RST,
    START_NS,
    SYN,
    arp,
    ethernet,
    icmp,
    ip4,
    ip6,
    pcap,
    tcp,
    udp,
)

S = 10**9
A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"
Told = list[Observation | Finding]
Frames = Sequence[tuple[int, bytes]]


def batches_of(data: bytes) -> list[FrameBatch]:
    reader = PcapReader("it")
    said = [*reader.read(data), *reader.end()]
    return [one for one in said if isinstance(one, FrameBatch)]


def cut(batch: FrameBatch, edges: Iterable[int]) -> list[FrameBatch]:
    places = sorted({0, len(batch), *(min(edge, len(batch)) for edge in edges)})
    return [
        FrameBatch(batch.eye, **{name: getattr(batch, name)[a:b] for name in COLUMNS}, data=batch.data)
        for a, b in pairwise(places)
    ]


def told(data: bytes | Sequence[FrameBatch], **options: Any) -> Told:
    table = FlowTable(**options)
    batches = batches_of(data) if isinstance(data, bytes) else data
    return [one for batch in batches for one in table.handle(batch)] + table.end()


def flows(said: Told) -> list[Flow]:
    """Flows told for the last time."""
    return [one for one in said if isinstance(one, Flow) and not one.ongoing]


def made(frames: Frames) -> bytes:
    return pcap([(START_NS + t, frame) for t, frame in frames])


def talk(src: str, dst: str, segment: bytes, *, mac: bytes = MAC_A) -> bytes:
    protocol = 6 if len(segment) >= 20 else 17
    return ethernet(ip4(src, dst, protocol, segment), src=mac)


def one_flow(frames: Frames, **options: Any) -> Flow:
    (flow,) = flows(told(made(frames), **options))
    return flow


def shift(frame: bytes, time_s: float) -> tuple[int, bytes]:
    return int(time_s * S), frame


CALL = talk(A, B, tcp(40000, 80, SYN))
REPLY = talk(B, A, tcp(80, 40000, SYN | ACK), mac=MAC_B)
RESET = talk(B, A, tcp(80, 40000, RST | ACK), mac=MAC_B)

addresses = st.sampled_from([A, B, C])
ports = st.sampled_from([53, 80, 40000, 40001])
segments = st.one_of(
    st.builds(tcp, ports, ports, st.sampled_from([SYN, SYN | ACK, ACK, FIN | ACK, RST]), st.binary(max_size=5)),
    st.builds(udp, ports, ports, st.binary(max_size=5)),
)
frames_in_time = st.lists(
    st.tuples(
        st.sampled_from([0, 1, S // 2, 3 * S, 61 * S, 599 * S + 3, 700 * S, 4000 * S]),
        st.builds(talk, addresses, addresses, segments),
    ),
    min_size=1,
    max_size=40,
)


def timed(steps: Sequence[tuple[int, bytes]]) -> bytes:
    times = np.cumsum([step for step, _ in steps]).tolist()
    return made(list(zip(times, (frame for _, frame in steps), strict=True)))


@given(steps=frames_in_time, edges=st.lists(st.integers(0, 40), max_size=8), most=st.sampled_from([2, 3, 1000]))
@settings(max_examples=150, deadline=None)
def test_any_cut_into_batches_tells_the_same(steps, edges, most) -> None:  # type: ignore[no-untyped-def]
    whole = batches_of(timed(steps))
    pieces = [piece for batch in whole for piece in cut(batch, edges)]
    assert told(pieces, most_flows=most) == told(whole, most_flows=most)
    assert told(whole, most_flows=most, salt=12345) == told(whole, most_flows=most)


@given(steps=frames_in_time)
@settings(max_examples=150, deadline=None)
def test_the_kernel_counts_as_its_slow_twin(steps) -> None:  # type: ignore[no-untyped-def]
    data = timed(steps)
    got = Counter(_counted(flow) for flow in flows(told(data)))
    assert got == Counter(_twin(batches_of(data)))


def _counted(flow: Flow) -> tuple[object, ...]:
    ends = [
        (flow.client, flow.client_port, flow.client_packets, flow.client_bytes, flow.client_payload_bytes),
        (flow.server, flow.server_port, flow.server_packets, flow.server_bytes, flow.server_payload_bytes),
    ]
    return (flow.protocol, flow.seen.line, flow.start_ns, flow.end_ns, *sorted(ends))


def _twin(batches: Sequence[FrameBatch]) -> list[tuple[object, ...]]:
    """Two-way flows with a dictionary, one frame at a time."""
    open_flows: dict[object, dict[str, Any]] = {}
    done = []
    for batch in batches:
        for i in range(len(batch)):
            now, protocol = int(batch.time_ns[i]), int(batch.protocol[i])
            ends = [
                (f"10.0.0.{int(lo) & 255}", int(port))
                for lo, port in ((batch.src_lo[i], batch.src_port[i]), (batch.dst_lo[i], batch.dst_port[i]))
            ]
            key = (protocol, *sorted(ends))
            idle = 3600 * S if protocol == 6 else 600 * S
            flow = open_flows.get(key)
            if flow and -(-(flow["end"] + idle) // S) * S <= now:
                done.append(open_flows.pop(key))
                flow = None
            if flow is None:
                counts = {end: [0, 0, 0] for end in ends}
                flow = {"protocol": protocol, "line": int(batch.number[i]), "start": now, "counts": counts}
                open_flows[key] = flow
            flow["end"] = now
            sender = flow["counts"][ends[0]]
            for k, column in enumerate((None, batch.ip_bytes, batch.payload_bytes)):
                sender[k] += 1 if column is None else int(column[i])
    return [
        (
            {6: "tcp", 17: "udp"}[flow["protocol"]],
            flow["line"],
            flow["start"],
            flow["end"],
            *_sorted_ends(flow["counts"]),
        )
        for flow in (*done, *open_flows.values())
    ]


def _sorted_ends(counts: Mapping[tuple[str, int], list[int]]) -> list[tuple[object, ...]]:
    ends: list[tuple[object, ...]] = [(*end, *numbers) for end, numbers in counts.items()]
    if len(ends) == 1:
        # Who talks to itself from and to one port has one end, which sends everything.
        ends.append((*ends[0][:2], 0, 0, 0))
    return sorted(ends)


def test_a_conversation() -> None:
    data = made(
        [
            shift(CALL, 0),
            shift(REPLY, 0.1),
            shift(talk(A, B, tcp(40000, 80, ACK, b"GET")), 0.2),
            shift(talk(B, A, tcp(80, 40000, ACK, b"here"), mac=MAC_B), 0.3),
        ]
    )
    first, last = [one for one in told(data) if isinstance(one, Flow)]
    assert first.ongoing
    assert (first.outcome, first.client_packets, first.server_packets) == ("answered", 1, 1)
    assert last == Flow(
        seen=Seen("it", 1),
        start_ns=START_NS,
        end_ns=START_NS + 3 * S // 10,
        client=A,
        client_port=40000,
        server=B,
        server_port=80,
        protocol="tcp",
        client_packets=2,
        server_packets=2,
        client_bytes=83,
        server_bytes=84,
        client_payload_bytes=3,
        server_payload_bytes=4,
        outcome="answered",
        begun=True,
        client_mac="02:00:00:00:00:01",
        server_mac="02:00:00:00:00:02",
        ongoing=False,
    )


@pytest.mark.parametrize(
    ("frames", "outcome", "client", "begun"),
    [
        ([CALL], "unanswered", A, True),
        ([CALL, CALL], "unanswered", A, True),
        ([CALL, RESET], "refused", A, True),
        ([CALL, RESET, CALL, REPLY], "answered", A, True),
        ([REPLY], "unknown", A, True),
        ([CALL, talk(A, B, tcp(40000, 80, ACK))], "unknown", A, True),
        ([talk(B, A, tcp(80, 40000, ACK))], "unknown", A, False),
        ([talk(A, B, tcp(40000, 80, ACK))], "unknown", A, False),
        ([talk(A, B, udp(5000, 53))], "unanswered", A, True),
        ([talk(A, B, udp(53, 5000))], "unknown", B, True),
        ([talk(A, B, udp(1055, 4988))], "unanswered", A, True),
        ([talk(A, B, udp(123, 123)), talk(B, A, udp(123, 123))], "answered", A, True),
        ([ethernet(ip4(A, B, 1, icmp(8)))], "unanswered", A, True),
        ([ethernet(ip4(A, B, 1, icmp(0)))], "unknown", B, True),
        ([ethernet(ip4(A, B, 1, icmp(3)))], "unknown", A, True),
        ([ethernet(ip4(A, "224.0.0.2", 2, bytes(8)))], "unknown", A, True),
    ],
)
def test_how_it_went_and_who_began(frames: list[bytes], outcome: str, client: str, begun: bool) -> None:
    flow = one_flow([shift(frame, k / 10) for k, frame in enumerate(frames)])
    assert (flow.outcome, flow.client, flow.begun) == (outcome, client, begun)


def test_icmp_is_keyed_by_addresses_and_carries_its_type() -> None:
    flow = one_flow([shift(ethernet(ip4(A, B, 1, icmp(8))), 0), shift(ethernet(ip4(B, A, 1, icmp(0, 0, b"x"))), 1)])
    assert (flow.protocol, flow.client_port, flow.server_port, flow.outcome) == ("icmp", 0, 8, "answered")
    assert (flow.client_payload_bytes, flow.server_payload_bytes) == (0, 0)
    other = one_flow([shift(ethernet(ip4(A, "224.0.0.2", 2, bytes(8))), 0)])
    assert other.protocol == "2"


@pytest.mark.parametrize("six", [False, True])
def test_an_unreachable_refuses_what_it_quotes(six: bool) -> None:
    inner = udp(5000, 9999, b"?")
    if six:
        ask = ip6("fe80::1", "fe80::2", 17, inner)
        frames = [ethernet(ask, IPV6), ethernet(ip6("fe80::9", "fe80::1", 58, icmp(1, 4, ask)), IPV6)]
        foreign = ethernet(ip6("fe80::9", "fe80::7", 58, icmp(1, 4, ask)), IPV6)
    else:
        ask = ip4(A, B, 17, inner)
        frames = [ethernet(ask), ethernet(ip4(C, A, 1, icmp(3, 3, ask[:28])))]
        foreign = ethernet(ip4(C, "10.0.0.7", 1, icmp(3, 3, ask[:28])))
    said = told(made([shift(frame, k / 10) for k, frame in enumerate(frames)]))
    refused = [one for one in said if isinstance(one, Flow) and one.protocol == "udp"]
    assert [(one.outcome, one.ongoing) for one in refused] == [("refused", True), ("refused", False)]
    said = told(made([shift(frames[0], 0), shift(foreign, 1)]))
    assert [one.outcome for one in flows(said) if one.protocol == "udp"] == ["unanswered"]


def test_fragments_belong_to_what_their_sender_last_sent() -> None:
    first = ethernet(ip4(A, B, 17, udp(5000, 53, bytes(16), length=56), fragment=0x2000))
    later = ethernet(ip4(A, B, 17, bytes(32), fragment=3))
    flow = one_flow([shift(first, 0), shift(later, 0)])
    assert (flow.server_port, flow.client_packets, flow.client_bytes, flow.client_payload_bytes) == (53, 2, 96, 48)
    alone = one_flow([shift(later, 0)])
    assert (alone.protocol, alone.client_bytes) == ("0", 52)


def test_when_a_flow_is_told() -> None:
    beat = [shift(talk(A, B, udp(5000, 53)), t) for t in range(200)]
    said = [one for one in told(made(beat)) if isinstance(one, Flow)]
    assert [(one.client_packets, one.ongoing) for one in said] == [
        (2, True),
        (62, True),
        (122, True),
        (182, True),
        (200, False),
    ]
    assert len({one.start_ns for one in said}) == 1


def test_without_news_nothing_is_told_until_silence_ends_it() -> None:
    table = FlowTable()
    for batch in batches_of(made([shift(CALL, 0), shift(REPLY, 0.1)])):
        table.handle(batch)
    assert table.elapse(START_NS + 3000 * S) == []
    (flow,) = flows(table.elapse(START_NS + 3601 * S + S))
    assert (flow.ongoing, flow.end_ns) == (False, START_NS + S // 10)
    assert table.end() == []


def test_time_alone_tells_of_young_flows() -> None:
    table = FlowTable()
    for batch in batches_of(made([shift(CALL, 0)])):
        assert [one for one in table.handle(batch) if isinstance(one, Flow)] == []
    assert table.elapse(START_NS + S) == []
    (flow,) = table.elapse(START_NS + 2 * S)
    assert isinstance(flow, Flow)
    assert (flow.outcome, flow.ongoing) == ("unanswered", True)


def test_another_connection_on_the_same_ports_is_the_same_flow() -> None:
    bye = talk(A, B, tcp(40000, 80, FIN | ACK))
    flow = one_flow([shift(CALL, 0), shift(REPLY, 0.1), shift(bye, 1), shift(CALL, 70), shift(REPLY, 70.1)])
    assert (flow.client_packets, flow.server_packets) == (3, 2)


def test_frames_without_time_are_counted_and_move_no_time() -> None:
    (batch,) = batches_of(made([shift(CALL, 0), shift(REPLY, 1), shift(CALL, 2), shift(CALL, 3)]))
    batch.time_ns[[0, 2]] = NO_TIME_NS
    (flow,) = flows(told([batch]))
    assert (flow.client_packets, flow.start_ns, flow.end_ns) == (3, START_NS + S, START_NS + 3 * S)
    batch.time_ns[:] = NO_TIME_NS
    assert told([batch]) == []


def test_a_clock_set_back_neither_ends_flows_nor_stops_their_telling() -> None:
    later = [shift(talk(A, B, udp(5000, 53)), t) for t in range(50)]
    frames = [(t + 7200 * S, frame) for t, frame in later] + later + [(t + 90 * S, frame) for t, frame in later]
    said = [one for one in told(made(frames)) if isinstance(one, Flow)]
    assert [(one.client_packets, one.ongoing) for one in said] == [(2, True), (100, True), (150, False)]


def test_a_full_table_tells_and_drops_what_was_heard_longest_ago() -> None:
    frames = [shift(talk(A, B, udp(1000 + k, 53)), k / 100) for k in range(500)]
    table = FlowTable(most_flows=64)
    said = [one for batch in batches_of(made(frames)) for one in table.handle(batch)]
    early = flows(said)
    assert len(early) == 436
    assert [one.client_port for one in early] == list(range(1000, 1436))
    assert sorted(one.client_port for one in flows(table.end())) == list(range(1436, 1500))


def test_many_flows_at_once() -> None:
    frames = [shift(talk(A, B, udp(1 + k % 60000, 1 + k % 59999)), 0) for k in range(9000)]
    got = flows(told(made(frames)))
    assert len(got) == 9000
    assert {(one.client_port, one.server_port) for one in got} == {(1 + k, 1 + k) for k in range(9000)}


def test_bindings_are_told_when_new_when_changed_and_once_a_minute() -> None:
    frames = [shift(talk(A, B, udp(5000, 53)), t) for t in (0, 1, 59, 61, 62)]
    frames += [shift(talk(A, B, udp(5000, 53), mac=MAC_B), t) for t in (63, 63.1)]
    frames += [shift(talk(A, B, udp(5000, 53)), t) for t in (63.2, 63.3, 64)]
    got = [one for one in told(made(frames)) if isinstance(one, Binding)]
    assert [((one.time_ns - START_NS) / S, one.mac[-1], one.how) for one in got] == [
        (0, "1", "ip"),
        (61, "1", "ip"),
        (63, "2", "ip"),
        (63.2, "1", "ip"),
    ]
    assert got[0] == Binding(Seen("it", 1), START_NS, A, "02:00:00:00:00:01", "ip")


def test_flickering_bindings_are_told_once_a_second() -> None:
    frames = [shift(talk(A, B, udp(5000, 53), mac=(MAC_A, MAC_B)[k % 2]), k / 100) for k in range(1000)]
    got = [one for one in told(made(frames)) if isinstance(one, Binding)]
    assert 18 <= len(got) <= 22


def test_bindings_beyond_the_room_for_them_are_forgotten_and_told_anew() -> None:
    bindings = Bindings(most=8)
    sweep = [shift(talk(f"10.0.0.{k}", B, udp(5000, 53)), k) for k in (1, 2, 3, 4, 5, 6, 1)]
    got = [one.address[-1] for batch in batches_of(made(sweep)) for _, one in bindings.see(batch)]
    assert got == ["1", "2", "3", "4", "5", "6", "1"]
    roomy = [one.address[-1] for batch in batches_of(made(sweep)) for _, one in Bindings().see(batch)]
    assert roomy == ["1", "2", "3", "4", "5", "6"]


def test_arp_claims_and_questions() -> None:
    ask = ethernet(arp(1, A, C), ARP, src=MAC_B)
    answer = ethernet(arp(2, C, A, mac=MAC_B), ARP, src=MAC_B)
    announce = ethernet(arp(1, B, B), ARP)
    probe = ethernet(arp(1, "0.0.0.0", C), ARP)
    got = told(made([shift(ask, 0), shift(answer, 1), shift(announce, 2), shift(probe, 3)]))
    assert got == [
        Binding(Seen("it", 1), START_NS, A, "02:00:00:00:00:01", "arp"),
        Asked(Seen("it", 1), START_NS, A, "02:00:00:00:00:01", C),
        Binding(Seen("it", 2), START_NS + S, C, "02:00:00:00:00:02", "arp"),
        Binding(Seen("it", 3), START_NS + 2 * S, B, "02:00:00:00:00:01", "arp"),
        Asked(Seen("it", 4), START_NS + 3 * S, "0.0.0.0", "02:00:00:00:00:01", C),
    ]


def test_neighbour_solicitations_are_questions() -> None:
    target = bytes.fromhex("fe800000000000000000000000000009")
    frame = ethernet(ip6("fe80::1", "ff02::1:ff00:9", 58, icmp(135, 0, target)), IPV6)
    got = [one for one in told(made([shift(frame, 0)])) if isinstance(one, Asked)]
    assert got == [Asked(Seen("it", 1), START_NS, "fe80::1", "02:00:00:00:00:01", "fe80::9")]


@dataclass
class Ear:
    """A tap that writes down what it hears."""

    made_of: tuple[Any, ...]
    heard: list[Any] = field(default_factory=list)
    done: bool = False
    quota_bytes: int | None = None

    def hear(self, time_ns: int, *, from_client: bool, data: bytes, line: int) -> list[Notice]:
        self.heard.append((from_client, data, line))
        return [Notice(Seen("it", line), time_ns, "ear", data.decode("latin-1"), "", "")]

    def lost(self, from_client: bool) -> None:
        self.heard.append((from_client, None))

    def end(self, time_ns: int) -> list[Notice]:
        self.heard.append("end")
        return [Notice(Seen("it"), time_ns, "ear", "end", "", "")]


def ears(port: int, **given: Any) -> tuple[list[Ear], dict[int, TapFactory]]:
    all_ears: list[Ear] = []

    def factory(*made_of: Any) -> Ear:
        all_ears.append(Ear(made_of, **given))
        return all_ears[-1]

    return all_ears, {port: factory}


def test_taps_hear_tcp_in_order() -> None:
    frames = [
        talk(A, B, tcp(40000, 80, SYN, sequence=9)),
        talk(B, A, tcp(80, 40000, SYN | ACK, sequence=99, ack=10)),
        talk(A, B, tcp(40000, 80, ACK, b"ef", sequence=14, ack=100)),
        talk(A, B, tcp(40000, 80, ACK, b"abcd", sequence=10, ack=100)),
        talk(A, B, tcp(40000, 80, ACK, b"abcd", sequence=10, ack=100)),
        talk(B, A, tcp(80, 40000, ACK, b"yes", sequence=100, ack=16)),
        talk(A, C, tcp(40000, 81, ACK, b"not listened to")),
    ]
    heard, taps = ears(80)
    said = told(made([shift(frame, k / 10) for k, frame in enumerate(frames)]), taps=taps)
    (ear,) = heard
    assert ear.made_of == (Seen("it", 1), A, B, 40000, 80, "tcp")
    assert ear.heard == [(True, b"abcd", 4), (True, b"ef", 4), (False, b"yes", 6), "end"]
    notices = [one for one in said if isinstance(one, Notice)]
    assert [(one.name, one.time_ns - START_NS) for one in notices] == [
        ("abcd", 3 * S // 10),
        ("ef", 3 * S // 10),
        ("yes", S // 2),
        ("end", S // 2),
    ]


def test_taps_hear_datagrams_and_what_was_cut() -> None:
    data = pcap([(START_NS, talk(A, B, udp(5000, 53, b"question")))], snap=46)
    heard, taps = ears(53)
    told(data, taps=taps)
    assert heard[0].heard == [(True, b"ques", 1), (True, None), "end"]
    assert heard[0].made_of[1:] == (A, B, 5000, 53, "udp")


def test_a_tap_that_has_heard_enough_hears_no_more() -> None:
    frames = made([shift(talk(A, B, udp(5000, 53, b"12345")), t) for t in range(5)])
    heard, taps = ears(53, quota_bytes=10)
    told(frames, taps=taps)
    assert len(heard[0].heard) == 3
    heard, taps = ears(53, done=True)
    told(frames, taps=taps)
    assert heard[0].heard == ["end"]


def test_a_tap_that_is_done_does_not_keep_the_next_connection_from_its_own() -> None:
    heard, taps = ears(80, done=True)
    again = talk(A, B, tcp(40000, 80, SYN, sequence=5000))
    told(made([shift(CALL, 0), shift(CALL, 1), shift(again, 2)]), taps=taps)
    assert len(heard) == 2


def test_what_came_early_is_bounded_over_all_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("houfeng.guard.observe.listening.MOST_EARLY_BYTES", 5000)
    frames = []
    for k in range(10):
        frames.append(talk(A, B, tcp(40000 + k, 80, SYN)))
        frames.append(talk(A, B, tcp(40000 + k, 80, ACK, bytes(1000), sequence=9)))
    heard, taps = ears(80)
    table = FlowTable(taps=taps)
    for batch in batches_of(made([shift(frame, 0) for frame in frames])):
        table.handle(batch)
    assert sum((True, None) in ear.heard for ear in heard) == 5
    table.end()
    assert sum((True, None) in ear.heard for ear in heard) == 10


@given(payloads=st.lists(st.binary(max_size=120), max_size=20), kind=st.sampled_from([ARP, 0x0800, IPV6]))
@settings(max_examples=100, deadline=None)
def test_garbage_behind_any_ether_type_never_raises(payloads: list[bytes], kind: int) -> None:
    heads = {0x0800: b"\x45\0\0\0", IPV6: b"\x60\0\0\0\0\0", ARP: b"\0\1\x08\0\6\4\0"}
    _, taps = ears(0)
    frames = [shift(ethernet(heads[kind] + payload, kind), k) for k, payload in enumerate(payloads)]
    said = told(made(frames), taps=taps | ears(1)[1])
    assert all(one.client_packets + one.server_packets > 0 for one in flows(said))


def test_another_connection_and_another_flow_have_taps_of_their_own() -> None:
    again = talk(A, B, tcp(40000, 80, SYN, sequence=5000))
    word = talk(A, B, tcp(40000, 80, ACK, b"two", sequence=5001))
    first = talk(A, B, tcp(40000, 80, ACK, b"one", sequence=1))
    frames = [(CALL, 0), (first, 1), (again, 2), (word, 3), (CALL, 7200), (first, 7201)]
    heard, taps = ears(80)
    told(made([shift(*pair) for pair in frames]), taps=taps)
    assert [[said[1] for said in ear.heard if said != "end"] for ear in heard] == [[b"one"], [b"two"], [b"one"]]
    assert all(ear.heard[-1] == "end" for ear in heard)


def real(houfeng_data: Path, name: str) -> Told:
    reader, table = PcapReader("it"), FlowTable()
    said = [*reader.read((houfeng_data / name).read_bytes()), *reader.end()]
    assert all(isinstance(one, FrameBatch) for one in said)
    return [one for batch in said if isinstance(batch, FrameBatch) for one in table.handle(batch)] + table.end()


_PMU = "net_synchrophasor_a"


@pytest.mark.parametrize(
    ("capture", "truth", "count"),
    [
        ("net_seedlink_benign/capture.pcap", "net_seedlink_benign/truth/flows.csv", 42),
        ("net_rat_a/periodic_https/capture.pcap", "net_rat_a/periodic_https/flows_truth.csv", 297),
        ("net_formats_a/dnp3_part1/capture.pcap", "net_formats_a/dnp3_part1/truth_flows.csv", 8),
        ("net_formats_a/modbus_part1/capture.pcap", "net_formats_a/modbus_part1/truth_flows.csv", 6),
        (f"{_PMU}/pmu1100_clean.pcap", f"{_PMU}/truth/flows_pmu1100_clean.csv", 1),
        (f"{_PMU}/pmu1100_frames_only.pcap", f"{_PMU}/truth/flows_pmu1100_frames_only.csv", 1),
        (f"{_PMU}/pmu1100_lan.pcap", f"{_PMU}/truth/flows_pmu1100_lan.csv", 159),
        (f"{_PMU}/one_pmu_tcp.pcap", f"{_PMU}/truth/flows_one_pmu_tcp.csv", 1),
        (f"{_PMU}/two_pmus_tcp.pcap", f"{_PMU}/truth/flows_two_pmus_tcp.csv", 6),
    ],
)
def test_real_flows_are_counted_as_their_truth_says(houfeng_data: Path, capture: str, truth: str, count: int) -> None:
    with (houfeng_data / truth).open(encoding="utf-8") as file:
        wanted = Counter(_of_truth(row) for row in csv.DictReader(file))
    assert wanted.total() == count
    assert Counter(_of_flow(flow) for flow in flows(real(houfeng_data, capture))) == wanted


def _of_truth(row: dict[str, str]) -> tuple[object, ...]:
    ends = [
        (row[side], int(row[port]), *(int(row[f"{name}_{way}"]) for name in ("pkts", "ip_bytes", "payload")))
        for side, port, way in (("src", "sport", "fwd"), ("dst", "dport", "rev"))
    ]
    # The tables name IGMP, and stop before IPv6's extension headers, behind which these are ICMPv6.
    protocol = {"igmp": "2", "0": "icmp6"}.get(row["proto"], row["proto"])
    return (protocol, row["first_utc_s"], row["last_utc_s"], *sorted(ends))


def _of_flow(flow: Flow) -> tuple[object, ...]:
    server_port = 0 if flow.protocol.startswith("icmp") else flow.server_port
    ends = [
        (flow.client, flow.client_port, flow.client_packets, flow.client_bytes, flow.client_payload_bytes),
        (flow.server, server_port, flow.server_packets, flow.server_bytes, flow.server_payload_bytes),
    ]
    times = [f"{t // S}.{t % S // 1000:06d}" for t in (flow.start_ns, flow.end_ns)]
    return (flow.protocol, *times, *sorted(ends))


def test_real_scan_and_guesses(houfeng_data: Path) -> None:
    folder = "net_bruteforce_scan_a"
    questions = [one for one in real(houfeng_data, f"{folder}/arp_scan.pcap") if isinstance(one, Asked)]
    swept = [one for one in questions if one.asker == "192.168.1.247"]
    assert (len(swept), len({one.target for one in swept}), len(questions)) == (507, 255, 514)
    assert {one.asker_mac for one in swept} == {"50:ed:3c:39:bc:d9"}
    for name, port, count, packets in (("ssh_guess", 22, 11, 431), ("ftp_bruteforce", 21, 30, 606)):
        got = flows(real(houfeng_data, f"{folder}/{name}.pcap"))
        assert [(one.server_port, one.outcome, one.begun) for one in got] == [(port, "answered", True)] * count
        assert sum(one.client_packets + one.server_packets for one in got) == packets


def test_real_flows_with_impossible_stamps_last_no_longer_than_their_file(houfeng_data: Path) -> None:
    data = (houfeng_data / "net_malformed_a/files/absurd_times.pcap").read_bytes()
    got = flows(told(data))
    assert sum(one.client_packets + one.server_packets for one in got) == 40
    assert all(one.end_ns - one.start_ns < 5 * S for one in got)
    assert all(one.start_ns // S // 86_400 == 16_084 for one in got)


def test_real_bytes_are_delivered_as_they_were_sent(houfeng_data: Path) -> None:
    """Every record the digitiser wrote by DataLink, taken from the frames, has the digest its writer noted."""
    folder = houfeng_data / "net_seedlink_benign"
    heard, taps = ears(16000)
    told(batches_of((folder / "capture.pcap").read_bytes()), taps=taps)
    (ear,) = heard
    assert (True, None) not in ear.heard
    text = b"".join(said[1] for said in ear.heard if said[0] is True)
    digests, at = [], 0
    while at < len(text):
        assert text[at : at + 2] == b"DL"
        begins = at + 3 + text[at + 2]
        words = text[at + 3 : begins].split()
        size = int(words[-1]) if words[0] == b"WRITE" else 0
        if size:
            digests.append(sha256(text[begins + 64 : begins + 512]).hexdigest()[:16])
        at = begins + size
    with (folder / "truth/records.csv").open(encoding="utf-8") as file:
        assert digests == [row["data_sha256_16"] for row in csv.DictReader(file)]
    assert len(digests) == 681


def between(a: str, b: str, *said: tuple[bool, int], port: int) -> list[bytes]:
    """TCP segments of a client A and a server B: whether the client's, and its flags."""
    ends = {True: (a, b, 40_000, port), False: (b, a, port, 40_000)}
    return [
        ethernet(ip4(src, dst, 6, tcp(from_port, to_port, flags)))
        for ahead, flags in said
        for src, dst, from_port, to_port in [ends[ahead]]
    ]


def test_a_connection_that_came_to_its_end_is_over_as_soon_as_is_wanted() -> None:
    spoken = [(True, SYN), (False, SYN | ACK), (True, ACK)]
    frames = [
        *between(A, B, (True, SYN), (False, RST | ACK), port=1),
        *between(A, B, (True, SYN), port=2),
        *between(A, B, *spoken, (True, FIN | ACK), (False, FIN | ACK), port=3),
        *between(A, B, *spoken, port=4),
        *between(A, B, *spoken, (True, FIN | ACK), port=5),
    ]
    batches = batches_of(pcap([(START_NS + k, frame) for k, frame in enumerate(frames)]))
    for over_idle_ns, over in ((10 * S, [1, 2, 3]), (None, [])):
        table = FlowTable(over_idle_ns=over_idle_ns)
        for batch in batches:
            assert not [one for one in flows(table.handle(batch)) if not one.ongoing]
        said = flows(table.elapse(START_NS + 15 * S))
        assert [one.server_port for one in said if not one.ongoing] == over
        assert sorted(one.server_port for one in flows(table.end())) == [n for n in range(1, 6) if n not in over]


def test_an_eye_that_saw_nothing_for_longer_than_any_conversation_lasts_is_forgotten() -> None:
    observing = Observing(salt=1 << 61)
    for batch in batches_of(pcap([(START_NS, ethernet(ip4(A, B, 6, tcp(1, 2, ACK))))])):
        observing.handle(batch)
    assert flows(observing.elapse(START_NS + 3599 * S)) == []
    assert len(observing._tables) == 1
    assert len(flows(observing.elapse(START_NS + 3602 * S))) == 1
    assert observing._tables == {}
    assert observing.end() == []
