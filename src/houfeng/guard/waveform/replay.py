"""The judge of replays: earlier record sent again, found by its landmarks and confirmed by its samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.waveform.index import Match, ReplayIndex
from houfeng.guard.waveform.landmarks import TICK_NS, Landmarks
from houfeng.guard.waveform.likeness import Change, Likeness, compare
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.samples import PacketBatch, Segment
from houfeng.words.source import SourceId, shown

#: Samples of a channel over a span, or None where they are not at hand; the shell looks into archive and memory.
Fetch = Callable[[SourceId, int, int], Segment | None]

#: Lags that differ by less are one replay: filters delay by less, and clocks drift by less within one.
SAME_LAG_NS: Final = NS_PER_S
#: A replay that has brought nothing for so long is over.
OVER_NS: Final = 300 * NS_PER_S
#: Before a stretch that is alike, this much is looked at to learn how loud noise is.
CONTEXT_NS: Final = 30 * NS_PER_S
#: Samples are compared again when the score has grown by this factor since they did not convince.
AGAIN: Final = 1.3
#: Replays kept in mind at a time; more is a storm, and its first thousand say enough.
MOST: Final = 1_024

_CHANGES: Final[dict[Change, str]] = {
    "none": "unchanged",
    "offset": "a constant added",
    "gain": "scaled",
    "other": "filtered, resampled or mixed",
}


@dataclass(slots=True)
class _Case:
    """One replay, or what may become one."""

    lag_ns: int
    last_ns: int
    scores: dict[int, Match]
    compared_at: float = 0.0
    told: str = ""

    @property
    def score(self) -> float:
        return sum(match.score for match in self.scores.values())

    @property
    def quiet(self) -> float:
        return sum(match.quiet for match in self.scores.values())


class ReplayJudge:
    """Says which channels send what was recorded before, there or elsewhere.

    fetch  gives samples, the newest included; None where there are none
    index  what is remembered
    """

    def __init__(self, fetch: Fetch, index: ReplayIndex) -> None:
        self._fetch = fetch
        self._index = index
        self._landmarks = Landmarks()
        self._cases: dict[tuple[SourceId, SourceId], list[_Case]] = {}

    def handle(self, batch: PacketBatch) -> list[Judgement]:
        """Packets arrived."""
        matches = self._index.handle(self._landmarks.handle(batch))
        return [judgement for match in matches for judgement in self._weigh(match)]

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Forget what is over."""
        for pair, cases in list(self._cases.items()):
            self._cases[pair] = [case for case in cases if case.last_ns >= now_ns - OVER_NS]
            if not self._cases[pair]:
                del self._cases[pair]
        return []

    def _weigh(self, match: Match) -> Iterator[Judgement]:
        case = self._case(match)
        known = case.scores.get(match.lane.band)
        if known is None or match.score >= known.score:
            case.scores[match.lane.band] = match
        case.last_ns = max(case.last_ns, match.tick * TICK_NS)
        if case.told == "waveform-replay" or case.score < case.compared_at * AGAIN:
            return
        case.compared_at = case.score
        detector, likeness = self._verdict(match, case)
        if detector and detector != case.told:
            case.told = detector
            yield _judgement(detector, match, case, likeness)

    def _case(self, match: Match) -> _Case:
        lag_ns, time_ns = match.lag_ticks * TICK_NS, match.tick * TICK_NS
        cases = self._cases.setdefault((match.lane.source, match.old_lane.source), [])
        for case in cases:
            if abs(case.lag_ns - lag_ns) <= SAME_LAG_NS and abs(time_ns - case.last_ns) <= OVER_NS:
                return case
        case = _Case(lag_ns, time_ns, {})
        cases.append(case)
        del cases[:-MOST]
        return case

    def _verdict(self, match: Match, case: _Case) -> tuple[str, Likeness | None]:
        """Which rule a case fulfils, "" for none yet."""
        rule, repeat = rules_of("waveform")["waveform-replay"].limits, rules_of("waveform")["waveform-repeat"].limits
        elsewhere = match.lane.source.station_key != match.old_lane.source.station_key
        together = elsewhere and abs(case.lag_ns) < CONTEXT_NS * 2
        likeness = self._compare(match, case)
        if likeness is None:
            sure = case.score >= rule["score_nats"] and case.quiet >= rule["quiet_nats"] and not together
            return ("waveform-replay" if sure else ""), None
        same = likeness.change != "other"
        # A copy played faster or slower loses its coherence with the time; its landmarks in noise are still there.
        same = same or (min(case.score, case.quiet) >= rule["score_nats"] and not together)
        least = rule["site_coherence"] if together else rule["quiet_coherence"]
        if same or (likeness.quiet_windows >= rule["quiet_windows"] and likeness.quiet >= least):
            return "waveform-replay", likeness
        alike = likeness.windows >= rule["quiet_windows"] and likeness.all >= repeat["coherence"]
        return ("waveform-repeat" if alike and case.score >= rule["score_nats"] and not together else ""), likeness

    def _compare(self, match: Match, case: _Case) -> Likeness | None:
        begin_ns = min((found.tick - found.ticks) * TICK_NS for found in case.scores.values())
        end_ns = match.tick * TICK_NS
        new = self._fetch(match.lane.source, begin_ns - CONTEXT_NS, end_ns)
        old = self._fetch(match.old_lane.source, begin_ns - CONTEXT_NS - case.lag_ns, end_ns - case.lag_ns)
        if new is None or old is None:
            return None
        return compare(new, old, case.lag_ns, begin_ns)


def _judgement(detector: str, match: Match, case: _Case, likeness: Likeness | None) -> Judgement:
    replay = detector == "waveform-replay"
    begin_ns = min((found.tick - found.ticks) * TICK_NS for found in case.scores.values())
    time_ns = match.tick * TICK_NS
    change: Change | None = likeness.change if likeness else None
    facts = [
        ("lag", _span(case.lag_ns)),
        ("seconds", f"{(time_ns - begin_ns) / NS_PER_S:.0f}"),
        ("change", _CHANGES[change] if change else "samples not at hand"),
        ("leaning", _leaning(match, change)),
        ("score", f"{case.score:.0f}"),
    ]
    if likeness is not None:
        facts.append(("coherence", f"{likeness.quiet if replay else likeness.all:.2f}"))
        facts.append(("gain", f"{likeness.gain:.4g}"))
    return Judgement(
        detector=detector,
        time_ns=time_ns,
        until_ns=time_ns,
        subject=match.lane.source.nslc,
        peer=match.old_lane.source.nslc,
        severity="high" if replay else "info",
        probability=rules_of("waveform")[detector].limits["probability"],
        facts=tuple(facts),
        station=shown(match.lane.source.station_key),
    )


def _leaning(match: Match, change: Change | None) -> str:
    if match.lane.source.station_key != match.old_lane.source.station_key:
        return "tamper-like, unless two names stand for one sensor"
    if change == "none":
        return "tamper-like, or fault-like where a logger or server sends old records with new times"
    return "tamper-like: no fault is known that does it"


def _span(span_ns: int) -> str:
    seconds = abs(span_ns) / NS_PER_S
    text = f"{seconds / 86_400:.2f} d" if seconds >= 86_400 else f"{seconds:.1f} s"
    return text if span_ns >= 0 else f"-{text}"
