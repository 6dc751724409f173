"""From samples to packets: when each is stamped to begin, and when, if ever, it reaches the centre."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from houfeng.twin.faults import Fault, clock_error_ns
from houfeng.words.instant import NS_PER_S

#: A packet that never arrives.
NEVER_NS = np.iinfo(np.int64).max

#: What a returning link sends of what it held: so many packets a second.
CATCH_UP_PER_S = 20.0


@dataclass(frozen=True, slots=True)
class Transport:
    """How samples are packed and carried.

    packet_s       whole samples to a packet
    version        of miniSEED
    record_length  longest record in bytes
    latency_s      the least time from a packet's last sample to its arrival
    jitter_s       middle of what comes on top; its logarithm has a spread of one
    loss           share of packets that never arrive
    """

    packet_s: float = 5.0
    version: Literal[2, 3] = 2
    record_length: int = 512
    latency_s: float = 0.4
    jitter_s: float = 0.15
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Carried:
    """Packets of three channels, [3, n] each.

    stamp_ns    what they say of their first sample
    arrival_ns  when they reach the centre, NEVER_NS when they do not
    """

    stamp_ns: NDArray[np.int64]
    arrival_ns: NDArray[np.int64]


def carry(
    begin_s: NDArray[np.float64], start_ns: int, transport: Transport, faults: Sequence[Fault], rng: Generator
) -> Carried:
    """Stamp and carry the packets of one station.

    begin_s   [n] of their first samples, after the recording's first
    start_ns  of the recording
    rng       of this station and stretch
    """
    shape = (3, len(begin_s))
    true_ns = start_ns + np.rint(begin_s * NS_PER_S).astype(np.int64)
    stamp_ns = true_ns + sum(clock_error_ns(fault, begin_s) for fault in faults)
    delay_s = transport.latency_s + transport.jitter_s * np.exp(rng.standard_normal(shape))
    gone = rng.random(shape) < transport.loss
    ready_s = begin_s + transport.packet_s
    arrive_s = ready_s + delay_s
    for fault in faults:
        down = (ready_s >= fault.from_s) & (ready_s < fault.to_s)
        if fault.kind == "lost":
            gone |= down
        elif fault.kind == "held":
            late_s = fault.to_s + np.cumsum(down) / CATCH_UP_PER_S
            arrive_s = np.where(down, late_s + delay_s, arrive_s)
    arrival_ns = start_ns + np.rint(np.where(np.isfinite(arrive_s), arrive_s, 0.0) * NS_PER_S).astype(np.int64)
    gone |= ~np.isfinite(arrive_s)
    return Carried(np.broadcast_to(stamp_ns, shape), np.where(gone, NEVER_NS, arrival_ns))
