"""Sessions that last or carry much: those that nothing allows, and those with an odd service outside."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from houfeng.guard.judge.hosts import is_group, is_local, network_of
from houfeng.guard.judge.recent import Episode, Shelf
from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import DAY_NS, NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Flow, Observation, Seen

#: Client, network of servers, port and protocol followed at once; sessions of each that are told of while they last.
_PAIRS: Final = 2048
_OPEN: Final = 64

#: TCP ports that programs of any office and any observatory use towards the internet: web, mail, names, files, shells,
#: remote desktops, messages (XMPP, MQTT, push), time (NTS), tunnels, SeedLink, DataLink, Earthworm, Antelope, CD-1.1.
USUAL_PORTS: Final = frozenset({
    20, 21, 22, 23, 25, 43, 53, 80, 110, 119, 123, 143, 179, 389, 443, 445, 465, 514, 543, 554, 563, 587, 631, 636,
    853, 873, 989, 990, 993, 995, 1194, 1433, 1521, 1723, 1883, 1935, 2049, 3306, 3389, 3478, 3479, 3480, 4222, 4460,
    4500, 5060, 5061, 5222, 5223, 5228, 5229, 5230, 5269, 5432, 5671, 5672, 5900, 5938, 6514, 6543, 8000, 8008, 8009,
    8080, 8081, 8086, 8100, 8200, 8400, 8443, 8883, 8888, 9001, 9090, 9418, 11371, 16000, 16016, 18000, 18002, 18500,
    19302, 27017, 51820,
})  # fmt: skip


@dataclass(slots=True)
class _Talk:
    """What a client and a service have had of each other in the running day."""

    began_ns: int = 0
    took_ns: int = 0
    sent_bytes: int = 0
    calls: int = 0
    open: dict[tuple[str, int, int], tuple[int, int]] = field(default_factory=dict)
    first: Seen | None = None
    episode: Episode = field(default_factory=Episode)

    def add(self, flow: Flow, sent_bytes: int) -> tuple[int, int, int]:
        """Take a flow in; returns nanoseconds, bytes and calls of the day with what is still open."""
        if flow.end_ns - self.began_ns > DAY_NS and not self.open:
            self.began_ns, self.took_ns, self.sent_bytes, self.calls = flow.start_ns, 0, 0, 0
            self.first = flow.seen
        key, so_far = (flow.server, flow.client_port, flow.start_ns), (flow.end_ns - flow.start_ns, sent_bytes)
        self.open.pop(key, None)
        if flow.ongoing:
            self.open[key] = so_far
            if len(self.open) > _OPEN:
                del self.open[next(iter(self.open))]
        else:
            self.took_ns += so_far[0]
            self.sent_bytes += so_far[1]
            self.calls += 1
        took_ns = self.took_ns + sum(took for took, _ in self.open.values())
        return took_ns, self.sent_bytes + sum(sent for _, sent in self.open.values()), self.calls + len(self.open)


class Lasting:
    """Judges lasting-unknown or odd-service: which flows it watches makes the difference.

    detector  name of the rule
    watched   whether a flow is to be looked at
    ours      whether an address is one of ours
    """

    def __init__(self, detector: str, watched: Callable[[Flow], bool], ours: Callable[[str], bool] = is_local) -> None:
        self._rule = rules_of("lasting")[detector]
        self._watched = watched
        self._ours = ours
        self._talks: Shelf[tuple[str, str, int, str], _Talk] = Shelf(_PAIRS, _Talk)

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        if not isinstance(observation, Flow) or observation.outcome in {"refused", "unanswered"}:
            return []
        if is_group(observation.server) or not self._watched(observation):
            return []
        flow, limits = observation, self._rule.limits
        talk = self._talks.of((flow.client, network_of(flow.server), flow.server_port, flow.protocol))
        inwards = self._ours(flow.server) and not self._ours(flow.client)
        took_ns, sent, calls = talk.add(flow, flow.server_bytes if inwards else flow.client_bytes)
        talk.episode.goes_on(flow.end_ns, DAY_NS)
        long = took_ns >= seconds_to_ns(limits["seconds_per_day"])
        often = calls >= limits["calls_per_day"]
        much = sent >= limits["sent_bytes_per_day"]
        if not (long or often or much) or not talk.episode.tell(flow.end_ns, max(1, sent), grave=much):
            return []
        severity: Severity = "low" if limits["probability"] < 0.5 else "high" if much else "medium"
        facts = (
            ("count", str(calls)),
            ("port", f"{flow.protocol} {flow.server_port}"),
            ("seconds", f"{took_ns / NS_PER_S:.0f}"),
            ("bytes", str(sent)),
        )
        evidence = (flow.seen,) if talk.first is None else tuple(dict.fromkeys((talk.first, flow.seen)))
        return [
            Judgement(
                self._rule.detector, flow.end_ns, flow.end_ns, flow.client, flow.server,
                severity, limits["probability"], facts, evidence,
            )
        ]  # fmt: skip

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed; nothing waits for that here."""
        return []


def lasting_unknown(allowed: Callable[[Flow], bool], ours: Callable[[str], bool] = is_local) -> Lasting:
    """The judge of lasting or heavy sessions that are not allowed.

    allowed  whether a flow is what its station may do
    ours     whether an address is one of ours
    """
    return Lasting("lasting-unknown", lambda flow: not allowed(flow), ours)


def odd_service(ours: Callable[[str], bool] = is_local) -> Lasting:
    """The judge of lasting or frequent calls of ours to services outside that hardly anybody offers.

    ours  whether an address is one of ours

    Without a profile nothing tells an odd program from a remote control; so it is told with a low probability.
    """

    def is_odd(flow: Flow) -> bool:
        # Both have said something; where the eye does not tell payloads, more than opening and closing takes.
        talked = flow.protocol == "tcp" and flow.client_packets > 3 and flow.server_packets > 3
        said = flow.client_payload_bytes != 0 and flow.server_payload_bytes != 0
        outwards = ours(flow.client) and not ours(flow.server)
        # Where the beginning was not seen the lower port is the server's, unless both are such as clients have.
        sure = flow.begun or flow.server_port < 32768
        return outwards and talked and said and sure and flow.server_port not in USUAL_PORTS and not flow.service

    return Lasting("odd-service", is_odd, ours)
