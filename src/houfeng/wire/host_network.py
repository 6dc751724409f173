"""What tools tell of a host's network: sockets, routes, name servers, the rules of its packet filter."""

import hashlib
import re
from ipaddress import IPv6Address, ip_address
from itertools import pairwise
from typing import Final

from houfeng.wire.host_lines import LONGEST_TEXT, HostLines, lines_of
from houfeng.words.host import HostSocket, SocketState

_PROTOCOLS: Final = {"tcp": "tcp", "tcp6": "tcp", "udp": "udp", "udp6": "udp"}
_WAITING: Final = ("LISTEN", "UNCONN")
_HEADS: Final = ("Netid", "Proto", "Active")

#: ss: users:(("sshd",pid=1,fd=3),("systemd",...)); the first is told. netstat: 612/dropbear.
_SS_PROCESS: Final = re.compile(r'users:\(\("((?:[^"\\]|\\.){1,64})"')
_NETSTAT_PROCESS: Final = re.compile(r"\s\d{1,10}/(\S[^\n]{0,63})\s*\Z")

_ANY: Final = ("*", "0.0.0.0", "::", "[::]")  # noqa: S104 - what tools print, nothing is bound

_ROUTE_KINDS: Final = ("unreachable", "blackhole", "prohibit", "throw", "local", "broadcast", "multicast", "anycast")
_KEPT: Final = ("via", "dev")

#: What changes in a rule set that nobody touches: counters, what remains of a timeout, iptables-save's own remarks.
_COUNTER: Final = re.compile(rb"\bpackets \d+ bytes \d+|\[\d+:\d+\]|# handle \d+|\bused \d+")
_ELEMENTS: Final = re.compile(rb"elements = \{([^{}]*)\}")
_REMARK: Final = re.compile(rb"(?m)^[ \t]*#.*$")


def sockets_of(data: bytes, lines: HostLines) -> tuple[HostSocket, ...]:
    """Sockets of `ss -tunap` or `netstat -tunap`, of coreutils or busybox."""
    return lines.each(data, _socket)


def routes_of(data: bytes, lines: HostLines) -> tuple[str, ...]:
    """Routes of `ip route` or `route -n`, without metrics, protocols and ages."""
    return tuple(sorted(lines.each(data, _route)))


def resolvers_of(data: bytes, lines: HostLines) -> tuple[str, ...]:
    """Name servers of resolv.conf (resolv.conf(5)), in order."""
    return lines.each(data, _resolver)


def firewall_of(data: bytes) -> str:
    """SHA-256 of `nft list ruleset` or `iptables-save`: of what it means, not of what it has counted.

    Elements of sets that expire are left out: they are put there by programs, and every one is timed.
    """
    text = _REMARK.sub(b"", _COUNTER.sub(b"", data))
    text = _ELEMENTS.sub(_lasting, text)
    return hashlib.sha256(b"\n".join(b" ".join(line.split()) for line in text.split(b"\n") if line.strip())).hexdigest()


def address_of(text: str) -> str:
    """An address as the ipaddress module writes it, "*" for every one; IPv4 within IPv6 as IPv4. Raises ValueError."""
    bare = text.partition("%")[0].removeprefix("[").removesuffix("]")
    if bare in _ANY:
        return "*"
    try:
        read = ip_address(bare)
    except ValueError as error:
        raise ValueError("no address") from error
    return str((read.ipv4_mapped if isinstance(read, IPv6Address) else None) or read)


def _lasting(match: re.Match[bytes]) -> bytes:
    kept = sorted(b" ".join(each.split()) for each in match[1].split(b",") if b"expires" not in each)
    return b"elements = { " + b", ".join(each for each in kept if each) + b" }" if any(kept) else b""


def _socket(line: str) -> HostSocket | None:
    words = line.split(maxsplit=6)
    if not words or words[0] in _HEADS:
        return None
    if words[0] not in _PROTOCOLS or len(words) < 5:
        raise ValueError("no socket")
    protocol = _PROTOCOLS[words[0]]
    if words[1].isdecimal():
        state, local, remote = _of_netstat(words)
        process = _NETSTAT_PROCESS.search(line)
    else:
        state, (local, remote) = words[1], words[4:6] if len(words) > 5 else ("", "")
        process = _SS_PROCESS.search(line)
    here, here_port = _end(local)
    name = process[1].strip() if process else ""
    if state in _WAITING or remote.endswith(":*"):
        return HostSocket(protocol, "listening", here, here_port, process=name)
    there, there_port = _end(remote)
    stands: SocketState = "established" if state in {"ESTAB", "ESTABLISHED"} else "closing"
    return HostSocket(protocol, stands, here, here_port, there, there_port, name)


def _of_netstat(words: list[str]) -> tuple[str, str, str]:
    """State, local and remote; UDP has no state while it listens."""
    state = words[5] if len(words) > 5 and words[5].replace("_", "").isalpha() else ""
    return state, words[3], words[4]


def _end(text: str) -> tuple[str, int]:
    address, colon, port = text.rpartition(":")
    if not colon or not (port == "*" or (port.isascii() and port.isdecimal() and len(port) <= 5)):
        raise ValueError("no address and port")
    number = 0 if port == "*" else int(port)
    if number > 65_535:
        raise ValueError("no port")
    return address_of(address), number


def _route(line: str) -> str | None:
    words = line.split()
    if words[0] in {"Kernel", "Destination"}:
        return None
    if len(words) == 8 and words[0] != "default" and words[1][:1].isdigit() and words[4].isdecimal():
        return _of_table(words)
    kind = [words.pop(0)] if words[0] in _ROUTE_KINDS else []
    if not words or not (words[0] == "default" or words[0][:1].isalnum() or words[0].startswith("::")):
        raise ValueError("no route")
    pairs = pairwise(words)
    told = [f"{key} {value}" for key, value in pairs if key in _KEPT]
    return " ".join([*kind, words[0], *told])[:LONGEST_TEXT]


def _of_table(words: list[str]) -> str:
    """A row of `route -n`: destination, gateway, mask, flags, metric, references, use, interface."""
    try:
        destination, gateway, mask = (int(ip_address(each)) for each in words[:3])
    except ValueError as error:
        raise ValueError("no route") from error
    bits = mask.bit_count()
    to = "default" if not destination and not bits else f"{words[0]}/{bits}" if bits < 32 else words[0]
    return f"{to} via {words[1]} dev {words[7]}" if gateway else f"{to} dev {words[7]}"


def _resolver(line: str) -> str | None:
    words = line.split()
    if words[0] != "nameserver" or len(words) < 2:
        return None
    return address_of(words[1])


def first_number(data: bytes, lines: HostLines) -> int | None:
    """The last word of the first line, as a number: of `date +%s`, of "btime" in /proc/stat, of a file of /proc/sys."""

    def read(line: str) -> int:
        word = line.rsplit(maxsplit=1)[-1]
        if not (word.isascii() and word.isdecimal() and len(word) <= 10):
            raise ValueError("no number")
        return int(word)

    return next(iter(lines.each(data[:200], read)), None) if any(lines_of(data[:200])) else None
