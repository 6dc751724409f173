"""The streaming kernel of amplitudes: one compiled pass from samples to cells of largest ground motion, per channel.

amplitude.py owns the arrays and calls `pass_packets`; for each packet

1. what the channel has said already is skipped; a packet that does not follow starts a run: for `learn` samples the
   rest is measured, then the filters begin, and after `settle` samples what comes out is believed;
2. one recursion (amplitude_filters.py) gives what the sensor feels and its integral, both high-passed. A velocity's
   difference is acceleration. So every channel yields acceleration and velocity;
3. an upright channel yields displacement besides: the integral of velocity, low-passed. An accelerometer needs a second
   recursion for it, and so has one high-pass for each integration, without which an offset would grow;
4. largest values are kept in rings of cells that begin at whole multiples of CELL_NS: cutting packets otherwise changes
   nothing, and cells of all channels lie side by side. A cell whose samples look clipped is kept with a minus sign;
5. the noise levels of an upright channel are means of its cells of displacement and of acceleration, held while either
   stands out.

Nothing is allocated.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.warn.amplitude_filters import (
    LAST,
    NOISE,
    NOISE_PUSH,
    REST,
    SCALE,
    SUM,
    Reals,
    Wholes,
    level_acceleration,
    level_velocity,
    upright_acceleration,
    upright_velocity,
)
from houfeng.words.instant import EARLIEST_NS, LATEST_NS
from houfeng.words.samples import Samples

Cells = NDArray[np.float32]

NS = 1e9
#: One cell, and how many are kept: a minute of displacement, half of it of shaking. Powers of two, as the place of a
#: cell in its ring is then its last bits.
CELL_NS = 250_000_000
CELL_S = CELL_NS / NS
MOVED_CELLS = 256
SHAKEN_CELLS = 128
MOVED_BITS = MOVED_CELLS - 1
SHAKEN_BITS = SHAKEN_CELLS - 1

#: Samples worked on at a time; fits the first-level cache.
CHUNK = 2048

#: A plan's whole numbers, in samples.
LEARN, SETTLE, PLAN_WHOLES = range(3)

#: A channel's state, whole: what it feels; place in the ring of displacement, -1 for none; between which instants this
#: is known; plan, samples since the run began, when the next packet is due, present cell, cells of noise seen, cells
#: for which noise was held, equal samples on end, ns skipped since anything went on, last cell that looked clipped.
KIND, SLOT, FROM_NS, UNTIL_NS, PLAN, AGE, DUE_NS, CELL, SEEN, HELD, SAME, BEHIND_NS, CLIPPED, CHANNEL_WHOLES = range(14)
UNKNOWN, VELOCITY, ACCELERATION = range(3)
NEVER_NS = np.iinfo(np.int64).min // 2

#: How a packet stands to its channel: it goes on, it begins a run after a gap or at another rate, or begins anew.
FOLLOWS, AFRESH, BACK = range(3)

#: Why a pass stopped, and what it counted.
DONE, NEEDS_PLAN, NEEDS_CHANNEL = range(3)
AT_PACKET, REPEATED, ABSURD, RESTARTS, CURSOR_WHOLES = range(5)

#: A channel keeps its plan while its rate stays this near; slower or faster ones have no amplitude.
PLAN_TOLERANCE = 0.05
SLOWEST_HZ, FASTEST_HZ = 10.0, 1000.0
#: Below this a rate is nonsense: a sample would last a quarter of an hour.
ABSURD_HZ = 1e-3
#: A slip of this many samples is jitter of the stamps.
SLIP_SAMPLES = 2.0
#: So much on end from before what was heard, and the channel's clock has gone back.
BACK_NS = 10_000_000_000
#: Larger than any ground motion in counts or SI units; what is not below counts as the sample before it.
GREATEST = 1e12
#: Least a cell holds, so that it has a sign.
LEAST_CELL = 1e-30

#: Noise is averaged over so many cells; cells that exceed it so many times are no noise, unless they stay so long.
NOISE_CELLS = 120
STANDS_OUT = 4.0
HELD_CELLS = 240
#: No place on Earth is quieter: the low-noise model of Peterson 1993 lies above, between the periods kept.
LEAST_NOISE_M = 1e-10
LEAST_NOISE_MPS2 = 1e-9

#: Signs of clipping as in size/clipping.py, those that a few samples show: full scale of a 24-bit converter, and the
#: very same count so often so far from rest.
FULL_SCALE_LEAST = 0.99 * 2.0**23
FULL_SCALE_MOST = 1.13 * 2.0**23
SAME_SAMPLES = 8
FAR_COUNTS = 1000.0


@njit(cache=True)
def plan_key(rate_hz: float) -> int:
    """Names the plan for a sampling rate, to three significant digits."""
    decade = np.floor(np.log10(rate_hz))
    return int(10_000 * decade + np.floor(rate_hz / 10.0 ** (decade - 2) + 0.5))


@njit(cache=True)
def _plan_for(rate_hz: float, present: int, plan_keys: Wholes, plan_rate_hz: Reals) -> int:
    if present >= 0 and abs(plan_rate_hz[present] / rate_hz - 1.0) <= PLAN_TOLERANCE:
        return present
    key = plan_key(rate_hz)
    for plan in range(len(plan_keys)):
        if plan_keys[plan] == key:
            return plan
    return -1


@njit(cache=True)
def _cleaned(samples: Samples, first: int, count: int, counts: bool, last: float, clean: Reals) -> float:
    """Copy samples, each that is no number as the one before it; returns the last."""
    some = samples[first : first + count]
    if counts:
        for k in range(count):
            clean[k] = some[k]
        return float(clean[count - 1])
    for k in range(count):
        if abs(some[k]) <= GREATEST:
            last = some[k]
        clean[k] = last
    return last


@njit(cache=True)
def _doubtful(clean: Reals, count: int, before: float, rest: float) -> bool:
    """Whether any of these samples might be clipped; cheap, as it is asked of all."""
    full, far, same = 0, 0, int(clean[0] == before)
    for k in range(count):
        size = abs(clean[k])
        full += (size >= FULL_SCALE_LEAST) & (size <= FULL_SCALE_MOST)
        far += abs(clean[k] - rest) >= FAR_COUNTS
    for k in range(count - 1):
        same += clean[k] == clean[k + 1]
    return full > 0 or (far > 0 and same > 0)


@njit(cache=True)
def _same_at_end(clean: Reals, count: int, before: float, same: int) -> int:
    """How many samples on end equal the last, it among them."""
    k = count - 1
    while k > 0 and clean[k - 1] == clean[k]:
        k -= 1
    run = count - k
    return run + same if k == 0 and clean[0] == before else run


@njit(cache=True)
def _clipped(clean: Reals, first: int, last: int, before: float, same: int, rest: float) -> tuple[bool, int]:
    """Whether these samples look clipped, and how many on end equal the last."""
    found = False
    for k in range(first, last):
        same = same + 1 if clean[k] == before else 1
        before = clean[k]
        size = abs(before)
        full = FULL_SCALE_LEAST <= size <= FULL_SCALE_MOST
        found |= full or (same >= SAME_SAMPLES and abs(before - rest) >= FAR_COUNTS)
    return found, same


@njit(cache=True)
def _put(ring: Cells, row: int, at: int, value: float, clipped: bool) -> None:
    """Let a cell know of a value."""
    old = ring[row, at]
    size, was = abs(old), old < 0.0
    if not size >= value:
        size = max(np.float32(value), np.float32(LEAST_CELL))
    ring[row, at] = -size if was or clipped else size


@njit(cache=True)
def _enter(channel: int, cell: int, g: Wholes, f: Reals, moved: Cells, speed: Cells, push: Cells) -> None:
    """Go on to another cell; those between, and what they held a ring ago, are unknown."""
    slot, was = g[SLOT], g[CELL]
    if slot >= 0:
        _hear_noise(float(abs(moved[slot, was & MOVED_BITS])), float(abs(push[channel, was & SHAKEN_BITS])), g, f)
        moved[slot, cell & MOVED_BITS] = np.nan
        for k in range(max(was + 1, cell - MOVED_CELLS + 1), cell):
            moved[slot, k & MOVED_BITS] = np.nan
    speed[channel, cell & SHAKEN_BITS] = np.nan
    push[channel, cell & SHAKEN_BITS] = np.nan
    for k in range(max(was + 1, cell - SHAKEN_CELLS + 1), cell):
        speed[channel, k & SHAKEN_BITS] = np.nan
        push[channel, k & SHAKEN_BITS] = np.nan
    g[CELL] = cell


@njit(cache=True)
def _forget(channel: int, cell: int, g: Wholes, moved: Cells, speed: Cells, push: Cells) -> None:
    if g[SLOT] >= 0:
        moved[g[SLOT]] = np.nan
    speed[channel] = np.nan
    push[channel] = np.nan
    g[CELL], g[CLIPPED] = cell, NEVER_NS


@njit(cache=True)
def _hear_noise(moved: float, push: float, g: Wholes, f: Reals) -> None:
    """A cell is complete: average it in, unless it stands out."""
    if np.isnan(moved) or np.isnan(push):
        return
    out = g[SEEN] > 0 and (moved > STANDS_OUT * f[NOISE] or push > STANDS_OUT * f[NOISE_PUSH])
    if out and g[HELD] < HELD_CELLS:
        g[HELD] += 1
        return
    if not out:
        g[HELD] = 0
    g[SEEN] = min(g[SEEN] + 1, NOISE_CELLS)
    if g[SEEN] == 1:
        f[NOISE], f[NOISE_PUSH] = moved, push
    f[NOISE] = max(f[NOISE] + (moved - f[NOISE]) / g[SEEN], LEAST_NOISE_M)
    f[NOISE_PUSH] = max(f[NOISE_PUSH] + (push - f[NOISE_PUSH]) / g[SEEN], LEAST_NOISE_MPS2)


@njit(cache=True)
def _begin(plan: int, first: float, g: Wholes, f: Reals) -> None:
    """Begin a run: the filters know nothing. The noise level stays."""
    g[PLAN], g[AGE], g[SAME] = plan, 0, 0
    for k in range(SCALE):
        f[k] = 0.0
    f[LAST] = first if abs(first) <= GREATEST else 0.0


@njit(cache=True)
def _measure(
    channel: int,
    x: Reals,
    first: int,
    last: int,
    clipped: bool,
    rate: float,
    c: Reals,
    settled: bool,
    g: Wholes,
    f: Reals,
    moved: Cells,
    speed: Cells,
    push: Cells,
) -> None:
    """Take samples of one cell through the filters and into the rings."""
    rest, scale = f[REST], f[SCALE]
    d = 0.0
    if g[KIND] == VELOCITY:
        if g[SLOT] >= 0:
            a, v, d = upright_velocity(x, first, last, rest, rate, c, f)
        else:
            a, v = level_velocity(x, first, last, rest, rate, c, f)
    elif g[SLOT] >= 0:
        a, v, d = upright_acceleration(x, first, last, rest, c, f)
    else:
        a, v = level_acceleration(x, first, last, rest, c, f)
    if settled:
        at = g[CELL] & SHAKEN_BITS
        _put(push, channel, at, a * scale, clipped)
        _put(speed, channel, at, v * scale, clipped)
        if g[SLOT] >= 0:
            _put(moved, g[SLOT], g[CELL] & MOVED_BITS, d * scale, clipped)
        if clipped:
            g[CLIPPED] = g[CELL]


@njit(cache=True)
def _take(
    channel: int,
    samples: Samples,
    first: int,
    last: int,
    counts: bool,
    start_ns: int,
    step_ns: float,
    rate: float,
    c: Reals,
    lengths: Wholes,
    g: Wholes,
    f: Reals,
    moved: Cells,
    speed: Cells,
    push: Cells,
    clean: Reals,
) -> None:
    """Take samples that go on; start_ns is the instant of samples[first]."""
    done = 0
    while first + done < last:
        count = min(CHUNK, last - first - done)
        before = f[LAST]
        f[LAST] = _cleaned(samples, first + done, count, counts, before, clean)
        look = counts and _doubtful(clean, count, before, f[REST])
        at = 0
        if g[AGE] < lengths[LEARN]:
            at = min(count, lengths[LEARN] - g[AGE])
            for k in range(at):
                f[SUM] += clean[k]
            g[AGE] += at
            if g[AGE] == lengths[LEARN]:
                f[REST] = f[SUM] / g[AGE]
        same = g[SAME]
        while at < count:
            cell = max(g[CELL], (start_ns + int((done + at) * step_ns + 0.5)) // CELL_NS)
            if cell > g[CELL]:
                _enter(channel, cell, g, f, moved, speed, push)
            left = int(np.ceil(((cell + 1) * CELL_NS - start_ns - 0.5) / step_ns)) - done - at
            until = min(count, at + max(1, left))
            settled = g[AGE] >= lengths[SETTLE]
            if not settled:
                until = min(until, at + lengths[SETTLE] - g[AGE])
            clipped = False
            if look:
                clipped, same = _clipped(clean, at, until, clean[at - 1] if at > 0 else before, same, f[REST])
            _measure(channel, clean, at, until, clipped, rate, c, settled, g, f, moved, speed, push)
            g[AGE] += until - at
            at = until
        g[SAME] = _same_at_end(clean, count, before, g[SAME]) if counts else 0
        done += count


@njit(cache=True)
def _place(begin_ns: int, step_ns: float, count: int, changed: bool, g: Wholes) -> tuple[int, int]:
    """How a packet stands to what its channel has said, and how many of its samples were said already."""
    if g[DUE_NS] == NEVER_NS:
        return BACK, 0
    # as floats: instants at both ends of what 64 bits hold lie farther apart than these can say
    slip = (float(begin_ns) - float(g[DUE_NS])) / step_ns
    if slip < -SLIP_SAMPLES and g[BEHIND_NS] > BACK_NS:
        return BACK, 0
    if slip < -SLIP_SAMPLES:
        return AFRESH if changed else FOLLOWS, min(count, int(np.floor(0.5 - slip)))
    return AFRESH if changed or slip > SLIP_SAMPLES else FOLLOWS, 0


@njit(cache=True)
def _reopen(channel: int, cell: int, how: int, g: Wholes, f: Reals, moved: Cells, speed: Cells, push: Cells) -> None:
    """Ready the rings for a new run: what is older stays, unless time itself has gone back."""
    if how == BACK:
        _forget(channel, cell, g, moved, speed, push)
    elif cell > g[CELL]:
        _enter(channel, cell, g, f, moved, speed, push)


@njit(cache=True)
def pass_packets(
    rows: Wholes,
    start_ns: Wholes,
    rate_hz: Reals,
    offset: Wholes,
    samples: Samples,
    counts: bool,
    plan_keys: Wholes,
    plan_rate_hz: Reals,
    plan_reals: Reals,
    plan_wholes: Wholes,
    wholes: Wholes,
    reals: Reals,
    moved: Cells,
    speed: Cells,
    push: Cells,
    clean: Reals,
    cursor: Wholes,
) -> int:
    """Take packets, from the cursor on, until done or in need of a plan or of what a channel is.

    rows          [packets] row of each packet's channel in the state arrays, -1 to skip it
    start_ns, rate_hz, offset, samples  as in PacketBatch; counts: whether samples are integers
    plan_*        [plans] twice, [plans, PLAN_REALS], [plans, PLAN_WHOLES]
    wholes, reals state, [channels, CHANNEL_WHOLES] and [channels, CHANNEL_REALS]
    moved         [slots, MOVED_CELLS], m; speed, push [channels, SHAKEN_CELLS], m/s and m/s2
    clean         scratch, CHUNK long
    """
    for packet in range(cursor[AT_PACKET], len(rows)):
        cursor[AT_PACKET] = packet
        channel, first, last = rows[packet], offset[packet], offset[packet + 1]
        if channel < 0 or first == last:
            continue
        rate, begin_ns = rate_hz[packet], start_ns[packet]
        lasts_ns = (last - first) / rate * NS
        if rate < ABSURD_HZ or begin_ns < EARLIEST_NS or begin_ns + lasts_ns > LATEST_NS:
            cursor[ABSURD] += 1
            continue
        g, f = wholes[channel], reals[channel]
        if not g[FROM_NS] <= begin_ns < g[UNTIL_NS]:
            return NEEDS_CHANNEL
        usable = g[KIND] != UNKNOWN and SLOWEST_HZ <= rate <= FASTEST_HZ
        plan = _plan_for(rate, g[PLAN], plan_keys, plan_rate_hz) if usable else -1
        if usable and plan < 0:
            return NEEDS_PLAN
        step_ns = NS / rate
        how, skip = _place(begin_ns, step_ns, last - first, usable and plan != g[PLAN], g)
        cursor[REPEATED] += skip
        if skip == last - first:
            g[BEHIND_NS] += int(lasts_ns)
            continue
        if how != FOLLOWS:
            cursor[RESTARTS] += g[DUE_NS] != NEVER_NS
            _reopen(channel, begin_ns // CELL_NS, how, g, f, moved, speed, push)
            _begin(plan, float(samples[first]), g, f)
        g[BEHIND_NS] = 0
        g[DUE_NS] = begin_ns + int(lasts_ns + 0.5)
        if not usable:
            g[PLAN] = -1
        else:
            _take(
                channel,
                samples,
                first + skip,
                last,
                counts,
                begin_ns + int(skip * step_ns + 0.5),
                step_ns,
                rate,
                plan_reals[plan],
                plan_wholes[plan],
                g,
                f,
                moved,
                speed,
                push,
                clean,
            )
    cursor[AT_PACKET] = len(rows)
    return DONE
