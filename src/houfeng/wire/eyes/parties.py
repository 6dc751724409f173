"""Addresses and names of hosts as logs and captures write them."""

import ipaddress
import re
from functools import lru_cache

#: A name of a host, RFC 1123 with the underscore that reverse look-ups do give; its last label is not a number alone
#: (RFC 3696, section 2), else 999.1.2.3 would be one.
_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.)*(?=[A-Za-z0-9_-]*[A-Za-z_-])[A-Za-z0-9_-]{1,63}"
)


@lru_cache(maxsize=1 << 14)
def address_of(text: str) -> str:
    """An address as the ipaddress module writes it; IPv4 in IPv6 as IPv4, an interface's name left out.

    Raises ValueError for what is none.
    """
    parsed = ipaddress.ip_address(text.partition("%")[0])
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def party_of(text: str) -> str:
    """An address or the name of a host, which is in lower case. Raises ValueError for what is neither."""
    if len(text) > 253:
        raise ValueError("longer than any name of a host")
    try:
        return address_of(text)
    except ValueError:
        if _NAME.fullmatch(text) is None:
            raise
        return text.lower()
