"""Flows that Argus told as comma-separated text ("binetflow"), as data sets of two-way flows are handed on.

The first line names the columns; StartTime, Dur, Proto, SrcAddr, Dir, DstAddr, TotPkts, TotBytes and SrcBytes must be
there, Sport, Dport, State and SrcPkts may (ra(1), openargus.org). Of what such a file leaves open:

- Times are local and name no zone: they are taken as UTC.
- Bytes are those of whole frames; 14 a packet are taken off for Ethernet's header (IEEE 802.3, 3.1.1).
- Packets are told of both sides together unless there is a column SrcPkts. Who sent no bytes sent none of them;
  where both sent, each has at least one and the rest is shared out as the bytes are. The sum is exact, the split an
  estimate, and so are each side's IP bytes by 14 for each packet put on the wrong side.
- A port may be hexadecimal. In ICMP the first is the type, or 256 times the type plus the code.
- Dir: "->" and "<->": the source began. "<-": the destination did. With a question mark the beginning was not seen:
  the ports decide who is the server, as oneway says. "who" is an ARP request.
- State of TCP: flags of the source, "_", flags of the destination; or one word for both. Without S among the flags
  the beginning was not seen either.
"""

import csv
import ipaddress
from collections.abc import Iterator, Mapping
from typing import Final

from houfeng.wire.eyes.oneway import is_server
from houfeng.wire.numerals import finite
from houfeng.words.finding import Finding
from houfeng.words.instant import parse_instant, seconds_to_ns
from houfeng.words.network import Asked, Flow, Outcome, Seen

_NEEDED: Final = frozenset(
    {"StartTime", "Dur", "Proto", "SrcAddr", "Dir", "DstAddr", "TotPkts", "TotBytes", "SrcBytes"}
)

#: Ethernet's header: two addresses and a type.
_FRAME_BYTES: Final = 14

#: The least frame on Ethernet without its checksum; no reset is longer than it.
_SMALL_BYTES: Final = 60

#: No line of flows is longer: its label is the only free text.
_MOST_LINE_BYTES: Final = 65_536

#: Broken lines of one file told one by one, and characters of them shown.
_TOLD: Final = 20
_SHOWN: Final = 60

#: A flow of a year is none; nor is one of 2^48 packets or bytes.
_LONGEST_S: Final = 31_557_600.0
_MOST_COUNT: Final = 1 << 48

_PROTOCOLS: Final = {"ipv6-icmp": "icmp6", "icmp6": "icmp6", "icmp": "icmp", "tcp": "tcp", "udp": "udp"}

#: Other protocols by the names that Argus gives them (iana.org/assignments/protocol-numbers).
_NUMBERS: Final = {
    "igmp": "2", "ipip": "4", "ipv6": "41", "rsvp": "46", "gre": "47", "esp": "50", "ah": "51", "ospf": "89",
    "pim": "103", "vrrp": "112", "sctp": "132", "udplite": "136",
}  # fmt: skip


