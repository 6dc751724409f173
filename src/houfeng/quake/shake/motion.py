"""Counts of one channel turned into acceleration, velocity and displacement of the ground.

Steps:
1. take off the counts without motion: the mean of the noise before P; where no P is known, the mean of the middle
   half of the counts in the channel's first 20 s, which the first waves hardly move;
2. find the lowest frequency at which the shaking stands above the noise, and high-pass there: below it integration
   would magnify nothing but noise and drift; without noise to judge by, at 0.05 Hz, below which no strong-motion
   record of a local quake can be told from its drift (longer shaking than 20 s to the cycle is left to other methods);
3. divide by the instrument and integrate or differentiate, in one pass over frequency;
4. an accelerometer that is flat over strong motion keeps, beside that, its acceleration as it is, divided by its
   gain: the peak of acceleration owes little to low frequencies and must not suffer from a filter. Where its noise
   before P comes near the peak, the filtered one takes over.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.stats import trim_mean

from houfeng.quake.size.clipping import clipped
from houfeng.quake.size.record import LEAST_RATE_HZ, Record
from houfeng.quake.size.spectrum import (
    LOWEST_HZ,
    USABLE_OF_NYQUIST,
    band_edges,
    band_power,
    clear_bands,
    counts_to_displacement,
)
from houfeng.words.errors import DataFault
from houfeng.words.instant import seconds_to_ns
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Response

#: Steepness of the high-pass: a Butterworth filter of this order, forward and backward.
HIGHPASS_ORDER = 4

#: Share of the noise tapered at its start, and the least taper at any end.
TAPERED = 0.1
SHORTEST_TAPER_S = 0.5

#: Where no P is known, rest is sought over one period of the lowest frequency of interest, at a record's start:
#: triggered instruments keep what came before. The middle half of the counts there is averaged.
REST_S = 1 / LOWEST_HZ
REST_TRIMMED = 0.25

#: An accelerometer counts as flat when its gain stays within this of its sensitivity in the band of strong motion.
FLAT_WITHIN = 0.05
STRONG_BAND_HZ = (0.1, 30.0)

#: Peak of the shaking over that of the noise: less is as likely noise as quake.
LEAST_SNR = 3.0

#: 25 times the largest acceleration ever recorded (Iwate-Miyagi 2008, 4 g): no ground, but a wrong sensitivity.
LARGEST_MPS2 = 1000.0

NOISY = "does not rise above its noise"
SILENT = "does not move"


@dataclass(frozen=True, slots=True)
class Motion:
    """Ground motion at one channel.

    start_ns           instant of the first sample
    acceleration_mps2  [n], as broad as the sensor gives it
    passed_mps2        [n], high-passed at corner_hz; velocity_mps and displacement_m are its integrals
    onset, end         where the shaking begins and ends, indices
    corner_hz          of the high-pass
    clipped            why the channel is taken for clipped, "" when it is not
    whole              whether the record lasts to the end of the window
    """

    source: SourceId
    start_ns: int
    rate_hz: float
    acceleration_mps2: NDArray[np.float64]
    passed_mps2: NDArray[np.float64]
    velocity_mps: NDArray[np.float64]
    displacement_m: NDArray[np.float64]
    onset: int
    end: int
    corner_hz: float
    clipped: str
    whole: bool

    def peak(self, series: NDArray[np.float64]) -> float:
        """Largest absolute value of one of the series while it shakes."""
        return float(np.abs(series[self.onset : self.end]).max())


def whole_record(segment: Segment, end_ns: int | None = None, *, first: Segment | None = None) -> Record | str:
    """Take a segment up to an instant, or all of it, for the shaking of one quake, or say why that cannot be done.

    first  the channel's first segment, to know its rest by: after a gap the ground may be shaking already
    """
    if segment.rate_hz < LEAST_RATE_HZ:
        return f"{segment.rate_hz:g} samples a second are too few"
    end_s = np.inf if end_ns is None else (end_ns - segment.start_ns) * 1e-9
    count = int(min(len(segment.samples), end_s * segment.rate_hz))
    samples = np.asarray(segment.samples[: max(count, 0)], dtype=np.float64)
    if len(samples) < segment.rate_hz:
        return "lasts less than a second"
    if not np.all(np.isfinite(samples)):
        return "a sample is not a number"
    if np.ptp(samples) == 0:
        return SILENT
    rest = _rest(segment if first is None else first)
    if not np.isfinite(rest):
        rest = _rest(segment)
    whole = end_ns is None or segment.end_ns >= end_ns - seconds_to_ns(1 / segment.rate_hz)
    return Record(
        source=segment.source,
        start_ns=segment.start_ns,
        rate_hz=segment.rate_hz,
        samples=samples - rest,
        rest=rest,
        onset=0,
        s=0,
        end=len(samples),
        whole=whole,
    )


def _rest(segment: Segment) -> float:
    return float(trim_mean(segment.samples[: int(REST_S * segment.rate_hz)], REST_TRIMMED))


def ground_motion(record: Record, response: Response, *, corner_hz: float | None = None) -> Motion:
    """Turn one channel's record into motion of the ground.

    record     with noise before its onset, or without (onset 0), as whole_record() makes it
    response   of that channel; without poles and zeros it counts as flat
    corner_hz  of the high-pass, > 0; chosen by the noise when None

    Raises DataFault where the shaking does not rise above the noise, or is above LARGEST_MPS2.
    """
    chosen_hz = _corner_hz(record) if corner_hz is None else corner_hz
    with np.errstate(over="ignore", invalid="ignore"):  # absurd samples end up infinite, and are refused below
        passed, velocity, displacement = _integrals(record, response, chosen_hz)
        broad = record.samples / response.sensitivity
    sound = all(np.all(np.isfinite(series)) for series in (passed, velocity, displacement))
    if not sound or np.abs(passed).max() > LARGEST_MPS2:
        raise DataFault(record.source.nslc, "its numbers are too large")
    if record.onset and _peak_over_noise(passed, record) < LEAST_SNR:
        raise DataFault(record.source.nslc, NOISY)
    keeps = _is_flat(response, record.rate_hz) and _peak_over_noise(broad, record) >= LEAST_SNR
    return Motion(
        source=record.source,
        start_ns=record.start_ns,
        rate_hz=record.rate_hz,
        acceleration_mps2=broad if keeps else passed,
        passed_mps2=passed,
        velocity_mps=velocity,
        displacement_m=displacement,
        onset=record.onset,
        end=record.end,
        corner_hz=chosen_hz,
        clipped=clipped(record.shaking, record.rest),
        whole=record.whole,
    )


def _corner_hz(record: Record) -> float:
    """One band below the lowest in which the shaking stands clear of the noise, so that the flank does not cut in.

    Noise too short to tell of a band is taken to be as strong there as in the lowest band of which it can tell.
    """
    shaking, rate_hz = record.shaking, record.rate_hz
    if not record.onset:
        return max(LOWEST_HZ, rate_hz / len(shaking))
    edges = band_edges(max(record.onset, len(shaking)), rate_hz)
    noise = band_power(record.noise, rate_hz, edges)
    known = min(int(np.searchsorted(edges, rate_hz / record.onset)), len(noise) - 1)
    noise[:known] = noise[known]
    clear = clear_bands(band_power(shaking, rate_hz, edges), noise)
    if clear.start == clear.stop:
        raise DataFault(record.source.nslc, NOISY)
    return float(edges[max(clear.start - 1, 0)])


def _integrals(record: Record, response: Response, corner_hz: float) -> tuple[NDArray[np.float64], ...]:
    """High-passed acceleration, velocity and displacement."""
    count = len(record.samples)
    # room for the high-pass to ring down without coming round again
    size = fft.next_fast_len(count + int(2 * record.rate_hz / corner_hz), real=True)
    frequency = fft.rfftfreq(size, 1 / record.rate_hz)[1:]
    spectrum = fft.rfft(record.samples * _taper(record), size)[1:]
    spectrum = spectrum / (1.0 + (corner_hz / frequency) ** (2 * HIGHPASS_ORDER))
    if _is_flat(response, record.rate_hz):
        spectrum = spectrum / response.sensitivity / (2j * np.pi * frequency) ** 2
    else:
        spectrum = spectrum * counts_to_displacement(frequency, response) * _fall(frequency, record.rate_hz)
    series = []
    for order in (2, 1, 0):
        of_order = np.concatenate([[0.0], spectrum * (2j * np.pi * frequency) ** order])
        series.append(np.asarray(fft.irfft(of_order, size)[:count], dtype=np.float64))
    return tuple(series)


def _is_flat(response: Response, rate_hz: float) -> bool:
    if response.input_units != "m/s2":
        return False
    lowest, highest = STRONG_BAND_HZ
    band = np.geomspace(lowest, min(highest, USABLE_OF_NYQUIST * rate_hz / 2), 50)
    gain = np.abs(response.at(band)) / abs(response.sensitivity)
    return bool(np.all(np.abs(gain - 1) <= FLAT_WITHIN))


def _fall(frequency_hz: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Falling to nothing over the last quarter of what the response is good for."""
    fall = np.clip(4 * frequency_hz / (USABLE_OF_NYQUIST * rate_hz / 2) - 3, 0.0, 1.0)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * fall), dtype=np.float64)


def _taper(record: Record) -> NDArray[np.float64]:
    """Ones, rising over the first noise and falling after the window, or at either end when nothing is there."""
    count = len(record.samples)
    least = int(SHORTEST_TAPER_S * record.rate_hz)
    rise = min(int(TAPERED * record.onset) or least, count // 2)
    fall = min(max(count - record.end, least), count // 2)
    taper = np.ones(count)
    taper[:rise] = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / max(rise, 1))
    taper[count - fall :] = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fall + 1) / max(fall, 1))
    return taper


def _peak_over_noise(series: NDArray[np.float64], record: Record) -> float:
    noise = np.abs(series[int(TAPERED * record.onset) : record.onset])
    peak = float(np.abs(series[record.onset : record.end]).max())
    loudest = float(noise.max()) if len(noise) else 0.0
    return peak / loudest if loudest > 0 else np.inf
