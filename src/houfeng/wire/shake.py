"""Raspberry Shake packets as text: {'EHZ', 1580372810.003, 16235, 16274, ...}, one per line, ended by TERM.

Source: Raspberry Shake manual, "UDP data stream": channel, time of the first sample in s, counts.
"""

import re
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.decoded import Recording
from houfeng.words.finding import Finding
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

_PACKET = re.compile(rb"\{'([A-Z0-9]{3})', (\d{9,10}(?:\.\d{1,6})?)((?:, -?\d{1,10})+)\}")

#: Stations of the network are named R and four hexadecimal digits; packets do not say which they come from.
_STATION = re.compile(r"(?<![A-Za-z0-9])R[0-9A-F]{4}(?![A-Za-z0-9])")

#: For a packet alone, from which no rate can be measured: what these instruments are set to.
_USUAL_RATE_HZ = 100.0

#: Packet times have three decimals, so a rate measured from them is no better than this part of itself.
_RATE_TOLERANCE = 0.005


def is_shake(data: bytes) -> bool:
    """Whether the bytes begin with a Raspberry Shake packet."""
    return _PACKET.match(data[:65_536].lstrip()) is not None


def read_shake(data: bytes, name: str) -> Recording:
    """Read Raspberry Shake packets, one segment per packet, until TERM or the end.

    name  where it holds a station name such as R24FA, that is the station; otherwise it is called SHAKE
    """
    packets: dict[str, list[tuple[int, NDArray[np.int32]]]] = defaultdict(list)
    order: list[tuple[str, int]] = []
    bad = 0
    for line in data.splitlines():
        text = line.strip()
        if text == b"TERM":
            break
        parsed = _parse(text) if text else None
        if parsed:
            channel, start_ns, counts = parsed
            order.append((channel, len(packets[channel])))
            packets[channel].append((start_ns, counts))
        bad += bool(text) and parsed is None
    match = _STATION.search(name)
    station = match.group() if match else "SHAKE"
    rates = {channel: _rate_hz(found) for channel, found in packets.items()}
    segments = [
        Segment(SourceId("AM", station, "00", channel), packets[channel][k][0], rates[channel], packets[channel][k][1])
        for channel, k in order
    ]
    findings = (Finding("bad-packet", f"{bad} lines are no Raspberry Shake packets", name),) if bad else ()
    return Recording(tuple(segments), findings=findings)


def _parse(line: bytes) -> tuple[str, int, NDArray[np.int32]] | None:
    match = _PACKET.fullmatch(line)
    if match is None:
        return None
    counts = np.array(match.group(3)[2:].split(b", "), dtype=np.int64)
    if np.any(np.abs(counts) >= 2**31):
        return None
    seconds, _, decimals = match.group(2).decode().partition(".")
    return match.group(1).decode(), int(seconds + decimals.ljust(9, "0")), counts.astype(np.int32)


def _rate_hz(packets: list[tuple[int, NDArray[np.int32]]]) -> float:
    """Rate of a channel: samples over time between packets, a whole number of hertz where it may be one."""
    steps_s = np.diff([start_ns for start_ns, _ in packets]) * 1e-9
    sizes = np.array([len(counts) for _, counts in packets[:-1]])
    forward = steps_s > 0
    if not forward.any():
        return _USUAL_RATE_HZ
    rate_hz = float(np.median(sizes[forward] / steps_s[forward]))
    return float(round(rate_hz)) if abs(round(rate_hz) / rate_hz - 1) < _RATE_TOLERANCE else rate_hz
