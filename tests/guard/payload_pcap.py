"""Plays a small capture to taps: Ethernet, IPv4, TCP that arrives in order, UDP. For tests alone."""

import struct
from collections import defaultdict

from houfeng.guard.observe.taps import TAPS
from houfeng.words.network import Seen


def payloads(path):
    """Each payload: time_ns, frame number, protocol, source, source port, destination, destination port, bytes."""
    data = path.read_bytes()
    at, number = 24, 0
    following = {}
    while at < len(data):
        seconds, micros, kept, _ = struct.unpack_from("<IIII", data, at)
        frame, at, number = data[at + 16 : at + 16 + kept], at + 16 + kept, number + 1
        if frame[12:14] != b"\x08\x00" or frame[23] not in {6, 17}:
            continue
        ip = frame[14 : 14 + struct.unpack_from(">H", frame, 16)[0]]
        above = ip[(ip[0] & 15) * 4 :]
        ports = struct.unpack_from(">HH", above)
        ends = (".".join(map(str, ip[12:16])), ports[0], ".".join(map(str, ip[16:20])), ports[1])
        if frame[23] == 17:
            payload, protocol = above[8:], "udp"
        else:
            payload, protocol = above[(above[12] >> 4) * 4 :], "tcp"
            sequence = struct.unpack_from(">I", above, 4)[0]
            if above[13] & 2:
                following[ends] = sequence + 1 & 0xFFFFFFFF
            elif sequence != following.get(ends, sequence):
                continue  # sent again
            if payload:
                following[ends] = sequence + len(payload) & 0xFFFFFFFF
        if payload:
            yield (seconds * 1_000_000 + micros) * 1000, number, protocol, *ends, payload


def tapped(path):
    """What the taps say of a capture, in order, the conversations all ending with it."""
    taps, out, last_ns = {}, [], 0
    for time_ns, number, protocol, source, source_port, target, target_port, payload in payloads(path):
        last_ns = time_ns
        from_client = target_port in TAPS
        client, server = (source, target) if from_client else (target, source)
        client_port, server_port = (source_port, target_port) if from_client else (target_port, source_port)
        if server_port not in TAPS:
            continue
        key = (protocol, client, client_port, server, server_port)
        if key not in taps:
            taps[key] = TAPS[server_port](Seen(path.name), client, server, client_port, server_port, protocol)
        if not taps[key].done:
            out += taps[key].hear(time_ns, from_client=from_client, data=payload, line=number)
    for tap in taps.values():
        out += tap.end(last_ns)
    return out


def sums(subscriptions):
    """Packets and bytes by reader, channel and direction."""
    counted = defaultdict(lambda: [0, 0])
    for one in subscriptions:
        if one.packets:
            key = (one.reader, one.channel, one.direction)
            counted[key][0] += one.packets
            counted[key][1] += one.count_bytes
    return {key: tuple(count) for key, count in counted.items()}
