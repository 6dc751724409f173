"""The streaming kernel: one compiled pass from samples to triggers, with state per channel and band.

trigger.py owns the arrays and calls `pass_packets`; for each packet

1. a packet that does not continue its channel starts a run: what is on ends, the filters begin at the first
   sample's value and are ramped in, the noise level is learned anew;
2. single-sample spikes give way to the mean of their neighbours (`_clean`), at the price of one sample's delay;
3. each band (`_watch`) does two biquads, the square, recursive STA and LTA as in ObsPy's recursive_sta_lta, and
   a small state machine, QUIET -> RISING -> ON, with the LTA frozen outside QUIET.

A Butterworth band-pass of two biquads has its zeros at +1 and -1, twice each. Giving either biquad one of each makes
both numerators 1 - z^-2, which needs no multiplication; the first is the same for every band and done once. The gain
left over scales all powers alike and is put into the floor. Written with the newest output last,
y = (d - a2 y'') - a1 y', the recursion waits for one multiplication and one subtraction per sample.

Nothing is allocated. The arithmetic goes sample by sample in one fixed order, so any other cutting into packets
gives the same numbers. twin_kernel.py is the slow, readable twin.

The trigger policy, in units of band-passed power (4 is twice the noise amplitude):

QUIET   STA above `on` times LTA begins a trigger at that sample, once the LTA has seen `fill` samples.
RISING  The wave must still be there a little later: mean power over the second half of the next `confirm` samples
        must exceed `off` times the level before. The exponential STA would stay up after any glitch; this mean does
        not. Refused, the STA forgets it.
ON      Ends when STA falls under `off` times LTA, or after `longest` samples: what lasts that long is a new noise
        level and becomes the LTA.
        Meanwhile the coda level follows the STA, slowly up and fast down. Once the STA has come down to `rearm` times
        the coda level, a rise above `again` times is a new arrival (S, or the next quake of a swarm): it passes
        RISING_AGAIN, measured against the coda, and begins a new trigger.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.words.samples import Samples

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: Raw samples remembered from before: what the spike test looks back on, and the one not yet judged.
HISTORY = 17
#: Samples taken through all bands at a time; fits the first-level cache.
CHUNK = 2048

#: A plan's whole numbers per band, in samples.
RAMP, SETTLE, FILL, LTA_LENGTH, CONFIRM, APART, LONGEST, PLAN_WHOLES = range(8)
#: A plan's real numbers per band: denominators of the two biquads, weight of a new sample in STA and LTA and of what
#: was before, of a new STA in the coda level when rising and falling, power ratios, power never to be fallen under.
A1, A2, B1, B2, STA_NEW, STA_OLD, LTA_NEW, LTA_OLD, CODA_RISE, CODA_FALL = range(10)
ON_RATIO, OFF_RATIO, AGAIN_RATIO, REARM_RATIO, FLOOR, PLAN_REALS = range(10, 16)

#: A band's state, real: last two outputs of either biquad, the averages, the level a trigger rose from and is
#: measured by, power summed while it must prove itself, greatest STA since. Whole: phase, samples since the phase
#: began, 1 when it may trigger again, samples the LTA has seen (up to its length), when it went on, when it rose.
Y1, Y2, W1, W2, STA, LTA, CODA, REFERENCE, RISEN_FROM, FRESH, PEAK, BAND_REALS = range(12)
PHASE, SINCE, ARMED, LTA_AGE, ON_NS, RISING_NS, BAND_WHOLES = range(7)
QUIET, CROSSED, RISING, ON, RISING_AGAIN = range(5)

#: A channel's state: its plan, samples since the run began, when the next packet is due.
PLAN, AGE, NEXT_NS, CHANNEL_WHOLES = range(4)
#: and its real numbers: the run's first sample, the last two cleaned ones.
ORIGIN, X1, X2, CHANNEL_REALS = range(4)

#: A row given out: channel, its plan, band, onset, instant at which it was said, 1 at the trigger's end; ratio beside.
ROW_CHANNEL, ROW_PLAN, ROW_BAND, ROW_ON_NS, ROW_AT_NS, ROW_ENDED, ROW_WHOLES = range(7)

#: Why a pass stopped, and where (packet, samples of it already done, rows given).
DONE, NEEDS_PLAN, NEEDS_ROOM = range(3)
AT_PACKET, AT_SAMPLE, AT_ROW, CURSOR_WHOLES = range(4)

#: A plan is made for a rate of three significant digits, for counts or for floats: so there are never many, and which
#: one a channel gets depends on nobody else. A channel keeps its plan while its rate stays this near (acquire corrects
#: stated rates): filter corners move by as little, and times come from the packet.
PLAN_TOLERANCE = 0.1
#: A slip of this many samples between packets is jitter of the stamps, not a gap worth a fresh start.
SLIP_SAMPLES = 2.0

#: A sample is a spike when it stands out by this many recent mean steps from both neighbours while these agree
#: within a tenth of that. Nothing that passed an anti-alias filter can: its impulse response spans several samples.
SPIKE_STEPS = 20.0
SPIKE_MEMORY = HISTORY - 2
SPIKE_AGREEMENT = 0.1

#: No ground motion is larger, in counts or any SI unit; held there, one absurd number cannot deafen its channel for
#: longer than a trigger may last.
GREATEST = 1e12
#: What rises from perfect silence is given this ratio.
GREATEST_RATIO = 1e12
#: State smaller than this is dropped, lest silence decay into slow denormal numbers.
LEAST = 1e-150

NS = 1e9


@njit(cache=True)
def plan_key(rate_hz: float, counts: bool) -> int:
    """Names the plan for a sampling rate, to three significant digits, and kind of samples."""
    decade = np.floor(np.log10(rate_hz))
    digits = np.floor(rate_hz / 10.0 ** (decade - 2) + 0.5)
    return int(20_000 * decade + 2 * digits) + counts


@njit(cache=True)
def _plan_for(rate_hz: float, counts: bool, present: int, plan_keys: Wholes, plan_rate_hz: Reals) -> int:
    """The channel's present plan while it fits, else the one made for this rate and kind, else -1."""
    if (
        present >= 0
        and plan_keys[present] % 2 == counts
        and abs(plan_rate_hz[present] / rate_hz - 1.0) <= PLAN_TOLERANCE
    ):
        return present
    key = plan_key(rate_hz, counts)
    for plan in range(len(plan_keys)):
        if plan_keys[plan] == key:
            return plan
    return -1


