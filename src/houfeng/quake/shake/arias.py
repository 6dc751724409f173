"""How much shaking there was in all, and how long most of it took.

Source: Arias 1970, in Seismic Design for Nuclear Power Plants, MIT Press, 438-483; duration from 5 to 95 % as Trifunac
& Brady 1975, doi:10.1785/BSSA0650030581.
"""

import numpy as np
from numpy.typing import NDArray

#: Standard gravity, m/s2 (3rd CGPM, 1901).
GRAVITY_MPS2 = 9.80665


def arias(acceleration_mps2: NDArray[np.float64], rate_hz: float) -> tuple[float, float]:
    """Arias intensity, m/s, and the time in which it grew from 5 to 95 %, s.

    acceleration_mps2  [n], m/s2, of one component
    rate_hz            samples a second, > 0

    The duration of no shaking is 0. Both are NaN where a sample is not finite or there are fewer than two.
    """
    values = np.asarray(acceleration_mps2, dtype=np.float64)
    if len(values) < 2 or not np.all(np.isfinite(values)):
        return float("nan"), float("nan")
    power = values**2
    grown = np.concatenate([[0.0], np.cumsum(power[1:] + power[:-1])]) / (2 * rate_hz)
    first, last = np.searchsorted(grown, np.array([0.05, 0.95]) * grown[-1])
    return float(np.pi / (2 * GRAVITY_MPS2) * grown[-1]), float((last - first) / rate_hz)
