"""CRC-32C in plain Python, for small records where nothing compiled is at hand.

Source: RFC 3720 appendix B.4. The compiled one for waveforms is wire/mseed/crc.py.
"""

#: The Castagnoli polynomial, bits reversed.
_POLYNOMIAL = 0x82F63B78


def _entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(_entry(byte) for byte in range(256))


def crc32c(data: bytes | bytearray) -> int:
    """CRC-32C of some bytes."""
    value = 0xFFFFFFFF
    table = _TABLE
    for byte in data:
        value = (value >> 8) ^ table[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF
