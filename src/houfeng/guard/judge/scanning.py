"""Scans: one host tries many ports of a host, or one port of many hosts, or asks for every address of a network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from houfeng.guard.judge.hosts import is_group, is_local, network_of
from houfeng.guard.judge.recent import Episode, Lately, Shelf
from houfeng.guard.judge.rules import Rule, rules_of
from houfeng.words.instant import DAY_NS, NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Asked, Binding, Flow, Observation, Seen, time_of

#: Sweeps followed at once and different targets kept of each, ten times the limits and some: below 100 MB when
#: strangers fill both. Of hosts that answered as many are kept as a nation has stations.
_SWEEPS: Final = 1024
_TARGETS: Final = 320
_ANSWERED: Final = 2048
_ASKERS: Final = 1024

#: No service is registered above these: IANA's dynamic ports (RFC 6335, 6), for UDP Linux' own, from which programs
#: ask and to which late answers come.
_DYNAMIC: Final = {"tcp": 49152, "udp": 32768}

#: Where traceroute sends its probes: 33434 and one more for each, three a hop, 30 hops.
_TRACEROUTE: Final = range(33434, 33535)

#: A MAC address that sends from so many addresses is a router, which asks on behalf of others.
_ROUTED: Final = 5


@dataclass(slots=True)
class _Sweep:
    """What one scanner tried: the targets that failed, those that answered before, the first evidence."""

    failed: Lately[str] = field(default_factory=lambda: Lately(_TARGETS))
    answered: Lately[str] = field(default_factory=lambda: Lately(_ANSWERED))
    episode: Episode = field(default_factory=Episode)
    first: Seen | None = None


class Scanning:
    """Judges port-scan, host-scan and address-scan.

    ours  whether an address is one of ours
    """

    def __init__(self, ours: Callable[[str], bool] = is_local) -> None:
        self._ours = ours
        self._rules = rules_of("scanning")
        self._by_host: Shelf[tuple[str, str], _Sweep] = Shelf(_SWEEPS, _Sweep)
        self._by_port: Shelf[tuple[str, str, int, str], _Sweep] = Shelf(_SWEEPS, _Sweep)
        self._by_asker: Shelf[str, _Sweep] = Shelf(_ASKERS, _Sweep)
        self._alive: Lately[str] = Lately(_ANSWERED)
        self._used_by: Shelf[str, Lately[str]] = Shelf(_ASKERS, lambda: Lately(_ROUTED))

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        if isinstance(observation, Flow):
            return self._flow(observation)
        if isinstance(observation, Asked):
            return self._asked(observation)
        if isinstance(observation, Binding):
            self._alive.add(observation.address, observation.time_ns)
            if observation.how == "ip":
                self._used_by.of(observation.mac).add(observation.address, observation.time_ns)
        return []

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed; nothing waits for that here."""
        return []

    def _flow(self, flow: Flow) -> list[Judgement]:
        failed = flow.outcome in {"refused", "unanswered"}
        # A call in vain is told while it lasts: an eye waits an hour before it says that it is over. One that is
        # answered after all is taken back.
        if (flow.ongoing and not failed) or not flow.begun or is_group(flow.server) or _is_reply(flow):
            return []
        tiny = flow.protocol == "tcp" and flow.outcome == "answered" and _is_tiny(flow)
        found = []
        if (failed or tiny) and flow.server_port < _DYNAMIC.get(flow.protocol, 0):
            found += self._ports(flow)
        if failed:
            found += self._hosts(flow)
        elif flow.outcome == "answered" and not tiny:
            self._reached(flow)
        return found

    def _ports(self, flow: Flow) -> list[Judgement]:
        if flow.protocol == "udp" and flow.server_port in _TRACEROUTE:
            return []
        sweep = self._by_host.of((flow.client, flow.server))
        rule = self._rules["port-scan"]
        _note(sweep, f"{flow.protocol} {flow.server_port}", flow, self._quiet_s(rule, flow.client))
        return self._told(rule, flow, sweep, (flow.client, flow.server), ())

    def _hosts(self, flow: Flow) -> list[Judgement]:
        sweep = self._by_port.of(_port_key(flow))
        if flow.server in sweep.answered:  # it served before: a server that is down, not a search for servers
            return []
        rule = self._rules["host-scan"]
        _note(sweep, flow.server, flow, self._quiet_s(rule, flow.client))
        if len(sweep.failed) < rule.limits["failed_per_answered"] * len(sweep.answered):
            return []
        return self._told(rule, flow, sweep, (flow.client, ""), (("port", f"{flow.protocol} {flow.server_port}"),))

    def _reached(self, flow: Flow) -> None:
        key = _port_key(flow)
        sweep = self._by_port.of(key)
        sweep.answered.add(flow.server, time_of(flow))
        sweep.failed.drop(flow.server)

    def _asked(self, asked: Asked) -> list[Judgement]:
        """Ask for an address; only those count that nobody is known to have."""
        rule = self._rules["address-scan"]
        routed = self._used_by.known(asked.asker_mac)
        if asked.target in self._alive or (routed is not None and len(routed) >= _ROUTED):
            return []
        asker = asked.asker or asked.asker_mac
        sweep = self._by_asker.of(asked.asker_mac or asker)
        _note(sweep, asked.target, asked, rule.limits["quiet_s"])
        if _enough(sweep, asked.time_ns, rule)[0]:
            for target in [target for target in sweep.failed if target in self._alive]:
                sweep.failed.drop(target)
        return self._told(rule, asked, sweep, (asker, ""), (("mac", asked.asker_mac or "unknown"),))

    def _quiet_s(self, rule: Rule, scanner: str) -> float:
        """How long a pause ends an episode: strangers come back all day, and that is one story."""
        return rule.limits["quiet_s" if self._ours(scanner) else "quiet_outside_s"]

    def _told(
        self, rule: Rule, last: Flow | Asked, sweep: _Sweep, who: tuple[str, str], facts: tuple[tuple[str, str], ...]
    ) -> list[Judgement]:
        now_ns = time_of(last)
        if sweep.episode.rests(now_ns):
            return []
        count, span_ns = _enough(sweep, _begun_ns(last), rule)
        if not count or not sweep.episode.tell(now_ns, count):
            return []
        facts = (("count", str(count)), ("seconds", f"{span_ns / NS_PER_S:.1f}"), *facts)
        # The internet scans everybody; one of ours that scans is somebody's tool.
        severity: Severity = "high" if self._ours(who[0]) else "low"
        evidence = tuple(dict.fromkeys(seen for seen in (sweep.first, last.seen) if seen))
        return [Judgement(rule.detector, now_ns, now_ns, *who, severity, rule.limits["probability"], facts, evidence)]


