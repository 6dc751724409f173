"""Judges ARP replies that nobody asked for: what keeps a neighbour's cache poisoned."""

from collections import deque
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Final, TypeVar

import numpy as np

from houfeng.guard.judge.rules import rules_of
from houfeng.wire.eyes.frames import ARP, FrameBatch, mac_text
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement
from houfeng.words.network import Seen

#: Questions, and claims, kept in mind: a scan of a /20.
MOST: Final = 4096

K = TypeVar("K")
V = TypeVar("V")

_REQUEST: Final = 1
_REPLY: Final = 2


@dataclass(slots=True)
class _Claim:
    """Unasked replies of one device about one address to one other: when each came, and when that was last told."""

    times_ns: deque[int] = field(default_factory=lambda: deque(maxlen=64))
    told_ns: int | None = None


class ArpReplyJudge:
    """A stage: frames in, judgements of ARP replies out."""

    __slots__ = ("_asked_ns", "_claims", "_least", "_patience_ns", "_within_ns")

    def __init__(self) -> None:
        limits = rules_of("bindings")["reply-unasked"].limits
        self._least = int(limits["replies"])
        self._within_ns = seconds_to_ns(limits["within_s"])
        self._patience_ns = seconds_to_ns(limits["asked_s"])
        self._asked_ns: dict[tuple[int, int], int] = {}
        self._claims: dict[tuple[int, int, int], _Claim] = {}

    def handle(self, batch: FrameBatch) -> list[Judgement]:
        """Frames of one eye in the order in which it saw them; only ARP is looked at."""
        out: list[Judgement] = []
        for i in np.flatnonzero((batch.ether_type == ARP) & (batch.arp_op > 0)).tolist():
            now_ns = int(batch.time_ns[i])
            sender, target = int(batch.src_lo[i]), int(batch.dst_lo[i])
            if batch.arp_op[i] == _REQUEST:
                _remember(self._asked_ns, (sender, target), now_ns)
            elif batch.arp_op[i] == _REPLY and sender != target:  # a reply to oneself announces, to everybody
                out += self._replied(batch, i, now_ns, sender, target)
        return out

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed: nothing follows."""
        return []

    def _replied(self, batch: FrameBatch, i: int, now_ns: int, sender: int, target: int) -> list[Judgement]:
        asked_ns = self._asked_ns.get((target, sender))
        if asked_ns is not None and now_ns - asked_ns <= self._patience_ns:
            return []
        mac = int(batch.arp_mac[i])
        key = (mac, sender, target)
        claim = self._claims.get(key) or _remember(self._claims, key, _Claim())
        claim.times_ns.append(now_ns)
        recent = [time_ns for time_ns in claim.times_ns if now_ns - time_ns <= self._within_ns]
        if len(recent) < self._least:
            return []
        before_ns, claim.told_ns = claim.told_ns, now_ns
        if before_ns is not None and now_ns - before_ns <= self._within_ns:
            return []
        facts = (
            ("replies", str(len(recent))),
            ("seconds", f"{(now_ns - recent[0]) / NS_PER_S:.3f}"),
            ("address", str(IPv4Address(sender))),
        )
        peer, seen = str(IPv4Address(target)), Seen(batch.eye, int(batch.number[i]))
        return [Judgement("reply-unasked", now_ns, now_ns, mac_text(mac), peer, "high", 0.8, facts, (seen,))]


def _remember(kept: dict[K, V], key: K, value: V) -> V:
    kept.pop(key, None)
    if len(kept) >= MOST:
        del kept[next(iter(kept))]
    kept[key] = value
    return value
