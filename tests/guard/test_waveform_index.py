"""The index of landmarks: the walk against its twin, what is found wherever it lies, and the bound on accidents."""

from collections.abc import Sequence

import numpy as np
import pytest
from made_records import OTHER, SOURCE
from numpy.typing import NDArray

from houfeng.guard.waveform import naming, walks
from houfeng.guard.waveform.index import ReplayIndex
from houfeng.guard.waveform.landmarks import TICK_NS, Marks
from houfeng.guard.waveform.shard import AGREE_TICKS, Blocks, make_shard
from houfeng.words.instant import NS_PER_S
from houfeng.words.source import SourceId

PER_S = NS_PER_S // TICK_NS
HOUR = 3600 * PER_S
FIRST_TICK = 10**9


def ticks_of(count: int, seed: int, begin: int = FIRST_TICK) -> NDArray[np.int64]:
    """Landmarks a second apart on average, with the scatter of recorded ones."""
    apart = np.random.default_rng(seed).gamma(8.0, PER_S / 8, count).astype(np.int64) + 20
    return np.asarray(begin + np.cumsum(apart), dtype=np.int64)


def marks(ticks: NDArray[np.int64], source: SourceId = SOURCE, *, fresh: bool = True) -> list[Marks]:
    return [Marks(source, 1, ticks, np.ones(len(ticks)), fresh)]


def twin_walk(new: Sequence[int], old: Sequence[int], agree: int) -> tuple[float, int]:
    """The best score of a walk back from the last landmarks of two lists, and its landmarks that agree."""
    lag = new[-1] - old[-1]
    drift, best, score, hits, best_hits = 0, walks.HIT, walks.HIT, 1, 1
    for tick in list(new)[-2 : -walks.FARTHEST - 1 : -1]:
        # The nearest older landmark that is not too late; one before all of them ends the walk.
        candidates = [o for o in old[:-1] if o + lag <= tick - drift + agree]
        late = tick - drift - (candidates[-1] + lag) if candidates else agree + 1
        if late <= agree:
            score, hits = score + walks.HIT, hits + 1
            drift += int(late / 2)
        else:
            score += walks.MISS
        if score > best:
            best, best_hits = score, hits
        if score < best - walks.GIVE_UP or not candidates:
            break
    return best, best_hits


