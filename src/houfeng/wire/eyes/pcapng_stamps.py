"""Stamps of pcapng: a 64-bit count of units that each interface chooses for itself; compiled."""

from typing import Final

import numpy as np
from numba import njit

from houfeng.wire.eyes.frame_kernel import NO_SUCH_TIME
from houfeng.words.instant import LATEST_NS, NS_PER_S

#: The last second of which every nanosecond can be said.
_LATEST_S: Final = LATEST_NS // NS_PER_S - 1


@njit(nogil=True, cache=True)
def instant_of(high: int, low: int, decimal: bool, power: int, offset_s: int) -> int:
    """Nanoseconds of a stamp, finer digits cut; NO_SUCH_TIME where it is outside what a count of them can say.

    high, low  its halves
    decimal    whether its units are 10^-power s, else they are 2^-power s; 0 <= power <= 127
    offset_s   seconds to be added
    """
    stamp = (np.uint64(high) << np.uint64(32)) | np.uint64(low)
    seconds, fraction_ns = _decimal(stamp, power) if decimal else _binary(stamp, power)
    if seconds > np.uint64(_LATEST_S) or abs(offset_s) > _LATEST_S:
        return NO_SUCH_TIME
    whole_s = int(np.int64(seconds)) + offset_s
    if whole_s < 0 or whole_s > _LATEST_S:
        return NO_SUCH_TIME
    return whole_s * NS_PER_S + int(np.int64(fraction_ns))


@njit(nogil=True, cache=True)
def _decimal(stamp: np.uint64, power: int) -> tuple[np.uint64, np.uint64]:
    """Whole seconds and nanoseconds of units of 10^-power s."""
    for _ in range(9, power):
        stamp = stamp // np.uint64(10)
    per_second = np.uint64(10 ** min(power, 9))
    return stamp // per_second, (stamp % per_second) * (np.uint64(NS_PER_S) // per_second)


@njit(nogil=True, cache=True)
def _binary(stamp: np.uint64, power: int) -> tuple[np.uint64, np.uint64]:
    """Whole seconds and nanoseconds of units of 2^-power s."""
    if power >= 64:
        return np.uint64(0), np.uint64(0)
    fraction = stamp & ((np.uint64(1) << np.uint64(power)) - np.uint64(1))
    seconds = stamp >> np.uint64(power)
    # Thirty bits are finer than a nanosecond, and their product with 10^9 fits.
    if power > 30:
        fraction >>= np.uint64(power - 30)
        power = 30
    return seconds, (fraction * np.uint64(NS_PER_S)) >> np.uint64(power)
