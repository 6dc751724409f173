"""Who and what is on the wire and not in the profile; what is in it and comes at the wrong hour, pace or not at all."""

from collections.abc import Iterator
from typing import Final

from houfeng.guard.conduct.allows import Detector, Places, in_hours
from houfeng.guard.conduct.learn_hosts import is_group
from houfeng.guard.judge.bound import Bindings
from houfeng.guard.judge.rates import Rates
from houfeng.guard.judge.rules import rules_of
from houfeng.guard.judge.spells import MOST, Few, Spells
from houfeng.guard.judge.talks import Talks
from houfeng.words.conduct import ASKING, Conduct
from houfeng.words.instant import seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Binding, Flow, Observation

#: The detectors of this judge.
DETECTORS: Final = tuple(rules_of("newcomers"))

#: ICMP messages about other conversations: unreachable, source quench, time exceeded, parameter problem; too big.
#: A redirect is not among them: it moves traffic. Sources: RFC 792, RFC 4443 section 3.
_ERRORS: Final = {"icmp": (3, 4, 11, 12), "icmp6": (1, 2, 3, 4)}

#: A refusal has no data: headers of IP and TCP with options, at most.
_REFUSAL_BYTES: Final = 80

#: An answer to a question asked of a group comes within seconds; the eye may tell of it two minutes later.
_ASKED_NS: Final = 180_000_000_000


class Newcomers:
    """Holds what is seen against a profile. Two doors.

    conduct  the profile. Where it has hosts of the role "station", conversations of others are not its matter; else
             every host in it is guarded
    station  NET.STA for the judgements, by default the profile's name
    """

    def __init__(self, conduct: Conduct, station: str | None = None) -> None:
        self._detector = Detector(conduct)
        self._station = conduct.name if station is None else station
        own = conduct.addresses("station") or tuple(a for host in conduct.hosts for a in host.addresses)
        self._guarded = frozenset(own)
        self._pairs = [(Places(each.client), Places(each.server)) for each in conduct.allowed]
        self._latest: dict[tuple[str, str, str], tuple[int, int]] = {}
        self._rules, self._spells, self._asked = rules_of("newcomers"), Spells(), Spells()
        limits = self._rules["new-peer"].limits
        self._knocks = Few(int(limits["knocks"]), seconds_to_ns(limits["quiet_s"]))
        self._bindings = Bindings(self._detector, self._station)
        self._talks, self._rates = Talks(conduct, self._station), Rates(self._station)

    def handle(self, value: Observation) -> list[Judgement]:
        """Something was seen, in order of time_of."""
        if isinstance(value, Binding):
            return self._bindings.handle(value)
        if isinstance(value, Flow):
            return [*self._bindings.handle(value), *self._flow(value)]
        return []

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed, in the time of what is seen."""
        return [*self._talks.elapse(now_ns), *self._rates.elapse(now_ns)]

    def _flow(self, flow: Flow) -> Iterator[Judgement]:
        if flow.protocol == "udp" and is_group(flow.server):
            self._asked.begins((flow.client, flow.client_port), flow.end_ns, 0)
        terms = self._detector.terms(flow.client, flow.server, flow.protocol, flow.server_port)
        if terms:
            if not _is_vain(flow):
                self._talks.handle(flow, terms[0])
            yield from self._rates.handle(flow, terms[0])
            if not any(in_hours(each, flow.start_ns) for each in terms):
                yield from self._tell("silence-broken", flow, "medium")
        elif not (self._detector.is_chatter(flow) or self._is_harmless(flow)):
            yield from self._stranger(flow)

    def _is_harmless(self, flow: Flow) -> bool:
        """Whether a flow not on the list is none that anybody began, or not the guarded hosts' matter."""
        if is_group(flow.server) or not {flow.client, flow.server} & self._guarded:
            return True
        if flow.server_port in _ERRORS.get(flow.protocol, ()):
            return True
        return self._is_return(flow) or self._is_answer(flow) or self._is_refusal(flow)

    def _is_return(self, flow: Flow) -> bool:
        """Whether it is the other half of an allowed conversation, seen alone, or named from its middle."""
        if flow.protocol in ASKING:
            asked = [ask for ask, answer in ASKING[flow.protocol].items() if answer == flow.server_port]
            return any(self._detector.terms(flow.server, flow.client, flow.protocol, port) for port in asked)
        if flow.protocol == "tcp" and flow.begun:
            return False
        return bool(self._detector.terms(flow.server, flow.client, flow.protocol, flow.client_port))

    def _is_answer(self, flow: Flow) -> bool:
        """Whether it answers a question that was asked of a group (SSDP, mDNS and their like)."""
        asked_ns = self._asked.last_ns((flow.server, flow.server_port))
        return flow.protocol == "udp" and asked_ns is not None and abs(flow.start_ns - asked_ns) <= _ASKED_NS

    def _is_refusal(self, flow: Flow) -> bool:
        """Whether a guarded host only refuses a call, in an eye that sees one direction; the call is judged itself."""
        alone = flow.protocol == "tcp" and not flow.begun and not flow.server_packets
        return alone and flow.client in self._guarded and flow.client_bytes <= _REFUSAL_BYTES * flow.client_packets

    def _stranger(self, flow: Flow) -> Iterator[Judgement]:
        known = any(flow.client in clients and flow.server in servers for clients, servers in self._pairs)
        reversed_ = any(flow.server in clients and flow.client in servers for clients, servers in self._pairs)
        if known or (reversed_ and not flow.begun):
            yield from self._tell("new-service", flow, "medium")
        elif reversed_:
            yield from self._tell("direction-reversed", flow, "high")
        else:
            knock = flow.client not in self._guarded and flow.outcome in ("refused", "unanswered")
            yield from self._tell("new-peer", flow, "low" if knock else "high", knock=knock)

    def _tell(self, name: str, flow: Flow, severity: Severity, *, knock: bool = False) -> Iterator[Judgement]:
        limits = self._rules[name].limits
        service = f"{flow.protocol}/{flow.server_port}"
        # Whoever calls every port of a host is told of once; that the two spoke to each other is told beside that.
        spoke = bool(flow.client_payload_bytes and flow.server_payload_bytes)
        pair, this = (name, flow.client, flow.server), (flow.client_port, flow.start_ns)
        if spoke and self._latest.get(pair) == this:
            return  # it was told of when it was answered
        self._latest.pop(pair, None)
        self._latest[pair] = this
        if len(self._latest) > MOST:
            del self._latest[next(iter(self._latest))]
        key = (name, flow.client, flow.server, knock, spoke, "" if name == "new-peer" else service)
        begins = self._spells.begins(key, flow.end_ns, seconds_to_ns(limits["quiet_s"]))
        if begins and (not knock or self._knocks.admits(flow.server, flow.end_ns)):
            yield Judgement(
                detector=name,
                time_ns=flow.start_ns,
                until_ns=max(flow.start_ns, flow.end_ns),
                subject=flow.client[:60],
                peer=flow.server[:60],
                severity=severity,
                probability=limits["knock_probability" if knock else "probability"],
                facts=(("service", service[:60]), ("outcome", flow.outcome), ("begun", str(flow.begun).lower())),
                evidence=(flow.seen,),
                station=self._station,
            )


def _is_vain(flow: Flow) -> bool:
    """Whether it is a call that came to nothing: a reader that knocks at a dead station does not talk with it.

    A datagram needs no answer: a log host never gives one.
    """
    return flow.protocol == "tcp" and flow.outcome in ("refused", "unanswered")
