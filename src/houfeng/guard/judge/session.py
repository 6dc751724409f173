"""Judges TCP sessions from within: bytes, resets, addresses and counters that cannot come from the session's own ends.

What an allow-list passes, since addresses and ports are right, contradicts the session here. A capture that misses
frames, sends some twice or in another order by milliseconds contradicts nothing.
"""

import ipaddress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from houfeng.guard.judge import session_memory as m
from houfeng.guard.judge.rules import rules_of
from houfeng.guard.judge.session_frame import (
    ACCUSATION_FIELDS,
    AT,
    FIGURE,
    FIGURE_2,
    FIGURE_3,
    KIND,
    ROOM,
    Columns,
    Limits,
)
from houfeng.guard.judge.session_kernel import walk
from houfeng.guard.judge.session_memory import empty_memory
from houfeng.wire.eyes.frames import IPV4, IPV6, SYN, FrameBatch, mac_text
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Seen

_TCP: Final = 6

#: By kind: the detector, how soon to look, how probably it is what it says, and its sign in one word.
_KINDS: Final[dict[int, tuple[str, Severity, float, str]]] = {
    # Equal content under one number leaves no other reading than a broken sender.
    m.OVERLAP: ("session-injection", "high", 0.9, "other-content"),
    m.APART: ("session-injection", "high", 0.9, "two-numberings"),
    m.INSIDE: ("session-injection", "high", 0.8, "handshake-inside"),
    # A capture that misses frames can, seldom, show the next ones without anybody's doing.
    m.STALE: ("session-injection", "high", 0.7, "already-acknowledged"),
    m.REPLAY: ("session-replay", "medium", 0.6, "sent-before"),
    # Firewalls do this too.
    m.CUT: ("session-cut", "medium", 0.5, "forged"),
    m.STORM: ("session-desync", "high", 0.8, "acknowledgement-storm"),
    # A host that died in that second looks the same.
    m.DEAF: ("session-deaf", "low", 0.3, "never-acknowledged"),
    m.HIJACK: ("session-hijack", "high", 0.8, "other-mac"),
    m.COUNTER_REPEAT: ("counter-broken", "medium", 0.7, "repeat"),
    m.COUNTER_JUMP: ("counter-broken", "medium", 0.6, "jump"),
}


