"""Probes from outside, which every host on the internet meets all day: one finding a host and day, not one each."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from houfeng.guard.judge.hosts import is_group, is_local
from houfeng.guard.judge.recent import DISORDER_NS, Lately, Shelf
from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import DAY_NS
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow, Observation, Seen

#: Hosts followed at once; outside addresses and ports kept of each. A host meets some thousand addresses a day; with
#: all of it full this is 100 MB. Of more open hosts than these the ones probed least are not told of.
_HOSTS: Final = 256
_ADDRESSES: Final = 4096
_PORTS: Final = 1024

#: What is accused when many strangers are: nobody by name.
OUTSIDE: Final = "outside"


@dataclass(slots=True)
class _Probed:
    """What outside tried at one host since an instant."""

    began_ns: int = 0
    last_ns: int = 0
    tries: int = 0
    addresses: Lately[str] = field(default_factory=lambda: Lately(_ADDRESSES))
    ports: Counter[str] = field(default_factory=Counter)
    first: Seen | None = None
    last: Seen | None = None


class Probing:
    """Judges probed-from-outside, once a host and day, at the day's end.

    ours  whether an address is one of ours: who is not is outside

    A day begins with its first probe and ends 24 h later, or when elapse says that as much time has passed: at the
    end of a recording, call it with the last instant there is. The probed host is the peer, never the subject.
    """

    def __init__(self, ours: Callable[[str], bool] = is_local) -> None:
        self._ours = ours
        self._rule = rules_of("probing")["probed-from-outside"]
        self._hosts: Shelf[str, _Probed] = Shelf(_HOSTS, _Probed)

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        if not isinstance(observation, Flow) or not self._is_probe(observation):
            return []
        flow, probed = observation, self._hosts.of(observation.server)
        found = []
        if probed.tries and flow.end_ns - probed.began_ns > DAY_NS:
            found = self._close(flow.server, probed)
            probed = self._hosts.of(flow.server)
        if not probed.tries:
            probed.began_ns, probed.first = flow.end_ns, flow.seen
        probed.tries += 1
        probed.last_ns, probed.last = max(probed.last_ns, flow.end_ns), flow.seen
        probed.addresses.add(flow.client, flow.end_ns)
        port = f"{flow.protocol} {flow.server_port}"
        if port in probed.ports or len(probed.ports) < _PORTS:
            probed.ports[port] += 1
        return found

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed: days that are over are told."""
        over = [
            (host, probed) for host, probed in self._hosts.items() if now_ns - probed.began_ns > DAY_NS + DISORDER_NS
        ]
        return [judgement for host, probed in over for judgement in self._close(host, probed)]

    def _is_probe(self, flow: Flow) -> bool:
        """Whether a stranger got nothing, or next to nothing, from one who is not a stranger's group address."""
        if flow.ongoing or not flow.begun or self._ours(flow.client) or is_group(flow.server):
            return False
        knocked = flow.protocol == "tcp" and flow.client_packets <= 4 and not (flow.client_payload_bytes or 0)
        return flow.outcome in {"refused", "unanswered"} or knocked

    def _close(self, host: str, probed: _Probed) -> list[Judgement]:
        self._hosts.forget(host)
        if len(probed.addresses) < self._rule.limits["addresses_per_day"]:
            return []
        ports = ", ".join(port for port, _ in sorted(probed.ports.items(), key=lambda one: (-one[1], one[0]))[:5])
        facts = (
            ("count", _at_least(len(probed.addresses), _ADDRESSES)),
            ("tries", str(probed.tries)),
            ("ports", _at_least(len(probed.ports), _PORTS)),
            ("most", ports),
        )
        evidence = tuple(dict.fromkeys(seen for seen in (probed.first, probed.last) if seen))
        probability = self._rule.limits["probability"]
        return [
            Judgement(
                "probed-from-outside",
                probed.last_ns,
                probed.last_ns,
                OUTSIDE,
                host,
                "info",
                probability,
                facts,
                evidence,
            )
        ]


def _at_least(count: int, most: int) -> str:
    return f"{count}+" if count >= most else str(count)
