"""Addresses that failed to log in too often. Standard library only."""

import ipaddress
from collections import OrderedDict

#: Failures within BAN_NS after which an address is not listened to for as long.
MOST_FAILURES = 5
BAN_NS = 300 * 1_000_000_000

#: Addresses remembered; of more, the longest quiet are forgotten.
MOST_ADDRESSES = 4096


class Bans:
    """How often each address failed to log in. Time comes in; memory is bounded."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def failed(self, address: str, now_ns: int) -> None:
        """Count a failure."""
        key = network_of(address)
        count, last_ns = self._failures.pop(key, (0, now_ns))
        if now_ns - last_ns >= BAN_NS:
            count = 0
        self._failures[key] = (count + 1, now_ns)
        while len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def banned(self, address: str, now_ns: int) -> bool:
        """Whether an address has to wait."""
        count, last_ns = self._failures.get(network_of(address), (0, 0))
        return count >= MOST_FAILURES and now_ns - last_ns < BAN_NS


def network_of(address: str) -> str:
    """Who an address stands for: itself in IPv4, in IPv6 the network of 64 bits that one customer has."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))