@njit(cache=True)
def _held(value: float) -> float:
    if np.isnan(value):
        return 0.0
    if value > GREATEST:
        return GREATEST
    if value < -GREATEST:
        return -GREATEST
    return float(value)


@njit(cache=True)
def _instant(start_ns: int, index: int, step_ns: float) -> int:
    return start_ns + int(np.floor(index * step_ns + 0.5))


@njit(cache=True)
def _clean(samples: Samples, count: int, history: Reals, origin: float, raw: Reals, clean: Reals) -> None:
    """Judge the sample still pending and all but the last of the new ones; keep the last HISTORY raw ones.

    clean  out, from its third place on; less the run's first value
    """
    raw[:HISTORY] = history
    fresh = raw[HISTORY:]
    for k in range(count):
        fresh[k] = _held(samples[k])
    history[:] = raw[count : count + HISTORY]
    here, out = raw[HISTORY - 1 :], clean[2:]
    for k in range(count):
        out[k] = here[k] - origin
    if _doubtful(raw, count) > 0:
        for k in range(count):
            if _is_spike(raw, HISTORY - 1 + k):
                out[k] = 0.5 * (raw[HISTORY - 2 + k] + raw[HISTORY + k]) - origin


@njit(cache=True)
def _doubtful(raw: Reals, count: int) -> int:
    """How many samples may be spikes, judged by the last three of the steps that _is_spike sums."""
    after, here, before = raw[HISTORY:], raw[HISTORY - 1 :], raw[HISTORY - 2 :]
    third, fourth, fifth = raw[HISTORY - 3 :], raw[HISTORY - 4 :], raw[HISTORY - 5 :]
    doubtful = 0
    for k in range(count):
        stands_out = abs(here[k] - 0.5 * (before[k] + after[k]))
        steps = abs(before[k] - third[k]) + abs(third[k] - fourth[k]) + abs(fourth[k] - fifth[k])
        lonely = SPIKE_AGREEMENT * stands_out > abs(after[k] - before[k])
        doubtful += lonely & (SPIKE_MEMORY * stands_out > SPIKE_STEPS * steps)
    return doubtful