def _note(sweep: _Sweep, target: str, met: Flow | Asked, quiet_s: float) -> None:
    """Count a target in."""
    told, met_ns = sweep.episode.told, _begun_ns(met)
    if not sweep.episode.goes_on(met_ns, seconds_to_ns(quiet_s)) and told:
        sweep.failed.clear()
    if not len(sweep.failed):
        sweep.first = met.seen
    sweep.failed.add(target, met_ns)


def _enough(sweep: _Sweep, now_ns: int, rule: Rule) -> tuple[int, int]:
    """How many targets there are and within what time, if they are enough for a quick or a slow scan; else 0."""
    limits = rule.limits
    for least, span_ns in (
        (limits["slow_per_day"], DAY_NS),
        (limits["quick"], seconds_to_ns(limits["quick_s"])),
    ):
        if len(sweep.failed) >= least and (count := sweep.failed.since(now_ns - span_ns)) >= least:
            return count, now_ns - sweep.failed.oldest_since(now_ns - span_ns)
    return 0, 0


def _begun_ns(met: Flow | Asked) -> int:
    """When something was tried. A flow that failed is told after a timeout; its beginning is what tells the pace."""
    return met.start_ns if isinstance(met, Flow) else met.time_ns


def _is_tiny(flow: Flow) -> bool:
    """Whether a TCP client only knocked: no byte of its own, and not more packets than opening and closing take."""
    return not (flow.client_payload_bytes or 0) and flow.client_packets <= 4 and flow.client_bytes <= 4 * 80


def _is_reply(flow: Flow) -> bool:
    """Whether a UDP flow is a service's late answer, taken for a beginning because the question was forgotten."""
    return flow.protocol == "udp" and flow.client_port < 1024 <= flow.server_port


def _port_key(flow: Flow) -> tuple[str, str, int, str]:
    """Who tries which port where: of IPv6 only one link can be searched (RFC 7707), and networks do fail as a whole."""
    return flow.client, flow.protocol, flow.server_port, network_of(flow.server) if ":" in flow.server else ""
