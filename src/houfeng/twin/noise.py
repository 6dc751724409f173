"""What the ground does without quakes, and what instruments add: background noise, in counts.

The noise of a channel is a chain of blocks that give way to one another, each made from a stream of chance of its own.
So any stretch of it can be made by itself, and is the same however long a recording is and however it is cut.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from houfeng.twin.chance import Purpose, chance
from houfeng.twin.instruments import Instrument
from houfeng.twin.made import Site
from houfeng.twin.peterson import noise_db
from houfeng.words.instant import NS_PER_S

#: A block, of which the first and last RAMP samples are shared with its neighbours.
BLOCK, RAMP = 8192, 1024
STEP = BLOCK - RAMP

#: People are loudest in early afternoon, and between these frequencies, Hz: McNamara & Buland 2004,
#: doi:10.1785/012003001; outside them their share fades over half an octave.
LOUDEST_HOUR = 13.0
PEOPLE_HZ = (1.0, 20.0)
FADE_OCTAVES = 0.5


@dataclass(frozen=True, slots=True)
class Background:
    """The noise of one sensor's three channels.

    number         of its station, names the stream
    longitude_deg  for its noon
    start_ns       of the recording
    """

    seed: int
    number: int
    site: Site
    longitude_deg: float
    instrument: Instrument
    start_ns: int
    rate_hz: float

    def counts(self, first: int, count: int) -> NDArray[np.float64]:
        """Samples first to first + count, [3, count], not rounded."""
        out = np.zeros((3, count))
        rise = np.sin(0.5 * np.pi * (np.arange(RAMP) + 0.5) / RAMP)  # squares of rise and fall add up to one
        frequency = fft.rfftfreq(BLOCK, 1 / self.rate_hz)
        heard = np.abs(self.instrument.of_acceleration(frequency)) ** 2
        own = self.instrument.own_noise(frequency)
        for number in range(first // STEP, (first + count - 1 + RAMP) // STEP + 1):
            density = (self.ground(frequency, number * STEP) + own) * heard
            block = self._block(number, np.sqrt(density * self.rate_hz * BLOCK / 4))
            block[:, :RAMP] *= rise
            block[:, -RAMP:] *= rise[::-1]
            begin = number * STEP - RAMP
            low, high = max(begin, first), min(begin + BLOCK, first + count)
            if low < high:
                out[:, low - first : high - first] += block[:, low - begin : high - begin]
        return out

    def ground(self, frequency_hz: NDArray[np.float64], sample: int) -> NDArray[np.float64]:
        """Power density of ground acceleration around a sample, (m/s2)2/Hz, 0 at 0 Hz."""
        positive = np.where(frequency_hz > 0, frequency_hz, 1.0)
        quiet_db = self.site.night_fall_db * (1 - self.bustle(sample)) * _peoples_share(positive)
        level = noise_db(positive, self.site.percentile) - quiet_db
        return np.where(frequency_hz > 0, 10 ** (level / 10), 0.0)

    def bustle(self, sample: int) -> float:
        """How busy people are at a sample, 0 in the dead of night to 1."""
        seconds = (self.start_ns + round(sample / self.rate_hz * NS_PER_S)) / NS_PER_S
        hour = (seconds / 3600.0 + self.longitude_deg / 15.0) % 24.0
        return float(0.5 + 0.5 * np.cos(2 * np.pi * (hour - LOUDEST_HOUR) / 24.0))

    def _block(self, number: int, amplitude: NDArray[np.float64]) -> NDArray[np.float64]:
        # the first block begins before the recording and is number 0
        rng = chance(self.seed, Purpose.NOISE, self.number, number)
        lines = rng.standard_normal((3, 2 * len(amplitude))).view(np.complex128)
        return np.asarray(fft.irfft(lines * amplitude, BLOCK), dtype=np.float64)


def _peoples_share(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    octaves = np.log2(frequency_hz)
    low, high = np.log2(PEOPLE_HZ)
    rise = np.clip((octaves - low) / FADE_OCTAVES + 1, 0.0, 1.0)
    fall = np.clip((high - octaves) / FADE_OCTAVES + 1, 0.0, 1.0)
    return np.asarray(rise * fall, dtype=np.float64)
