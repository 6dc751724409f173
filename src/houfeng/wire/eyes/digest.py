"""A quick digest of payloads, to see that two are the same; compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True)
def digest(data: NDArray[np.uint8], at: int, count: int) -> int:
    """A 64-bit digest of some bytes, never 0: eight bytes a step, each mixed in by a multiplication and a shift.

    Multipliers: the odd 64-bit prime of FNV (Fowler, Noll, Vo) is too sparse for whole words; these are the two of
    splitmix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195). Equal payloads give equal digests; somebody who
    wants two payloads to look alike can make them so, hence it never proves that bytes are genuine.
    """
    first, second = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
    mixed = np.uint64(count) * second
    shift = np.uint64(32)
    whole = at + (count & ~7)
    for k in range(at, whole, 8):
        word = np.uint64(data[k]) | (np.uint64(data[k + 1]) << np.uint64(8)) | (np.uint64(data[k + 2]) << np.uint64(16))
        word |= (np.uint64(data[k + 3]) << np.uint64(24)) | (np.uint64(data[k + 4]) << np.uint64(32))
        word |= (np.uint64(data[k + 5]) << np.uint64(40)) | (np.uint64(data[k + 6]) << np.uint64(48))
        word |= np.uint64(data[k + 7]) << np.uint64(56)
        mixed = (mixed ^ word) * first
        mixed ^= mixed >> shift
    word = np.uint64(0)
    for k in range(whole, at + count):
        word = (word << np.uint64(8)) | np.uint64(data[k])
    mixed = (mixed ^ word) * second
    mixed ^= mixed >> shift
    mixed = mixed * first
    mixed ^= mixed >> shift
    return int(np.int64(mixed)) if mixed != 0 else 1
