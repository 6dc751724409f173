"""Cross-examination: the sockets a host shows against the conversations a tap sees.

Each can lie alone. A kernel that hides a conversation from its own tools cannot hide its packets; so what lasted over
a report and is not in it is a rootkit's mark. Only TCP is held against sockets: one of UDP names no other side.
"""

from collections import OrderedDict, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from houfeng.guard.judge.recent import Lately, Shelf
from houfeng.guard.judge.rules import rules_of
from houfeng.words.host import HostReport
from houfeng.words.instant import NS_PER_S, format_instant, seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Flow, Seen

#: A conversation as the host has it: its own port, and the other side.
_Ends = tuple[int, str, int]

#: Conversations of a host that are remembered, and of which something was told.
_MOST: Final = int(rules_of("crossed")["claimed-conversation"].limits["conversations"])


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a report lists.

    ends   its conversations in any state
    ports  local ports of those that it began itself: translation may change the other side, never these
    """

    time_ns: int
    ends: frozenset[_Ends]
    ports: frozenset[int]


@dataclass(slots=True)
class _Seen:
    """One conversation as the tap has told it so far, in however many pieces.

    told        whether it was told as hidden
    restart_ns  the start of the host that it was told to disagree with
    """

    flow: Flow
    start_ns: int
    told: bool = False
    restart_ns: int | None = None


@dataclass(slots=True)
class _Claim:
    """One conversation as the host has listed it, report after report."""

    since_ns: int
    last_ns: int
    local: str
    told: bool = False


class Crossing:
    """Holds one host's reports against flows, with two doors.

    station, host  as in its reports
    addresses      the host's own, as the tap sees them
    forwards       whether it is known to pass on what others send, from its baseline
    """

    def __init__(self, station: str, host: str, addresses: Collection[str], *, forwards: bool = False) -> None:
        self._station, self._host = station, host
        self._addresses = frozenset(addresses)
        self._forwards = forwards
        self._rules = rules_of("crossed")
        hidden = self._rules["hidden-conversation"].limits
        self._margin_ns = seconds_to_ns(hidden["margin_s"])
        self._reports: deque[_Listed] = deque(maxlen=int(hidden["reports"]))
        self._seen: Shelf[_Ends, list[_Seen]] = Shelf(_MOST, list)
        self._met: Lately[_Ends] = Lately(_MOST)
        self._claims: OrderedDict[_Ends, _Claim] = OrderedDict()
        self._first_ns = self._last_ns = 0
        self._start_ns: int | None = None

    def handle(self, value: Flow | HostReport) -> list[Judgement]:
        """A conversation was told of, or a report came."""
        if isinstance(value, HostReport):
            return self._report(value) if (value.station, value.host) == (self._station, self._host) else []
        return self._flow(value)

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed, by the tap's clock: what it should have seen by now."""
        self._last_ns = max(self._last_ns, now_ns)
        limits = self._rules["claimed-conversation"].limits
        found = []
        confirmed = {claim.local for ends, claim in self._claims.items() if ends in self._met}
        for ends, claim in self._claims.items():
            lasted_ns = claim.last_ns - claim.since_ns
            covered = self._first_ns < claim.since_ns and claim.last_ns + self._margin_ns < self._last_ns
            unseen = claim.local in confirmed and ends not in self._met
            if covered and unseen and not claim.told and lasted_ns > seconds_to_ns(limits["silent_s"]):
                claim.told = True
                facts = ("service", f"tcp/{ends[2]}"), ("seconds", str(lasted_ns // NS_PER_S))
                found.append(self._judgement("claimed-conversation", ends[1], claim.last_ns, "low", facts))
        return found

    def _flow(self, flow: Flow) -> list[Judgement]:
        self._first_ns = min(self._first_ns or flow.start_ns, flow.start_ns)
        self._last_ns = max(self._last_ns, flow.end_ns)
        ends = self._ends(flow)
        if ends is None:
            return []
        self._met.add(ends, flow.end_ns)
        # In TCP both sides speak, or there is no conversation to hide.
        if flow.outcome != "answered" or not flow.client_packets or not flow.server_packets:
            return []
        held = self._seen.of(ends)
        if not held or not self._goes_on(held[0], flow):
            held[:] = [_Seen(flow, flow.start_ns)]
        held[0].flow = flow
        found = [one for listed in self._reports for one in self._hidden(ends, held[0], listed)]
        return [*found, *self._across(ends, held[0])]

    def _goes_on(self, seen: _Seen, flow: Flow) -> bool:
        """Whether it is more of a conversation, which eyes tell in pieces, and not another with the same ports."""
        is_same = flow.start_ns == seen.flow.start_ns
        return is_same or (not flow.begun and flow.start_ns <= seen.flow.end_ns + self._margin_ns)

    def _report(self, report: HostReport) -> list[Judgement]:
        found: list[Judgement] = []
        if report.sockets is not None:
            listed = self._listed(report)
            self._reports.append(listed)
            self._claim(report)
            held = [(ends, seen) for ends, kept in self._seen.items() for seen in kept]
            found += [one for ends, seen in held for one in self._hidden(ends, seen, listed)]
        return [*found, *self._restarted(report)]

    def _listed(self, report: HostReport) -> _Listed:
        sockets = [one for one in report.sockets or () if one.protocol == "tcp"]
        open_ports = {one.local_port for one in sockets if one.state == "listening"}
        ends = {(one.local_port, one.remote, one.remote_port) for one in sockets if one.state != "listening"}
        return _Listed(report.time_ns, frozenset(ends), frozenset(end[0] for end in ends) - open_ports)

    def _ends(self, flow: Flow) -> _Ends | None:
        """The ends of a conversation of the host over TCP, None for any other."""
        if flow.protocol != "tcp":
            return None
        if flow.client in self._addresses:
            return flow.client_port, flow.server, flow.server_port
        if flow.server in self._addresses:
            return flow.server_port, flow.client, flow.client_port
        return None

    def _hidden(self, ends: _Ends, seen: _Seen, listed: _Listed) -> Iterator[Judgement]:
        flow = seen.flow
        lasted = seen.start_ns + self._margin_ns <= listed.time_ns <= flow.end_ns - self._margin_ns
        if not lasted or seen.told or ends in listed.ends or ends[0] in listed.ports:
            return
        seen.told = True
        limits = self._rules["hidden-conversation"].limits
        why = "forwarding_probability" if self._forwards else "probability"
        facts = ("service", f"tcp/{flow.server_port}"), ("report", format_instant(listed.time_ns, 0))
        severity: Severity = "low" if self._forwards else "high"
        yield self._judgement(
            "hidden-conversation", ends[1], listed.time_ns, severity, facts, limits[why], until_ns=flow.end_ns, of=flow
        )

    def _claim(self, report: HostReport) -> None:
        """Conversations that go on from report to report; one that was left out begins anew."""
        kept: OrderedDict[_Ends, _Claim] = OrderedDict()
        for one in report.sockets or ():
            if one.protocol != "tcp" or one.state != "established" or len(kept) == _MOST or self._is_own(one.remote):
                continue
            ends = one.local_port, one.remote, one.remote_port
            claim = self._claims.get(ends) or _Claim(report.time_ns, report.time_ns, one.local)
            claim.last_ns = report.time_ns
            kept[ends] = claim
        self._claims = kept

    def _is_own(self, address: str) -> bool:
        return address in self._addresses or address.startswith("127.") or address == "::1"

    def _restarted(self, report: HostReport) -> list[Judgement]:
        """What a start that the host claims anew says of conversations already told of."""
        if report.boot_ns is None:
            return []
        # By the centre's clock: a host's own may be off, and its account of its start with it.
        start_ns = report.boot_ns + (report.time_ns - report.clock_ns if report.clock_ns is not None else 0)
        is_new = self._start_ns is None or abs(start_ns - self._start_ns) > self._margin_ns
        if not is_new:
            return []
        self._start_ns = start_ns
        return [one for ends, kept in self._seen.items() for seen in kept for one in self._across(ends, seen)]

    def _across(self, ends: _Ends, seen: _Seen) -> list[Judgement]:
        flow, start_ns = seen.flow, self._start_ns
        if start_ns is None or seen.restart_ns == start_ns or self._forwards:
            return []
        if not seen.start_ns + self._margin_ns < start_ns < flow.end_ns - self._margin_ns:
            return []
        seen.restart_ns = start_ns
        times = (("start", start_ns), ("begun", seen.start_ns), ("ended", flow.end_ns))
        facts = ("service", f"tcp/{flow.server_port}"), *((name, format_instant(at, 0)) for name, at in times)
        return [self._judgement("reboot-disagrees", ends[1], start_ns, "medium", facts, until_ns=flow.end_ns, of=flow)]

    def _judgement(
        self,
        detector: str,
        peer: str,
        time_ns: int,
        severity: Severity,
        facts: tuple[tuple[str, str], ...],
        probability: float | None = None,
        *,
        until_ns: int | None = None,
        of: Flow | None = None,
    ) -> Judgement:
        at = Seen(f"{self._host} {format_instant(time_ns, 0)}")
        return Judgement(
            detector=detector,
            time_ns=time_ns,
            until_ns=time_ns if until_ns is None else until_ns,
            subject=self._host,
            peer=peer[:60],
            severity=severity,
            probability=self._rules[detector].limits["probability"] if probability is None else probability,
            facts=facts,
            evidence=(at,) if of is None else (of.seen, at),
            station=self._station,
        )
