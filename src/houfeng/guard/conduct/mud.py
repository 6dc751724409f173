"""A conduct profile as Manufacturer Usage Descriptions, one for each host, and read back from one.

Sources: RFC 8520 (MUD), RFC 8519 (access lists). The extension "houfeng" is documented in
docs/reference/mud-extension.md; who does not know it still reads the right access lists.
"""

import ipaddress
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from houfeng.guard.conduct.allows import MLD_TYPES, ND_TYPES
from houfeng.guard.conduct.document import conduct_of, plain_of
from houfeng.guard.conduct.mud_read import DIRECTIONS, EXTENSION, entries_back
from houfeng.guard.conduct.nft import networks_of
from houfeng.words.conduct import ASKING, NAMED, Allowed, Conduct, Host
from houfeng.words.finding import Finding
from houfeng.words.instant import format_instant

#: A file of a host is some ten kilobytes.
MOST_BYTES: Final = 4 << 20

#: Hours an enforcer may keep the file without asking again: the default of RFC 8520 section 3.5 is a week.
_VALID_HOURS: Final = 168

_Ace = dict[str, Any]


def mud_of(conduct: Conduct, host: Host, *, url: str, made_ns: int) -> bytes:
    """The MUD file of one host.

    host     one of the conduct's
    url      where the file will be found, https (RFC 8520 section 3.2)
    made_ns  when this version was made

    Source: RFC 8520 sections 2 and 3.
    """
    own = _own(conduct, host)
    lists: dict[str, dict[int, list[_Ace]]] = {way: {4: [], 6: []} for way in DIRECTIONS}
    for number, allowed in enumerate(own.allowed):
        _conversation(number, allowed, host, lists)
    for number, type_ in enumerate(_chatter(own)):
        for way in DIRECTIONS:
            matches = {"ipv6": {"protocol": NAMED["icmp6"]}, "icmp": {"type": type_}}
            lists[way][6].append(_ace(f"chatter{number}-{way[:2]}", matches, {"chatter": True}))
    names = {(way, version): f"v{version}-{way[:2]}" for way in DIRECTIONS for version in (4, 6)}
    mud: dict[str, Any] = {
        "mud-version": 1,
        "mud-url": url,
        "last-update": format_instant(made_ns, 0),
        "cache-validity": _VALID_HOURS,
        "is-supported": True,
        "systeminfo": f"{conduct.name} {host.name}"[:60],
        "extensions": [EXTENSION],
        EXTENSION: _extension(own, host),
    }
    for way in DIRECTIONS:
        mud[f"{way}-device-policy"] = {
            "access-lists": {"access-list": [{"name": names[way, version]} for version in (4, 6)]}
        }
    acls = [
        {"name": names[way, version], "type": f"ipv{version}-acl-type", "aces": {"ace": lists[way][version]}}
        for way in DIRECTIONS
        for version in (4, 6)
    ]
    whole = {"ietf-mud:mud": mud, "ietf-access-control-list:acls": {"acl": acls}}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def read_mud(data: bytes, name: str) -> tuple[Conduct | None, list[Finding]]:
    """Read a MUD file as the conduct of its host.

    name  of the file, for findings

    Who may talk with whom is taken from the access lists alone; rhythm, rates and bindings from the extension. Returns
    None and a finding "profile-refused" where the file cannot be held against a conversation exactly: names instead of
    addresses, any port, no addresses of the device.
    """
    if len(data) > MOST_BYTES:
        return None, [Finding("profile-refused", f"is larger than {MOST_BYTES} bytes", file=name)]
    try:
        whole = json.loads(data)
        extension = _member(_member(whole, "ietf-mud:mud"), EXTENSION)
        carried = conduct_of({key: value for key, value in extension.items() if key not in _BESIDE})
        device = _device(carried, extension.get("device"))
        found = tuple(_told(each, carried) for each in entries_back(whole, device))
    except (ValueError, TypeError, RecursionError) as error:
        return None, [Finding("profile-refused", str(error)[:300], file=name)]
    return Conduct(carried.name, carried.hosts, found, carried.chatter, carried.reads, carried.closed), []


#: Members of the extension that are no part of the document.
_BESIDE: Final = ("device", "clock-source")


def _member(table: Any, key: str) -> Mapping[str, Any]:
    found = table.get(key) if isinstance(table, dict) else None
    if not isinstance(found, dict):
        raise TypeError(f"has no {key}")
    return found


def _device(carried: Conduct, name: object) -> Host:
    hosts = [host for host in carried.hosts if host.name == name]
    if len(hosts) != 1:
        raise ValueError("the extension houfeng does not say which of its hosts the device is")
    return hosts[0]


