"""Order, remember, filter and trigger: samples per second on one core, beside ObsPy; and memory over a long replay.

"per band" counts a sample once for every band it is taken through. ObsPy filters each packet from nothing, which is
wrong at the packets' edges; it is the cost of calling it that is compared. The nation is the Chinese warning network:
15,900 stations of three channels at 100 Hz.

Usage: python bench/detect.py
"""

import time
from collections.abc import Callable

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy.signal.trigger import recursive_sta_lta, trigger_onset

from houfeng.quake.acquire import Acquire, Recent, Roster
from houfeng.quake.detect.bands import choose_bands
from houfeng.quake.detect.trigger import OFF_RATIO, ON_RATIO, Watch
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId
from memory import memory_mb

Measured = tuple[str, float, str, float | None, str]

RATE_HZ = 100.0
APERTURE_M = 100e3  # gives three bands at 100 Hz
CHANNELS = 3_000
NATION_HZ = 15_900 * 3 * RATE_HZ
BANDS = choose_bands(RATE_HZ, APERTURE_M)
#: Rates here are counted per second of processor time, so these are shares of one core.
START_NS = 1_700_000_000 * NS_PER_S


class Feed:
    """Noise of many channels, one batch per simulated second."""

    def __init__(self, channels: int) -> None:
        self.sources = tuple(SourceId("XX", f"S{k // 3}", "", "HH" + "ZNE"[k % 3]) for k in range(channels))
        self._channel = np.arange(channels, dtype=np.int32)
        self._offset = np.arange(channels + 1, dtype=np.int64) * round(RATE_HZ)
        noise = np.random.default_rng(1).standard_normal(channels * round(RATE_HZ) + 7_919) * 1000
        self._noise = noise.astype(np.int32)
        self._rate_hz = np.full(channels, RATE_HZ)

    def second(self, number: int) -> PacketBatch:
        """The batch of one second; noise repeats, shifted, after a time longer than any average."""
        shift = number * 1_237 % 7_919
        samples = self._noise[shift : shift + int(self._offset[-1])]
        start_ns = np.full(len(self._channel), START_NS + number * NS_PER_S)
        return PacketBatch(self.sources, self._channel, start_ns, self._rate_hz, self._offset, samples)


def best(work: Callable[[], int], runs: int = 3) -> float:
    """How many of what work counts go into a second of processor time: the best of some runs."""
    fastest = 0.0
    for _ in range(runs):
        started = time.process_time()
        count = work()
        fastest = max(fastest, count / (time.process_time() - started))
    return fastest


def obspy_on(samples: NDArray[np.float64]) -> int:
    """Band-pass, recursive STA/LTA and onsets of one packet or trace in one band, the ObsPy way."""
    band = BANDS[1]
    trace = obspy.Trace(samples, {"sampling_rate": RATE_HZ})
    trace.filter("bandpass", freqmin=band.low_hz, freqmax=band.high_hz, corners=2)
    ratio = recursive_sta_lta(trace.data, round(band.sta_s * RATE_HZ), min(len(samples), round(band.lta_s * RATE_HZ)))
    trigger_onset(ratio, ON_RATIO, OFF_RATIO)
    return len(samples)


def on_packets() -> Measured:
    """One-second packets of many channels, state carried from packet to packet."""
    feed, watch = Feed(CHANNELS), Watch(APERTURE_M)
    for number in range(25):  # past the longest LTA
        watch.handle(feed.second(number))
    clock = iter(range(25, 1_000))

    def ours() -> int:
        for _ in range(5):
            watch.handle(feed.second(next(clock)))
        return 5 * CHANNELS * round(RATE_HZ) * len(BANDS)

    packet = np.random.default_rng(2).standard_normal(round(RATE_HZ)) * 1000
    theirs = best(lambda: sum(obspy_on(packet.copy()) for _ in range(200)))
    return ("trigger, 1-s packets, per band", best(ours), "samples", theirs, "ObsPy, 1-s packets")


