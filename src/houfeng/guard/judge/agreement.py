"""Judges servers whose log says something else than the wire."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from houfeng.guard.judge.ledger import Comparison, Ledger
from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import LATEST_NS, NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Subscription

_DETECTOR: Final = "server-log-disagrees"

#: Whether a log says less than the wire, or more.
_Verdict = Literal["less", "more"]

#: Servers told apart; with two already, a log has to say whose it is.
MOST_SERVERS: Final = 1024

#: A request: server, reader, service, second.
_Request = tuple[str, str, str, int]

#: Requests remembered until the log can have told of them.
MOST_REQUESTS: Final = 1 << 14


@dataclass(slots=True)
class _Watch:
    """From when to when something was heard of one account."""

    first_ns: int = LATEST_NS
    last_ns: int = 0

    def include(self, start_ns: int, end_ns: int) -> None:
        self.first_ns, self.last_ns = min(self.first_ns, start_ns), max(self.last_ns, end_ns)

    def covers(self, start_ns: int, end_ns: int) -> bool:
        return self.first_ns <= start_ns and end_ns <= self.last_ns


class Agreement:
    """Part of Subscribers: see houfeng.guard.judge.ledger for what may differ."""

    def __init__(self) -> None:
        self._limits = rules_of("subscriptions")[_DETECTOR].limits
        self._ledger = Ledger(
            clock_ns=self._ns("clock_s"), patience_ns=self._ns("patience_s"), kept_ns=self._ns("kept_s")
        )
        self._wire = _Watch()
        self._logs: dict[str, _Watch] = {}
        self._servers: dict[str, set[str]] = {}
        self._requests: OrderedDict[_Request, Subscription] = OrderedDict()
        self._logged_requests: OrderedDict[_Request, None] = OrderedDict()

    def watched(self, time_ns: int) -> None:
        """The wire was watched at that time."""
        self._wire.include(time_ns, time_ns)

    def heard(self, one: Subscription, *, logged: bool) -> None:
        """A subscription, of a log or of the wire."""
        if logged:
            self._logs.setdefault(one.server, _Watch()).include(one.start_ns, one.end_ns)
        else:
            self._wire.include(one.start_ns, one.end_ns)
            servers = self._servers.setdefault(one.service, set())
            if len(servers) < MOST_SERVERS:
                servers.add(one.server)
        if one.packets:
            self._ledger.enter(one, logged=logged)
            return
        # One request names many channels; a second of one reader is one request.
        key = (one.server, one.reader, one.service, one.end_ns // NS_PER_S)
        if logged:
            self._logged_requests[key] = None
            _bound(self._logged_requests)
        else:
            self._requests.setdefault(key, one)
            _bound(self._requests)

    def elapse(self, now_ns: int) -> Iterator[Judgement]:
        """Compare what is due."""
        disagreed: dict[tuple[str, str, str, _Verdict], list[Comparison]] = {}
        for compared in self._ledger.due(now_ns, self._server_of):
            verdict = self._verdict(compared)
            if verdict is not None:
                reader, service, *_ = compared.key
                disagreed.setdefault((compared.server, reader, service, verdict), []).append(compared)
        for (_, _, _, verdict), together in disagreed.items():
            yield self._judgement(together, verdict)
        for key, one in list(self._requests.items()):
            if one.end_ns + self._ns("asked_clock_s") + self._ns("patience_s") <= now_ns:
                del self._requests[key]
                yield from self._silent(one)

    def _verdict(self, compared: Comparison) -> _Verdict | None:
        """Whether the log says clearly less than the wire, or more; None when torn ends explain it."""
        limits, logged = self._limits, compared.logged
        torn = int(limits["torn_packets"])
        # A packet's size is not known here; with the packets in agreement their bytes have to agree as well.
        torn_bytes = torn * max(compared.most_bytes, logged.count_bytes) // max(compared.most, logged.packets, 1)
        if compared.least - torn > logged.packets or compared.least_bytes - torn_bytes > logged.count_bytes:
            return "less"
        unsent = logged.count_bytes - compared.most_bytes > limits["unsent_bytes"]
        watched = self._wire.covers(logged.start_ns, logged.end_ns)
        # A reader of whom the wire saw nothing may have come another way, or encrypted.
        more = logged.packets > compared.most + torn and unsent and watched and compared.most
        return "more" if more else None

    def _judgement(self, together: list[Comparison], verdict: _Verdict) -> Judgement:
        """One judgement of all channels of one reader at one server that are compared at one time."""
        first = together[0]
        reader, service, _, channel = first.key
        packets, count_bytes = (
            sum(one.logged.packets for one in together),
            sum(one.logged.count_bytes for one in together),
        )
        seen, seen_bytes = sum(one.least for one in together), sum(one.least_bytes for one in together)
        stations = {".".join(one.key[3].split(".")[:2]) for one in together}
        until_ns = max(one.logged.end_ns for one in together)
        return Judgement(
            detector=_DETECTOR,
            time_ns=until_ns,
            until_ns=until_ns,
            subject=first.server,
            peer=reader,
            severity="medium" if verdict == "less" else "low",
            probability=self._limits[f"probability_{verdict}"],
            facts=(
                ("logged", f"{packets} packets, {count_bytes} bytes"),
                ("channel", channel + (f" (+{len(together) - 1})" if len(together) > 1 else "")),
                ("service", service),
                ("seen", f"{seen} packets, {seen_bytes} bytes"),
            ),
            evidence=tuple(dict.fromkeys((*first.evidence, *together[-1].evidence))),
            station=stations.pop() if len(stations) == 1 else "",
        )

    def _silent(self, one: Subscription) -> Iterator[Judgement]:
        """A request on the wire: the log has to have it, if it has requests at all and was being written then."""
        around_ns = self._ns("asked_clock_s")
        names = [name for name in self._logs if self._server_of(name, one.service) == one.server]
        writing = any(self._logs[name].covers(one.end_ns - around_ns, one.end_ns + around_ns) for name in names)
        if not writing or not any(server in names for server, *_ in self._logged_requests):
            return
        second, around = one.end_ns // NS_PER_S, around_ns // NS_PER_S
        nearby = range(second - around, second + around + 1)
        if any((name, one.reader, one.service, near) in self._logged_requests for name in names for near in nearby):
            return
        yield Judgement(
            detector=_DETECTOR,
            time_ns=one.end_ns,
            until_ns=one.end_ns,
            subject=one.server,
            peer=one.reader,
            severity="medium",
            probability=self._limits["probability_silent"],
            facts=(
                ("logged", "nothing"),
                ("channel", one.channel),
                ("service", one.service),
                ("seen", "a request"),
            ),
            evidence=(one.seen,),
        )

    def _server_of(self, named: str, service: str) -> str:
        """The server a log is of: as it says, or the only one there is on the wire, else ""."""
        servers = self._servers.get(service, set())
        return named or (next(iter(servers)) if len(servers) == 1 else "")

    def _ns(self, limit: str) -> int:
        return int(self._limits[limit] * NS_PER_S)


def _bound(remembered: OrderedDict[_Request, Subscription] | OrderedDict[_Request, None]) -> None:
    if len(remembered) > MOST_REQUESTS:
        remembered.popitem(last=False)
