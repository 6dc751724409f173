"""Which frequencies to listen in: chosen from sampling rate and network size, never from a data set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

#: Digitisers' anti-alias filters begin to bite at 0.8 of the Nyquist frequency (the usual delta-sigma FIR cascades).
USABLE_NYQUIST = 0.8

#: A band narrower than this ratio of corners rings instead of timing: its envelope rises over 1 / bandwidth.
LEAST_CORNER_RATIO = 1.5

#: Independent numbers averaged by the STA: over a band of width B there are 2 B sta_s of them. Ten scatter by a third
#: about their mean; fewer would let noise trigger, more would smooth away the onset of a small quake.
STA_CHANCES = 10.0

#: The LTA must outlast the longest emergent onset (some 20 periods of the low corner) and never fall under
#: 10 s, the shortest time over which cultural noise can be called stationary (Trnkoczy 2012, NMSOP-2, IS 8.1,
#: doi:10.2312/GFZ.NMSOP-2_IS_8.1).
LTA_PERIODS = 20.0
LTA_LEAST_S = 10.0

#: No seismometer is sampled faster; what claims to be is not listened to.
FASTEST_HZ = 1_000.0

#: What quakes radiate at the distances a network of a given size is used for: high corner falls with distance
#: because the crust absorbs (t* of 0.01 s at 10 km, 0.05 s at 100 km, 1 s for teleseismic P), the low one
#: because small quakes have no low frequencies and the ground has much.
#: name, low corner, high corner, least and greatest aperture for which it listens
_CATALOGUE = (
    ("teleseismic", 0.5, 2.0, 1_000e3, np.inf),
    ("regional", 1.0, 8.0, 50e3, np.inf),
    ("local", 2.0, 15.0, 0.0, 3_000e3),
    ("near", 8.0, 40.0, 0.0, 500e3),
)


@dataclass(frozen=True, slots=True)
class Band:
    """One band-pass with the lengths of its averages.

    low_hz, high_hz  corners (-3 dB), low_hz < high_hz
    sta_s, lta_s     time constants of the short and long average
    """

    name: str
    low_hz: float
    high_hz: float
    sta_s: float
    lta_s: float

    def sections(self, rate_hz: float) -> NDArray[np.float64]:
        """Two second-order sections [2, 6] of the Butterworth band-pass at a sampling rate."""
        corners = (self.low_hz, self.high_hz)
        return np.asarray(butter(2, corners, btype="bandpass", fs=rate_hz, output="sos"), dtype=np.float64)


def choose_bands(rate_hz: float, aperture_m: float) -> tuple[Band, ...]:
    """Choose the bands for one sampling rate and network size, lowest first.

    rate_hz     samples per second, > 0
    aperture_m  greatest distance between two stations, >= 0; 0 for a single station

    Empty when the rate is too low for any band of that network, or beyond FASTEST_HZ.
    """
    if rate_hz > FASTEST_HZ:
        return ()
    ceiling_hz = USABLE_NYQUIST * rate_hz / 2
    bands = []
    for name, low_hz, wanted_hz, least_m, greatest_m in _CATALOGUE:
        high_hz = min(wanted_hz, ceiling_hz)
        if least_m <= aperture_m < greatest_m and high_hz >= LEAST_CORNER_RATIO * low_hz:
            sta_s = STA_CHANCES / (2 * (high_hz - low_hz))
            bands.append(Band(name, low_hz, high_hz, sta_s, max(LTA_LEAST_S, LTA_PERIODS / low_hz)))
    return tuple(bands)
