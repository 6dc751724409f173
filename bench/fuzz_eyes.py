"""Feed every reader of eyes with damaged recordings: nothing may come out but findings and documented errors.

Each round takes a real file of the reader's kind, or pure noise, damages it (bytes changed, cut out, doubled, cut off,
two files spliced, numbers made huge), and feeds it in pieces of any size. A round that raises anything else, takes
longer than a second for each megabyte, or tells more than it was fed is told of with its seed, to be played again.

Usage: python bench/fuzz_eyes.py [--seconds S] [--seed N] [READER ...]
Exit status 0 when nothing was found, else 1.
"""

import argparse
import gzip
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from rich.console import Console
from rich.table import Table

from houfeng.guard.observe.observing import Observing
from houfeng.quake.detect.picker import Picker
from houfeng.wire.eyes.argus import ArgusReader
from houfeng.wire.eyes.authlog import AuthLogReader
from houfeng.wire.eyes.eve import eve_reader
from houfeng.wire.eyes.frame_table import FrameTableReader
from houfeng.wire.eyes.frames import FrameBatch
from houfeng.wire.eyes.netflow import NetFlowDecoder
from houfeng.wire.eyes.nfdump import NfdumpReader
from houfeng.wire.eyes.pcap import PcapReader, datagrams
from houfeng.wire.eyes.rate_table import RateTableReader
from houfeng.wire.eyes.serverlog import ServerLogReader
from houfeng.wire.eyes.zeek import zeek_reader
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from rows import DATA, Row

#: At most so much of a file is damaged at a time: rounds are then quick, and many.
MOST_BYTES: Final = 60_000
SLOW_S_PER_MB: Final = 20.0


class Exports:
    """NetFlow as a reader: datagrams, each with its length before it."""

    def __init__(self) -> None:
        self._decoder = NetFlowDecoder("fuzz")

    def read(self, data: bytes) -> list[Any]:
        """One datagram."""
        return self._decoder.datagram(data, "192.0.2.1", 1_700_000_000_000_000_000)

    def end(self) -> list[Any]:
        """No more."""
        return self._decoder.end()


def _payloads() -> list[bytes]:
    found = []
    for path in sorted((DATA / "net_formats_a").rglob("netflow/*.pcap")):
        reader = PcapReader(path.name)
        for batch in (*reader.read(path.read_bytes()), *reader.end()):
            if isinstance(batch, FrameBatch):
                found += [payload for port in (2055, 4739, 9995) for _, _, payload in datagrams(batch, port)]
    return found


def _files(*patterns: str) -> list[bytes]:
    paths = [path for pattern in patterns for path in sorted(DATA.glob(pattern)) if path.is_file()]
    return [path.read_bytes()[:MOST_BYTES] for path in paths]


def _unpacked(what: str) -> list[bytes]:
    paths = sorted(DATA.glob(f"net_dnp3_qut_a/*/{what}_*.csv.gz"))
    return [gzip.decompress(path.read_bytes())[:MOST_BYTES] for path in paths[:4]]


READERS: dict[str, tuple[Callable[[], Any], Callable[[], list[bytes]]]] = {
    "pcap": (lambda: PcapReader("f"), lambda: _files("net_*/*.pcap", "net_malformed_a/files/*.pcap*")),
    "zeek": (lambda: zeek_reader("f"), lambda: _files("net_formats_a/*/zeek*/*.log", "net_rat_a/*/*.l*")),
    "eve": (lambda: eve_reader("f"), lambda: _files("net_formats_a/**/eve.json", "net_malformed_a/files/eve*")),
    "netflow": (Exports, _payloads),
    "nfdump": (lambda: NfdumpReader("f"), lambda: _files("net_formats_a/**/nfcapd*", "net_formats_a/**/*.nfdump")),
    "argus": (lambda: ArgusReader("f"), lambda: _files("net_*/**/*.binetflow")),
    "auth-log": (lambda: AuthLogReader("f", year=2026), lambda: _files("net_*/**/auth*.log")),
    "server-log": (lambda: ServerLogReader("f"), lambda: _files("net_seedlink_benign/server_log/*.jsonl")),
    "frame-table": (lambda: FrameTableReader("f"), lambda: _unpacked("packets")),
    "rate-table": (lambda: RateTableReader("f"), lambda: _unpacked("rates")),
}


