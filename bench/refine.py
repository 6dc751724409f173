"""Refinement: windows and picks per second on one core, beside ObsPy's AIC and AR-AIC pickers on the same windows.

ObsPy's pickers find one onset where they are told to look and no more; Houfeng's also reads the window: several
onsets, P or S, uncertainty, polarity. HOUFENG_PHASENET names the weights file of the neural picker, if it is to run.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from obspy.signal.trigger import aic_simple, ar_pick

from houfeng.quake.detect.onset import kernel_aic
from houfeng.quake.detect.phasenet import PhaseNet
from houfeng.quake.detect.picker import AicPicker, Picker
from houfeng.quake.detect.window import Window
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

RATE_HZ = 100.0
LENGTH_S = 30.0
WINDOWS = 60


def quake(seed: int) -> NDArray[np.float64]:
    """Z, N, E of a made-up local quake in noise: P at 10 s, S some seconds later, [3, samples] counts."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(LENGTH_S * RATE_HZ)) / RATE_HZ
    rows = rng.normal(0.0, 20.0, (3, len(t)))
    for onset, weights, frequency in ((10.0, (1.0, 0.4, 0.4), 8.0), (10.0 + rng.uniform(1, 8), (0.5, 2.0, 2.0), 4.0)):
        lapse = np.maximum(t - onset, 0.0)
        for row, weight in enumerate(weights):
            carrier = np.sin(2 * np.pi * frequency * lapse + rng.uniform(0, 0.5))
            rows[row] += 1000.0 * weight * np.exp(-lapse) * carrier * (t >= onset)
    return np.rint(rows)


def window_of(rows: NDArray[np.float64]) -> Window:
    """The rows as a window of one sensor."""
    segments = [
        Segment(SourceId("XX", "BENCH", "", f"HH{component}"), 0, RATE_HZ, row.astype(np.int32))
        for component, row in zip("ZNE", rows, strict=True)
    ]
    return Window("XX.BENCH", tuple(segments))


def per_second(work: Callable[[], int]) -> float:
    """How many of what work counts go into a second of processor time: the best of five runs, after one to compile."""
    work()
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        count = work()
        best = max(best, count / (time.process_time() - started))
    return best


def rows() -> list[tuple[str, float, str, float | None, str]]:
    """What bench/run.py prints."""
    data = [quake(seed) for seed in range(WINDOWS)]
    windows = [window_of(one) for one in data]

    def read(picker: Picker) -> int:
        for window in windows:
            picker.picks(window, [round(10.1 * NS_PER_S)])
        return WINDOWS

    def count(picker: Picker) -> int:
        return sum(len(picker.picks(window, [round(10.1 * NS_PER_S)])) for window in windows)

    def split() -> int:
        for one in data:
            kernel_aic(one[0] * one[0], 0, len(one[0]))
        return WINDOWS

    def simple() -> int:
        for one in data:
            np.argmin(aic_simple(one[0]))
        return WINDOWS

    def autoregressive() -> int:
        for one in data:
            ar_pick(one[0], one[1], one[2], RATE_HZ, 1.0, 20.0, 1.0, 0.1, 4.0, 1.0, 2, 8, 0.1, 0.2)
        return WINDOWS

    classical = AicPicker()
    peer = per_second(autoregressive)
    told = [
        ("AIC of one 30 s trace", per_second(split), "traces", per_second(simple), "ObsPy aic_simple"),
        ("30 s x 3 windows, classical", per_second(lambda: read(classical)), "windows", peer, "ObsPy ar_pick"),
        ("the same", per_second(lambda: count(classical)), "picks", 2 * peer, "ObsPy ar_pick"),
    ]
    weights = os.environ.get("HOUFENG_PHASENET")
    if weights:
        neural = PhaseNet(Path(weights).read_bytes())
        told.append(("30 s x 3 windows, PhaseNet", per_second(lambda: read(neural)), "windows", None, ""))
    return told


if __name__ == "__main__":
    for what, rate, unit, beside, peer in rows():
        print(f"{what:30}{rate:12,.0f} {unit:8}" + (f"{rate / beside:8,.1f} x {peer}" if beside else ""))
