"""A layered Earth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class VelocityModel:
    """P and S speed against depth.

    name      as shown to people
    source    author and DOI, or the file it came from
    depth_m   [n] below sea level, strictly increasing; negative above it
    vp_mps    [n] > 0
    vs_mps    [n] > 0, below vp_mps
    gradient  False: each value holds from its depth down to the next (layers);
              True: values are points on straight lines
    The first value holds upwards, the last downwards.
    """

    name: str
    source: str
    depth_m: NDArray[np.float64]
    vp_mps: NDArray[np.float64]
    vs_mps: NDArray[np.float64]
    gradient: bool = False

    def __post_init__(self) -> None:
        if not len(self.depth_m) == len(self.vp_mps) == len(self.vs_mps) >= 1:
            raise ValueError(f"{self.name}: columns differ in length or are empty")
        if not all(np.all(np.isfinite(column)) for column in (self.depth_m, self.vp_mps, self.vs_mps)):
            raise ValueError(f"{self.name}: a value is not a number")
        if np.any(np.diff(self.depth_m) <= 0):
            raise ValueError(f"{self.name}: depths must increase")
        if np.any(self.vs_mps <= 0) or np.any(self.vp_mps <= self.vs_mps):
            raise ValueError(f"{self.name}: needs vp > vs > 0 in every layer")