@njit(cache=True)
def _is_spike(raw: Reals, at: int) -> bool:
    stands_out = abs(raw[at] - 0.5 * (raw[at - 1] + raw[at + 1]))
    if not SPIKE_AGREEMENT * stands_out > abs(raw[at + 1] - raw[at - 1]):
        return False
    most = SPIKE_MEMORY * stands_out / SPIKE_STEPS
    steps = 0.0
    for k in range(at - 1, at - 1 - SPIKE_MEMORY, -1):
        steps += abs(raw[k] - raw[k - 1])
        if steps >= most:
            return False
    return True


@njit(cache=True)
def _difference(clean: Reals, count: int, state: Reals, age: int, ramp: int, d: Reals) -> None:
    """Fade the run in, and do the numerator 1 - z^-2 that all bands begin with."""
    clean[0], clean[1] = state[X2], state[X1]
    now = clean[2:]
    for k in range(min(count, ramp - age)):
        now[k] *= (age + k) / ramp
    for k in range(count):
        d[k] = now[k] - clean[k]
    state[X2], state[X1] = clean[count], clean[count + 1]


@njit(cache=True)
def _watch_bands(
    d: Reals,
    count: int,
    age: int,
    plan: int,
    bands: int,
    channel: int,
    start_ns: int,
    index: int,
    step_ns: float,
    plan_reals: Reals,
    plan_wholes: Wholes,
    band_reals: Reals,
    band_wholes: Wholes,
    row_wholes: Wholes,
    row_ratio: Reals,
    cursor: Wholes,
) -> None:
    """Take every band of one channel over count samples; sample k has index index + k in its packet."""
    for band in range(bands):
        at = 0
        mature = band_wholes[channel, band, LTA_AGE] == plan_wholes[plan, band, LTA_LENGTH]
        if mature and band_wholes[channel, band, PHASE] == QUIET:
            at = _steady(d, 0, count, plan, channel, band, plan_reals, band_reals, band_wholes)
        if at < count or band_wholes[channel, band, PHASE] == CROSSED:
            _watch(
                d,
                at,
                count,
                age,
                plan,
                channel,
                band,
                start_ns,
                index,
                step_ns,
                plan_reals,
                plan_wholes,
                band_reals,
                band_wholes,
                row_wholes,
                row_ratio,
                cursor,
            )


@njit(cache=True)
def _watch(
    d: Reals,
    first: int,
    count: int,
    age: int,
    plan: int,
    channel: int,
    band: int,
    start_ns: int,
    index: int,
    step_ns: float,
    plan_reals: Reals,
    plan_wholes: Wholes,
    band_reals: Reals,
    band_wholes: Wholes,
    row_wholes: Wholes,
    row_ratio: Reals,
    cursor: Wholes,
) -> None:
    """Take one band from sample first to count, whatever its phase."""
    reals, wholes = plan_reals[plan, band], plan_wholes[plan, band]
    f, g = band_reals[channel, band], band_wholes[channel, band]
    at = max(first, min(count, wholes[SETTLE] - age))
    for k in range(first, at):
        _filtered(d[k], reals, f)
    while at < count or g[PHASE] == CROSSED:
        if g[PHASE] == CROSSED:
            _rise(_instant(start_ns, index + at - 1, step_ns), reals, f, g)
        elif g[PHASE] != QUIET:
            at = _active(
                d,
                at,
                count,
                reals,
                wholes,
                channel,
                plan,
                band,
                start_ns,
                index,
                step_ns,
                f,
                g,
                row_wholes,
                row_ratio,
                cursor,
            )
        elif g[LTA_AGE] < wholes[LTA_LENGTH]:
            at = _young(d, at, count, reals, wholes, f, g)
        else:
            at = _steady(d, at, count, plan, channel, band, plan_reals, band_reals, band_wholes)


@njit(cache=True)
def _rise(now_ns: int, c: Reals, f: Reals, g: Wholes) -> None:
    """STA has just crossed: what follows is measured against the level before."""
    g[PHASE], g[RISING_NS], g[SINCE] = RISING, now_ns, 0
    f[RISEN_FROM] = f[CODA] = f[LTA] + c[FLOOR]
    f[PEAK], f[FRESH] = f[STA], 0.0