class ArgusReader:
    """Reader of one binetflow file, in pieces of any size.

    name     of the file
    records  how many flows and ARP requests were read so far
    """

    def __init__(self, name: str) -> None:
        self.records = 0
        self._name = name
        self._pending = b""
        self._line = 0
        self._columns: dict[str, int] = {}
        self._skipping = False
        self._broken = 0

    def read(self, data: bytes) -> list[Flow | Asked | Finding]:
        """More of the file came."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        out: list[Flow | Asked | Finding] = []
        for line in lines:
            out += self._one(line)
        if len(self._pending) > _MOST_LINE_BYTES:
            # Only its beginning is kept, so that it is still known to be too long when its end comes.
            self._pending = self._pending[: _MOST_LINE_BYTES + 1]
        return out

    def end(self) -> list[Flow | Asked | Finding]:
        """No more will come: a last line without its end is read as it is."""
        out = list(self._one(self._pending)) if self._pending.strip() else []
        self._pending = b""
        if self._broken > _TOLD:
            out.append(Finding("argus-line", f"the same for {self._broken - _TOLD} more lines", self._name))
        return out

    def _one(self, line: bytes) -> Iterator[Flow | Asked | Finding]:
        self._line += 1
        if not line.strip() or self._skipping:
            return
        if len(line) > _MOST_LINE_BYTES:
            yield from self._complain(f"it is longer than {_MOST_LINE_BYTES} bytes")
            return
        text = line.decode("utf-8", "replace").rstrip("\r")
        try:
            cells = [cell.strip() for cell in next(csv.reader([text]), [])]
        except csv.Error as error:
            yield from self._complain(f"it is no line of a table: {error}")
            return
        if not self._columns:
            yield from self._head(cells)
            return
        try:
            told = self._told({name: cells[at] for name, at in self._columns.items() if at < len(cells)})
        except (ValueError, KeyError) as error:
            yield from self._complain(f"{_short(error)} in {text[:_SHOWN]!r}")
            return
        self.records += 1
        yield told

    def _head(self, cells: list[str]) -> Iterator[Finding]:
        missing = sorted(_NEEDED - set(cells))
        if missing:
            self._skipping = True
            reason = f"line {self._line} names no columns {', '.join(missing)}: it is no binetflow file"
            yield Finding("argus-header", reason, self._name)
        self._columns = {name: at for at, name in enumerate(cells)}

    def _complain(self, reason: str) -> Iterator[Finding]:
        self._broken += 1
        if self._broken <= _TOLD:
            yield Finding("argus-line", f"line {self._line}: {reason}", self._name)

    def _told(self, row: Mapping[str, str]) -> Flow | Asked:
        seen = Seen(self._name, self._line)
        start_ns = parse_instant(row["StartTime"].replace("/", "-"))
        source, destination = _address(row["SrcAddr"]), _address(row["DstAddr"])
        protocol, state = row["Proto"].lower(), row.get("State", "")
        if protocol == "arp":
            return Asked(seen, start_ns, source, "", destination)
        lasted_s = finite(row["Dur"])
        if not 0.0 <= lasted_s < _LONGEST_S:
            raise ValueError(f"a duration of {lasted_s} s")
        ahead, back = _counts(row)
        direction = row["Dir"]
        ports = _port(row.get("Sport", "")), _port(row.get("Dport", ""))
        turned = is_server(*ports) if "?" in direction else direction.endswith("<-")
        client, server = (source, ports[0], *ahead), (destination, ports[1], *back)
        if turned:
            client, server = server, client
        named = _PROTOCOLS.get(protocol) or _NUMBERS.get(protocol) or str(_port(protocol))
        kind = ports[0] >> 8 if ports[0] > 255 else ports[0]
        with_ports = named in {"tcp", "udp", "132", "136"}
        return Flow(
            seen=seen,
            start_ns=start_ns,
            end_ns=start_ns + seconds_to_ns(lasted_s),
            client=client[0],
            client_port=client[1] if with_ports else 0,
            server=server[0],
            server_port=server[1] if with_ports else kind if named in {"icmp", "icmp6"} else 0,
            protocol=named,
            client_packets=client[2],
            server_packets=server[2],
            client_bytes=client[3],
            server_bytes=server[3],
            outcome=_outcome(named, state, client[2:], server[2:], turned=turned),
            begun="?" not in direction and (named != "tcp" or "_" not in state or "S" in state),
        )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ValueError("no address") from error


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) > _MOST_COUNT:
        raise ValueError("no count")
    return int(text)


def _port(text: str) -> int:
    """A port or a number of a protocol, in decimal or hexadecimal; 0 where there is none."""
    if not text:
        return 0
    value = int(text, 16 if text.lower().startswith("0x") else 10) if text.isalnum() and text.isascii() else -1
    if not 0 <= value <= 0xFFFF:
        raise ValueError("no port")
    return value


def _counts(row: Mapping[str, str]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Packets and IP bytes of the source and of the destination."""
    packets, frame_bytes, source_bytes = (_whole(row[name]) for name in ("TotPkts", "TotBytes", "SrcBytes"))
    if source_bytes > frame_bytes:
        raise ValueError("more bytes of one side than of both")
    told = row.get("SrcPkts", "")
    source_packets = _whole(told) if told else _share(packets, source_bytes, frame_bytes)
    if source_packets > packets:
        raise ValueError("more packets of one side than of both")
    back_packets, back_bytes = packets - source_packets, frame_bytes - source_bytes
    return (
        (source_packets, max(0, source_bytes - _FRAME_BYTES * source_packets)),
        (back_packets, max(0, back_bytes - _FRAME_BYTES * back_packets)),
    )


def _share(packets: int, source_bytes: int, frame_bytes: int) -> int:
    """The source's packets of those of both, by its bytes."""
    if source_bytes == frame_bytes:
        return packets
    if source_bytes == 0 or packets < 2:
        return 0
    return min(max(1, round(packets * source_bytes / frame_bytes)), packets - 1)


def _outcome(protocol: str, state: str, client: tuple[int, int], server: tuple[int, int], *, turned: bool) -> Outcome:
    """How it went: by who sent anything, in TCP also by the flags or the word of its state."""
    asked, answer = client[0] > 0, server[0] > 0
    if protocol != "tcp":
        return "answered" if asked and answer else "unanswered"
    flags = state.split("_") if "_" in state else None
    if not (asked and answer):
        # What was never acknowledged was not answered; where there is an ACK an answer was, only not seen.
        silent = state in {"REQ", "INT", "TIM"} if flags is None else "A" not in "".join(flags)
        return "unanswered" if asked and silent else "unknown"
    if flags is not None:
        answered_with = flags[0 if turned else 1]
        if not answered_with:
            return "unknown"
        return "refused" if "R" in answered_with and not set(answered_with) - set("RA") else "answered"
    # A bare "RST": each SYN is answered by one reset, so resets are half of the packets at most.
    small = server[1] <= (_SMALL_BYTES - _FRAME_BYTES) * ((client[0] + server[0] + 1) // 2)
    return "refused" if state == "RST" and small else "answered"


def _short(error: Exception) -> str:
    return f"no column {error}" if isinstance(error, KeyError) else str(error)[:_SHOWN]
