"""Names of landmarks, and how landmarks are written down.

A name is made of the STEPS intervals between a landmark and those before it, rounded to cells. Landmarks are kept as
16 bits of their tick, in blocks of one lane that know their first tick in full.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Wholes = NDArray[np.int64]
Reals = NDArray[np.float64]

#: Intervals in a name. Each says 2.7 bits (the chance that two differ, measured on recorded noise): 19 bits in all, so
#: that a month of a channel holds a few places of the same name by accident, which a walk refuses at once.
STEPS: Final = 7
#: A cell is this many over the octave's width: copies through a filter scatter by 0.05 to 0.1 of that unit, seven
#: intervals then still fall into the same cells one time in four, and finer cells would be missed oftener.
CELL: Final = 0.35
#: An interval of so many cells or more ends the naming: nothing but silence and gaps is so long.
LONGEST_CELLS: Final = 60
#: Landmarks of a block: one full tick for 64 short ones costs an eighth of a byte each.
BLOCK: Final = 64
#: Short ticks are unique within 512 s; anything longer begins a block that does not continue the one before.
LONGEST_TICKS: Final = 60_000
#: A landmark of this many times the running level of its lane is loud: 10 dB, beyond what noise alone reaches often.
LOUD: Final = 10.0
#: The running level goes up or down by this share at every landmark, towards the median: a quake of a minute lifts it
#: by less than 5 dB. In the beginning it goes faster, to be there after a quarter of a minute.
STEP: Final = 0.02
FIRST_STEP: Final = 0.5
FIRST: Final = 24


@njit(cache=True)
def back(short: NDArray[np.uint16], place: int) -> int:
    """Ticks between a landmark and the one before it."""
    return (int(short[place]) - int(short[place - 1])) & 0xFFFF


@njit(cache=True)
def begins(place: int, continues: NDArray[np.bool_]) -> bool:
    """Whether nothing is known of what was before a landmark."""
    return place % BLOCK == 0 and (place == 0 or not continues[place // BLOCK])


@njit(cache=True)
def name_at(short: NDArray[np.uint16], continues: NDArray[np.bool_], place: int, cell: float, band: int) -> int:
    """The name a landmark and those before it bear, 0 to 2^32 - 1; -1 for none."""
    name = np.uint64(band + 1)
    for _ in range(STEPS):
        if begins(place, continues):
            return -1
        cells = int(back(short, place) / cell)
        if cells == 0 or cells >= LONGEST_CELLS:
            return -1
        name = (name ^ np.uint64(cells)) * np.uint64(0x9E3779B97F4A7C15)
        name ^= name >> np.uint64(29)
        place -= 1
    return int(name >> np.uint64(32))


@njit(cache=True)
def tick_at(short: NDArray[np.uint16], first: Wholes, place: int) -> int:
    """The full tick of a landmark."""
    block = place // BLOCK
    tick = first[block]
    for k in range(block * BLOCK + 1, place + 1):
        tick += back(short, k)
    return int(tick)


@njit(cache=True)
def append(
    ticks: Wholes,
    louds: NDArray[np.bool_],
    fresh: bool,
    base: int,
    count: int,
    limit: int,
    last: int,
    row: tuple[NDArray[np.uint16], Wholes, NDArray[np.bool_], NDArray[np.bool_]],
) -> int:
    """Write landmarks of one lane behind those it has; give how many places it uses then.

    base   the lane's first place; count  places it uses; limit  the first place beyond it, where writing stops
    last   tick of its last landmark
    row    short ticks, first ticks, whether a block continues, and which are loud
    """
    short, first, continues, loud = row
    for k in range(len(ticks)):
        tick = ticks[k]
        parted = count == 0 or (k == 0 and fresh) or tick <= last or tick - last > LONGEST_TICKS
        if parted:
            while count % BLOCK:
                short[base + count] = short[base + count - 1]
                count += 1
        if base + count >= limit:
            break
        if count % BLOCK == 0:
            first[(base + count) // BLOCK] = tick
            continues[(base + count) // BLOCK] = not parted
        short[base + count] = tick & 0xFFFF
        loud[base + count] = louds[k]
        last = tick
        count += 1
    return count


@njit(cache=True)
def name_all(
    places: Wholes,
    short: NDArray[np.uint16],
    continues: NDArray[np.bool_],
    lane_of: NDArray[np.int32],
    lanes: NDArray[np.int32],
    cells: Reals,
    kept: int,
    named: Wholes,
    names: Wholes,
) -> int:
    """The names to file of some landmarks.

    named, names  out: places and their names

    Returns how many.
    """
    count = 0
    for place in places:
        if place > 0 and place % BLOCK and short[place] == short[place - 1]:
            continue  # a block filled up
        band = lanes[lane_of[place // BLOCK], 0]
        name = name_at(short, continues, place, cells[band], band)
        if name >= 0 and name % kept == 0:
            named[count], names[count] = place, name
            count += 1
    return count


@njit(cache=True)
def chain(places: Wholes, names: Wholes, heads: NDArray[np.uint32], following: NDArray[np.uint32]) -> None:
    """Put landmarks in front of the chains of their names; places count from 1 there, 0 ends a chain."""
    for k in range(len(places)):
        head = (names[k] >> 8) % len(heads)
        following[places[k]] = heads[head]
        heads[head] = places[k] + 1


@njit(cache=True)
def listen(power: Reals, level: Reals, loud: NDArray[np.bool_]) -> None:
    """Tell which landmarks of a lane are loud.

    level  [2] running level and how many landmarks it has seen, kept by the caller
    loud   out
    """
    for k in range(len(power)):
        if level[1] == 0.0:
            level[0] = power[k]
        loud[k] = level[1] >= FIRST and power[k] > LOUD * level[0]
        step = 1.0 + (FIRST_STEP if level[1] < FIRST else STEP)
        level[0] = level[0] * step if power[k] > level[0] else level[0] / step
        level[1] += 1.0
