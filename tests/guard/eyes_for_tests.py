"""Small readers of the real sets for the judges' tests. To be replaced by the real readers of wire/eyes."""

import csv
import gzip
import json
import re
import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from houfeng.words.instant import parse_instant, seconds_to_ns
from houfeng.words.network import Asked, Binding, Flow, Login, Lookup, Observation, Outcome, Seen, time_of

_ZEEK: dict[str, Outcome] = {
    "REJ": "refused",
    "S0": "unanswered",
    "SH": "unanswered",
    "RSTOS0": "unanswered",
    "OTH": "unknown",
    "SHR": "unknown",
    "RSTRH": "unknown",
}

Row = dict[str, str]
Packet = tuple[int, str, str, str, int, int, int, int, int, str]


def ordered(observations: Iterable[Observation]) -> list[Observation]:
    return sorted(observations, key=time_of)


def _tsv(path: Path) -> Iterator[Row]:
    fields: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("#fields"):
                fields = line.rstrip("\n").split("\t")[1:]
            elif not line.startswith("#"):
                yield dict(zip(fields, line.rstrip("\n").split("\t"), strict=False))


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield {key: str(value) for key, value in json.loads(line).items()}


def _count(row: Row, key: str) -> int:
    text = row.get(key, "-")
    return int(text) if text.isdigit() else 0


def zeek_conn(path: Path) -> list[Observation]:
    rows = _json_lines(path) if ".json" in path.name else _tsv(path)
    return ordered(_zeek_flow(row, Seen(path.name, number)) for number, row in enumerate(rows, 1))


def _zeek_flow(row: Row, seen: Seen) -> Flow:
    start_ns = seconds_to_ns(float(row["ts"]))
    duration = row.get("duration", "-")
    duration_ns = 0 if duration == "-" else seconds_to_ns(float(duration))
    state, there = row["conn_state"], _count(row, "resp_pkts")
    outcome: Outcome = _ZEEK.get(state, "answered")
    if row["proto"] != "tcp":
        outcome = "answered" if there else "unanswered"
    icmp = row["proto"] == "icmp"
    return Flow(
        seen, start_ns, start_ns + duration_ns,
        row["id.orig_h"], 0 if icmp else int(row["id.orig_p"]),
        row["id.resp_h"], int(row["id.orig_p"]) if icmp else int(row["id.resp_p"]),
        row["proto"], _count(row, "orig_pkts"), there, _count(row, "orig_ip_bytes"), _count(row, "resp_ip_bytes"),
        _count(row, "orig_bytes"), _count(row, "resp_bytes"), outcome,
        begun=state not in {"OTH", "SHR", "RSTRH"}, service=row.get("service", "-").replace("-", ""),
    )  # fmt: skip


def zeek_dns(path: Path) -> list[Observation]:
    return ordered(
        Lookup(
            Seen(path.name, number), seconds_to_ns(float(row["ts"])), row["id.orig_h"], row["id.resp_h"],
            row["query"].replace("-", "", 1) if row["query"] == "-" else row["query"],
            row["qtype_name"].replace("-", ""), row["rcode_name"].replace("-", ""),
        )
        for number, row in enumerate(_tsv(path), 1)
    )  # fmt: skip


def binetflow(path: Path) -> list[Observation]:
    with path.open(encoding="utf-8") as file:
        return ordered(_argus(row, Seen(path.name, number)) for number, row in enumerate(csv.DictReader(file), 2))


def _argus(row: Row, seen: Seen) -> Flow:
    start_ns = parse_instant(row["StartTime"].replace("/", "-"))
    total, sent, packets = int(row["TotBytes"]), int(row["SrcBytes"]), int(row["TotPkts"])
    theirs = total - sent
    refused = row["State"].split("_")[-1].startswith("R") and theirs <= 60 * packets
    outcome: Outcome = "unanswered" if theirs == 0 else "refused" if refused and theirs < 120 else "answered"
    here = packets if theirs == 0 else packets // 2 + packets % 2
    return Flow(
        seen, start_ns, start_ns + seconds_to_ns(float(row["Dur"])),
        row["SrcAddr"], _port(row["Sport"]), row["DstAddr"], _port(row["Dport"]), row["Proto"],
        here, packets - here, sent, theirs, outcome=outcome, begun="?" not in row["Dir"],
    )  # fmt: skip


def _port(text: str) -> int:
    return int(text, 0) if text else 0


