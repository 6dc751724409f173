"""The make-believe earth: layers with speed, density and attenuation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.words.model import VelocityModel


@dataclass(frozen=True, slots=True)
class Crust:
    """Layers that hold from their top down to the next.

    model          speeds of P and S
    density_kgm3   [n] > 0
    q_s            [n] quality factor of S at 1 Hz, > 0
    q_exponent     Q grows with frequency to this power, 0 <= q_exponent < 1
    q_ratio        quality factor of P over that of S
    """

    model: VelocityModel
    density_kgm3: NDArray[np.float64]
    q_s: NDArray[np.float64]
    q_exponent: float
    q_ratio: float = 1.5

    def layer(self, depth_m: float) -> int:
        """The layer at a depth; the first holds upwards."""
        return max(int(np.searchsorted(self.model.depth_m, depth_m, side="right")) - 1, 0)

    def speed_mps(self, phase: str, depth_m: float) -> float:
        """Speed of P or S at a depth."""
        column = self.model.vp_mps if phase == "P" else self.model.vs_mps
        return float(column[self.layer(depth_m)])

    def density_at(self, depth_m: float) -> float:
        """Density at a depth, kg/m3."""
        return float(self.density_kgm3[self.layer(depth_m)])

    def path_q(self, phase: str, depth_m: float) -> float:
        """Quality factor at 1 Hz of the way up from a depth: layers weigh by the time spent in them.

        Flatter rays go through the same layers at the same shares while they do not turn below the source.
        """
        tops = np.concatenate([[min(0.0, depth_m)], self.model.depth_m[1:]])
        bottoms = np.concatenate([self.model.depth_m[1:], [np.inf]])
        thickness = np.clip(np.minimum(bottoms, max(depth_m, 1.0)) - tops, 0.0, None)
        time = thickness / self.model.vs_mps
        q_s = float(time.sum() / np.sum(time / self.q_s))
        return q_s * self.q_ratio if phase == "P" else q_s