def in_bulk() -> Measured:
    """An hour of one channel in one piece."""
    samples = np.random.default_rng(3).standard_normal(round(3600 * RATE_HZ)) * 1000
    source = (SourceId("XX", "BULK", "", "HHZ"),)
    channel, rate_hz = np.zeros(1, dtype=np.int32), np.array([RATE_HZ])
    offset, counts = np.array([0, len(samples)], dtype=np.int64), samples.astype(np.int32)

    def ours() -> int:
        start_ns = np.array([START_NS], dtype=np.int64)
        Watch(APERTURE_M).handle(PacketBatch(source, channel, start_ns, rate_hz, offset, counts))
        return len(samples) * len(BANDS)

    ours()
    return (
        "trigger, 1-h traces, per band",
        best(ours, 5),
        "samples",
        best(lambda: obspy_on(samples.copy())),
        "ObsPy, 1-h traces",
    )


def ordering() -> Measured:
    """One-second packets put in order and remembered."""
    feed, acquire = Feed(CHANNELS), Acquire(Recent(60.0))
    acquire.handle(feed.second(0))
    clock = iter(range(1, 1_000))

    def ours() -> int:
        for _ in range(10):
            acquire.handle(feed.second(next(clock)))
        return 10 * CHANNELS * round(RATE_HZ)

    return ("order and remember, 1-s packets", best(ours), "samples", None, "")


def together() -> list[Measured]:
    """Acquire and all bands over six simulated hours: speed against the nation's, and memory."""
    channels, seconds = 90, 6 * 3600
    feed, roster = Feed(channels), Roster()
    acquire, watch = Acquire(Recent(60.0, roster)), Watch(APERTURE_M, roster)
    started, held_mb = time.process_time(), []
    for number in range(seconds):
        for batch in acquire.handle(feed.second(number)).batches:
            watch.handle(batch)
        if number % 3600 == 3599:
            held_mb.append(memory_mb("VmRSS"))
    rate = seconds * channels * RATE_HZ / (time.process_time() - started)
    hours = seconds / 3600
    return [
        (
            f"acquire and trigger, {len(BANDS)} bands, beside the nation's samples",
            rate,
            "samples",
            NATION_HZ,
            "the nation",
        ),
        (f"memory after {hours:.0f} simulated hours, beside that after one", held_mb[-1], "MB", held_mb[0], "hour 1"),
    ]


def on_noise() -> Measured:
    """How often Gaussian noise triggers."""
    random, triggers, hours = np.random.default_rng(4), 0, 24
    watch, offset = Watch(APERTURE_M), np.array([0, round(3600 * RATE_HZ)], dtype=np.int64)
    for hour in range(hours):
        samples = (random.standard_normal(offset[1]) * 1000).astype(np.int32)
        start_ns = np.array([START_NS + hour * 3600 * NS_PER_S], dtype=np.int64)
        source, channel = (SourceId("XX", "NOISE", "", "HHZ"),), np.zeros(1, dtype=np.int32)
        said = watch.handle(PacketBatch(source, channel, start_ns, np.array([RATE_HZ]), offset, samples))
        triggers += sum(not trigger.ended for trigger in said)
    return ("triggers on Gaussian noise, all bands, per channel and hour", triggers / hours, "triggers", None, "")


def rows() -> list[Measured]:
    """What was done, how much per second (unless the unit says else), of what, beside what of whom."""
    return [on_packets(), in_bulk(), ordering(), *together(), on_noise()]


if __name__ == "__main__":
    for what, rate, unit, beside, peer in rows():
        times = f"{rate / beside:8,.1f} x {peer}" if beside else ""
        each = f"{1e9 / rate:7.2f} ns each" if unit == "samples" else ""
        print(f"{what:62} {rate:16,.2f} {unit:8} {each:16} {times}")
