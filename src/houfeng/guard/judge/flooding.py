"""Floods: far more connections, or far more small packets, than a host ever met before."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from houfeng.guard.judge.hosts import is_group, is_local
from houfeng.guard.judge.recent import HOUR_NS, Episode, Shelf
from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Flow, Observation

#: Servers followed at once, and beginnings kept of each, twice the limit.
_SERVERS: Final = 2048
_KEPT: Final = 1024

#: What is accused when no address sends half of a flood: its sources are mostly forged.
MANY: Final = "many"


@dataclass(slots=True)
class _Doors:
    """Connections to one service that were begun and not used: when, and by whom."""

    begun: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    episode: Episode = field(default_factory=Episode)


@dataclass(slots=True)
class _Host:
    """The most packets a second that one conversation ever sent to a host."""

    highest_hz: float = 0.0
    episode: Episode = field(default_factory=Episode)


class Flooding:
    """Judges flood.

    ours  whether an address is one of ours
    """

    def __init__(self, ours: Callable[[str], bool] = is_local) -> None:
        self._ours = ours
        self._rule = rules_of("flooding")["flood"]
        self._doors: Shelf[tuple[str, int], _Doors] = Shelf(_SERVERS, _Doors)
        self._hosts: Shelf[str, _Host] = Shelf(_SERVERS, _Host)
        self._first_ns: int | None = None

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        if not isinstance(observation, Flow):
            return []
        if self._first_ns is None:
            self._first_ns = observation.start_ns
        if is_group(observation.server):
            return []
        return self._begun(observation) + self._sent(observation)

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed; nothing waits for that here."""
        return []

    def _begun(self, flow: Flow) -> list[Judgement]:
        """Count connections that are begun and left."""
        left = flow.outcome in {"refused", "unanswered"} or flow.client_packets <= 2
        if flow.protocol != "tcp" or not flow.begun or flow.ongoing or not left:
            return []
        doors, limits = self._doors.of((flow.server, flow.server_port)), self._rule.limits
        doors.begun.append((flow.start_ns, flow.client))
        if len(doors.begun) < limits["begun"]:
            return []
        since_ns = flow.start_ns - seconds_to_ns(limits["begun_s"])
        lately = [client for start_ns, client in doors.begun if start_ns >= since_ns]
        if len(lately) < limits["begun"]:
            return []
        doors.episode.goes_on(flow.end_ns, seconds_to_ns(limits["quiet_s"]))
        if not doors.episode.tell(flow.end_ns, len(lately)):
            return []
        client, most = Counter(lately).most_common(1)[0]
        subject = client if 2 * most >= len(lately) else MANY
        what = f"{len(lately)} connections to tcp {flow.server_port}, begun and left, within {limits['begun_s']:.0f} s"
        what_zh = f"{limits['begun_s']:.0f} 秒内向 tcp {flow.server_port} 发起 {len(lately)} 个未完成的连接"
        return [self._judgement(flow, subject, len(lately), what, what_zh)]

    def _sent(self, flow: Flow) -> list[Judgement]:
        """Compare the packets a second of a lasting conversation with the host's past."""
        limits, took_s = self._rule.limits, (flow.end_ns - flow.start_ns) / NS_PER_S
        if took_s < limits["lasting_s"]:
            return []
        host, rate_hz = self._hosts.of(flow.server), flow.client_packets / took_s
        past_hz, host.highest_hz = host.highest_hz, max(host.highest_hz, rate_hz)
        assert self._first_ns is not None
        known = flow.start_ns - self._first_ns >= HOUR_NS  # before that there is no past to compare with
        packets = flow.client_packets + flow.server_packets
        small = flow.client_bytes + flow.server_bytes <= limits["small_bytes"] * packets
        vain = flow.outcome == "unanswered" and rate_hz >= limits["unanswered_hz"]
        enough = vain or (small and rate_hz >= limits["packets_hz"])
        if not known or not enough or rate_hz < limits["times_past"] * past_hz:
            return []
        host.episode.goes_on(flow.end_ns, seconds_to_ns(limits["quiet_s"]))
        if not host.episode.tell(flow.end_ns, flow.client_packets):
            return []
        what = f"{rate_hz:.0f} packets a second for {took_s:.0f} s; the most before was {past_hz:.1f}"
        what_zh = f"连续 {took_s:.0f} 秒每秒 {rate_hz:.0f} 个包；此前最高为 {past_hz:.1f}"
        return [self._judgement(flow, flow.client, flow.client_packets, what, what_zh)]

    def _judgement(self, flow: Flow, subject: str, count: int, what: str, what_zh: str) -> Judgement:
        facts = (("count", str(count)), ("what", what), ("what_zh", what_zh))
        severity: Severity = "high" if self._ours(flow.server) or self._ours(subject) else "medium"
        probability = self._rule.limits["probability"]
        return Judgement(
            "flood", flow.end_ns, flow.end_ns, subject, flow.server, severity, probability, facts, (flow.seen,)
        )