def auth_log(path: Path, year: int = 2022) -> list[Observation]:
    pattern = re.compile(
        r"(\w+ +\d+ [\d:]+) (\S+) sshd\[\d+\]: (?:message repeated (\d+) times: \[ )?"
        r"(Failed|Accepted) password for (?:invalid user )?(.*) from (\S+) port \d+"
    )
    tried: list[Observation] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if match := pattern.match(line):
            stamp, host, times, what, user, source = match.groups()
            time = datetime.strptime(f"{year} {stamp}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
            at_ns = int(time.timestamp()) * 10**9
            accepted = what == "Accepted"
            tried.append(Login(Seen(path.name, number), at_ns, source, host, "ssh", user, accepted, int(times or 1)))
    return tried


def pcap(path: Path) -> list[Observation]:
    """Flows, ARP questions and bindings of a classic Ethernet capture."""
    data = path.read_bytes()
    order, scale = {
        b"\xd4\xc3\xb2\xa1": ("<", 1000),
        b"\xa1\xb2\xc3\xd4": (">", 1000),
        b"\x4d\x3c\xb2\xa1": ("<", 1),
    }[data[:4]]
    at, number = 24, 0
    packets: list[tuple[Seen, Packet]] = []
    others: list[Observation] = []
    while at + 16 <= len(data):
        seconds, part, kept, _ = struct.unpack_from(f"{order}IIII", data, at)
        frame, time_ns, number = data[at + 16 : at + 16 + kept], seconds * 10**9 + part * scale, number + 1
        at += 16 + kept
        seen = Seen(path.name, number)
        if frame[12:14] == b"\x08\x06" and len(frame) >= 42:
            others += _arp(frame, seen, time_ns)
        elif (packet := _packet(frame, time_ns)) is not None:
            packets.append((seen, packet))
    return ordered([*others, *flows_of(packets)])


def _arp(frame: bytes, seen: Seen, time_ns: int) -> Iterator[Observation]:
    mac, sender, target = frame[22:28].hex(":"), str(ip_address(frame[28:32])), str(ip_address(frame[38:42]))
    if sender != "0.0.0.0":
        yield Binding(seen, time_ns, sender, mac, "arp")
    if frame[21] == 1 and sender != target:
        yield Asked(seen, time_ns, sender, mac, target)


def _packet(frame: bytes, time_ns: int) -> Packet | None:
    if frame[12:14] == b"\x08\x00":
        head, total = (frame[14] & 15) * 4, int.from_bytes(frame[16:18], "big")
        source, target, protocol = frame[26:30], frame[30:34], frame[23]
    elif frame[12:14] == b"\x86\xdd":
        head, total = 40, int.from_bytes(frame[18:20], "big") + 40
        source, target, protocol = frame[22:38], frame[38:54], frame[20]
    else:
        return None
    above = frame[14 + head :]
    names = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6"}
    ports, flags, payload = (0, 0), "", 0
    if protocol in {6, 17}:
        ports = (int.from_bytes(above[:2], "big"), int.from_bytes(above[2:4], "big"))
        payload = total - head - 8
    if protocol == 6:
        flags = "".join(letter for bit, letter in enumerate("FSRPA") if above[13] >> bit & 1)
        payload = total - head - (above[12] >> 4) * 4
    return (
        time_ns, names.get(protocol, str(protocol)), str(ip_address(source)), str(ip_address(target)),
        ports[0], ports[1], total, payload, 0, flags,
    )  # fmt: skip


def dnp3_day(path: Path) -> list[Observation]:
    """Flows and ARP of a day of header tables."""
    packets: list[tuple[Seen, Packet]] = []
    others: list[Observation] = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            seen, time_ns = Seen(path.name, number), seconds_to_ns(float(row["t_utc_s"]))
            if row["l3"] == "ARP":
                sender = row["arp_sender_ip"]
                others.append(Binding(seen, time_ns, sender, row["arp_sender_mac"], "arp"))
                if row["arp_op"] == "1" and sender != row["arp_target_ip"]:
                    others.append(Asked(seen, time_ns, sender, row["arp_sender_mac"], row["arp_target_ip"]))
            elif row["ip_src"]:
                length, payload = int(row["len"]) - 14, int(row["payload_len"] or 0)
                ports = int(row["sport"] or 0), int(row["dport"] or 0)
                packet = (time_ns, row["l4"].lower(), row["ip_src"], row["ip_dst"], *ports, length, payload, 0)
                packets.append((seen, (*packet, row["tcp_flags"])))
    return ordered([*others, *flows_of(packets)])


def flows_of(packets: Iterable[tuple[Seen, Packet]]) -> list[Flow]:
    """Join packets to flows: a new one after 60 s of silence or with a new SYN."""
    done: list[Flow] = []
    open_: dict[tuple[str, ...], list[tuple[Seen, Packet]]] = {}
    for seen, packet in packets:
        time_ns, protocol, source, target, here, there, *_, flags = packet
        ends = sorted([(source, str(here)), (target, str(there))])
        key = (protocol, *ends[0], *ends[1])
        known = open_.get(key)
        new = "S" in flags and "A" not in flags and known and "S" not in known[-1][1][-1]
        if known and (new or time_ns - known[-1][1][0] > 60 * 10**9):
            done.append(_flow(open_.pop(key)))
        open_.setdefault(key, []).append((seen, packet))
    return done + [_flow(packets) for packets in open_.values()]


def _flow(packets: list[tuple[Seen, Packet]]) -> Flow:
    seen, (start_ns, protocol, source, target, here, there, *_, flags) = packets[0]
    begun = protocol != "tcp" or ("S" in flags and "A" not in flags)
    turned = (protocol == "tcp" and "S" in flags and "A" in flags) or (not begun and here < there)
    client = (target, there) if turned else (source, here)
    server = (source, here) if turned else (target, there)
    sent = [packet for _, packet in packets if (packet[2], packet[4]) == client]
    came = [packet for _, packet in packets if (packet[2], packet[4]) != client]
    resets = sum("R" in packet[-1] for packet in came)
    outcome: Outcome = "answered"
    if not came or not sent:
        outcome = "unanswered" if not came and begun else "unknown"
    elif resets == len(came):
        outcome = "refused"
    return Flow(
        seen, start_ns, packets[-1][1][0], *client, *server, protocol, len(sent), len(came),
        sum(packet[6] for packet in sent), sum(packet[6] for packet in came),
        sum(packet[7] for packet in sent), sum(packet[7] for packet in came), outcome, begun=begun,
    )  # fmt: skip
