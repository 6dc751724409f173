"""Beacons: the same client calls the same service at even steps, with messages of even size."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Final

from houfeng.guard.judge.hosts import is_group, is_local, network_of
from houfeng.guard.judge.recent import Episode, Shelf
from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import DAY_NS, NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow, Observation, Seen

#: Client, network, port and protocol: one service often has several neighbouring addresses.
Pair = tuple[str, str, int, str]

#: Fewer calls make no rhythm: two steps are needed to speak of one, and a third to doubt it.
_LEAST: Final = 4

#: The evenness of so many calls counts half as much as that of any number.
_HALF: Final = 4

_PAIRS: Final = 2048
_KEPT: Final = 96


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How much a pair looks like a beacon.

    pair    client, network of the servers, port, protocol
    score   0 to 1: only its rank among others means something, a healthy station has pairs near 1
    calls   how many flows it rests on
    step_s  the median step
    gaps, sizes, cover  its parts: evenness of steps, evenness of sizes, share of the period covered; 0 to 1 each
    servers  addresses called
    """

    pair: Pair
    score: float
    calls: int
    step_s: float
    gaps: float
    sizes: float
    cover: float
    servers: tuple[str, ...]


def rank(flows: Iterable[Flow]) -> list[Rhythm]:
    """Order pairs by how much they look like a beacon, the most first.

    flows  of one period, in any order; those that failed, are unfinished or go to groups are left out

    The score is the geometric mean of evenness of steps, evenness of sizes and share of the period covered, times
    n / (n + 4) for n calls. It says how even a conversation is, not how hostile: NTP scores near 1.
    """
    called: dict[Pair, list[Flow]] = defaultdict(list)
    for flow in flows:
        if _counts(flow):
            called[_pair(flow)].append(flow)
    everything = [flow.start_ns for kept in called.values() for flow in kept]
    if not everything:
        return []
    span_ns = max(everything) - min(everything)
    ranked = [_rhythm(pair, kept, span_ns) for pair, kept in called.items() if len(kept) >= _LEAST]
    return sorted(ranked, key=lambda rhythm: (-rhythm.score, rhythm.pair))


class Beacon:
    """Judges beacon, among what is not allowed.

    allowed  whether a flow is what its station may do
    ours     whether an address is one of ours; strangers who call us evenly are not our beacon
    """

    def __init__(self, allowed: Callable[[Flow], bool], ours: Callable[[str], bool] = is_local) -> None:
        self._allowed = allowed
        self._ours = ours
        self._rule = rules_of("periodicity")["beacon"]
        self._calls: Shelf[Pair, _Calls] = Shelf(_PAIRS, _Calls)

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        if not isinstance(observation, Flow) or not _counts(observation) or self._allowed(observation):
            return []
        if self._ours(observation.server) and not self._ours(observation.client):
            return []
        calls = self._calls.of(_pair(observation))
        calls.episode.goes_on(observation.start_ns, DAY_NS)
        calls.first = calls.first or observation.seen
        calls.kept.append(observation)
        calls.count += 1
        limits = self._rule.limits
        if calls.count < limits["calls"] or calls.episode.told:
            return []
        kept = list(calls.kept)
        rhythm = _rhythm(
            _pair(observation), kept, max(one.start_ns for one in kept) - min(one.start_ns for one in kept)
        )
        if min(rhythm.gaps, rhythm.sizes) < limits["evenness"] or rhythm.step_s < limits["step_s"]:
            return []
        calls.episode.tell(observation.end_ns, calls.count)
        return [self._judgement(observation, calls, rhythm)]

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed; nothing waits for that here."""
        return []

    def _judgement(self, flow: Flow, calls: "_Calls", rhythm: Rhythm) -> Judgement:
        facts = (
            ("count", str(calls.count)),
            ("port", f"{flow.protocol} {flow.server_port}"),
            ("step", f"{rhythm.step_s:.1f}"),
            ("evenness", f"{min(rhythm.gaps, rhythm.sizes):.2f}"),
        )
        evidence = (flow.seen,) if calls.first is None else (calls.first, flow.seen)
        probability = self._rule.limits["probability"]
        return Judgement(
            "beacon", flow.end_ns, flow.end_ns, flow.client, flow.server, "high", probability, facts, evidence
        )


@dataclass(slots=True)
class _Calls:
    kept: deque[Flow] = field(default_factory=lambda: deque(maxlen=_KEPT))
    count: int = 0
    first: Seen | None = None
    episode: Episode = field(default_factory=Episode)


def _counts(flow: Flow) -> bool:
    """Whether a flow is a call that was taken; calls in vain are calling.py's matter."""
    taken = flow.outcome in {"answered", "unknown"} and not flow.ongoing and flow.begun
    return taken and not is_group(flow.server)


def _pair(flow: Flow) -> Pair:
    return flow.client, network_of(flow.server), flow.server_port, flow.protocol


def _rhythm(pair: Pair, flows: Sequence[Flow], span_ns: int) -> Rhythm:
    starts = sorted(flow.start_ns for flow in flows)
    steps = [later - earlier for earlier, later in pairwise(starts)]
    gaps, sizes = _evenness_of_steps(steps), _evenness([flow.client_bytes for flow in flows])
    cover = min(1.0, (starts[-1] - starts[0]) / span_ns) if span_ns else 0.0
    calls = len(flows)
    score = (gaps * sizes * cover) ** (1 / 3) * calls / (calls + _HALF)
    servers = tuple(sorted({flow.server for flow in flows}))
    return Rhythm(pair, score, calls, median(steps) / NS_PER_S, gaps, sizes, cover, servers)


def _evenness(values: Sequence[float]) -> float:
    """One minus the median deviation from the median over the median: robust against half of the values."""
    middle = median(values)
    if middle <= 0:
        return 0.0
    return max(0.0, 1.0 - median([abs(value - middle) for value in values]) / middle)


def _evenness_of_steps(steps: Sequence[int]) -> float:
    """How near steps lie to whole multiples of the median step, so that a call left out does not spoil the rhythm.

    Steps by chance (exponentially distributed) come out near 0, a step with a tenth of jitter near 0.8.
    """
    middle = median(steps)
    if middle <= 0:
        return 0.0
    off = median([abs(step / middle - max(1, round(step / middle))) for step in steps])
    return max(0.0, 1.0 - 4.0 * off)
