"""How alike two stretches of record are, sample by sample and octave by octave, in noise and in all.

Coherence over short windows is the same whatever filter, gain, sign or constant delay lies between the two. Windows are
brought to one power first, so that a quake among them does not speak for all. Quakes repeat with coherent waves; noise
does not. A window is quiet when its power is under QUIET times the floor; waves in it then make up (QUIET - 1) / QUIET
of each record, so two quakes of one waveform have a coherence of ((QUIET - 1) / QUIET)^2 = 0.69 there at most, while a
copy has 1.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment

#: What turns the older record into the newer: nothing, a constant added, a gain, or something else such as a filter.
Change = Literal["none", "offset", "gain", "other"]

#: Octaves compared, Hz: those of the landmarks and the one above.
OCTAVES_HZ: Final = ((1.0, 2.0), (2.0, 4.0), (4.0, 8.0))
#: A window: four seconds give the lowest octave five frequencies. Hann-tapered, each half over the next.
WINDOW_S: Final = 4.0
HOP_S: Final = 2.0
QUIET: Final = 6.0
#: The floor is this quantile of window powers: an hour's quietest fifth is noise even in a swarm.
FLOOR_QUANTILE: Final = 0.2
#: Samples two records of one rate are moved by to find each other: a tick is at most that at 250 Hz.
MOST_SHIFT: Final = 8
#: A record is another one scaled when this share of samples is right to the count.
RIGHT: Final = 0.99
#: And when it correlates better than any two quakes do: 0.99 is what the best multiplets reach.
SCALED: Final = 0.999


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two stretches are.

    quiet, quiet_windows  coherence in the octave where it is greatest, 0 to 1, over quiet windows, and how many
    all, windows          the same over all windows
    change                how the newer follows from the older, sample by sample
    gain, offset          newer = gain times older + offset, least squares; nan where the rates differ
    """

    quiet: float
    quiet_windows: int
    all: float
    windows: int
    change: Change
    gain: float
    offset: float


def compare(new: Segment, old: Segment, lag_ns: int, begin_ns: int) -> Likeness:
    """Compare two stretches.

    lag_ns    how much older the older record is
    begin_ns  where the likeness begins in the newer one; what is before tells how loud noise is there
    """
    spectra = [_spectra(segment, shift, new, old, lag_ns) for segment, shift in ((new, 0), (old, lag_ns))]
    (frequency, mine, at_s), (_, theirs, _) = spectra
    count = min(len(mine), len(theirs))
    change, gain, offset = _change(new, old, lag_ns, begin_ns)
    if count == 0:
        return Likeness(0.0, 0, 0.0, 0, change, gain, offset)
    mine, theirs = mine[:count], theirs[:count]
    since_s = (begin_ns - max(new.start_ns, old.start_ns + lag_ns)) / NS_PER_S
    inside = at_s[:count] >= since_s
    band = frequency >= OCTAVES_HZ[0][0]
    power = np.sum(np.abs(mine[:, band]) ** 2, axis=1)
    quiet = inside & (power <= QUIET * np.quantile(power, FLOOR_QUANTILE))
    usable = [octave for octave in OCTAVES_HZ if octave[1] * 2.5 <= min(new.rate_hz, old.rate_hz)]
    picks = [(frequency >= low) & (frequency <= high) for low, high in usable]
    return Likeness(
        quiet=max((_coherence(mine[quiet], theirs[quiet], pick) for pick in picks), default=0.0),
        quiet_windows=int(quiet.sum()),
        all=max((_coherence(mine[inside], theirs[inside], pick) for pick in picks), default=0.0),
        windows=int(inside.sum()),
        change=change,
        gain=gain,
        offset=offset,
    )