class SessionJudge:
    """A stage: frames in, judgements of sessions out. It learns from each session what is usual in it.

    Its memory is a fixed 48 MB at most, whatever comes; see session_memory.
    """

    __slots__ = ("_limits", "_memory", "_told")

    def __init__(self) -> None:
        self._limits = _limits()
        self._memory = empty_memory()
        self._told = np.zeros((ROOM, ACCUSATION_FIELDS), np.int64)

    def handle(self, batch: FrameBatch) -> list[Judgement]:
        """Frames of one eye in the order in which it saw them; every episode of a session is told once."""
        is_ip = (batch.ether_type == IPV4) | (batch.ether_type == IPV6)
        chosen = np.flatnonzero((batch.protocol == _TCP) & is_ip)
        columns = Columns(**{name: _signed(getattr(batch, name)) for name in Columns._fields})._replace(
            digest=batch.digest.view(np.int64)
        )
        out: list[Judgement] = []
        at = 0
        while at < len(chosen):
            at, count = walk(columns, chosen, at, self._memory, self._limits, self._told)
            out.extend(_judgement(batch, row) for row in self._told[:count].tolist())
        return out

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed: nothing follows, since every sign shows in a frame and old sessions give way by themselves."""
        return []


def _signed(column: NDArray[Any]) -> NDArray[Any]:
    """A column as the walk takes it: digests and addresses keep their bits, all else its value."""
    return column if column.dtype == np.uint64 else column.astype(np.int64, copy=False)


def _limits() -> Limits:
    rules = rules_of("session")
    replay, injection = rules["session-replay"].limits, rules["session-injection"].limits
    storm, deaf = rules["session-desync"].limits, rules["session-deaf"].limits
    hijack, counter = rules["session-hijack"].limits, rules["counter-broken"].limits
    return Limits(
        least_payload_bytes=int(replay["least_payload_bytes"]),
        payloads_before=int(replay["payloads_before"]),
        repeats_per_payload=replay["repeats_per_payload"],
        settle_ns=seconds_to_ns(injection["settle_s"]),
        apart_bytes=int(injection["apart_bytes"]),
        inside_bytes=int(injection["inside_bytes"]),
        late_segments=int(injection["late_segments"]),
        late_share=injection["late_share"],
        episode_ns=seconds_to_ns(injection["episode_s"]),
        forget_ns=seconds_to_ns(injection["forget_s"]),
        barren_frames=int(storm["barren_frames"]),
        barren_ns=seconds_to_ns(storm["within_s"]),
        answered_ns=seconds_to_ns(deaf["answered_within_s"]),
        answer_sends=int(deaf["sends"]),
        answer_over_ns=seconds_to_ns(deaf["over_s"]),
        first_frames=int(hijack["first_frames"]),
        settled_frames=int(hijack["settled_frames"]),
        counter_uses=int(counter["uses"]),
        counter_skip=int(counter["skip"]),
        counter_steps=int(counter["steps_before"]),
    )


def _judgement(batch: FrameBatch, row: list[int]) -> Judgement:
    at, kind = row[AT], row[KIND]
    detector, severity, probability, sign = _KINDS[kind]
    sender = _address(int(batch.src_hi[at]), int(batch.src_lo[at]), int(batch.ether_type[at]))
    receiver = _address(int(batch.dst_hi[at]), int(batch.dst_lo[at]), int(batch.ether_type[at]))
    # The server's port names the session; of two high ones the lower.
    port = min(int(batch.src_port[at]), int(batch.dst_port[at]))
    mac = mac_text(int(batch.src_mac[at]))
    subject, peer = sender, receiver
    facts = {"port": str(port), "sign": sign, "mac": mac} | dict(_figures(kind, row, batch))
    if kind == m.DEAF:
        subject, peer = receiver, sender
    elif kind == m.HIJACK:
        subject = mac
        facts["address"] = sender
    time_ns = int(batch.time_ns[at])
    seen = Seen(batch.eye, int(batch.number[at]))
    return Judgement(detector, time_ns, time_ns, subject, peer, severity, probability, tuple(facts.items()), (seen,))


def _figures(kind: int, row: list[int], batch: FrameBatch) -> list[tuple[str, str]]:
    """The facts that fill the words of the kind's rule."""
    figure, figure_2, figure_3 = row[FIGURE], row[FIGURE_2], row[FIGURE_3]
    payload_bytes = str(int(batch.payload_bytes[row[AT]]))
    match kind:
        case m.OVERLAP | m.APART | m.INSIDE | m.STALE:
            return [("sequence", str(figure)), ("bytes", str(figure_2))]
        case m.REPLAY:
            seconds = f"{figure / NS_PER_S:.3f}"
            counts = [("payloads", str(figure_2)), ("repeats", str(figure_3))]
            return [("bytes", payload_bytes), ("seconds", seconds), *counts]
        case m.CUT:
            return [("sign", "SYN" if figure == SYN else "RST")]
        case m.STORM:
            return [("frames", str(figure)), ("seconds", f"{figure_2 / NS_PER_S:.3f}")]
        case m.DEAF:
            return [("sends", str(figure)), ("seconds", f"{figure_2 / NS_PER_S:.3f}")]
        case m.HIJACK:
            return [("mac_before", mac_text(figure))]
        case _:
            return [("counter", str(figure)), ("expected", str(figure_2))]


def _address(high: int, low: int, ether_type: int) -> str:
    if ether_type == IPV4:
        return str(ipaddress.IPv4Address(low & 0xFFFF_FFFF))
    return str(ipaddress.IPv6Address(high << 64 | low))
