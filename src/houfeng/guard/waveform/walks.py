"""Searching landmarks: from every place that bears the same name, walk back as long as both records agree.

Seed and extend, as in Altschul et al. (1990, doi:10.1016/S0022-2836(05)80360-2). A walk is scored by its log likelihood
ratio: HIT where the older record has a landmark too, MISS where not. Of unrelated records exp(score) has mean 1 or less
after every step, so the chance that the best score of one walk reaches x is at most exp(-x) (Ville's inequality), and
among n pairs of landmarks n exp(-x).
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.guard.waveform.landmarks import TICK_NS
from houfeng.guard.waveform.naming import BLOCK, STEPS, back, begins, tick_at
from houfeng.words.instant import NS_PER_S

Wholes = NDArray[np.int64]
Reals = NDArray[np.float64]

#: Two landmarks agree within this over the octave's width: twice the scatter through a filter.
AGREE: Final = 0.1
#: Of unrelated records a landmark agrees with one by accident at most this often (0.09 by the spread of recorded
#: intervals), and of a copy through a filter at least so often (measured 0.85 to 0.99 in the octave that it leaves).
BY_ACCIDENT: Final = 0.12
IN_A_COPY: Final = 0.85
HIT: Final = float(np.log(IN_A_COPY / BY_ACCIDENT))
MISS: Final = float(np.log((1 - IN_A_COPY) / (1 - BY_ACCIDENT)))
#: A walk that has lost this much since its best is over: four misses in a row, which a copy has once in 2,000.
GIVE_UP: Final = 4 * -MISS
#: Landmarks a walk goes back over at most: four minutes of the upper octave.
FARTHEST: Final = 256

#: Bits of a name behind the leading ones that stand beside its place: they turn strangers away unseen.
TAG_BITS: Final = 8
TAG_MASK: Final = 0xFF
#: A name found more often than this in one shard is a machine's hum and says nothing.
COMMON: Final = 2_000
#: A record is like itself at once when a server sends it twice, and like the others of its site whenever the ground
#: moves or a clock steps: nothing is said of its own likeness within 5 s and of its site's within a minute.
OWN_LAG: Final = 5 * NS_PER_S // TICK_NS
SITE_LAG: Final = 60 * NS_PER_S // TICK_NS
#: Landmarks by which a record is moved to see whether it hums: eight, no copy agrees with itself that near.
SHAMS: Final = 8

#: A row of a search: which query, place in the shard, landmarks that agreed, landmarks walked over, ticks walked over.
ROW_QUERY, ROW_PLACE, ROW_HITS, ROW_WALKED, ROW_TICKS, ROW_WHOLES = range(6)


@njit(cache=True)
def _alike(
    short: NDArray[np.uint16],
    continues: NDArray[np.bool_],
    place: int,
    old_short: NDArray[np.uint16],
    old_continues: NDArray[np.bool_],
    old_place: int,
    cell: int,
) -> bool:
    """Whether two landmarks could bear one name: most that only share its beginning differ at the first interval."""
    for _ in range(STEPS):
        if begins(place, continues) or begins(old_place, old_continues):
            return False
        if abs(back(short, place) - back(old_short, old_place)) > cell:
            return False
        place -= 1
        old_place -= 1
    return True


@njit(cache=True)
def walk_back(
    short: NDArray[np.uint16],
    continues: NDArray[np.bool_],
    place: int,
    old_short: NDArray[np.uint16],
    old_continues: NDArray[np.bool_],
    old_place: int,
    agree: int,
    loud: NDArray[np.bool_],
    row: Wholes,
) -> tuple[float, float]:
    """Walk back over two records from landmarks taken as the same one.

    loud  of the newer record's landmarks: whether it stands out of the noise
    row   out: ROW_HITS, ROW_WALKED, ROW_TICKS of the best stretch

    Returns the best score, and what of it is due to landmarks that are noise.
    """
    score = best = HIT
    quiet = best_quiet = 0.0 if loud[place] else HIT
    since = old_since = drift = 0
    hits = 1
    row[ROW_HITS], row[ROW_WALKED], row[ROW_TICKS] = 1, 1, 0
    walked = 1
    while walked < FARTHEST and not begins(place, continues):
        since += back(short, place)
        place -= 1
        walked += 1
        while old_since < since + drift - agree and not begins(old_place, old_continues):
            old_since += back(old_short, old_place)
            old_place -= 1
        off = old_since - since - drift
        if abs(off) <= agree:
            score += HIT
            quiet += 0.0 if loud[place] else HIT
            hits += 1
            # A copy of another rate or through a filter drifts a little; half of each step is believed.
            drift += off // 2 if off >= 0 else -(-off // 2)
        else:
            score += MISS
            quiet += 0.0 if loud[place] else MISS
            if old_since < since + drift - agree:
                break
        if score > best:
            best, best_quiet = score, quiet
            row[ROW_HITS], row[ROW_WALKED], row[ROW_TICKS] = hits, walked, since
        elif score < best - GIVE_UP:
            break
    return best, best_quiet


@njit(cache=True)
def _hum(
    short: NDArray[np.uint16],
    continues: NDArray[np.bool_],
    place: int,
    old_short: NDArray[np.uint16],
    old_continues: NDArray[np.bool_],
    old_place: int,
    agree: int,
    loud: NDArray[np.bool_],
    enough: float,
) -> bool:
    """Whether the two records agree as well when one of them is moved by a few landmarks: periodic, not copied."""
    row = np.zeros(ROW_WHOLES, dtype=np.int64)
    for _ in range(SHAMS):
        if begins(old_place, old_continues):
            return False
        old_place -= 1
        best, _ = walk_back(short, continues, place, old_short, old_continues, old_place, agree, loud, row)
        if best >= enough:
            return True
    return False


@njit(cache=True)
def search_kernel(
    asked: Wholes,
    names: Wholes,
    tables: tuple[NDArray[np.uint16], NDArray[np.bool_], Wholes, NDArray[np.int32], NDArray[np.bool_]],
    old: tuple[NDArray[np.uint16], NDArray[np.bool_], Wholes, NDArray[np.int32]],
    filed: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint8], int],
    lanes: NDArray[np.int32],
    agree: Wholes,
    cells: Reals,
    least: float,
    rows: Wholes,
    scores: Reals,
) -> int:
    """Walk back from every place of one shard that bears the name of one of the landmarks asked about.

    asked   [n] places in the open part; names [n]
    tables  of the open part: short ticks, continues, first ticks, lane of block, loud
    old     of the shard: short ticks, continues, first ticks, lane of block
    filed   places sorted by name, where each head of a name begins, tags, bits that do not lead; or for the open part
            itself what follows in a chain, the heads of chains, no tags, and -1
    lanes   [k, 3] octave, channel and station of each lane
    agree, cells  AGREE and CELL in ticks, by octave
    least   scores below it are not told
    rows, scores  out: [m, ROW_WHOLES] and [m, 2] score and what of it is due to noise

    Returns how many rows were written; what finds no room is left out.
    """
    short, continues, first, lane_of, loud = tables
    old_short, old_continues, old_first, old_lane_of = old
    row = np.zeros(ROW_WHOLES, dtype=np.int64)
    found = np.empty(COMMON, dtype=np.int64)
    count = 0
    for query in range(len(asked)):
        place = asked[query]
        lane = lane_of[place // BLOCK]
        band = lanes[lane, 0]
        for k in range(_bearing(names[query], filed, found)):
            old_place = found[k]
            old_lane = old_lane_of[old_place // BLOCK]
            if lanes[old_lane, 0] != band or not _alike(
                short, continues, place, old_short, old_continues, old_place, int(cells[band])
            ):
                continue
            near = agree[band]
            score, quiet = walk_back(short, continues, place, old_short, old_continues, old_place, near, loud, row)
            if score < least:
                continue
            lag = abs(tick_at(short, first, place) - tick_at(old_short, old_first, old_place))
            if lag < _least_lag(lanes[lane], lanes[old_lane]) or _hum(
                short, continues, place, old_short, old_continues, old_place, near, loud, score / 2
            ):
                continue
            if count < len(rows):
                row[ROW_QUERY], row[ROW_PLACE] = query, old_place
                rows[count] = row
                scores[count, 0], scores[count, 1] = score, quiet
                count += 1
    return count


@njit(cache=True)
def _bearing(
    name: int, filed: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint8], int], found: Wholes
) -> int:
    """Places that may bear a name: how many, and in found which."""
    places, heads, tags, shift = filed
    count = 0
    if shift < 0:
        following = int(heads[(name >> 8) % len(heads)])
        while following > 0 and count < len(found):
            found[count] = following - 1
            count += 1
            following = int(places[following - 1])
        return count
    head = name >> shift
    if heads[head + 1] - heads[head] > len(found):
        return 0
    tag = (name >> (shift - TAG_BITS)) & TAG_MASK
    for k in range(heads[head], heads[head + 1]):
        if tags[k] == tag:
            found[count] = places[k]
            count += 1
    return count


@njit(cache=True)
def _least_lag(lane: NDArray[np.int32], old: NDArray[np.int32]) -> int:
    """Ticks two records must be apart for their likeness to mean anything."""
    if lane[2] != old[2]:
        return 0
    return OWN_LAG if lane[1] == old[1] else SITE_LAG
