"""How quiet and how loud the ground can be: the low-noise and high-noise models.

Source: Peterson 1993, Observations and modeling of seismic background noise, USGS Open-File Report 93-322,
doi:10.3133/ofr93322, tables 3 and 4. Valid for periods of 0.1 to 100 000 s; shorter ones take the value at 0.1 s.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHORTEST_S, LONGEST_S = 0.1, 100_000.0

#: From which period (s) on which A and B hold: A + B log10(period), dB relative to 1 (m/s2)2/Hz.
LOW_NOISE = (
    (0.10, -162.36, 5.64),
    (0.17, -166.70, 0.00),
    (0.40, -170.00, -8.30),
    (0.80, -166.40, 28.90),
    (1.24, -168.60, 52.48),
    (2.40, -159.98, 29.81),
    (4.30, -141.10, 0.00),
    (5.00, -71.36, -99.77),
    (6.00, -97.26, -66.49),
    (10.00, -132.18, -31.57),
    (12.00, -205.27, 36.16),
    (15.60, -37.65, -104.33),
    (21.90, -114.37, -47.10),
    (31.60, -160.58, -16.28),
    (45.00, -187.50, 0.00),
    (70.00, -216.47, 15.70),
    (101.00, -185.00, 0.00),
    (154.00, -168.34, -7.61),
    (328.00, -217.43, 11.90),
    (600.00, -258.28, 26.60),
    (10_000.00, -346.88, 48.75),
)
HIGH_NOISE = (
    (0.10, -108.73, -17.23),
    (0.22, -150.34, -80.50),
    (0.32, -122.31, -23.87),
    (0.80, -116.85, 32.51),
    (3.80, -108.48, 18.08),
    (4.60, -74.66, -32.95),
    (6.30, 0.66, -127.18),
    (7.90, -93.37, -22.42),
    (15.40, 73.54, -162.98),
    (20.00, -151.52, 10.01),
    (354.80, -206.66, 31.63),
)


def noise_db(frequency_hz: ArrayLike, percentile: float) -> NDArray[np.float64]:
    """Power density of ground acceleration, dB relative to 1 (m/s2)2/Hz.

    frequency_hz  any shape, > 0
    percentile    0 for the low-noise model, 1 for the high-noise model, between them on a straight line in dB
    """
    period = np.clip(1.0 / np.asarray(frequency_hz, dtype=np.float64), SHORTEST_S, LONGEST_S)
    low, high = (_model_db(period, np.array(rows)) for rows in (LOW_NOISE, HIGH_NOISE))
    return low + percentile * (high - low)


def _model_db(period_s: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    row = rows[np.searchsorted(rows[:, 0], period_s, side="right") - 1]
    return np.asarray(row[..., 1] + row[..., 2] * np.log10(period_s), dtype=np.float64)
