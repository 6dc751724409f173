"""What is wrong with samples as numbers: frozen, looped, held, thinned, clipped, too white. One window of one channel.

None of it needs a model of the ground, and most of it is seen within seconds. `look` is the readable truth of each
measure; the longest of them, runs and loops, are compiled.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.words.samples import Samples

#: Values a loop must show: fewer recur by accident in quiet channels.
LEAST_VALUES: Final = 8
#: Samples by which a loop is looked for; of 2 bits each or more they agree by accident once in 1e19.
ANCHOR: Final = 32
#: Groups of equal samples looked for in a held record: up to a tenth of the rate.
MOST_HELD: Final = 10
#: Levels of a histogram on either side of its middle, and counts expected at a level before its emptiness counts:
#: exp(-12) = 6e-6 of such levels are empty by accident.
LEVELS: Final = 4_096
EXPECTED: Final = 12.0
#: A level is expected to be visited as often as the mean of the two on either side.
_NEIGHBOURS: Final = np.array([0.25, 0.25, 0.0, 0.25, 0.25])
#: Lags at which white noise must not be alike.
WHITE_LAGS: Final = 8


@dataclass(frozen=True, slots=True)
class Texture:
    """What a window's numbers look like.

    samples        how many
    values         distinct values, at most
    longest_run    equal samples in a row, at most; run_value is what they say
    same           share of samples equal to the one before
    held           samples every value is held for, 1 when they are not
    flat_tops      runs of three or more samples at the greatest or the least value
    step           greatest number that divides every difference, 0 when constant
    white          greatest correlation of the samples with themselves 1 to 8 later, over what chance allows
    spread         standard deviation
    """

    samples: int
    values: int
    longest_run: int
    run_value: float
    same: float
    held: int
    flat_tops: int
    step: int
    white: float
    spread: float


def look(samples: Samples) -> Texture:
    """Measure a window of at least ANCHOR samples."""
    run, value = longest_run(samples)
    steps = np.diff(samples.astype(np.int64) if samples.dtype == np.int32 else samples)
    zero = steps == 0
    whole = samples.dtype == np.int32
    return Texture(
        samples=len(samples),
        values=len(np.unique(samples)),
        longest_run=run,
        run_value=value,
        same=float(zero.mean()),
        held=_held(zero),
        flat_tops=_flat_tops(samples),
        step=int(np.gcd.reduce(np.abs(steps))) if whole else 1,
        white=_whiteness(np.asarray(samples, dtype=np.float64)),
        spread=float(np.std(samples)),
    )


@njit(cache=True)
def longest_run(samples: Samples) -> tuple[int, float]:
    """The most equal samples in a row, and their value."""
    best = now = 1
    value = samples[0]
    for k in range(1, len(samples)):
        now = now + 1 if samples[k] == samples[k - 1] else 1
        if now > best:
            best, value = now, samples[k]
    return best, float(value)


@njit(cache=True)
def find_loop(samples: Samples) -> tuple[int, int]:
    """Whether the end of a record repeats what is in it: the lag in samples and how many agree in a row; 0, 0 if not.

    Only the nearest repetition of the last ANCHOR samples is looked at.
    """
    n = len(samples)
    for lag in range(1, n - ANCHOR + 1):
        k = 0
        while k < ANCHOR and samples[n - 1 - k] == samples[n - 1 - k - lag]:
            k += 1
        if k == ANCHOR:
            while n - 1 - k - lag >= 0 and samples[n - 1 - k] == samples[n - 1 - k - lag]:
                k += 1
            return lag, k
    return 0, 0


def empty_levels(samples: NDArray[np.int32]) -> tuple[int, int]:
    """Levels that should have been visited and were not, of how many: a comb, where numbers were multiplied."""
    middle = int(np.median(samples))
    near = samples[np.abs(samples.astype(np.int64) - middle) < LEVELS].astype(np.int64) - middle + LEVELS
    counts = np.bincount(near, minlength=2 * LEVELS).astype(np.float64)
    expected = np.convolve(counts, _NEIGHBOURS, "same")
    judged = expected >= EXPECTED
    return int(np.sum(judged & (counts == 0))), int(judged.sum())


def _held(zero: NDArray[np.bool_]) -> int:
    """For how many samples each value is held: all differences are nothing but every k-th."""
    moving = np.flatnonzero(~zero)
    if len(moving) < LEAST_VALUES:
        return 1
    apart = np.diff(moving)
    held = int(np.gcd.reduce(apart))
    return held if held <= MOST_HELD else 1


def _flat_tops(samples: Samples) -> int:
    tops = 0
    for limit in (samples.max(), samples.min()):
        edges = np.diff(np.concatenate(([0], (samples == limit).astype(np.int8), [0])))
        tops += int(np.sum(np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1) >= 3))
    return tops


def _whiteness(values: NDArray[np.float64]) -> float:
    values = values - values.mean()
    power = float(values @ values)
    if power == 0.0:
        return float("inf")
    lags = [abs(float(values[lag:] @ values[:-lag])) / power for lag in range(1, WHITE_LAGS + 1)]
    return max(lags) * float(np.sqrt(len(values)))
