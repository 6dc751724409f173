"""A small reading of the rule sets that nft_rules writes, made from nft(8) and not from the code that writes them."""

import ipaddress
import re
from datetime import UTC, datetime

FAMILY = {"ip": 4, "ip6": 6, "arp": 4}
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58}

MATCHES = re.compile(
    r"(?P<what>(?:(?:ip|ip6) [sd]addr|ether saddr|arp saddr (?:ip|ether))(?: \. (?:ether saddr|arp saddr ether))?) "
    r"(?P<among>@\w+|\{[^}]*\}|[0-9a-f.:]+/\d+)"
    r"|(?P<port>(?:tcp|udp) [sd]port) (?P<number>\d+)"
    r"|(?P<type>icmpv?6? type) (?P<types>\d+|\{[^}]*\})"
    r"|meta l4proto (?P<proto>\d+)"
    r"|meta iiftype != (?P<iiftype>ether)"
    r"|tcp flags & \(syn \| ack\) != (?P<middle>syn)"
    r"|ct state (?P<state>[a-z,]+)"
    r"|meta day (?P<days>\{[^}]*\})"
    r"|meta hour (?P<from>\d+)-(?P<to>\d+)"
    r"|(?P<said>counter|comment \"[^\"]*\")"
    r"|(?P<verdict>accept|drop|jump \w+)"
)


def read(text):
    """Tables by family: sets by name, chains by name as (policy, rules)."""
    tables, table, chain, name = {}, None, None, ""
    for line in map(str.strip, text.splitlines()):
        if found := re.fullmatch(r"table (\w+) \w+ \{", line):
            table = tables[found[1]] = {"sets": {}, "chains": {}}
        elif found := re.fullmatch(r"(set|chain) (\w+) \{", line):
            name = found[2]
            chain = None if found[1] == "set" else table["chains"].setdefault(name, ["accept", []])
            if chain is None:
                table["sets"][name] = set()
        elif found := re.fullmatch(r"elements = \{ (.*) \}", line):
            table["sets"][name] = {tuple(each.split(" . ")) for each in found[1].split(", ")}
        elif line.startswith("type ") and chain is not None:
            chain[0] = re.search(r"policy (\w+);", line)[1]
        elif chain is not None and line not in ("", "}"):
            chain[1].append(line)
    return tables


def verdict(table, chain, packet):
    """What becomes of a packet in a base chain."""
    policy, _ = table["chains"][chain]
    return _walk(table, chain, packet) or policy


def _walk(table, chain, packet):
    for rule in table["chains"][chain][1]:
        if "limit rate" in rule:
            assert not rule.endswith(("accept", "drop"))
            continue
        if rule.startswith(("iif lo", "oif lo")):
            continue
        at, final, hit = 0, "", True
        while at < len(rule):
            found = MATCHES.match(rule, at)
            assert found, f"cannot read {rule[at:]!r} of {rule!r}"
            at = found.end() + (rule[found.end() : found.end() + 1] == " ")
            if found["verdict"]:
                final = found["verdict"]
            else:
                hit = hit and _holds(found, packet, table)
        if hit and final.startswith("jump "):
            final = _walk(table, final.split()[1], packet) or ""
        if hit and final:
            return final
    return None


def _holds(found, packet, table):
    if found["what"]:
        return _among(found["what"].split(" . "), found["among"], packet, table)
    if found["port"]:
        protocol, side = found["port"].split()
        return packet["protocol"] == protocol and packet[side] == int(found["number"])
    if found["type"]:
        protocol = "icmp" if found["type"].startswith("icmp ") else "icmp6"
        types = {int(each) for each in re.findall(r"\d+", found["types"])}
        return packet["protocol"] == protocol and packet["type"] in types
    if found["proto"]:
        return NUMBERS.get(packet["protocol"], packet["protocol"]) in (int(found["proto"]), found["proto"])
    if found["days"]:
        # Sunday is 0 there.
        day = (datetime.fromtimestamp(packet["time_ns"] // 10**9, UTC).weekday() + 1) % 7
        return day in {int(each) for each in re.findall(r"\d+", found["days"])}
    if found["from"]:
        return int(found["from"]) <= packet["time_ns"] // 10**9 % 86_400 <= int(found["to"])
    if found["state"]:
        return packet["state"] in found["state"].split(",")
    if found["middle"]:
        return packet.get("middle", False)
    # Every packet here is on Ethernet; what is said changes nothing.
    return bool(found["said"])


def _among(keys, among, packet, table):
    values = [_value(key, packet) for key in keys]
    if None in values:
        return False
    if among.startswith("@"):
        return tuple(values) in table["sets"][among[1:]]
    address = ipaddress.ip_address(values[0])
    return any(address in ipaddress.ip_network(each) for each in among.strip("{} ").split(", "))


def _value(key, packet):
    words = key.split()
    if words[-1] == "ether" or words[0] == "ether":
        return packet["mac"]
    if words[0] != "arp" and ipaddress.ip_address(packet["saddr"]).version != FAMILY[words[0]]:
        return None
    return packet["saddr" if words[0] == "arp" else words[1]]