def _own(conduct: Conduct, host: Host) -> Conduct:
    """What of a conduct concerns one host."""
    allowed = tuple(each for each in conduct.allowed if _mine(each.client, host) or _mine(each.server, host))
    reads = tuple(each for each in conduct.reads if host.role == "station" or each.reader in host.addresses)
    return Conduct(conduct.name, conduct.hosts, allowed, conduct.chatter, reads, conduct.closed)


def _mine(side: tuple[str, ...], host: Host) -> tuple[str, ...]:
    """Those of a host's addresses that one side of a conversation holds."""
    networks = [ipaddress.ip_network(text) for text in side]
    return tuple(text for text in host.addresses if any(ipaddress.ip_address(text) in net for net in networks))


def _extension(conduct: Conduct, host: Host) -> dict[str, Any]:
    return {"device": host.name, "clock-source": list(conduct.addresses("time")), **plain_of(conduct)}


def _told(allowed: Allowed, carried: Conduct) -> Allowed:
    """A conversation of the access lists with what the extension says of its service, rhythm and rate."""
    for each in carried.allowed:
        same = (each.protocol, each.server_port, each.windows) == (
            allowed.protocol,
            allowed.server_port,
            allowed.windows,
        )
        if same and _within(allowed.client, each.client) and _within(allowed.server, each.server):
            rates = (each.client_rate, each.server_rate)
            sides = (allowed.client, allowed.server, each.protocol, each.server_port)
            return Allowed(*sides, each.service, each.rhythm, each.every_s, each.windows, *rates)
    return allowed


def _within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    nets = [ipaddress.ip_network(text) for text in outer]
    return all(any(_holds(net, ipaddress.ip_network(text)) for net in nets) for text in inner)


def _holds(
    outer: ipaddress.IPv4Network | ipaddress.IPv6Network, inner: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    if isinstance(outer, ipaddress.IPv4Network):
        return isinstance(inner, ipaddress.IPv4Network) and outer.supernet_of(inner)
    return isinstance(inner, ipaddress.IPv6Network) and outer.supernet_of(inner)


def _chatter(conduct: Conduct) -> Iterator[int]:
    for word, types in (("nd", ND_TYPES), ("mld", MLD_TYPES)):
        if word in conduct.chatter:
            yield from types


def _conversation(number: int, allowed: Allowed, host: Host, lists: dict[str, dict[int, list[_Ace]]]) -> None:
    """Put a conversation into the lists: as client where the host is one, as server where it is one."""
    sides = (("from", allowed.client, allowed.server), ("to", allowed.server, allowed.client))
    for begun, mine, others in sides:
        here = _mine(mine, host)
        for version in (4, 6):
            own = networks_of(here, version)
            for peer in networks_of(others, version) if own else ():
                name = f"c{number}-{begun}-{peer}"
                whole = networks_of(host.addresses, version)
                extra: dict[str, Any] = {} if own == whole else {"own": own}
                if allowed.windows:
                    extra["windows"] = plain_of(Conduct("", (), (allowed,)))["allowed"][0]["windows"]
                for way in DIRECTIONS:
                    matches = _matches(allowed, version, peer, begun, way)
                    said = extra if way == begun else {**extra, "answer": True}
                    lists[way][version].append(_ace(f"{name}-{way}", matches, said))


def _matches(allowed: Allowed, version: int, peer: str, begun: str, way: str) -> dict[str, Any]:
    """What packets of a conversation look like in one direction.

    begun  the direction of what the client sends; way the direction described
    """
    ip: dict[str, Any] = {"protocol": NAMED.get(allowed.protocol) or int(allowed.protocol)}
    end = "destination" if way == "from" else "source"
    ip[f"{end}-ipv{version}-network"] = str(ipaddress.ip_network(peer))
    matches: dict[str, Any] = {f"ipv{version}": ip}
    if allowed.protocol in ("tcp", "udp"):
        port = "destination-port" if way == begun else "source-port"
        matches[allowed.protocol] = {port: {"operator": "eq", "port": allowed.server_port}}
    if allowed.protocol == "tcp":
        matches["tcp"]["ietf-mud:direction-initiated"] = f"{begun}-device"
    if allowed.protocol in ASKING:
        answers = ASKING[allowed.protocol]
        matches["icmp"] = {"type": allowed.server_port if way == begun else answers[allowed.server_port]}
    return matches


def _ace(name: str, matches: dict[str, Any], extra: dict[str, Any]) -> _Ace:
    ace: _Ace = {"name": name, "matches": matches, "actions": {"forwarding": "accept"}}
    return {**ace, f"{EXTENSION}:{EXTENSION}": extra} if extra else ace
