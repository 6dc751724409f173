"""CRC-32C (Castagnoli), the check of miniSEED 3 records, as a compiled kernel.

Source: RFC 3720 appendix B.4. Eight bytes a step by eight tables (Kounavis and Berry 2008, doi:10.1109/TC.2008.85).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.wire.mseed.loads import u8, u32_little

#: The Castagnoli polynomial, bits reversed.
_POLYNOMIAL = 0x82F63B78


def _tables() -> NDArray[np.int64]:
    tables = np.zeros((8, 256), dtype=np.int64)
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        tables[0, byte] = value
    for step in range(1, 8):
        tables[step] = (tables[step - 1] >> 8) ^ tables[0, tables[step - 1] & 0xFF]
    return tables


_TABLES = _tables()


@njit(cache=True)
def crc32c(b: NDArray[np.uint8], start: int, stop: int, crc: int) -> int:
    """CRC-32C of b[start:stop], going on from crc (0 at the beginning)."""
    value = crc ^ 0xFFFFFFFF
    i = start
    while i + 8 <= stop:
        low = value ^ (u32_little(b, i))
        value = (
            _TABLES[7, low & 0xFF]
            ^ _TABLES[6, (low >> 8) & 0xFF]
            ^ _TABLES[5, (low >> 16) & 0xFF]
            ^ _TABLES[4, (low >> 24) & 0xFF]
            ^ _TABLES[3, u8(b, i + 4)]
            ^ _TABLES[2, u8(b, i + 5)]
            ^ _TABLES[1, u8(b, i + 6)]
            ^ _TABLES[0, u8(b, i + 7)]
        )
        i += 8
    while i < stop:
        value = (value >> 8) ^ _TABLES[0, (value ^ u8(b, i)) & 0xFF]
        i += 1
    return value ^ 0xFFFFFFFF


@njit(cache=True)
def record_crc(b: NDArray[np.uint8], start: int, stop: int) -> int:
    """CRC-32C of a miniSEED 3 record with its own CRC field (bytes 28 to 31) taken as zeros."""
    value = crc32c(b, start, start + 28, 0) ^ 0xFFFFFFFF
    for _ in range(4):
        value = (value >> 8) ^ _TABLES[0, value & 0xFF]
    return crc32c(b, start + 32, stop, value ^ 0xFFFFFFFF)
