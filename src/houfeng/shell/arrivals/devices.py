"""OpenEEW packets as a centre would have had them: by the server's arrival times, with what was known by then."""

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from houfeng.shell.arrivals.files import Pieces
from houfeng.shell.arrivals.latency import Latency
from houfeng.shell.recordings import read_bytes
from houfeng.wire import mseed
from houfeng.wire.openeew import CHANNELS, SLOWEST_S, DevicePacket, parse_packet
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS, LATEST_NS
from houfeng.words.packet import NO_SEQUENCE, Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

#: Packets a device's clock and rate are judged by: about a minute.
REMEMBERED = 64
#: Packets from which a line through their times tells the rate to 0.1 percent; a rate that much off is changed.
_LINE_FROM = 8
_RATE_OFF = 0.001
#: Samples by which a packet at a wrong rate misses the next one before the rate is said to be wrong.
_RATE_MISSED = 0.5
#: From packet to packet the clock's correction changes by no more than this share of a sample, which no stage sees.
_SLEW = 0.125
#: Farther off than this the clock has been set, and its correction is set anew, s.
_STEP_S = 1.0
#: A packet's time this far behind the last one's is of a clock set back, not of a late packet, s.
_SET_BACK_S = 60.0
#: Room for a packet of any device in one record.
_RECORD_BYTES = 1 << 16


class Device:
    """One device's clock and rate, known better with every packet.

    The rules are those of wire/openeew.py, without what came later: a packet's time is the device's, on the line
    through the last packets while none is missing, corrected by the median of arrival minus device time; its rate is
    the stated one until the times of the packets tell better.
    """

    def __init__(self, name: str) -> None:
        self.channels = tuple(SourceId("XX", f"MX{name}", "", channel) for channel in CHANNELS.values())
        self.findings: list[Finding] = []
        self._late_s: deque[float] = deque(maxlen=REMEMBERED)
        self._run: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)  # number of a packet's last sample, its time
        self._shift_s = 0.0
        self._stated_s = 0.0
        self._interval_s = 0.0
        self._said: Counter[str] = Counter()

    def place(self, packet: DevicePacket) -> list[Segment]:
        """The samples of the next packet to arrive, per channel."""
        count = packet.counts.shape[1]
        late_s = None if packet.cloud_s is None else packet.cloud_s - packet.device_s
        if self._stated_s == 0.0:
            self._stated_s = self._interval_s = 1 / packet.rate_hz
        if self._is_broken(packet.device_s, count):
            self._run.clear()
            if late_s is not None and abs(late_s - self._shift_s) > _STEP_S:
                self._late_s.clear()
        if late_s is not None:
            self._correct(late_s, packet.device_s + late_s)
        last_s = self._on_line(packet.device_s, count) + self._shift_s
        start_ns = _ns(last_s - (count - 1) * self._interval_s)
        return [
            Segment(source, start_ns, 1 / self._interval_s, counts)
            for source, counts in zip(self.channels, packet.counts, strict=True)
        ]

    def _is_broken(self, device_s: float, count: int) -> bool:
        """Whether packets are missing before this one, or the clock was set: half a packet more or less than usual."""
        if not self._run:
            return False
        step_s = device_s - self._run[-1][1]
        usual_s = count * self._interval_s
        # A packet that comes late, or again, breaks nothing; a clock set back by a minute does.
        return abs(step_s - usual_s) > 0.5 * usual_s and (step_s > 0 or step_s < -_SET_BACK_S)

    def _correct(self, late_s: float, arrival_s: float) -> None:
        """Follow the median of how late packets came."""
        fresh = not self._late_s
        self._late_s.append(late_s)
        usual_s = float(np.median(self._late_s))
        if not fresh and abs(usual_s - self._shift_s) <= _STEP_S:
            most_s = _SLEW * self._interval_s
            self._shift_s += min(max(usual_s - self._shift_s, -most_s), most_s)
            return
        self._shift_s = usual_s
        if abs(usual_s) > SLOWEST_S:
            reason = f"the device's clock is {usual_s:.1f} s from the server's; the server's is used"
            self._say("clock-offset", reason, arrival_s)

    def _on_line(self, device_s: float, count: int) -> float:
        """The time of a packet's last sample, as the packets before and it tell."""
        if self._run and device_s <= self._run[-1][1]:
            return device_s  # late, or sent again
        number = self._run[-1][0] + count if self._run else count - 1
        self._run.append((number, device_s))
        if len(self._run) == 1:
            return device_s
        numbers, times_s = np.array(self._run).T
        if len(self._run) < _LINE_FROM:
            interval_s, ahead_s = (times_s[-1] - times_s[0]) / (numbers[-1] - numbers[0]), 0.0
        else:
            interval_s, ahead_s = np.polyfit(numbers - number, times_s - device_s, 1)
        self._believe(float(interval_s), count, device_s)
        return device_s + float(ahead_s)

    def _believe(self, interval_s: float, count: int, device_s: float) -> None:
        """Change the rate when the times of the packets tell another."""
        known = len(self._run) >= _LINE_FROM
        off = abs(interval_s / self._interval_s - 1)
        if off > _RATE_OFF if known else off * count > _RATE_MISSED:
            self._interval_s = interval_s
        if known and abs(interval_s / self._stated_s - 1) * count > _RATE_MISSED:
            said = f"states {1 / self._stated_s:g} Hz but sends {1 / interval_s:.3f} Hz"
            self._say("wrong-rate", f"the device {said}; the latter is used", device_s + self._shift_s, most=1)

    def _say(self, kind: str, reason: str, time_s: float, most: int = 8) -> None:
        if self._said[kind] < most:
            self._said[kind] += 1
            self.findings.append(Finding(kind, reason, station=self.channels[0].station_key, time_ns=_ns(time_s)))


