"""A plain eye for tests: pcap files and frame tables as flows and bindings, told as a live eye tells them."""

import csv
import gzip
import ipaddress
import struct
from dataclasses import dataclass, replace

from houfeng.words.instant import seconds_to_ns
from houfeng.words.network import Asked, Binding, Flow, Seen, time_of

MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Frame:
    """What is needed of a frame; protocol "arp" for claims of ARP, its target in dst."""

    number: int
    time_ns: int
    src_mac: str
    src: str
    dst: str
    protocol: str
    sport: int = 0
    dport: int = 0
    ip_bytes: int = 0
    payload_bytes: int = 0
    flags: str = ""
    asks: bool = False


def frames_of_pcap(path):
    """The IPv4, IPv6 and ARP frames of an Ethernet capture."""
    data = path.read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    at, number = 24, 0
    while at + 16 <= len(data):
        second, micro, kept, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + kept]
        at, number = at + 16 + kept, number + 1
        read = _read(frame)
        if read is not None:
            yield Frame(number, second * 10**9 + micro * 1000, frame[6:12].hex(":"), **read)


def _read(frame):
    kind = int.from_bytes(frame[12:14], "big")
    body = frame[14:]
    if kind == 0x0806:
        sender, target = (str(ipaddress.ip_address(body[k : k + 4])) for k in (14, 24))
        return {"src": sender, "dst": target, "protocol": "arp", "asks": body[7] == 1}
    if kind == 0x0800:
        head, length, number = (body[0] & 15) * 4, int.from_bytes(body[2:4], "big"), body[9]
        src, dst, over = body[12:16], body[16:20], body[head:length]
    elif kind == 0x86DD:
        length, number = 40 + int.from_bytes(body[4:6], "big"), body[6]
        src, dst, over = body[8:24], body[24:40], body[40:length]
    else:
        return None
    ends = {"src": str(ipaddress.ip_address(src)), "dst": str(ipaddress.ip_address(dst)), "ip_bytes": length}
    if number == 6:
        flags = "".join(letter for bit, letter in enumerate("FSRPAUEC") if over[13] >> bit & 1)
        ports = {"sport": int.from_bytes(over[:2], "big"), "dport": int.from_bytes(over[2:4], "big")}
        return {**ends, **ports, "protocol": "tcp", "flags": flags, "payload_bytes": len(over) - (over[12] >> 4) * 4}
    if number == 17:
        ports = {"sport": int.from_bytes(over[:2], "big"), "dport": int.from_bytes(over[2:4], "big")}
        return {**ends, **ports, "protocol": "udp", "payload_bytes": len(over) - 8}
    if number in (1, 58):
        return {**ends, "protocol": "icmp" if number == 1 else "icmp6", "dport": over[0]}
    return {**ends, "protocol": str(number)}


