"""The stage that judges: frames and observations in, findings out, by every judge that has something to go by."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from houfeng.guard.conduct.allows import Detector
from houfeng.guard.judge.arp_replies import ArpReplyJudge
from houfeng.guard.judge.balance import Balance
from houfeng.guard.judge.bench import Bench, intrinsic_judges
from houfeng.guard.judge.bindings import BindingJudge
from houfeng.guard.judge.frame_rate import FrameRateJudge
from houfeng.guard.judge.hosts import is_local
from houfeng.guard.judge.newcomers import Newcomers
from houfeng.guard.judge.port_rate import PortRateJudge
from houfeng.guard.judge.session import SessionJudge
from houfeng.guard.judge.subscriptions import Subscribers
from houfeng.wire.eyes.frames import FrameBatch
from houfeng.wire.eyes.rate_table import RateBatch
from houfeng.words.conduct import Conduct
from houfeng.words.instant import DAY_NS
from houfeng.words.judgement import Judgement
from houfeng.words.network import Binding, Flow, Observation, Subscription

#: Where no profile says who may read what, all may; what the wire and a server's log say is compared all the same.
_EVERYBODY: Final = {"0.0.0.0/0": ("*",), "::/0": ("*",)}

#: Once nothing more comes, judges of whole days are told that the last is over.
_AFTER_NS: Final = 2 * DAY_NS


class Judging:
    """Every judge of the wire as one, with two doors.

    conducts     of the stations that are guarded; without any, only what is wrong by itself is found: a healthy
                 station keeps time and lasts long, and nothing says who may talk to whom
    server_logs  eyes that are data servers' own logs, by name; all others watch the wire
    """

    def __init__(self, conducts: Sequence[Conduct] = (), server_logs: Collection[str] = ()) -> None:
        detectors = [Detector(conduct) for conduct in conducts]
        self._station_of = {address: conduct.name for conduct in conducts for address in _guarded(conduct)}
        ours = _ours({address for conduct in conducts for host in conduct.hosts for address in host.addresses})
        allowed = (lambda flow: any(each.allows(flow) for each in detectors)) if detectors else None
        bound = frozenset(
            (address, mac) for c in conducts for host in c.hosts for address in host.addresses for mac in host.macs
        )
        self._of_frames = ArpReplyJudge(), FrameRateJudge(), SessionJudge()
        self._of_counters = PortRateJudge()
        self._bench = Bench([*intrinsic_judges(ours, allowed), BindingJudge(bound)])
        self._by_conduct = {conduct.name: Newcomers(conduct) for conduct in conducts}
        balanced = (conduct for conduct in conducts if conduct.addresses("station"))
        self._balances = {conduct.name: Balance(conduct) for conduct in balanced}
        reads: dict[str, tuple[str, ...]] = {}
        for read in (read for conduct in conducts for read in conduct.reads):
            # A centre reads every station, and each station's conduct names only its own channels.
            reads[read.reader] = (*reads.get(read.reader, ()), *read.patterns)
        self._subscribers = [Subscribers(reads or _EVERYBODY, server_logs)] if reads or server_logs else []

    def frames(self, batch: FrameBatch | RateBatch) -> list[Judgement]:
        """Frames or counters of frames came, of one eye in the order in which it saw them."""
        if isinstance(batch, RateBatch):
            return self._placed(self._of_counters.handle(batch))
        return self._placed(found for judge in self._of_frames for found in judge.handle(batch))

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was observed."""
        found = self._bench.handle(observation)
        for name in self._concerned(observation):
            found += self._by_conduct[name].handle(observation)
            if name in self._balances and isinstance(observation, Flow):
                found += self._balances[name].handle(observation)
        if isinstance(observation, Subscription):
            found += (one for balance in self._balances.values() for one in balance.handle(observation))
        for subscribers in self._subscribers:
            found += subscribers.handle(observation)
        return self._placed(found)

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed."""
        found = [one for judge in (*self._of_frames, self._bench) for one in judge.elapse(now_ns)]
        found += (one for newcomers in self._by_conduct.values() for one in newcomers.elapse(now_ns))
        found += (one for balance in self._balances.values() for one in balance.elapse(now_ns))
        found += (one for subscribers in self._subscribers for one in subscribers.elapse(now_ns))
        return self._placed(found)

    def end(self, last_ns: int) -> list[Judgement]:
        """A recording is over: what judges keep for the end of a day is said, as of its last instant."""
        told = [*self.elapse(last_ns), *self._bench.elapse(last_ns + _AFTER_NS)]
        return self._placed(replace(one, until_ns=min(one.until_ns, max(last_ns, one.time_ns))) for one in told)

    def _concerned(self, observation: Observation) -> Iterable[str]:
        """The stations whose conduct an observation is held against."""
        if isinstance(observation, Flow):
            names = (self._station_of.get(address) for address in (observation.client, observation.server))
            return dict.fromkeys(name for name in names if name is not None)
        return self._by_conduct if isinstance(observation, Binding) else ()

    def _placed(self, found: Iterable[Judgement]) -> list[Judgement]:
        """Findings with the station they concern, where its conduct tells which host is whose."""
        return [self._place(one) if not one.station and self._station_of else one for one in found]

    def _place(self, judgement: Judgement) -> Judgement:
        station = self._station_of.get(judgement.subject) or self._station_of.get(judgement.peer, "")
        return replace(judgement, station=station)


def _guarded(conduct: Conduct) -> Iterable[str]:
    return conduct.addresses("station") or tuple(address for host in conduct.hosts for address in host.addresses)


def _ours(known: set[str]) -> Callable[[str], bool]:
    return lambda address: address in known or is_local(address)