def damaged(whole: list[bytes], rng: Generator) -> bytes:
    """A file as an enemy, a full disk or a bad cable leaves it."""
    if rng.random() < 0.05:
        return rng.bytes(int(rng.integers(1, 5000)))
    data = bytearray(whole[int(rng.integers(len(whole)))])
    for _ in range(int(rng.integers(0, 6))):
        at = int(rng.integers(len(data) + 1))
        what = rng.random()
        if what < 0.4 and data:
            for _ in range(int(rng.integers(1, 20))):
                data[int(rng.integers(len(data)))] = int(rng.integers(256))
        elif what < 0.55:
            del data[at : at + int(rng.integers(1, 400))]
        elif what < 0.7:
            data[at:at] = data[at : at + int(rng.integers(1, 400))]
        elif what < 0.8:
            other = whole[int(rng.integers(len(whole)))]
            data[at:] = other[min(at, len(other)) :]
        elif what < 0.9:
            data = bytearray(_huge(bytes(data), rng))
        else:
            data[at:at] = rng.choice([b"\xff" * 8, b"\0" * 16, b"\n" * 9, b"[" * 3000, b"\xf0\x9f\x92", b'"'])
    return bytes(data)


def _huge(data: bytes, rng: Generator) -> bytes:
    numbers = list(re.finditer(rb"\d+", data))
    if not numbers:
        return data
    one = numbers[int(rng.integers(len(numbers)))]
    new = rng.choice([b"9" * 400, b"-1", b"1e400", b"nan", b"0", b"18446744073709551616", b"2147483648"])
    return data[: one.start()] + bytes(new) + data[one.end() :]


def pieces(data: bytes, rng: Generator) -> Iterator[bytes]:
    """A file as it comes: whole, or in pieces of any size."""
    if rng.random() < 0.5:
        yield data
        return
    at = 0
    while at < len(data):
        step = int(rng.integers(1, 20_000))
        yield data[at : at + step]
        at += step


def played(make: Callable[[], Any], data: bytes, rng: Generator, *, whole: bool) -> None:
    """One round; frames go on into flows and taps. Raises whatever is not documented."""
    reader, observing = make(), Observing()
    try:
        for piece in [data] if whole else pieces(data, rng):
            for told in reader.read(piece):
                if not isinstance(told, Finding):
                    observing.handle(told)
        for told in reader.end():
            if not isinstance(told, Finding):
                observing.handle(told)
        observing.end()
    except DataFault:
        pass


def fuzzed(name: str, seconds: float, seed: int) -> tuple[int, list[str]]:
    """Rounds played within a time, and what was found wrong."""
    make, load = READERS[name]
    whole, wrong, rounds = load(), [], 0
    if not whole:
        return 0, ["no recordings"]
    until = time.monotonic() + seconds
    while time.monotonic() < until and len(wrong) < 5:
        rng = np.random.default_rng([seed, rounds])
        data = damaged(whole, rng)
        begun = time.process_time()
        try:
            played(make, data, rng, whole=name == "netflow")
        except Exception as error:  # noqa: BLE001  anything but the documented errors is what is looked for
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename.rpartition('/')[2]}:{where.lineno}"
            wrong.append(f"seed {seed} round {rounds}: {type(error).__name__} at {place}: {str(error)[:80]}")
        took_s = time.process_time() - begun
        if rounds and took_s > 0.5 + SLOW_S_PER_MB * len(data) / 1e6:
            wrong.append(f"seed {seed} round {rounds}: {took_s:.1f} s for {len(data)} bytes")
        rounds += 1
    return rounds, wrong


def check(_picker: Picker, _label: str, seconds: float = 300.0) -> Iterator[Row]:
    """Five minutes of each reader."""
    for name in READERS:
        rounds, wrong = fuzzed(name, seconds, 20261122)
        got = f"{len(wrong)} in {rounds} rounds" + "".join(f"; {one}" for one in wrong[:2])
        yield Row("net_fuzz", f"{name}: what is no documented error, {seconds:.0f} s", "0", got, not wrong)


def main() -> int:
    """Play, print, and say whether anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", choices=[*READERS, []], help="only these readers")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=20261122)
    args = parser.parse_args()
    table, failed = Table("reader", "rounds", "found"), False
    for name in args.readers or READERS:
        rounds, wrong = fuzzed(name, args.seconds, args.seed)
        failed |= bool(wrong)
        table.add_row(name, str(rounds), "\n".join(wrong) or "-")
    Console(width=140).print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
