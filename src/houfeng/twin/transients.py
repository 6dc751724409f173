"""Passing vehicles and footsteps: what a station's neighbours do, as ground acceleration.

Recordings are divided into slots of time, each with a stream of chance of its own, so that what passes at an hour does
not depend on how much of the recording is made.
"""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft

from houfeng.twin.chance import Purpose, chance

SLOT_S = 600
#: Root mean square of a middling vehicle at its nearest, and peak of a middling step, m/s2, with spreads in natural
#: logarithm: a car some 30 m away and a walker within 10 m of a buried sensor stand about so high above town noise.
VEHICLE_MPS2, STEP_MPS2, SPREAD = 2e-6, 6e-6, 0.8
VEHICLE_HZ, VEHICLE_S = (4.0, 18.0), (6.0, 25.0)
STEPS_HZ, STEP_HZ, STEP_DECAY_S = (1.7, 2.2), (12.0, 35.0), 0.06
WALKERS_SHARE = 0.3
#: No passage lasts longer, s.
LONGEST_S = 60.0


def passages(
    seed: int, number: int, per_hour: float, slot: int, rate_hz: float
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """What passes a station in a slot: (first sample after the slot's own first, acceleration [3, n] in m/s2).

    number    of the station
    per_hour  passages on average
    """
    rng = chance(seed, Purpose.TRANSIENTS, number, slot)
    for _ in range(int(rng.poisson(per_hour * SLOT_S / 3600.0))):
        first = int(rng.uniform(0.0, SLOT_S) * rate_hz)
        walker = rng.random() < WALKERS_SHARE
        yield first, (_walker(rng, rate_hz) if walker else _vehicle(rng, rate_hz))


def _vehicle(rng: Generator, rate_hz: float) -> NDArray[np.float64]:
    """A hum that swells and fades."""
    width_s = rng.uniform(*VEHICLE_S)
    count = int(min(2 * width_s, LONGEST_S) * rate_hz)
    low, high = VEHICLE_HZ
    frequency = fft.rfftfreq(count, 1 / rate_hz)
    band = 1 / (1 + (low / np.maximum(frequency, 1e-9)) ** 8) / (1 + (frequency / high) ** 8)
    hum = fft.irfft(fft.rfft(rng.standard_normal((3, count))) * band, count)
    t = (np.arange(count) / count - 0.5) * 2
    strength = VEHICLE_MPS2 * np.exp(rng.normal(0.0, SPREAD))
    swell = 1 / (1 + (3 * t) ** 2) * np.cos(0.5 * np.pi * t)
    return np.asarray(hum / max(float(hum.std()), 1e-30) * strength * swell, dtype=np.float64)


def _walker(rng: Generator, rate_hz: float) -> NDArray[np.float64]:
    """Steps that come nearer and go."""
    steps = int(rng.integers(12, 40))
    pace_hz, own_hz = rng.uniform(*STEPS_HZ), rng.uniform(*STEP_HZ)
    count = int(min(steps / pace_hz + 1.0, LONGEST_S) * rate_hz)
    t = np.arange(count) / rate_hz
    out = np.zeros((3, count))
    strength = STEP_MPS2 * np.exp(rng.normal(0.0, SPREAD))
    for step in range(steps):
        since = t - (step / pace_hz + rng.normal(0.0, 0.02))
        near = 1 / (1 + (4 * (step / steps - 0.5)) ** 2)
        ring = np.where(since >= 0, np.exp(-since / STEP_DECAY_S) * np.sin(2 * np.pi * own_hz * since), 0.0)
        out += strength * near * rng.normal(0.0, 1.0, (3, 1)) * ring
    return out