def frames_of_table(path):
    """The frames of a table of headers: net_dnp3_qut_a/ORIGIN.md says its columns."""
    names = {"TCP": "tcp", "UDP": "udp", "ICMP": "icmp"}
    with gzip.open(path, "rt", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            whole, _, part = row["t_utc_s"].partition(".")
            head = number, int(whole) * 10**9 + int(part.ljust(9, "0")), row["eth_src"]
            if row["l3"] == "ARP":
                # What a frame claims is its ARP sender, whoever sent the frame.
                asks = row["arp_op"] == "1"
                claimed = (row["arp_sender_mac"], row["arp_sender_ip"], row["arp_target_ip"])
                yield Frame(*head[:2], *claimed, "arp", asks=asks)
            elif row["l3"] in ("IPv4", "IPv6"):
                src, dst = (_address(row[key]) for key in ("ip_src", "ip_dst"))
                protocol = names.get(row["l4"], "icmp6" if row["l4"] == "58" else row["l4"])
                ports = [int(row[key] or 0) for key in ("sport", "dport")]
                payload = int(row["payload_len"] or 0)
                if protocol.startswith("icmp"):
                    ports = [0, ports[0] if row["sport"] else 134]
                yield Frame(*head, src, dst, protocol, *ports, int(row["len"]) - 14, payload, row["tcp_flags"])


def _address(text):
    if ":" not in text and len(text) == 32:
        return str(ipaddress.ip_address(bytes.fromhex(text)))
    return str(ipaddress.ip_address(text))


ANSWERS = {"icmp": {0: 8}, "icmp6": {129: 128}}


class PlainEye:
    """Two-way flows, told every minute while they last; bindings as their word says."""

    def __init__(self, eye="plain"):
        self.eye = eye
        self.flows, self.told, self.bound, self.out = {}, {}, {}, []

    def see(self, frames):
        """Observations of frames, in order of time_of; what is open at the end is told as ongoing."""
        for frame in frames:
            self._bind(frame)
            if frame.protocol != "arp":
                self._count(frame)
        self._tell(lambda _: True)
        out, self.out = sorted(self.out, key=time_of), []
        return out

    def _bind(self, frame):
        how = "arp" if frame.protocol == "arp" else "ip"
        if frame.src == "0.0.0.0":
            return
        before = self.bound.get((frame.src, how))
        seen = Seen(self.eye, frame.number)
        if before is None or before[0] != frame.src_mac or frame.time_ns - before[1] >= MINUTE_NS:
            self.bound[frame.src, how] = frame.src_mac, frame.time_ns
            self.out.append(Binding(seen, frame.time_ns, frame.src, frame.src_mac, how))
        if frame.asks:
            self.out.append(Asked(seen, frame.time_ns, frame.src, frame.src_mac, frame.dst))

    def _count(self, frame):
        asked = ANSWERS.get(frame.protocol, {}).get(frame.dport)
        there = (frame.src, frame.sport, frame.dst, frame.dport, frame.protocol)
        back = (frame.dst, frame.dport, frame.src, frame.sport, frame.protocol)
        if asked is not None:
            back = (frame.dst, 0, frame.src, asked, frame.protocol)
        if back in self.flows:
            self._add(back, frame, server=True)
            return
        if there not in self.flows:
            begun, middle = True, frame.protocol == "tcp" and ("S" not in frame.flags or "A" in frame.flags)
            if middle:
                begun = False
                there = there if frame.sport > frame.dport else back
            client, client_port, server, server_port, protocol = there
            seen = Seen(self.eye, frame.number)
            flow = Flow(seen, frame.time_ns, frame.time_ns, client, client_port, server, server_port, protocol, 0, 0, 0,
                        0, 0, 0, begun=begun)  # fmt: skip
            self.flows[there] = flow
            self.told[there] = frame.time_ns
        self._add(there, frame, server=there[0] != frame.src)

    def _add(self, key, frame, *, server):
        flow = self.flows[key]
        side = "server" if server else "client"
        flow = replace(
            flow,
            end_ns=frame.time_ns,
            **{
                f"{side}_packets": getattr(flow, f"{side}_packets") + 1,
                f"{side}_bytes": getattr(flow, f"{side}_bytes") + frame.ip_bytes,
                f"{side}_payload_bytes": getattr(flow, f"{side}_payload_bytes") + frame.payload_bytes,
            },
        )
        answered = flow.server_packets > ("R" in frame.flags and flow.server_packets == 1)
        refused = server and "R" in frame.flags and not answered
        flow = replace(flow, outcome="refused" if refused else "answered" if answered else "unanswered")
        self.flows[key] = flow
        if frame.time_ns - self.told[key] >= MINUTE_NS:
            self.told[key] = frame.time_ns
            self.out.append(replace(flow, ongoing=True))
        if len(self.flows) > 200:
            self._tell(lambda each: frame.time_ns - each.end_ns >= MINUTE_NS, over=True)

    def _tell(self, which, *, over=False):
        for key in [key for key, flow in self.flows.items() if which(flow)]:
            flow = self.flows.pop(key) if over else self.flows[key]
            self.out.append(flow if over else replace(flow, ongoing=True))


def judged(judge, observations, step_s=5.0, tail_s=0.0):
    """What a judge says of observations, time passing in steps."""
    step_ns, out, clock_ns = seconds_to_ns(step_s), [], None
    for observation in observations:
        now_ns = time_of(observation)
        clock_ns = now_ns if clock_ns is None else clock_ns
        while clock_ns + step_ns <= now_ns:
            clock_ns += step_ns
            out += judge.elapse(clock_ns)
        out += judge.handle(observation)
    if clock_ns is not None:
        out += judge.elapse(clock_ns + step_ns + seconds_to_ns(tail_s))
    return out
