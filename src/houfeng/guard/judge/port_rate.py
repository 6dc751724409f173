"""Judges counters of ports: floods, and two ends of one conversation that must see the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from houfeng.guard.judge.rate_envelope import Envelope, flood
from houfeng.guard.judge.rules import rules_of
from houfeng.wire.eyes.rate_table import RateBatch
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Seen


class PortRateJudge:
    """A stage: counters of ports in; floods, and frames that one end of a conversation saw and the other did not, out.

    It learns from its first hour which ports see the same: a clean day is best given first.
    """

    __slots__ = ("_envelope", "_limits", "_pairs")

    def __init__(self) -> None:
        self._limits = rules_of("frame_rate")["frames-unbalanced"].limits
        self._envelope = Envelope()
        self._pairs: dict[tuple[str, str, str], _Balance] = {}

    def handle(self, batch: RateBatch) -> list[Judgement]:
        """Whole seconds of one eye in the order of time."""
        ends = [column.rpartition("_") for column in batch.columns]
        pairs = [(i, j) for i, j in combinations(range(len(ends)), 2) if ends[i][2] == ends[j][2]]
        keys: list[tuple[str, str]] = [(column, "at") for column in batch.columns]
        out: list[Judgement] = []
        for row, (time_ns, counts) in enumerate(zip(batch.time_ns.tolist(), batch.frames.tolist(), strict=True)):
            second, seen = time_ns // NS_PER_S, Seen(batch.eye, row + 2)
            for key, frames in zip(keys, counts, strict=True):
                most = self._envelope.count(key, second, frames)
                if most is not None:
                    out.append(flood(key, second, frames, most, seen))
            for i, j in pairs:
                key3 = (ends[i][0], ends[j][0], ends[i][2])
                balance = self._pairs.setdefault(key3, _Balance())
                surplus = balance.count(second, counts[i], counts[j], self._limits)
                if surplus is not None:
                    out.append(_unbalanced(key3, second, surplus, balance.held_s, seen))
        return out

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed: nothing follows, since counters come with every second."""
        return []


@dataclass(slots=True)
class _Balance:
    """How many frames more one of two ports saw than the other, and within which band that has stayed."""

    learned: int = 0
    frames: int = 0
    excess: int = 0
    low: int = 0
    high: int = 0
    centre: int = 0
    begun_s: int = 0
    last_s: int = 0
    held_s: int = 0
    told_s: int | None = None

    def count(self, second: int, one: int, other: int, limits: Mapping[str, float]) -> int | None:
        """One second at both: the surplus of the first when it is out of balance for good, else None."""
        self.excess += one - other
        if second - self.last_s > limits["settle_s"]:
            self.begun_s = second  # the counters of two ports do not begin to count in the same instant
        self.last_s = second
        if self.learned < limits["learn_s"]:
            self.learned += 1
            self.frames += one
            self.low, self.high = min(self.low, self.excess), max(self.high, self.excess)
            self.centre = self.excess
            return None
        if second - self.begun_s < limits["settle_s"]:
            self.centre = self.excess
            return None
        band = self.high - self.low
        if self.frames < limits["learn_frames"] or band > limits["band_share"] * self.frames:
            return None
        away = self.excess - self.centre
        if abs(away) <= band + limits["beyond_frames"]:
            self.held_s = 0
            if second % int(limits["settle_s"]) == 0:
                self.centre = self.excess
            return None
        self.held_s += 1
        if self.held_s < limits["hold_s"]:
            return None
        self.centre = self.excess
        before_s, self.told_s = self.told_s, second
        return away if before_s is None or second - before_s > limits["episode_s"] else None


def _unbalanced(key: tuple[str, str, str], second: int, surplus: int, held_s: int, seen: Seen) -> Judgement:
    more, less = (key[0], key[1]) if surplus > 0 else (key[1], key[0])
    facts = (("frames", str(abs(surplus))), ("kind", key[2]), ("seconds", str(held_s)))
    time_ns = (second + 1) * NS_PER_S
    return Judgement("frames-unbalanced", time_ns, time_ns, more, less, "high", 0.8, facts, (seen,))
