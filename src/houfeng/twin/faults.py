"""What is wrong with stations: dead and mis-wired channels, wrong gain, spikes, bad clocks, broken links."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from houfeng.words.instant import NS_PER_S

#: dead: a channel gives a constant; reversed: plus for minus; swapped: north for east; gain: too large or small by a
#: factor; spikes: single samples, so many an hour; clock_step: seconds from then on; clock_drift: parts per million;
#: lost: the link drops what it should carry; held: it holds it back, to send it all when it returns
Kind = Literal["dead", "reversed", "swapped", "gain", "spikes", "clock_step", "clock_drift", "lost", "held"]
KINDS: tuple[Kind, ...] = (
    "dead", "reversed", "swapped", "gain", "spikes", "clock_step", "clock_drift", "lost", "held",
)  # fmt: skip

#: Kinds of which a size must be said, and which of them act on one component.
SIZED = {"gain", "spikes", "clock_step", "clock_drift"}
OF_ONE_COMPONENT = {"dead", "reversed", "gain", "spikes"}
COMPONENTS = "ZNE"

#: A dead digitiser input shows a few counts of offset, and steps between two of them.
DEAD_COUNTS = 12


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one station.

    station      its code
    component    "Z", "N" or "E", "" for all
    from_s, to_s while it lasts, after the recording's first sample
    size         factor of gain, spikes an hour, seconds of a clock step, parts per million of drift
    """

    station: str
    kind: Kind
    component: str = ""
    from_s: float = 0.0
    to_s: float = float("inf")
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class FaultShares:
    """The share of stations that have a fault of a kind by chance, for the whole recording or some minutes."""

    dead: float = 0.0
    reversed: float = 0.0
    swapped: float = 0.0
    gain: float = 0.0
    spikes: float = 0.0
    clock_step: float = 0.0
    clock_drift: float = 0.0
    lost: float = 0.0
    held: float = 0.0


def by_chance(shares: FaultShares, station: str, duration_s: float, rng: Generator) -> tuple[Fault, ...]:
    """The faults of one station."""
    found = []
    for kind in KINDS:
        # drawn whether needed or not, so that changing one share leaves the others' stations as they were
        u, component, begin, length, size = rng.random(), rng.integers(3), rng.random(), rng.random(), rng.random()
        if u >= getattr(shares, kind):
            continue
        begin_s = begin * 0.8 * duration_s
        spans = {"lost": (begin_s, begin_s + 20 + 100 * length), "held": (begin_s, begin_s + 10 + 50 * length)}
        from_s, to_s = spans.get(kind, (begin_s if kind == "clock_step" else 0.0, float("inf")))
        sizes = {"gain": (0.1, 10.0)[round(size)], "spikes": 5 + 40 * size, "clock_step": 0.2 + 2 * size,
                 "clock_drift": 5 + 45 * size}  # fmt: skip
        letter = COMPONENTS[component] if kind in OF_ONE_COMPONENT else ""
        found.append(Fault(station, kind, letter, from_s, to_s, float(sizes.get(kind, 0.0))))
    return tuple(found)


def miswire(
    counts: NDArray[np.float64], first: int, rate_hz: float, faults: Sequence[Fault], full_scale: int, rng: Generator
) -> None:
    """Do to a stretch of three channels, Z, N and E, what is wrong with their sensor, wires and digitiser.

    counts  [3, n], changed in place
    first   number of its first sample
    rng     of this station and stretch, for spikes
    """
    for fault in faults:
        begin, end = (
            np.clip((s * rate_hz if np.isfinite(s) else np.inf) - first, 0, counts.shape[1])
            for s in (fault.from_s, fault.to_s)
        )
        part = counts[:, int(begin) : int(end)]
        rows = [COMPONENTS.index(letter) for letter in fault.component or COMPONENTS]
        if fault.kind == "swapped":
            part[[1, 2]] = part[[2, 1]]
        elif fault.kind == "dead":
            part[rows] = DEAD_COUNTS + rng.integers(0, 2, part[rows].shape)
        elif fault.kind == "reversed":
            part[rows] *= -1
        elif fault.kind == "gain":
            part[rows] *= fault.size
        elif fault.kind == "spikes" and part.shape[1]:
            for row in rows:
                at = rng.integers(0, part.shape[1], rng.poisson(fault.size * part.shape[1] / rate_hz / 3600.0))
                part[row, at] = rng.choice([-1.0, 1.0], len(at)) * full_scale * rng.uniform(0.01, 1.0, len(at))


def clock_error_ns(fault: Fault, time_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """How far a clock is ahead because of one fault, at times after the recording's first sample."""
    on = (time_s >= fault.from_s) & (time_s < fault.to_s)
    if fault.kind == "clock_step":
        error_s = np.where(on, fault.size, 0.0)
    elif fault.kind == "clock_drift":
        error_s = np.where(on, (time_s - fault.from_s) * fault.size * 1e-6, 0.0)
    else:
        error_s = np.zeros_like(time_s)
    return np.asarray(np.rint(error_s * NS_PER_S), dtype=np.int64)
