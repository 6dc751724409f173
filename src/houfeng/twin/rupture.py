"""A rupture as patches that break one after the other; a small one is a single patch.

Source: Motazedian & Atkinson 2005, doi:10.1785/0120030207: every patch has a corner frequency that falls as the rupture
grows, and a scale that keeps high frequencies as strong as the whole should send. What low frequencies lose because
patches add up with random phases is given back as Boore 2009, doi:10.1785/0120090056, proposes: the sum has, far away,
the spectrum of a point source of the same moment and stress drop.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from houfeng.twin.crust import Crust
from houfeng.twin.made import MadeQuake
from houfeng.twin.source import corner_hz, moment_nm

#: From this magnitude on a rupture has patches; smaller ones last less than a second.
FINITE_MAGNITUDE = 5.0

#: Length and width, log10 km = a + b M: Wells & Coppersmith 1994, doi:10.1785/BSSA0840040974, table 2A, all mechanisms,
#: M 4.8 to 8.1.
LENGTH_AB, WIDTH_AB = (-2.44, 0.59), (-1.01, 0.32)

#: Patches along the longer side; the shorter has as many of the same size as fit.
LONG_PATCHES = 8
#: Rupture speed over that of S, and the share of the fault that breaks at a time: Motazedian & Atkinson 2005.
RUPTURE_SPEED, PULSING = 0.8, 0.5
#: No rupture reaches nearer to the surface, m: quakes that break it are no part of this earth.
SHALLOWEST_M = 500.0
#: Spread of slip between patches, natural logarithm.
SLIP_SPREAD = 0.5
#: Patches of like corner share a spectrum: so many at most.
CLASSES = 5

#: Where the sum of squares over frequency is taken, Hz.
_FREQUENCY_HZ = np.geomspace(0.01, 50.0, 200)


@dataclass(frozen=True, slots=True)
class Rupture:
    """Patches, the hypocentre's first.

    moment_nm        of the whole
    corner_hz        of a point source of the same moment and stress drop
    east_m, north_m  [n] of patches from the epicentre
    depth_m          [n]
    delay_s          [n] when each breaks, after the origin time
    weight           [n] share of the moment times high-frequency scale
    patch_class      [n] which of class_hz its corner is
    class_hz         [k] corners
    """

    moment_nm: float
    corner_hz: float
    east_m: NDArray[np.float64]
    north_m: NDArray[np.float64]
    depth_m: NDArray[np.float64]
    delay_s: NDArray[np.float64]
    weight: NDArray[np.float64]
    patch_class: NDArray[np.int64]
    class_hz: NDArray[np.float64]

    def restored(self, frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """By what to multiply each patch so that together they have the spectrum of the point source."""
        shapes = 1 / (1 + (frequency_hz / self.class_hz[:, None]) ** 2)
        energy = np.bincount(self.patch_class, weights=self.weight**2, minlength=len(self.class_hz))
        whole = 1 / (1 + (frequency_hz / self.corner_hz) ** 2)
        return np.asarray(whole / np.sqrt(energy @ shapes**2), dtype=np.float64)


def rupture(quake: MadeQuake, crust: Crust, rng: Generator) -> Rupture:
    """Lay out the rupture of a quake.

    rng  decides where on the fault it begins and how slip is spread; not used below FINITE_MAGNITUDE
    """
    moment = float(moment_nm(quake.magnitude))
    vs_mps = crust.speed_mps("S", quake.depth_m)
    whole_hz = float(corner_hz(moment, quake.stress_pa, vs_mps))
    if quake.magnitude < FINITE_MAGNITUDE:
        zero = np.zeros(1)
        return Rupture(
            moment, whole_hz, zero, zero, np.array([quake.depth_m]), zero, np.ones(1), np.zeros(1, np.int64),
            np.array([whole_hz]),
        )  # fmt: skip
    along_m, down_m, size_m = _grid(quake, rng)
    east_m, north_m, depth_m = _placed(quake, along_m, down_m)
    reach_m = np.hypot(along_m, down_m)
    order = np.argsort(reach_m, kind="stable")
    # a hand's breadth of irregularity, or rings of patches would break at the same instant
    delay_s = (reach_m + rng.uniform(0.0, 0.5 * size_m, len(reach_m)) * (reach_m > 0)) / (RUPTURE_SPEED * vs_mps)
    slip = np.exp(rng.normal(0.0, SLIP_SPREAD, len(order)))
    corner, scale = _dynamic(len(order), moment, quake.stress_pa, vs_mps)
    patch_class, class_hz = _classes(corner)
    weight = slip[order] / slip.sum() * scale
    return Rupture(
        moment, whole_hz, east_m[order], north_m[order], depth_m[order], delay_s[order], weight, patch_class, class_hz
    )


def _grid(quake: MadeQuake, rng: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Patches by their distance from the hypocentre along strike and down dip, m, and their size."""
    length, width = (1000.0 * 10 ** (a + b * quake.magnitude) for a, b in (LENGTH_AB, WIDTH_AB))
    size = length / LONG_PATCHES
    columns, rows = LONG_PATCHES, max(1, round(width / size))
    first = int(rng.integers(1, columns - 1))
    above = int(rng.integers(0, rows))
    room = (quake.depth_m - SHALLOWEST_M) / (size * max(np.sin(np.radians(quake.dip_deg)), 1e-3))
    above = min(above, max(int(room), 0))
    along, down = np.meshgrid(np.arange(columns) - first, np.arange(rows) - above)
    return along.ravel() * size, down.ravel() * size, size


def _placed(
    quake: MadeQuake, along_m: NDArray[np.float64], down_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    strike, dip = np.radians(quake.strike_deg), np.radians(quake.dip_deg)
    flat_m = down_m * np.cos(dip)  # dip falls off to the right of strike
    east_m = along_m * np.sin(strike) + flat_m * np.cos(strike)
    north_m = along_m * np.cos(strike) - flat_m * np.sin(strike)
    return east_m, north_m, quake.depth_m + down_m * np.sin(dip)


def _dynamic(
    count: int, moment: float, stress_pa: float, vs_mps: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corner and high-frequency scale of patches in the order they break (their equations 6 to 10)."""
    broken = np.minimum(np.arange(1, count + 1), max(1, int(PULSING * count)))
    corner = corner_hz(moment / count, stress_pa, vs_mps) / np.cbrt(broken)
    whole = corner_hz(moment, stress_pa, vs_mps)

    def energy(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        level = _FREQUENCY_HZ**2 / (1 + (_FREQUENCY_HZ / hz[:, None]) ** 2)
        return np.asarray((level**2 * _FREQUENCY_HZ).sum(axis=1))  # even steps of its logarithm: df is f times as wide

    return corner, np.sqrt(count * energy(np.atleast_1d(whole)) / energy(corner))


def _classes(corner: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Group corners that are alike, on even steps of their logarithm."""
    low, high = np.log(corner.min()), np.log(corner.max())
    count = min(CLASSES, len(corner))
    step = max((high - low) / count, 1e-9)
    group = np.minimum(((np.log(corner) - low) / step).astype(np.int64), count - 1)
    used, patch_class = np.unique(group, return_inverse=True)
    means = [float(np.exp(np.log(corner[group == number]).mean())) for number in used]
    return patch_class.astype(np.int64), np.array(means)
