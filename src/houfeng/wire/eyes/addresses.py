"""Addresses of frames as text."""

from functools import lru_cache
from ipaddress import IPv6Address

#: Texts remembered: writing one takes longer than anything else that is done for a flow.
_REMEMBERED = 65_536


@lru_cache(maxsize=_REMEMBERED)
def address_text(high: int, low: int, *, six: bool) -> str:
    """An address as the ipaddress module writes it.

    high, low  the halves of FrameBatch, also as signed numbers with the same bits
    six        whether it is of IPv6
    """
    if not six:
        return f"{low >> 24 & 255}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    mask = (1 << 64) - 1
    return str(IPv6Address((high & mask) << 64 | low & mask))