@njit(cache=True)
def _filtered(d: float, c: Reals, f: Reals) -> float:
    y = (d - c[A2] * f[Y2]) - c[A1] * f[Y1]
    w = ((y - f[Y2]) - c[B2] * f[W2]) - c[B1] * f[W1]
    f[Y2], f[Y1], f[W2], f[W1] = f[Y1], y, f[W1], w
    return float(w)


@njit(cache=True)
def _or_zero(value: float) -> float:
    return value if abs(value) > LEAST else 0.0


@njit(cache=True)
def _young(d: Reals, first: int, count: int, c: Reals, wholes: Wholes, f: Reals, g: Wholes) -> int:
    """Nothing happens and the LTA is young: both averages are plain means of what there is. Returns how far it came.

    Perfect silence at the start (padding, a sensor not yet switched on) says nothing about noise and is not counted.
    """
    last = min(count, first + int(wholes[LTA_LENGTH] - g[LTA_AGE]))
    for k in range(first, last):
        w = _filtered(d[k], c, f)
        if w == 0.0 and g[LTA_AGE] == 0:
            continue
        g[LTA_AGE] += 1
        sta_new, lta_new = max(c[STA_NEW], 1.0 / g[LTA_AGE]), max(c[LTA_NEW], 1.0 / g[LTA_AGE])
        f[STA] = sta_new * (w * w) + (1.0 - sta_new) * f[STA]
        f[LTA] = lta_new * (w * w) + (1.0 - lta_new) * f[LTA]
        if g[LTA_AGE] >= wholes[FILL] and f[STA] > c[ON_RATIO] * (f[LTA] + c[FLOOR]):
            g[PHASE] = CROSSED
            return k + 1
    return last


@njit(cache=True)
def _steady(
    d: Reals,
    first: int,
    count: int,
    plan: int,
    channel: int,
    band: int,
    plan_reals: Reals,
    band_reals: Reals,
    band_wholes: Wholes,
) -> int:
    """Nothing happens: the loop nearly all time is spent in. Returns how far it came.

    Takes the whole arrays: making a view of one costs as much as ten samples.
    """
    p, c, b = plan, channel, band
    a1, a2 = plan_reals[p, b, A1], plan_reals[p, b, A2]
    b1, b2 = plan_reals[p, b, B1], plan_reals[p, b, B2]
    sta_new, sta_old = plan_reals[p, b, STA_NEW], plan_reals[p, b, STA_OLD]
    lta_new, lta_old = plan_reals[p, b, LTA_NEW], plan_reals[p, b, LTA_OLD]
    ratio, least = plan_reals[p, b, ON_RATIO], plan_reals[p, b, FLOOR]
    y1, y2 = band_reals[c, b, Y1], band_reals[c, b, Y2]
    w1, w2 = band_reals[c, b, W1], band_reals[c, b, W2]
    sta, lta = band_reals[c, b, STA], band_reals[c, b, LTA]
    ahead = d[first:count]
    for k in range(len(ahead)):
        y = (ahead[k] - a2 * y2) - a1 * y1
        w = ((y - y2) - b2 * w2) - b1 * w1
        y2, y1, w2, w1 = y1, y, w1, w
        power = w * w
        sta = sta_new * power + sta_old * sta
        lta = lta_new * power + lta_old * lta
        if sta > ratio * (lta + least):
            band_wholes[c, b, PHASE] = CROSSED
            count = first + k + 1
            break
    band_reals[c, b, Y1], band_reals[c, b, Y2] = _or_zero(y1), _or_zero(y2)
    band_reals[c, b, W1], band_reals[c, b, W2] = _or_zero(w1), _or_zero(w2)
    band_reals[c, b, STA], band_reals[c, b, LTA] = _or_zero(sta), _or_zero(lta)
    return count