@pytest.mark.parametrize("jitter", [0, 3, 8])
@pytest.mark.parametrize("seed", range(6))
def test_the_walk_says_what_its_twin_says(jitter: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    old = ticks_of(150, seed)
    kept = old[rng.random(150) > 0.1 * (jitter > 0)]
    new = np.concatenate(
        [
            ticks_of(40, seed + 99, FIRST_TICK - 50 * PER_S),
            kept[-80:-1] + rng.integers(-jitter, jitter + 1, 79),
            kept[-1:],
        ]
    )
    new = np.unique(new) + 5 * HOUR
    tables = [np.zeros(256, dtype=np.uint16) for _ in range(2)]
    continues = np.array([False, True, True, True])
    for table, ticks in zip(tables, (new, old), strict=True):
        table[: len(ticks)] = ticks & 0xFFFF
    row = np.zeros(walks.ROW_WHOLES, dtype=np.int64)
    agree = int(AGREE_TICKS[1])
    got, _ = walks.walk_back(
        tables[0],
        continues,
        len(new) - 1,
        tables[1],
        continues,
        len(old) - 1,
        agree,
        np.zeros(256, dtype=np.bool_),
        row,
    )
    expected, hits = twin_walk(new.tolist(), old.tolist(), agree)
    assert got == pytest.approx(expected)
    assert row[walks.ROW_HITS] == hits
    assert hits > 5


@pytest.mark.parametrize("hours", [0.1, 2.0, 30.0, 600.0])
def test_a_copy_is_found_wherever_the_original_lies(hours: float) -> None:
    index = ReplayIndex()
    old = ticks_of(100, seed=1)
    assert index.handle(marks(old)) == []
    later = round(hours * HOUR)
    for hour in range(1, int(hours)):
        index.handle(marks(ticks_of(200, seed=100 + hour, begin=FIRST_TICK + hour * HOUR)))
    matches = index.handle(marks(old[20:80] + later))
    best = max(matches, key=lambda match: match.score)
    assert (best.lane.source, best.lag_ticks) == (SOURCE, later)
    assert best.hits >= 50
    assert best.score == pytest.approx(best.hits * walks.HIT)


def test_what_is_older_than_it_remembers_is_gone() -> None:
    index = ReplayIndex(days=2)
    old = ticks_of(100, seed=1)
    index.handle(marks(old))
    for hour in range(1, 100):
        index.handle(marks(ticks_of(50, seed=100 + hour, begin=FIRST_TICK + hour * HOUR)))
    assert index.handle(marks(old + 100 * HOUR)) == []
    assert sum(shard.hours for shard in index.shards) <= 72


def test_its_own_recent_past_and_its_site_are_not_replays() -> None:
    index = ReplayIndex()
    old = ticks_of(100, seed=1)
    index.handle(marks(old))
    assert index.handle(marks(old + 4 * PER_S)) == []
    assert index.handle(marks(old + 30 * PER_S, SourceId("XX", "AAA", "", "BHZ"))) == []
    assert index.handle(marks(old + 30 * PER_S, OTHER)) != []


def test_a_hum_is_not_a_replay() -> None:
    index = ReplayIndex()
    steady = FIRST_TICK + np.arange(400) * PER_S + np.random.default_rng(1).integers(-2, 3, 400)
    assert index.handle(marks(steady)) == []
    assert index.handle(marks(steady + HOUR // 2)) == []


def test_a_restart_with_its_shards_finds_the_same() -> None:
    def outcome(index: ReplayIndex, copy: NDArray[np.int64]) -> set[tuple[int, int]]:
        # An hour's last block is in the next hour's shard too, so a match there comes twice.
        return {(match.tick, match.lag_ticks) for match in index.handle(marks(copy))}

    index = ReplayIndex()
    old = ticks_of(100, seed=1)
    index.handle(marks(old))
    index.handle(marks(ticks_of(100, seed=2, begin=FIRST_TICK + 2 * HOUR)))
    restarted = ReplayIndex(lanes=index.lanes, shards=index.shards)
    copy = old[10:90] + 10 * HOUR
    assert outcome(index, copy) == outcome(restarted, copy) != set()


def test_times_that_hop_about_cost_no_more_than_room() -> None:
    index = ReplayIndex()
    rng = np.random.default_rng(1)
    for _ in range(300):
        hopping = rng.integers(-(2**40), 2**40, rng.integers(0, 200))
        index.handle(marks(hopping, fresh=bool(rng.integers(2))))
    assert index.count_bytes < 64 * 2**20


def test_accidents_stay_under_the_bound() -> None:
    """Pairs of landmarks of unrelated records whose walks reach x are fewer than exp(-x) of all."""
    rng = np.random.default_rng(7)
    tables = [np.zeros(64 * 64, dtype=np.uint16) for _ in range(2)]
    continues = np.ones(64, dtype=np.bool_)
    for k, table in enumerate(tables):
        table[:] = ticks_of(len(table), seed=k) & 0xFFFF
    row, quiet = np.zeros(walks.ROW_WHOLES, dtype=np.int64), np.zeros(64 * 64, dtype=np.bool_)
    places = rng.integers(300, 64 * 64, (40_000, 2))
    scores = np.array(
        [
            walks.walk_back(tables[0], continues, a, tables[1], continues, b, int(AGREE_TICKS[1]), quiet, row)[0]
            for a, b in places
        ]
    )
    # The first landmark of a walk is taken as agreeing; the accident begins with the second.
    for least in (2.0, 4.0, 6.0, 8.0):
        assert np.mean(scores - walks.HIT >= least) <= np.exp(-least)


def test_a_shard_names_what_it_holds() -> None:
    ticks = ticks_of(128, seed=1)
    blocks = Blocks(
        (ticks & 0xFFFF).astype(np.uint16), np.array([False, True]), ticks[::64], np.zeros(2, dtype=np.int32)
    )
    shard = make_shard(blocks, np.array([[1, 0, 0]], dtype=np.int32))
    assert len(shard.places) == len(shard.tags) == shard.heads[-1]
    assert set(shard.places.tolist()) <= set(range(naming.STEPS, 128))
    assert [naming.tick_at(shard.short, shard.first, k) for k in (0, 63, 64, 127)] == ticks[[0, 63, 64, 127]].tolist()
