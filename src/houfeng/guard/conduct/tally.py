"""Flows counted up: what an eye told of one conversation in several instalments is one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from houfeng.words.network import Flow

#: A conversation with fewer packets than one a minute pauses: eyes tell of what lasts once a minute.
DENSE_NS: Final = 60_000_000_000


@dataclass(slots=True)
class Tally:
    """One conversation. bytes and packets are those of client and server; IP headers are counted.

    answered  both sides spoke; in TCP more than a refusal
    dense_ns  how much of its time it was told of with a packet a minute at least
    """

    client: str
    client_port: int
    server: str
    server_port: int
    protocol: str
    start_ns: int
    end_ns: int
    bytes: tuple[int, int]
    packets: tuple[int, int]
    answered: bool
    service: str
    dense_ns: int


def key_of(flow: Flow) -> tuple[str, str, int, str, int, str, int]:
    """What all instalments of one conversation have in common."""
    sides = (flow.client, flow.client_port, flow.server, flow.server_port)
    return (flow.seen.eye, *sides, flow.protocol, flow.start_ns)


def tallies_of(flows: Iterable[Flow]) -> list[Tally]:
    """The conversations in order of their beginning, each as it was last told."""
    last: dict[tuple[str, str, int, str, int, str, int], Flow] = {}
    dense_ns: dict[tuple[str, str, int, str, int, str, int], int] = {}
    for flow in flows:
        key = key_of(flow)
        before = last.get(key)
        span_ns = flow.end_ns - (before.end_ns if before else flow.start_ns)
        packets = _packets(flow) - (_packets(before) if before else 0)
        if span_ns <= DENSE_NS * packets:
            dense_ns[key] = dense_ns.get(key, 0) + span_ns
        last[key] = flow
    in_order = sorted(last.items(), key=lambda item: (item[1].start_ns, item[1].end_ns))
    return [_tally(flow, dense_ns.get(key, 0)) for key, flow in in_order]


def _packets(flow: Flow) -> int:
    return flow.client_packets + flow.server_packets


def _tally(flow: Flow, dense_ns: int) -> Tally:
    # An eye that saw the middle of a conversation cannot say who was refused.
    answered = flow.outcome == "answered" or (flow.outcome == "unknown" and (flow.server_packets > 0 or not flow.begun))
    return Tally(
        client=flow.client,
        client_port=flow.client_port,
        server=flow.server,
        server_port=flow.server_port,
        protocol=flow.protocol,
        start_ns=flow.start_ns,
        end_ns=flow.end_ns,
        bytes=(flow.client_bytes, flow.server_bytes),
        packets=(flow.client_packets, flow.server_packets),
        answered=answered,
        service=flow.service,
        dense_ns=dense_ns,
    )
