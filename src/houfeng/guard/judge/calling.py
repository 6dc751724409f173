"""Calls in vain: one host calls one service of another again and again, and nobody answers."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from houfeng.guard.judge.hosts import is_group, is_local
from houfeng.guard.judge.recent import HOUR_NS, Episode, Shelf
from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Flow, Observation, Seen

#: Client, server and port followed at once; calls kept of each, above the limit of the slow kind.
_CALLS: Final = 2048
_KEPT: Final = 256


@dataclass(slots=True)
class _Calls:
    """When calls in vain began, since the last that was answered."""

    begun: deque[int] = field(default_factory=lambda: deque(maxlen=_KEPT))
    count: int = 0
    first: Seen | None = None
    episode: Episode = field(default_factory=Episode)


class Calling:
    """Judges calls-refused.

    ours     whether an address is one of ours; strangers who call us in vain are probing.py's matter
    allowed  whether a flow is what a station may do: a station whose centre is down has to call again and again
    """

    def __init__(
        self,
        ours: Callable[[str], bool] = is_local,
        allowed: Callable[[Flow], bool] = lambda flow: False,  # noqa: ARG005
    ) -> None:
        self._ours = ours
        self._allowed = allowed
        self._rule = rules_of("calling")["calls-refused"]
        self._calls: Shelf[tuple[str, str, int, str], _Calls] = Shelf(_CALLS, _Calls)

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        if not isinstance(observation, Flow) or observation.ongoing or is_group(observation.server):
            return []
        key = (observation.client, observation.server, observation.server_port, observation.protocol)
        if observation.outcome == "answered":
            self._calls.forget(key)
        # UDP may be a stream that expects no answer, such as syslog; a refusal it does get.
        in_vain = observation.outcome == "refused" or (
            observation.outcome == "unanswered" and observation.protocol == "tcp"
        )
        probing = self._ours(observation.server) and not self._ours(observation.client)
        if not in_vain or not observation.begun or probing or self._allowed(observation):
            return []
        return self._in_vain(observation, self._calls.of(key))

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed; nothing waits for that here."""
        return []

    def _in_vain(self, flow: Flow, calls: _Calls) -> list[Judgement]:
        limits, begun_ns = self._rule.limits, flow.start_ns
        if not calls.episode.goes_on(begun_ns, seconds_to_ns(limits["quiet_s"])):
            calls.begun.clear()
            calls.count, calls.first = 0, flow.seen
        calls.begun.append(begun_ns)
        calls.count += 1
        quick = _since(calls, begun_ns - seconds_to_ns(limits["quick_s"])) >= limits["quick"]
        steady = calls.count >= limits["steady_per_hour"]
        steady = steady and _since(calls, begun_ns - HOUR_NS) >= limits["steady_per_hour"]
        grave = quick and self._ours(flow.client) and not self._ours(flow.server)
        if not (quick or steady) or not calls.episode.tell(flow.end_ns, calls.count, grave=grave):
            return []
        severity: Severity = "medium" if grave else "low"
        facts = (
            ("count", str(calls.count)),
            ("port", f"{flow.protocol} {flow.server_port}"),
            ("seconds", f"{(begun_ns - calls.episode.first_ns) / NS_PER_S:.0f}"),
        )
        evidence = (flow.seen,) if calls.first is None else (calls.first, flow.seen)
        probability = limits["probability" if grave else "probability_low"]
        return [
            Judgement(
                "calls-refused", flow.end_ns, flow.end_ns, flow.client, flow.server,
                severity, probability, facts, evidence,
            )
        ]  # fmt: skip


def _since(calls: _Calls, time_ns: int) -> int:
    return sum(begun_ns >= time_ns for begun_ns in calls.begun)
