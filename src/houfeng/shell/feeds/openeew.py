"""OpenEEW packets as a feed: lines of JSON in files that grow, each turned into miniSEED when it comes."""

import asyncio
import random
from pathlib import Path

from houfeng.shell.arrivals.devices import Device
from houfeng.shell.feeds.feed import Clock, Sleep, Tell
from houfeng.shell.feeds.files import CHUNK_BYTES, POLL_S, Files, Pieces
from houfeng.wire import mseed
from houfeng.wire.openeew import parse_packet
from houfeng.words.finding import Finding

#: Room for a packet of any device in one record.
_RECORD_BYTES = 1 << 16

#: Devices whose clocks are kept; one more forgets the first.
MOST_DEVICES = 10_000

#: Lines longer than this are no packets: a minute of a fast sensor takes a tenth.
LONGEST_LINE_BYTES = CHUNK_BYTES // 4


def openeew(
    name: str,
    root: Path,
    ledger: Path,
    *,
    clock: Clock,
    chance: random.Random,
    sleep: Sleep = asyncio.sleep,
    poll_s: float = POLL_S,
) -> Files:
    """The feed of a folder's, or file's, OpenEEW packets: three miniSEED records each, one per axis.

    name    of the feed
    root    the folder or file
    ledger  file in which it keeps what was given
    poll_s  how often it is looked at

    Times and rates go by what each device's packets have shown so far.
    """
    turner = _Turner(name)
    return Files(
        name, root, ledger, split=_lines, turn=turner.turn, clock=clock, chance=chance, sleep=sleep, poll_s=poll_s
    )


def _lines(data: bytes) -> Pieces:
    used = data.rfind(b"\n") + 1
    skipped = 0
    if not used and len(data) > LONGEST_LINE_BYTES:
        used = skipped = len(data)  # the rest of it will be skipped too, up to its end
    ends, pieces, at = [], [], 0
    for line in data[: used if not skipped else 0].split(b"\n")[:-1]:
        at += len(line) + 1
        if line.strip() and len(line) <= LONGEST_LINE_BYTES:
            ends.append(at)
            pieces.append(line)
        elif line.strip():
            skipped += len(line)
    return Pieces(tuple(ends), tuple(pieces), used, skipped)


class _Turner:
    """Turns packets into records, with the clocks of their devices."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._devices: dict[str, Device] = {}
        self._bad_told = False

    def turn(self, line: bytes, tell: Tell) -> list[bytes]:
        """The records of a line's packet, none when it is none."""
        packet = parse_packet(line)
        if packet is None:
            if not self._bad_told:
                self._bad_told = True
                tell(Finding("bad-packet", f"feed {self._name}: holds lines that are no OpenEEW packets"))
            return []
        device = self._devices.get(packet.device)
        if device is None:
            device = self._devices[packet.device] = Device(packet.device)
            if len(self._devices) > MOST_DEVICES:
                del self._devices[next(iter(self._devices))]
        records = [mseed.encode([segment], version=3, record_length=_RECORD_BYTES) for segment in device.place(packet)]
        for finding in device.findings:
            tell(finding)
        device.findings.clear()
        return records
