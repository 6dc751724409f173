"""The access lists of a MUD file, read back as the conversations they allow.

Sources: RFC 8519 section 4, RFC 8520 sections 7 and 8.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final

from houfeng.guard.conduct.document import window_of
from houfeng.guard.conduct.nft import networks_of
from houfeng.words.conduct import ASKING, NAMED, Allowed, Host, Rhythm

EXTENSION: Final = "houfeng"

#: Seen from the device.
DIRECTIONS: Final = ("from", "to")

#: More entries than a hundred stations need.
MOST_ENTRIES: Final = 10_000

_NAMES: Final = {number: name for name, number in NAMED.items()}
_WHERE: Final = {"from": "destination", "to": "source"}


def entries_back(whole: Any, host: Host) -> Iterator[Allowed]:
    """The conversations that a MUD file allows its device, each direction as it is begun.

    whole  the file, as json gives it
    host   the device: the lists say only what the other side's addresses are

    Raises ValueError or TypeError for what cannot be told of a single conversation.
    """
    lists = {_text(acl, "name"): acl for acl in _listed(_at(whole, "ietf-access-control-list:acls"), "acl")}
    count = 0
    for way in DIRECTIONS:
        policy = _at(_at(_at(whole, "ietf-mud:mud"), f"{way}-device-policy"), "access-lists")
        for named in _listed(policy, "access-list"):
            name = _text(named, "name")
            if name not in lists:
                raise ValueError(f"there is no list {name[:60]!r}")
            for ace in _listed(_at(lists[name], "aces"), "ace"):
                count += 1
                if count > MOST_ENTRIES:
                    raise ValueError(f"more than {MOST_ENTRIES} entries")
                yield from _entry(ace, way, host)


def _entry(ace: Any, way: str, host: Host) -> Iterator[Allowed]:
    """The conversation an entry begins; none where it lets answers through, or link chatter."""
    name, matches = _text(ace, "name")[:60], _at(ace, "matches")
    if _at(ace, "actions").get("forwarding") != "accept":
        raise ValueError(f"entry {name!r} is no accept: everything else is dropped anyway")
    said = ace.get(f"{EXTENSION}:{EXTENSION}", {})
    if not isinstance(said, dict):
        raise TypeError(f"entry {name!r}: {EXTENSION} is no object")
    if said.get("chatter") is True or said.get("answer") is True or _answers(matches, way):
        return
    version = 4 if "ipv4" in matches else 6
    ip = _at(matches, f"ipv{version}")
    protocol = _protocol(ip, name)
    peer = ip.get(f"{_WHERE[way]}-ipv{version}-network")
    if not isinstance(peer, str):
        raise TypeError(f"entry {name!r} does not say the other side's addresses")
    peers = tuple(networks_of((peer,), version))
    mine = _texts(said, "own") or networks_of(host.addresses, version)
    if not mine or any(ipaddress.ip_network(each).version != version for each in mine):
        raise ValueError(f"entry {name!r} is of IPv{version}, and the device has no such address")
    client, server = (tuple(mine), peers) if way == "from" else (peers, tuple(mine))
    windows = tuple(window_of(text) for text in _texts(said, "windows"))
    rhythm: Rhythm = "window" if windows else "rare"
    yield Allowed(client, server, protocol, _port(matches, protocol, name), "", rhythm, 0.0, windows)


def _answers(matches: Mapping[str, Any], way: str) -> bool:
    """Whether an entry lets through what answers a conversation begun the other way."""
    for transport in ("tcp", "udp"):
        said = matches.get(transport, {})
        if isinstance(said, dict) and "ietf-mud:direction-initiated" in said:
            return bool(said["ietf-mud:direction-initiated"] != f"{way}-device")
        if isinstance(said, dict) and "source-port" in said and "destination-port" not in said:
            return True
    icmp = matches.get("icmp")
    type_ = icmp.get("type") if isinstance(icmp, dict) else None
    answers = ASKING["icmp" if "ipv4" in matches else "icmp6"].values()
    return type_ in answers


def _protocol(ip: Mapping[str, Any], name: str) -> str:
    number = ip.get("protocol")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 255:
        raise TypeError(f"entry {name!r} does not say its protocol")
    return _NAMES.get(number, str(number))


def _port(matches: Mapping[str, Any], protocol: str, name: str) -> int:
    if protocol in ("tcp", "udp"):
        said = _at(matches, protocol).get("destination-port")
        port = said.get("port") if isinstance(said, dict) and said.get("operator", "eq") == "eq" else None
    elif protocol in ASKING:
        port = _at(matches, "icmp").get("type")
    else:
        port = 0
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"entry {name!r} does not say one port: give each its own entry")
    return port


def _at(table: Any, key: str) -> Mapping[str, Any]:
    found = table.get(key) if isinstance(table, dict) else None
    if not isinstance(found, dict):
        raise TypeError(f"has no {key}")
    return found


def _listed(table: Mapping[str, Any], key: str) -> list[Any]:
    found = table.get(key, [])
    if not isinstance(found, list):
        raise TypeError(f"{key} is no list")
    return found


def _text(table: Any, key: str) -> str:
    found = table.get(key) if isinstance(table, dict) else None
    if not isinstance(found, str):
        raise TypeError(f"a list or entry has no {key}")
    return found


def _texts(table: Mapping[str, Any], key: str) -> list[str]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise TypeError(f"{key} is no list of texts")
    return found
