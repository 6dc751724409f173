"""OpenEEW packets: one JSON object per line and packet, three axes of acceleration in gal.

Source: openeew/openeew-seismology, data format: x is vertical, device_t is the time of the last sample.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.decoded import Recording
from houfeng.words.finding import Finding
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

#: Axes in the order of their channels. The sensor lies so that x is vertical.
CHANNELS = {"x": "BNZ", "y": "BN1", "z": "BN2"}

#: Values have three decimals of a gal; as counts of 0.001 gal they are whole numbers.
COUNTS_PER_GAL = 1000

_DEVICE = re.compile(r"[A-Za-z0-9]{1,14}")

#: A clock further from the server's than packets ever travel is said to be wrong, not slow.
SLOWEST_S = 5.0

#: Packets from which a rate can be measured: their times scatter by some 10 ms, which over eight packets of a
#: second makes 0.1 percent.
_RATE_FROM = 8


@dataclass(frozen=True, slots=True)
class DevicePacket:
    """One packet of a device: its samples, its clock at the last of them, the server's clock, the rate it states."""

    device: str
    counts: NDArray[np.int32]  # [3, samples]
    device_s: float
    cloud_s: float | None
    rate_hz: float


def is_openeew(data: bytes) -> bool:
    """Whether the bytes begin like a line of OpenEEW packets."""
    line = data[:65_536].split(b"\n", 1)[0]
    return line.lstrip()[:1] == b"{" and b'"device_t"' in line and b'"device_id"' in line


def read_openeew(data: bytes, name: str) -> Recording:
    """Read OpenEEW packets, three channels per device: XX.MX<device>..BNZ, BN1, BN2 in counts of 0.001 gal.

    The stated rate is nominal and often wrong, and device clocks drift or are off by minutes. So packets are put in
    the order of device time, joined while none is missing, given the rate that the times of the longest such run
    show, and moved by the median of arrival minus device time, which is the server's clock plus the usual travel time.
    """
    packets: dict[str, list[DevicePacket]] = defaultdict(list)
    bad = 0
    for line in data.splitlines():
        packet = parse_packet(line) if line.strip() else None
        if packet:
            packets[packet.device].append(packet)
        bad += bool(line.strip()) and packet is None
    findings = [Finding("bad-packet", f"{bad} lines are no OpenEEW packets", name)] if bad else []
    segments: list[Segment] = []
    for device_packets in packets.values():
        found, odd = _join(device_packets, name)
        segments += found
        findings += odd
    return Recording(tuple(segments), findings=tuple(findings))


def parse_packet(line: bytes) -> DevicePacket | None:
    """The packet of a line, None when it is none."""
    try:
        fields = json.loads(line)
        device = fields["device_id"]
        gal = np.array([fields[axis] for axis in CHANNELS], dtype=np.float64)
        counts = np.rint(gal * COUNTS_PER_GAL)
        cloud_s = fields.get("cloud_t")
        times = np.array([fields["device_t"], fields["device_t"] if cloud_s is None else cloud_s], dtype=np.float64)
        rate_hz = float(fields["sr"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    sound = (
        isinstance(device, str)
        and _DEVICE.fullmatch(device)
        and gal.ndim == 2
        and gal.shape[1] > 0
        and bool(np.all(np.abs(counts) < 2**31))  # NaN fails this too
        and bool(np.all((times > 0) & (times < 2**32)))
        and 0 < rate_hz < 1e6
    )
    if not sound:
        return None
    cloud = None if cloud_s is None else float(times[1])
    return DevicePacket(device, counts.astype(np.int32), float(times[0]), cloud, rate_hz)


def _join(packets: list[DevicePacket], name: str) -> tuple[list[Segment], list[Finding]]:
    packets = sorted({packet.device_s: packet for packet in reversed(packets)}.values(), key=lambda each: each.device_s)
    station = f"MX{packets[0].device}"
    last_s = np.array([packet.device_s for packet in packets])
    sizes = np.array([packet.counts.shape[1] for packet in packets])
    runs, interval_s = _runs(last_s, sizes, 1 / packets[0].rate_hz)
    shift_s, findings = _clock(packets, station, name)
    if abs(interval_s * packets[0].rate_hz - 1) * sizes[0] > 0.5:
        stated = f"states {packets[0].rate_hz:g} Hz but sends {1 / interval_s:.3f} Hz"
        findings.append(Finding("wrong-rate", f"the device {stated}; the latter is used", name, f"XX.{station}"))
    segments = []
    for run in runs:
        ends = np.cumsum(sizes[run]) - 1
        first_s = float(np.mean(last_s[run] - ends * interval_s)) + shift_s
        joined = np.concatenate([packet.counts for packet in packets[run]], axis=1)
        segments += [
            Segment(
                SourceId("XX", station, "", channel), round(first_s * 1e6) * 1000, 1 / interval_s, joined[axis].copy()
            )
            for axis, channel in enumerate(CHANNELS.values())
        ]
    return segments, findings


def _runs(last_s: NDArray[np.float64], sizes: NDArray[np.int64], nominal_s: float) -> tuple[list[slice], float]:
    """Stretches of packets of which none is missing, and the true sampling interval."""
    steps_s = np.diff(last_s) / sizes[1:]
    usual_s = float(np.median(steps_s)) if len(steps_s) else nominal_s
    # Half a packet more or less than usual: one is missing, or the clock was set.
    cuts = np.flatnonzero(np.abs(steps_s - usual_s) > 0.5 * usual_s) + 1
    edges = [0, *cuts.tolist(), len(last_s)]
    runs = [slice(begin, end) for begin, end in pairwise(edges)]
    longest = max(runs, key=lambda run: run.stop - run.start)
    if longest.stop - longest.start < _RATE_FROM:
        return runs, usual_s
    ends = np.cumsum(sizes[longest]) - 1
    return runs, float(np.polyfit(ends, last_s[longest] - last_s[longest.start], 1)[0])


def _clock(packets: list[DevicePacket], station: str, name: str) -> tuple[float, list[Finding]]:
    late_s = [packet.cloud_s - packet.device_s for packet in packets if packet.cloud_s is not None]
    shift_s = float(np.median(late_s)) if late_s else 0.0
    if abs(shift_s) <= SLOWEST_S:
        return shift_s, []
    reason = f"the device's clock is {shift_s:.1f} s from the server's; the server's is used"
    return shift_s, [Finding("clock-offset", reason, name, f"XX.{station}", round(packets[0].device_s * 1e6) * 1000)]
