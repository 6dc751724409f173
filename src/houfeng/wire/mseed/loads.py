"""Numbers out of bytes at any alignment and byte order, as compiled kernels.

b is a read-only uint8 array; i a byte index the caller has checked to lie inside.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@njit(cache=True)
def u8(b: Bytes, i: int) -> int:
    """One byte, as a 64-bit integer."""
    # An unsigned index spares the test for negative ones, which costs more than the load.
    byte: int = b[np.uint64(i)]
    return byte + 0  # widened, so that shifts keep every bit


@njit(cache=True)
def u16(b: Bytes, i: int, little: bool) -> int:
    """Unsigned 16-bit integer."""
    first, second = u8(b, i), u8(b, i + 1)
    return (second << 8) | first if little else (first << 8) | second


@njit(cache=True)
def i16(b: Bytes, i: int, little: bool) -> int:
    """Signed 16-bit integer."""
    return (u16(b, i, little) << 48) >> 48


@njit(cache=True)
def u32_big(b: Bytes, i: int) -> int:
    """Unsigned 32-bit integer, most significant byte first."""
    return (u8(b, i) << 24) | (u8(b, i + 1) << 16) | (u8(b, i + 2) << 8) | u8(b, i + 3)


@njit(cache=True)
def u32_little(b: Bytes, i: int) -> int:
    """Unsigned 32-bit integer, least significant byte first."""
    return (u8(b, i + 3) << 24) | (u8(b, i + 2) << 16) | (u8(b, i + 1) << 8) | u8(b, i)


@njit(cache=True)
def u32(b: Bytes, i: int, little: bool) -> int:
    """Unsigned 32-bit integer."""
    return u32_little(b, i) if little else u32_big(b, i)


@njit(cache=True)
def i32(b: Bytes, i: int, little: bool) -> int:
    """Signed 32-bit integer."""
    return (u32(b, i, little) << 32) >> 32


@njit(cache=True)
def f32(b: Bytes, i: int, little: bool) -> float:
    """IEEE 754 single, as a double."""
    return float(np.uint32(u32(b, i, little)).view(np.float32))


@njit(cache=True)
def f64(b: Bytes, i: int, little: bool) -> float:
    """IEEE 754 double."""
    first, second = u32(b, i, little), u32(b, i + 4, little)
    low, high = (first, second) if little else (second, first)
    return float(np.int64((high << 32) | low).view(np.float64))