class Devices:
    """The packets of OpenEEW files, in the order in which the server got them.

    latency  for packets without an arrival of their own; None: they are left out

    In memory are a few numbers a packet. Every packet becomes three miniSEED records when it is its turn.
    """

    def __init__(self, latency: Latency | None) -> None:
        self._latency = latency
        self._paths: list[Path] = []
        self._rows: list[tuple[int, int, int, int]] = []  # arrival, ns; number of the file; offset, length of the line
        self._devices: dict[str, Device] = {}
        self._pieces = Pieces()
        self._first_ns, self._last_ns = LATEST_NS, EARLIEST_NS
        self._lost: Counter[Path] = Counter()

    @property
    def channels(self) -> tuple[SourceId, ...]:
        """Every channel of every device, in the order in which files told of them."""
        return tuple(source for device in self._devices.values() for source in device.channels)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """From the first arrival, less its packet's length, to the last; None without packets."""
        return (self._first_ns, self._last_ns) if self._devices else None

    def add(self, path: Path) -> tuple[Finding, ...]:
        """Take the packets of a file. Raises WorldFault or DataFault when it cannot be read."""
        bad = silent = offset = 0
        for line in read_bytes(path).splitlines(keepends=True):
            packet = parse_packet(line) if line.strip() else None
            if packet is None:
                bad += bool(line.strip())
            elif packet.cloud_s is None and self._latency is None:
                silent += 1
            else:
                self._take(packet, offset, len(line))
            offset += len(line)
        self._paths.append(path)
        told = [
            (bad, "bad-packet", "lines are no OpenEEW packets"),
            (silent, "no-arrivals", "packets do not say when they arrived, and no latency was stated; left out"),
        ]
        return tuple(Finding(kind, f"{count} {reason}", str(path)) for count, kind, reason in told if count)

    def packets(self) -> Iterator[Packet]:
        """Packets in order of arrival, those of one instant in the order of files and lines."""
        for arrival_ns, number, offset, length in sorted(self._rows):
            line = self._pieces.read(self._paths[number], offset, length)
            packet = None if line is None else parse_packet(line)
            if packet is None or packet.device not in self._devices:
                self._lost[self._paths[number]] += 1
                continue
            device = self._devices[packet.device]
            for segment in device.place(packet):
                content = mseed.encode([segment], version=3, record_length=_RECORD_BYTES)
                yield Packet("recording", segment.source.station_key, NO_SEQUENCE, arrival_ns, content)

    def take_findings(self) -> tuple[Finding, ...]:
        """What was odd about clocks, rates and files, since the last call."""
        told = [finding for device in self._devices.values() for finding in device.findings]
        for device in self._devices.values():
            device.findings.clear()
        lost = [
            Finding("unreadable", f"{count} packets could no longer be read", str(path))
            for path, count in self._lost.items()
        ]
        self._lost.clear()
        return (*told, *lost)

    def close(self) -> None:
        """Close every file."""
        self._pieces.close()

    def _take(self, packet: DevicePacket, offset: int, length: int) -> None:
        device = self._devices.setdefault(packet.device, Device(packet.device))
        if packet.cloud_s is not None:
            arrival_ns = _ns(packet.cloud_s)
        else:
            assert self._latency is not None
            last_ns = _ns(packet.device_s)
            arrival_ns = last_ns + int(self._latency.taken_ns(device.channels[0], np.array([last_ns]))[0])
        self._rows.append((arrival_ns, len(self._paths), offset, length))
        self._first_ns = min(self._first_ns, arrival_ns - _ns(packet.counts.shape[1] / packet.rate_hz))
        self._last_ns = max(self._last_ns, arrival_ns)


def _ns(time_s: float) -> int:
    """Unix seconds, which a float holds to about a microsecond, as nanoseconds."""
    return round(time_s * 1e6) * 1000