@njit(cache=True)
def _active(
    d: Reals,
    first: int,
    count: int,
    c: Reals,
    wholes: Wholes,
    channel: int,
    plan: int,
    band: int,
    start_ns: int,
    index: int,
    step_ns: float,
    f: Reals,
    g: Wholes,
    row_wholes: Wholes,
    row_ratio: Reals,
    cursor: Wholes,
) -> int:
    """Go on while something happens; returns how far it came. The LTA stands still."""
    background = f[LTA] + c[FLOOR]
    for k in range(first, count):
        w = _filtered(d[k], c, f)
        f[STA] = c[STA_NEW] * (w * w) + c[STA_OLD] * f[STA]
        f[CODA] += (c[CODA_RISE] if f[STA] > f[CODA] else c[CODA_FALL]) * (f[STA] - f[CODA])
        f[PEAK] = max(f[PEAK], f[STA])
        g[SINCE] += 1
        if g[PHASE] != ON:
            half = wholes[CONFIRM] // 2
            if g[SINCE] > half:
                f[FRESH] += w * w
            if g[SINCE] == wholes[CONFIRM]:
                now_ns = _instant(start_ns, index + k, step_ns)
                stays = f[FRESH] > c[OFF_RATIO] * f[RISEN_FROM] * (wholes[CONFIRM] - half)
                _decide(stays, channel, plan, band, now_ns, f, g, row_wholes, row_ratio, cursor)
                if g[PHASE] == QUIET:
                    return k + 1
        else:
            if f[STA] < c[OFF_RATIO] * background or g[SINCE] >= wholes[LONGEST]:
                if f[STA] >= c[OFF_RATIO] * background:
                    f[LTA] = f[CODA]
                now_ns = _instant(start_ns, index + k, step_ns)
                _end(channel, plan, band, now_ns, f, g, row_wholes, row_ratio, cursor)
                return k + 1
            if f[STA] < c[REARM_RATIO] * f[CODA] and g[SINCE] >= wholes[APART]:
                g[ARMED] = 1
            elif g[ARMED] == 1 and f[STA] > c[AGAIN_RATIO] * f[CODA] and f[STA] > c[ON_RATIO] * background:
                g[PHASE] = RISING_AGAIN
                g[RISING_NS] = _instant(start_ns, index + k, step_ns)
                f[RISEN_FROM] = f[CODA]
                g[SINCE] = 0
                f[FRESH] = 0.0
    return count


@njit(cache=True)
def _decide(
    stays: bool,
    channel: int,
    plan: int,
    band: int,
    now_ns: int,
    f: Reals,
    g: Wholes,
    row_wholes: Wholes,
    row_ratio: Reals,
    cursor: Wholes,
) -> None:
    """End of the confirmation: a new trigger, or back to what was before."""
    if stays:
        if g[PHASE] == RISING_AGAIN:
            _end(channel, plan, band, g[RISING_NS], f, g, row_wholes, row_ratio, cursor)
            f[PEAK] = f[STA]
        f[REFERENCE] = f[RISEN_FROM]
        g[PHASE], g[ON_NS], g[ARMED] = ON, g[RISING_NS], 0
        _give(channel, plan, band, now_ns, 0, f, g, row_wholes, row_ratio, cursor)
    elif g[PHASE] == RISING_AGAIN:
        g[PHASE], g[ARMED] = ON, 0
    else:
        g[PHASE] = QUIET
        f[STA] = f[LTA]


@njit(cache=True)
def _end(
    channel: int,
    plan: int,
    band: int,
    now_ns: int,
    f: Reals,
    g: Wholes,
    row_wholes: Wholes,
    row_ratio: Reals,
    cursor: Wholes,
) -> None:
    """Say that what was on is over, if anything was."""
    if g[PHASE] == ON or g[PHASE] == RISING_AGAIN:
        _give(channel, plan, band, now_ns, 1, f, g, row_wholes, row_ratio, cursor)
    g[PHASE] = QUIET


@njit(cache=True)
def _give(
    channel: int,
    plan: int,
    band: int,
    now_ns: int,
    ended: int,
    f: Reals,
    g: Wholes,
    row_wholes: Wholes,
    row_ratio: Reals,
    cursor: Wholes,
) -> None:
    at = cursor[AT_ROW]
    row_wholes[at, ROW_CHANNEL] = channel
    row_wholes[at, ROW_PLAN] = plan
    row_wholes[at, ROW_BAND] = band
    row_wholes[at, ROW_ON_NS] = g[ON_NS]
    row_wholes[at, ROW_AT_NS] = now_ns
    row_wholes[at, ROW_ENDED] = ended
    row_ratio[at] = min(f[PEAK] / max(f[REFERENCE], LEAST), GREATEST_RATIO)
    cursor[AT_ROW] += 1


