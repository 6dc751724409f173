"""Steim 2 of one short record: compiled, for making millions of records."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Ways to pack a word, most differences first: how many, bits of each, the frame's code, the word's own code or -1.
WAYS = np.array([
    (7, 4, 3, 2), (6, 5, 3, 1), (5, 6, 3, 0), (4, 8, 1, -1), (3, 10, 2, 3), (2, 15, 2, 2), (1, 30, 2, 1),
])  # fmt: skip


def steim2(samples: NDArray[np.int32], out: NDArray[np.uint32]) -> None:
    """Pack samples into frames of 16 words, big-endian. Raises ValueError when they do not fit."""
    words = np.zeros(len(out), dtype=np.uint32)
    if not _pack(samples, words):
        raise ValueError("the samples do not fit")
    out[:] = words


@njit(cache=True)
def _pack(samples: NDArray[np.int32], out: NDArray[np.uint32]) -> bool:
    count = len(samples)
    out[1], out[2] = np.uint32(samples[0]), np.uint32(samples[count - 1])
    word, done = 3, 0
    while done < count:
        if word % 16 == 0:
            word += 1
        if word >= len(out):
            return False
        for way in range(len(WAYS)):
            many, bits, code, own = WAYS[way]
            low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
            fits = done + many <= count
            for k in range(done, min(done + many, count)):
                step = np.int64(samples[k]) - np.int64(samples[k - 1]) if k > 0 else 0
                fits = fits and low <= step <= high
            if fits:
                break
        else:
            return False
        value = np.int64(max(own, 0))
        for k in range(done, done + many):
            step = np.int64(samples[k]) - np.int64(samples[k - 1]) if k > 0 else 0
            value = (value << bits) | (step & ((1 << bits) - 1))
        if own >= 0:  # the code stands above the differences, in the two highest bits
            mask = (np.int64(1) << (many * bits)) - 1
            value = (np.int64(own) << 30) | (value & mask)
        out[word] = np.uint32(value & 0xFFFFFFFF)
        frame = word // 16 * 16
        out[frame] |= np.uint32(code << (2 * (15 - word % 16)))
        word += 1
        done += many
    return True