def _spectra(
    segment: Segment, shift_ns: int, new: Segment, old: Segment, lag_ns: int
) -> tuple[NDArray[np.float64], NDArray[np.complex128], NDArray[np.float64]]:
    """Spectra of windows that begin every HOP_S from where both records begin, up to where both end."""
    begin_ns = max(new.start_ns, old.start_ns + lag_ns)
    end_ns = min(new.end_ns, old.end_ns + lag_ns)
    rate_hz, length = segment.rate_hz, round(WINDOW_S * segment.rate_hz)
    count = max(int(((end_ns - begin_ns) / NS_PER_S - WINDOW_S) / HOP_S), 0)
    at_s = np.arange(count) * HOP_S
    exact = (at_s + (begin_ns - shift_ns - segment.start_ns) / NS_PER_S) * rate_hz
    starts = np.rint(exact).astype(np.int64)
    kept = (starts >= 0) & (starts + length <= len(segment.samples))
    starts = starts[kept]
    windows = np.asarray(segment.samples, dtype=np.float64)[starts[:, None] + np.arange(length)]
    windows -= windows.mean(axis=1, keepdims=True) if count else 0.0
    bins = int(OCTAVES_HZ[-1][1] * WINDOW_S) + 1
    found = np.fft.rfft(windows * np.hanning(length), axis=1)[:, :bins]
    frequency = np.arange(found.shape[1]) * rate_hz / length
    # A window begins at a whole sample: turn its phases back to where it should have begun.
    found *= np.exp(-2j * np.pi * frequency * (exact[kept] - starts)[:, None] / rate_hz)
    full = np.zeros((len(found), bins), dtype=np.complex128)
    full[:, : found.shape[1]] = found
    return np.arange(bins) / WINDOW_S, full, at_s[kept]


def _coherence(mine: NDArray[np.complex128], theirs: NDArray[np.complex128], pick: NDArray[np.bool_]) -> float:
    """Median over frequencies of the squared coherence of windows of one power."""
    if len(mine) < 2:
        return 0.0
    a, b = _level(mine[:, pick]), _level(theirs[:, pick])
    cross = np.abs(np.sum(a * b.conj(), axis=0)) ** 2
    powers = np.sum(np.abs(a) ** 2, axis=0) * np.sum(np.abs(b) ** 2, axis=0)
    return float(np.median(cross / np.maximum(powers, np.finfo(np.float64).tiny)))


def _level(spectra: NDArray[np.complex128]) -> NDArray[np.complex128]:
    power = np.sqrt(np.sum(np.abs(spectra) ** 2, axis=1, keepdims=True))
    return np.asarray(spectra / np.maximum(power, np.finfo(np.float64).tiny), dtype=np.complex128)


def _change(new: Segment, old: Segment, lag_ns: int, begin_ns: int) -> tuple[Change, float, float]:
    if abs(new.rate_hz / old.rate_hz - 1.0) > 1e-3:
        return "other", float("nan"), float("nan")
    begin = max(round((begin_ns - new.start_ns) / NS_PER_S * new.rate_hz), 0)
    mine = np.asarray(new.samples[begin:], dtype=np.float64)
    theirs = np.asarray(old.samples, dtype=np.float64)
    at = round((new.time_ns(begin) - lag_ns - old.start_ns) / NS_PER_S * new.rate_hz)
    best: tuple[float, Change, float, float] = (-1.0, "other", float("nan"), float("nan"))
    for shift in range(-MOST_SHIFT, MOST_SHIFT + 1):
        first = max(at + shift, 0)
        skip = first - at - shift
        count = min(len(mine) - skip, len(theirs) - first)
        if count >= 2 * new.rate_hz:
            best = max(best, _fit(mine[skip : skip + count], theirs[first : first + count]), key=lambda fit: fit[0])
    return best[1:]


def _fit(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, Change, float, float]:
    """Correlation, and what change it is, gain and offset, of samples that lie over each other."""
    x, y = theirs - theirs.mean(), mine - mine.mean()
    power = float(x @ x)
    if power == 0.0 or not float(y @ y):
        return -1.0, "other", float("nan"), float("nan")
    gain = float(x @ y) / power
    offset = float(mine.mean() - gain * theirs.mean())
    likeness = abs(float(x @ y)) / float(np.sqrt(power * (y @ y)))
    if np.mean(mine == theirs) >= RIGHT:
        return likeness, "none", gain, offset
    constant = np.median(mine - theirs)
    if np.mean(np.abs(mine - theirs - constant) <= 0.5) >= RIGHT:
        return likeness, "offset", gain, offset
    right = np.mean(np.abs(mine - gain * theirs - offset) <= 1.0) >= RIGHT
    # Noise of a count or two is right to the count by accident: it must also be alike.
    return likeness, "gain" if right and likeness > SCALED else "other", gain, offset
