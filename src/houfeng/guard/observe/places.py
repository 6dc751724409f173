"""A table of rows found by their first words, compiled: a ring of row numbers with linear probing."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Words = NDArray[np.int64]


@njit(nogil=True, cache=True)
def mix(word: int, more: int) -> int:
    """Mix one word more into a hash (the finish of splitmix64, doi:10.1145/2660193.2660195)."""
    mixed = (np.uint64(word) ^ np.uint64(more)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(32)
    return int(np.int64(mixed))


@njit(nogil=True, cache=True)
def _home(key: Words, count: int, salt: int, ring: int) -> int:
    mixed = salt
    for k in range(count):
        mixed = mix(mixed, key[k])
    return mixed & ring


@njit(nogil=True, cache=True)
def find(table: Words, index: Words, key: Words, count: int, salt: int) -> int:
    """Where in the index a key is, or where it is to be put when index[...] there is -1.

    table  [n, ...], rows that begin with their key
    index  a power of two of row numbers, never full, -1 where there is none
    count  words of a key
    salt   mixed into every hash
    """
    ring = len(index) - 1
    spot = _home(key, count, salt, ring)
    while index[spot] >= 0:
        row = table[index[spot]]
        k = 0
        while k < count and row[k] == key[k]:
            k += 1
        if k == count:
            break
        spot = (spot + 1) & ring
    return spot


@njit(nogil=True, cache=True)
def forget(table: Words, index: Words, key: Words, count: int, salt: int) -> None:
    """Take a key out; what had to give way to it moves up (Knuth, TAOCP volume 3, section 6.4, algorithm R)."""
    ring = len(index) - 1
    gap = find(table, index, key, count, salt)
    index[gap] = -1
    spot = (gap + 1) & ring
    while index[spot] >= 0:
        home = _home(table[index[spot]], count, salt, ring)
        if (spot - home) & ring >= (spot - gap) & ring:
            index[gap] = index[spot]
            index[spot] = -1
            gap = spot
        spot = (spot + 1) & ring


@njit(nogil=True, cache=True)
def enter_all(table: Words, index: Words, used: int, alive: int, count: int, salt: int) -> None:
    """Fill an empty index with the rows below `used` whose word `alive` is not 0."""
    for row in range(used):
        if table[row, alive] != 0:
            index[find(table, index, table[row], count, salt)] = row
