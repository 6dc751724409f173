"""Instruments, and what they make of the ground: counts, with their own noise, up to their full scale."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.words.station import Response

STANDARD_GRAVITY_MPS2 = 9.80665  # CGPM 1901

#: A 24-bit digitiser of 40 V from peak to peak, as most are.
COUNTS_PER_V = 2**24 / 40.0
FULL_24_BIT, FULL_16_BIT = 2**23 - 1, 2**15 - 1


@dataclass(frozen=True, slots=True)
class Instrument:
    """One class of sensor with its digitiser.

    title         as shown to people
    code          band and instrument letters of its channels
    response      counts per unit of ground motion
    full_scale    largest count, either side
    noise_db      its own noise as ground acceleration: (Hz, dB relative to 1 (m/s2)2/Hz), rising in Hz; straight lines
                  over the logarithm between, flat beyond
    """

    title: str
    code: str
    response: Response
    full_scale: int
    noise_db: tuple[tuple[float, float], ...]

    def of_acceleration(self, frequency_hz: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Counts per m/s2 at each frequency; 0 at 0 Hz, where a seismometer hears nothing."""
        positive = np.where(frequency_hz > 0, frequency_hz, 1.0)
        powers = {"m": 2, "m/s": 1, "m/s2": 0}[self.response.input_units]
        counts = self.response.at(positive) / (2j * np.pi * positive) ** powers
        return np.where(frequency_hz > 0, counts, 0.0)

    def own_noise(self, frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Power density of its own noise, (m/s2)2/Hz."""
        nodes = np.array(self.noise_db)
        level = np.interp(np.log(np.maximum(frequency_hz, 1e-6)), np.log(nodes[:, 0]), nodes[:, 1])
        return np.asarray(10 ** (level / 10), dtype=np.float64)


def _pendulum(period_s: float, damping: float, counts_per_mps: float, at_hz: float) -> Response:
    natural = 2 * np.pi / period_s
    pole = complex(-damping * natural, natural * np.sqrt(1 - damping**2))
    return Response("m/s", counts_per_mps, at_hz, (0j, 0j), (pole, pole.conjugate()))


def _accelerometer(full_g: float, full_counts: int) -> Response:
    return Response("m/s2", full_counts / (full_g * STANDARD_GRAVITY_MPS2), 1.0)


#: Noise of seismometers: Ringler & Hutt 2010, doi:10.1785/gssrl.81.6.972, read off for a very broadband instrument, and
#: of a 1 s geophone behind a 24-bit digitiser: Rodgers 1994, doi:10.1785/BSSA0840010222. Classes A and B of
#: accelerometers resolve 7 and 107 microg at the most: Working Group on Instrumentation, Siting, Installation, and Site
#: Metadata 2008, USGS Open-File Report 2008-1262, doi:10.3133/ofr20081262; here 5 and 60 microg up to 40 Hz.
INSTRUMENTS: Mapping[str, Instrument] = {
    "broadband": Instrument(
        "broadband seismometer, 120 s, 24 bit", "HH", _pendulum(120.0, 0.707, 1500.0 * COUNTS_PER_V, 1.0), FULL_24_BIT,
        ((0.001, -170.0), (0.01, -188.0), (0.1, -192.0), (1.0, -188.0), (10.0, -172.0), (50.0, -155.0)),
    ),
    "short_period": Instrument(
        "short-period seismometer, 1 s, 24 bit", "EH", _pendulum(1.0, 0.7, 400.0 * COUNTS_PER_V, 10.0), FULL_24_BIT,
        ((0.05, -110.0), (0.2, -135.0), (1.0, -163.0), (10.0, -168.0), (50.0, -155.0)),
    ),
    "mems_a": Instrument(
        "MEMS accelerometer, class A, 2 g, 24 bit", "HN", _accelerometer(2.0, FULL_24_BIT), FULL_24_BIT,
        ((0.01, -92.0), (0.1, -102.0), (50.0, -102.0)),
    ),
    "mems_b": Instrument(
        "MEMS accelerometer, class B, 2 g, 16 bit", "HN", _accelerometer(2.0, FULL_16_BIT), FULL_16_BIT,
        ((0.01, -71.0), (0.1, -81.0), (50.0, -81.0)),
    ),
}  # fmt: skip
