"""Amplitudes for warning: processor time per sample on one core, beside one band of the trigger; and memory.

Every third channel stands upright and yields displacement besides acceleration and velocity. The nation is the Chinese
warning network: 15,900 stations of three channels at 100 Hz.

Usage: python bench/amplitude.py
"""

import time
from collections.abc import Callable

import numpy as np

from houfeng.quake.detect.bands import choose_bands
from houfeng.quake.detect.trigger import Watch
from houfeng.quake.warn.amplitude import Amplitudes
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Inventory, Response, Station
from memory import memory_mb

RATE_HZ = 100.0
STATIONS = 1_000
NATION = 15_900
SECONDS = 10
APERTURE_M = 1_000e3
START_NS = 1_700_000_000 * NS_PER_S


def network(stations: int, letters: str) -> tuple[tuple[SourceId, ...], Inventory]:
    """Stations of one sensor of some components, every second of them an accelerometer."""
    sources: list[SourceId] = []
    described = []
    for number in range(stations):
        units = "m/s2" if number % 2 else "m/s"
        response = Response(units, 2e6 if number % 2 else 1e9, 1.0)
        names = [SourceId("XX", f"S{number}", "", ("HN" if number % 2 else "HH") + letter) for letter in letters]
        channels = tuple(Channel(name, dip_deg=-90.0 * (name.component == "Z"), response=response) for name in names)
        described.append(Station("XX", f"S{number}", 0.0, 0.0, channels=channels))
        sources.extend(names)
    return tuple(sources), Inventory(tuple(described))


def second(sources: tuple[SourceId, ...], number: int) -> PacketBatch:
    """One second of noise of all channels."""
    count, size = len(sources), round(RATE_HZ)
    samples = np.random.default_rng(number).standard_normal(count * size) * 1000
    return PacketBatch(
        sources,
        np.arange(count, dtype=np.int32),
        np.full(count, START_NS + number * NS_PER_S),
        np.full(count, RATE_HZ),
        np.arange(count + 1, dtype=np.int64) * size,
        samples.astype(np.int32),
    )


def per_sample_ns(handle: Callable[[PacketBatch], object], sources: tuple[SourceId, ...]) -> float:
    """Processor time per sample, best of some seconds, after the filters have settled."""
    for number in range(25):
        handle(second(sources, number))
    best = np.inf
    for number in range(25, 25 + SECONDS):
        batch = second(sources, number)
        started = time.process_time()
        handle(batch)
        best = min(best, time.process_time() - started)
    return float(best / (len(sources) * RATE_HZ) * 1e9)


def reading_ms(stations: int) -> tuple[float, float, float]:
    """Milliseconds for all stations' view of now and for displacement since an onset at all; megabytes for it all."""
    before_mb = memory_mb("RssAnon")
    sources, inventory = network(stations, "ZNE")
    ours = Amplitudes(inventory)
    for number in range(16):
        ours.handle(second(sources, number))
    rows, onset_ns = np.arange(stations), np.full(stations, START_NS + 14 * NS_PER_S)
    spent = []
    for work in (ours.stations, lambda: ours.stations_since(rows, onset_ns)):
        work()
        started = time.process_time()
        work()
        spent.append((time.process_time() - started) * 1000)
    return spent[0], spent[1], memory_mb("RssAnon") - before_mb


def main() -> None:
    """Print the figures."""
    bands = len(choose_bands(RATE_HZ, APERTURE_M))
    for letters, what in (("Z", "verticals"), ("NE", "horizontals"), ("ZNE", "all three")):
        sources, inventory = network(STATIONS, letters)
        spent_ns = per_sample_ns(Amplitudes(inventory).handle, sources)
        print(f"amplitudes, {what}: {spent_ns:.1f} ns a sample")
        if letters == "ZNE":
            share = spent_ns * 1e-9 * NATION * len(letters) * RATE_HZ
            print(f"amplitudes, the nation: {share:.3f} s of one core per second")
    sources, _ = network(STATIONS, "ZNE")
    print(f"trigger beside it: {per_sample_ns(Watch(APERTURE_M).handle, sources) / bands:.1f} ns a sample and band")
    now_ms, since_ms, used_mb = reading_ms(NATION)
    print(f"the nation read: {now_ms:.1f} ms for all stations now, {since_ms:.1f} ms since an onset; {used_mb:.0f} MB")


if __name__ == "__main__":
    main()
