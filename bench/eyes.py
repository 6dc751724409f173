"""How fast eyes are read: frames a second of one core, beside dpkt and nfstream on the same file in the same run.

The file is a real station's traffic, repeated one after another in time. The peers are measured where they are
installed (pip install dpkt nfstream); they are no dependency. Times are of the processor, with child processes.

Usage: python bench/eyes.py [--minutes N]
"""

import argparse
import importlib.util
import resource
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from houfeng.guard.observe.flowtable import FlowTable
from houfeng.guard.observe.observing import Observing
from houfeng.shell.guarding.checking import check, profile_of
from houfeng.wire.eyes.frames import FrameBatch
from houfeng.wire.eyes.pcap import PcapReader
from rows import DATA

FOLDER: Final = DATA / "net_seedlink_benign"
CHUNK_BYTES: Final = 1 << 20
#: The recording has the traffic of one station's gateway.
STATIONS: Final = 1000


def repeated(capture: bytes, times: int) -> tuple[bytes, int, float]:
    """A capture one after another so many times; with how many frames it has, and how long it lasts, s."""
    heads, at = [], 24
    while at < len(capture):
        second, micro, kept, _ = struct.unpack_from("<IIII", capture, at)
        heads.append((at, second, micro, kept))
        at += 16 + kept
    lasts_s = heads[-1][1] - heads[0][1] + 1
    out = bytearray(capture[:24])
    for k in range(times):
        for at, second, _, kept in heads:
            out += struct.pack("<I", second + k * lasts_s) + capture[at + 4 : at + 16 + kept]
    return bytes(out), len(heads) * times, float(lasts_s * times)


def processor_s() -> float:
    """Processor time of this process and those it has ended, s."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def read_only(path: Path) -> None:
    """Frames as columns."""
    reader = PcapReader(path.name)
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            reader.read(data)
    reader.end()


def flows(path: Path) -> None:
    """Frames into flows."""
    _observed(path, FlowTable())


def observed(path: Path) -> None:
    """Frames into flows, with SeedLink, DataLink, DNS and FTP listened to."""
    _observed(path, Observing())


def _observed(path: Path, table: FlowTable | Observing) -> None:
    reader = PcapReader(path.name)
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            for batch in reader.read(data):
                if isinstance(batch, FrameBatch):
                    table.handle(batch)
    table.end()


def judged(path: Path) -> None:
    """All that `houfeng guard check --profile` does."""
    profile = profile_of(FOLDER / "profile.csv", lambda _: None)
    list(check([path], [profile], tell=lambda _: None))


def with_dpkt(path: Path) -> None:
    """Headers only, frame by frame."""
    import dpkt

    with path.open("rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            ethernet = dpkt.ethernet.Ethernet(frame)
            if isinstance(ethernet.data, dpkt.ip.IP):
                _ = ethernet.data.src, ethernet.data.dst, getattr(ethernet.data.data, "dport", 0)


def with_nfstream(path: Path) -> None:
    """Its flows, with its dissection of protocols switched off."""
    from nfstream import NFStreamer

    for _ in NFStreamer(source=str(path), n_dissections=0, n_meters=1):
        pass


WAYS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "read": ("", read_only),
    "read, flows": ("", flows),
    "read, flows, taps": ("", observed),
    "check with a profile": ("", judged),
    "dpkt: headers": ("dpkt", with_dpkt),
    "nfstream: flows": ("nfstream", with_nfstream),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=300.0, help="how much traffic of a station")
    args = parser.parse_args()
    capture = (FOLDER / "capture.pcap").read_bytes()
    data, frames, lasts_s = repeated(capture, max(1, round(args.minutes / 5.1)))
    table = Table("what", "frames/s of a core", f"{STATIONS} stations take, of a core", "of dpkt's")
    got: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder) / "capture.pcap", Path(folder) / "small.pcap"
        path.write_bytes(data)
        small.write_bytes(capture)
        for what, (needs, run) in WAYS.items():
            if needs and importlib.util.find_spec(needs) is None:
                continue
            run(small)  # compiled by now
            before_s = processor_s()
            run(path)
            got[what] = frames / (processor_s() - before_s)
    for what, rate_hz in got.items():
        share = STATIONS * frames / lasts_s / rate_hz
        ratio = f"{rate_hz / got['dpkt: headers']:.1f}" if "dpkt: headers" in got else "-"
        table.add_row(what, f"{rate_hz:,.0f}", f"{share:.1%}", ratio)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    Console(width=120).print(table, f"{frames:,} frames of {lasts_s / 3600:.1f} h; at most {memory_mb} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
