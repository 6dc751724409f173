"""Who may read what: the list of readers, by address or network, and the channels each may have."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from houfeng.wire.seedlink.patterns import matcher


@dataclass(frozen=True, slots=True)
class Grant:
    """What one reader may have.

    patterns  of channels NET.STA.LOC.CHA, * and ? in them
    personal  whether its own address is on the list, rather than a network that many share
    """

    patterns: tuple[str, ...]
    personal: bool

    def covers(self, channel: str) -> bool:
        """Whether a channel is among them."""
        return any(matcher(pattern)(channel) for pattern in self.patterns)


class Grants:
    """The list.

    allowed  address, network (10.71.9.0/24) or name of a host -> patterns

    Raises ValueError when a key with a slash is no network.
    """

    def __init__(self, allowed: Mapping[str, Sequence[str]]) -> None:
        self._hosts: dict[str, list[str]] = {}
        self._networks: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, Sequence[str]]] = []
        for key, patterns in allowed.items():
            if "/" in key:
                network = ipaddress.ip_network(key, strict=False)
                if network.num_addresses > 1:
                    self._networks.append((network, patterns))
                    continue
                self._hosts.setdefault(str(network.network_address), []).extend(patterns)
            else:
                self._hosts.setdefault(_plain(key), []).extend(patterns)
        self.of = lru_cache(maxsize=1 << 12)(self._of)

    def _of(self, reader: str) -> Grant | None:
        """What a reader may have, None when it is not on the list; all entries that name it count."""
        own = self._hosts.get(_plain(reader))
        patterns = list(own or ())
        try:
            address = ipaddress.ip_address(reader)
        except ValueError:
            return None if own is None else Grant(tuple(patterns), personal=True)
        shared = [given for network, given in self._networks if address in network]
        if own is None and not shared:
            return None
        for given in shared:
            patterns.extend(given)
        return Grant(tuple(dict.fromkeys(patterns)), personal=own is not None)


def _plain(reader: str) -> str:
    try:
        return str(ipaddress.ip_address(reader))
    except ValueError:
        return reader.lower()