@njit(cache=True)
def pass_packets(
    slot: Wholes,
    start_ns: Wholes,
    rate_hz: Reals,
    offset: Wholes,
    samples: Samples,
    counts: bool,
    plan_keys: Wholes,
    plan_rate_hz: Reals,
    plan_bands: Wholes,
    plan_reals: Reals,
    plan_wholes: Wholes,
    channel_wholes: Wholes,
    channel_reals: Reals,
    history: Reals,
    band_reals: Reals,
    band_wholes: Wholes,
    raw: Reals,
    clean: Reals,
    difference: Reals,
    row_wholes: Wholes,
    row_ratio: Reals,
    cursor: Wholes,
) -> int:
    """Take packets through all bands, from the cursor on, until done or in need.

    slot          [packets] row of each packet's channel in the state arrays, -1 to skip it
    start_ns, rate_hz, offset, samples  as in PacketBatch
    counts        whether the samples are integers
    plan_*        [plans] three times, [plans, bands, PLAN_REALS], [plans, bands, PLAN_WHOLES]
    channel state [channels, CHANNEL_WHOLES], [channels, CHANNEL_REALS], [channels, HISTORY]
    band state    [channels, bands, BAND_REALS], [channels, bands, BAND_WHOLES]
    raw, clean, difference  scratch, HISTORY + CHUNK, 2 + CHUNK and CHUNK long
    row_*         room for rows given out; cursor says how many there are
    """
    room = row_wholes.shape[0] - band_reals.shape[1] * (CHUNK + 2)
    for packet in range(cursor[AT_PACKET], len(slot)):
        first, last = offset[packet], offset[packet + 1]
        if first == last or slot[packet] < 0:
            continue
        channel, step_ns = slot[packet], NS / rate_hz[packet]
        state = channel_wholes[channel]
        cursor[AT_PACKET] = packet
        if cursor[AT_SAMPLE] == 0:
            if cursor[AT_ROW] > room:
                return NEEDS_ROOM
            plan = _plan_for(rate_hz[packet], counts, state[PLAN], plan_keys, plan_rate_hz)
            if plan < 0:
                return NEEDS_PLAN
            if plan != state[PLAN] or abs(start_ns[packet] - state[NEXT_NS]) > SLIP_SAMPLES * step_ns:
                for band in range(plan_bands[state[PLAN]] if state[PLAN] >= 0 else 0):
                    f, g = band_reals[channel, band], band_wholes[channel, band]
                    _end(channel, state[PLAN], band, state[NEXT_NS], f, g, row_wholes, row_ratio, cursor)
                band_reals[channel] = 0.0
                band_wholes[channel] = 0
                state[PLAN], state[AGE] = plan, 0
                channel_reals[channel] = 0.0
                channel_reals[channel, ORIGIN] = _held(samples[first])
                history[channel] = channel_reals[channel, ORIGIN]
            state[NEXT_NS] = _instant(start_ns[packet], last - first, step_ns)
        while first + cursor[AT_SAMPLE] < last:
            if cursor[AT_ROW] > room:
                return NEEDS_ROOM
            done = cursor[AT_SAMPLE]
            count = min(CHUNK, last - first - done)
            origin = channel_reals[channel, ORIGIN]
            _clean(samples[first + done : last], count, history[channel], origin, raw, clean)
            _difference(clean, count, channel_reals[channel], state[AGE], plan_wholes[state[PLAN], 0, RAMP], difference)
            _watch_bands(
                difference,
                count,
                state[AGE],
                state[PLAN],
                plan_bands[state[PLAN]],
                channel,
                start_ns[packet],
                done - 1,
                step_ns,
                plan_reals,
                plan_wholes,
                band_reals,
                band_wholes,
                row_wholes,
                row_ratio,
                cursor,
            )
            state[AGE] += count
            cursor[AT_SAMPLE] += count
        cursor[AT_SAMPLE] = 0
    return DONE
