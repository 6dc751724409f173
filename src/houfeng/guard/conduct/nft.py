"""A conduct profile as an nftables rule set: IPv4, IPv6 and ARP, default drop, loaded in one transaction.

For the gateway in front of the station's hosts (or a host itself): what passes through, what comes in and what goes
out are held against the same list. Source: nft(8), version 1.0.6.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final

from houfeng.guard.conduct.allows import MLD_TYPES, ND_TYPES, UNSETTLED, links_of
from houfeng.words.conduct import NAMED, Allowed, Conduct, Window

#: Name of both tables. There is one conduct on a machine; loading it replaces the one before.
TABLE: Final = "houfeng_conduct"

_FAMILIES: Final = {4: "ip", 6: "ip6"}
_HOOKS: Final = ("input", "forward", "output")

#: Dropped packets told to the kernel's log in a second: enough to see who, too few to fill a disk.
_TOLD: Final = 10


def nft_rules(conduct: Conduct) -> str:
    """The rule set, for `nft -f`. Loading it leaves no moment without rules and can be done again at any time.

    Conversations that run when it is loaded are kept: what a server of an allowed TCP conversation goes on sending is
    let through without the connection tracker having seen its beginning.
    """
    bindings = any(host.macs for host in conduct.hosts)
    tables = ("inet", "arp")
    # Naming a table before deleting it makes the deletion succeed the first time too.
    head = [f"{verb} {family} {TABLE}" for family in tables for verb in ("table", "delete table")]
    inet = [*_sets(conduct), *_binding_chain(conduct)] if bindings else []
    inet += [*_allow_chain(conduct)]
    for hook in _HOOKS:
        inet += _chain(hook, hook, "drop", (*_before(hook), "jump allow", *_drop("drop")))
    lines = [*head, f"table inet {TABLE} {{", *inet, "}"]
    if bindings:
        lines += [f"table arp {TABLE} {{", *_arp(conduct), "}"]
    return "\n".join(lines) + "\n"


def _drop(word: str, match: str = "") -> tuple[str, str]:
    """Drop and count, and tell of some."""
    told = f'{match}limit rate {_TOLD}/second log prefix "houfeng {word} "'
    return told, f"{match}counter drop"


def _before(hook: str) -> Iterator[str]:
    if hook != "forward":
        yield f"{'iif' if hook == 'input' else 'oif'} lo accept"
    yield "ct state established,related accept"


def _chain(name: str, hook: str, policy: str, rules: Iterable[str], priority: str = "filter") -> list[str]:
    head = f"\t\ttype filter hook {hook} priority {priority}; policy {policy};"
    return [f"\tchain {name} {{", head, *(f"\t\t{rule}" for rule in rules), "\t}"]


def _allow_chain(conduct: Conduct) -> Iterator[str]:
    yield "\tchain allow {"
    for rule in _chatter(conduct):
        yield f"\t\t{rule}"
    for allowed in conduct.allowed:
        for version in _FAMILIES:
            for rule in _conversation(allowed, version):
                yield f"\t\t{rule}"
    yield "\t}"


def _conversation(allowed: Allowed, version: int) -> Iterator[str]:
    """The rules of one conversation in one family: its beginning, and what a running one goes on saying."""
    clients, servers = networks_of(allowed.client, version), networks_of(allowed.server, version)
    if not clients or not servers:
        return
    ip, note = _FAMILIES[version], _comment(allowed.service)
    client, server = _braced(clients), _braced(servers)
    begins = f"{ip} saddr {client} {ip} daddr {server} {_service(allowed)} ct state new"
    for hours in _hours(allowed.windows):
        yield f"{begins}{hours} counter accept{note}"
    if allowed.protocol == "tcp":
        back = f"{ip} saddr {server} {ip} daddr {client} tcp sport {allowed.server_port}"
        yield f"{back} tcp flags & (syn | ack) != syn counter accept"


def _service(allowed: Allowed) -> str:
    if allowed.protocol in ("tcp", "udp"):
        return f"{allowed.protocol} dport {allowed.server_port}"
    if allowed.protocol in NAMED:
        return f"{'icmp' if allowed.protocol == 'icmp' else 'icmpv6'} type {allowed.server_port}"
    return f"meta l4proto {allowed.protocol}"


def _hours(windows: tuple[Window, ...]) -> Iterator[str]:
    """Matches of the windows. Hours as bare seconds: nft takes "02:00" as local time, and numbers as UTC."""
    if not windows:
        yield ""
    for window in windows:
        # Days are counted from Sunday there.
        days = ", ".join(str((day + 1) % 7) for day in window.days)
        yield f" meta day {{ {days} }} meta hour {window.start_s}-{window.end_s - 1}"


def _chatter(conduct: Conduct) -> Iterator[str]:
    types = [t for word, ts in (("nd", ND_TYPES), ("mld", MLD_TYPES)) if word in conduct.chatter for t in ts]
    if types:
        sources = _braced(_known(conduct, 6))
        yield f"ip6 saddr {sources} icmpv6 type {{ {', '.join(map(str, types))} }} counter accept"
    if "igmp" in conduct.chatter:
        sources = _braced(_known(conduct, 4))
        yield f"ip saddr {sources} ip daddr 224.0.0.0/4 meta l4proto 2 counter accept"


def _known(conduct: Conduct, version: int) -> list[str]:
    every = (address for host in conduct.hosts for address in host.addresses)
    return networks_of((*every, *UNSETTLED[version]), version)


def _sets(conduct: Conduct) -> Iterator[str]:
    pairs = [(address, mac) for host in conduct.hosts for mac in host.macs for address in host.addresses]
    for version, ip in _FAMILIES.items():
        mine = sorted({pair for pair in pairs if ipaddress.ip_address(pair[0]).version == version})
        key = f"typeof {ip} saddr"
        yield from _set(f"pairs{version}", f"{key} . ether saddr", [f"{address} . {mac}" for address, mac in mine])
        yield from _set(f"bound{version}", key, sorted({address for address, _ in mine}))
    yield from _set("macs", "type ether_addr", _macs(conduct))
    yield from _set("routers", "type ether_addr", _macs(conduct, routers=True))


def _macs(conduct: Conduct, *, routers: bool = False) -> list[str]:
    return sorted({mac for host in conduct.hosts if host.role == "router" or not routers for mac in host.macs})


def _set(name: str, kind: str, elements: list[str]) -> Iterator[str]:
    yield f"\tset {name} {{"
    yield f"\t\t{kind}"
    if elements:
        yield f"\t\telements = {{ {', '.join(elements)} }}"
    yield "\t}"


def _binding_chain(conduct: Conduct) -> list[str]:
    """Whether the source address of a frame belongs to its MAC address: Detector.binding_ok, line by line."""
    # Loopback, tunnels and point-to-point lines have no MAC addresses.
    rules = ["meta iiftype != ether accept"]
    for version, ip in _FAMILIES.items():
        rules += [f"{ip} saddr . ether saddr @pairs{version} accept"]
        rules += _drop("binding", f"{ip} saddr @bound{version} ")
    if not conduct.closed:
        return _chain("binding", "prerouting", "accept", rules, "raw")
    rules += [f"ether saddr @macs {ip} saddr {_braced(UNSETTLED[version])} accept" for version, ip in _FAMILIES.items()]
    rules += ["ether saddr @routers accept"]
    rules += _unrouted(conduct)
    return _chain("binding", "prerouting", "accept", rules, "raw")


def _unrouted(conduct: Conduct) -> Iterator[str]:
    """What becomes of addresses of no host here that come from no router: see Detector.binding_ok."""
    if _macs(conduct, routers=True):
        yield from _drop("binding")
        return
    yield from _drop("binding", "ether saddr @macs ")
    for version, ip in _FAMILIES.items():
        if links := networks_of(links_of(conduct), version):
            yield from _drop("binding", f"{ip} saddr {_braced(links)} ")


def _arp(conduct: Conduct) -> Iterator[str]:
    pairs = {(address, mac) for host in conduct.hosts for mac in host.macs for address in host.addresses}
    mine = sorted(pair for pair in pairs if ipaddress.ip_address(pair[0]).version == 4)
    kind = "typeof arp saddr ip . arp saddr ether"
    yield from _set("pairs4", kind, [f"{address} . {mac}" for address, mac in mine])
    yield from _set("bound4", "typeof arp saddr ip", sorted({address for address, _ in mine}))
    yield from _set("macs", "type ether_addr", _macs(conduct))
    drop = _drop("arp")
    rules = [
        "arp saddr ip . arp saddr ether @pairs4 accept",
        *_drop("arp", "arp saddr ip @bound4 "),
    ]
    if conduct.closed:
        rules += [f"arp saddr ether @macs arp saddr ip {_braced(UNSETTLED[4])} accept", *drop]
    else:
        rules += ["accept"]
    # Without ARP nobody on an Ethernet link finds anybody; a profile may say so where neighbours are set by hand.
    yield from _chain("input", "input", "drop", rules if "arp" in conduct.chatter else drop)


def networks_of(texts: Iterable[str], version: int) -> list[str]:
    """The networks of one family, none within another, as ADDRESS or ADDRESS/BITS."""
    networks = [ipaddress.ip_network(text) for text in texts]
    if version == 4:
        four = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv4Network))
        return [_short(net) for net in four]
    six = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv6Network))
    return [_short(net) for net in six]


def _short(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _braced(texts: Iterable[str]) -> str:
    return f"{{ {', '.join(texts)} }}"


def _comment(service: str) -> str:
    """What a service is for, as far as it is harmless within quotes; nft takes 128 bytes."""
    kept = re.sub(r"[^A-Za-z0-9 _.:/()-]+", " ", service).strip()[:100]
    return f' comment "{kept}"' if kept else ""
