"""What one station records, stretch by stretch: noise, passages and quakes through its instrument, and its faults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from houfeng.twin.chance import Purpose, chance
from houfeng.twin.digitiser import Carried, carry
from houfeng.twin.faults import miswire
from houfeng.twin.hearing_range import can_be_heard
from houfeng.twin.instruments import INSTRUMENTS, Instrument
from houfeng.twin.made import MadeStation
from houfeng.twin.motion import Case, Ground, Motion, shake
from houfeng.twin.noise import Background
from houfeng.twin.rays import PHASES
from houfeng.twin.transients import SLOT_S, passages
from houfeng.twin.world import Happening, World
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Phase

#: Packets to a stretch. Chance is drawn by stretch, so this is part of what a seed means.
STRETCH_PACKETS = 720

#: Where the signal-to-noise ratio of a phase is read, Hz, and over how long, s.
SNR_HZ, SNR_S = (2.0, 10.0), 2.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One quake at one station, as the ground moved.

    quake      number of the happening
    onset_s    by phase, after the recording's first sample
    snr        by phase: root mean square of the first two seconds over that of the noise, 2 to 10 Hz, P on the
               vertical, S on the louder horizontal
    pga_mps2, pgv_mps, pgd_m  [3] largest of up, north, east, without noise
    """

    quake: int
    station: int
    onset_s: Mapping[Phase, float]
    snr: Mapping[Phase, float]
    pga_mps2: NDArray[np.float64]
    pgv_mps: NDArray[np.float64]
    pgd_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one station's recording.

    first    number of its first sample
    counts   int32 [3, n] of Z, N, E
    begin    [packets + 1] samples of the stretch at which packets begin
    carried  stamps and arrivals of the packets
    heard    quakes whose motion begins in it
    """

    first: int
    counts: NDArray[np.int32]
    begin: NDArray[np.int64]
    carried: Carried
    heard: tuple[Heard, ...]


def stretches(world: World, made: MadeStation) -> Iterator[Stretch]:
    """Everything a station records, in time order, in bounded memory."""
    scenario = world.scenario
    packet = round(scenario.transport.packet_s * scenario.rate_hz)
    instrument, faults = INSTRUMENTS[made.instrument], world.faults[made.number]
    background = _background(world, made)
    ground = Ground(scenario.crust, scenario.rate_hz, scenario.samples)
    coming = sorted(_coming(world, made, instrument, ground))
    sounding: list[tuple[int, NDArray[np.float64]]] = []
    for number, first in enumerate(range(0, scenario.samples, STRETCH_PACKETS * packet)):
        count = min(STRETCH_PACKETS * packet, scenario.samples - first)
        counts = background.counts(first, count)
        heard: list[Heard] = []
        while coming and coming[0][0] < first + count:
            _, index = coming.pop(0)
            happening = world.happenings[index]
            motion = _motion(world, happening, made, ground)
            if motion is not None:
                sounding.append((motion.first, _through(instrument, motion.spectrum, motion.count, scenario.rate_hz)))
                heard.append(_heard(happening, made, motion, background))
        sounding += _passing(world, made, instrument, background, first, count)
        for start, series in sounding:
            _add(counts, series, start - first)
        sounding = [(start, series) for start, series in sounding if start + series.shape[1] > first + count]
        np.clip(counts, -instrument.full_scale - 1, instrument.full_scale, out=counts)
        rng = chance(scenario.seed, Purpose.TRANSPORT, made.number, number)
        miswire(counts, first, scenario.rate_hz, faults, instrument.full_scale, rng)
        np.clip(np.rint(counts, out=counts), -instrument.full_scale - 1, instrument.full_scale, out=counts)
        begin = np.append(np.arange(0, count, packet), count)
        carried = carry((first + begin[:-1]) / scenario.rate_hz, scenario.start_ns, scenario.transport, faults, rng)
        yield Stretch(first, counts.astype(np.int32), begin, carried, tuple(heard))


def _background(world: World, made: MadeStation) -> Background:
    scenario = world.scenario
    return Background(
        scenario.seed,
        made.number,
        made.site,
        made.station.place[1],
        INSTRUMENTS[made.instrument],
        scenario.start_ns,
        scenario.rate_hz,
    )


def _case(world: World, happening: Happening, made: MadeStation) -> Case:
    origin_s = (happening.quake.time_ns - world.scenario.start_ns) / NS_PER_S
    return Case(happening.quake, happening.rupture, happening.rays, made.number, made.site, origin_s)


def _coming(world: World, made: MadeStation, instrument: Instrument, ground: Ground) -> Iterator[tuple[int, int]]:
    """Quakes that a station hears: sample at which P comes, less a second, and number."""
    for happening in world.happenings:
        case = _case(world, happening, made)
        p_s = float(happening.rays.seconds["P"][made.number].min()) + case.origin_s
        if p_s < world.scenario.duration_s and can_be_heard(case, ground.crust, instrument):
            yield int((p_s - 1.0) * ground.rate_hz) - 1, happening.number


def _motion(world: World, happening: Happening, made: MadeStation, ground: Ground) -> Motion | None:
    rng = chance(world.scenario.seed, Purpose.MOTION, happening.number, made.number)
    return shake(_case(world, happening, made), ground, rng)


def _through(
    instrument: Instrument, spectrum: NDArray[np.complex128], count: int, rate_hz: float
) -> NDArray[np.float64]:
    """Counts from the spectrum of acceleration, [3, count], or twice as long where a pendulum swings on."""
    if instrument.response.poles_radps:
        spectrum, count = fft.rfft(fft.irfft(spectrum, count), 2 * count), 2 * count
    counts = spectrum * instrument.of_acceleration(fft.rfftfreq(count, 1 / rate_hz))
    return np.asarray(fft.irfft(counts, count), dtype=np.float64)


def _passing(
    world: World, made: MadeStation, instrument: Instrument, background: Background, first: int, count: int
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Passages that begin in a stretch; at quiet hours fewer."""
    rate_hz, size = world.scenario.rate_hz, int(SLOT_S * world.scenario.rate_hz)
    for slot in range(first // size, (first + count - 1) // size + 1):
        per_hour = world.scenario.ground.passages_per_hour * background.bustle(slot * size)
        for offset, series in passages(world.scenario.seed, made.number, per_hour, slot, rate_hz):
            start = slot * size + offset
            if first <= start < first + count:
                padded = fft.next_fast_len(series.shape[1] + int(5 * rate_hz), real=True)
                yield start, _through(instrument, fft.rfft(series, padded), padded, rate_hz)


def _add(counts: NDArray[np.float64], series: NDArray[np.float64], at: int) -> None:
    low, high = max(at, 0), min(at + series.shape[1], counts.shape[1])
    if low < high:
        counts[:, low:high] += series[:, low - at : high - at]


def _heard(happening: Happening, made: MadeStation, motion: Motion, background: Background) -> Heard:
    rate_hz = background.rate_hz
    frequency = fft.rfftfreq(motion.count, 1 / rate_hz)
    turn = 2j * np.pi * np.where(frequency > 0, frequency, 1.0)
    peaks = [np.abs(fft.irfft(motion.spectrum / turn**power, motion.count)).max(axis=1) for power in range(3)]
    band = (frequency >= SNR_HZ[0]) & (frequency <= SNR_HZ[1])
    series = np.abs(fft.irfft(motion.spectrum * band, motion.count)) ** 2
    noise = background.ground(frequency[band], motion.first) + background.instrument.own_noise(frequency[band])
    noise_power = float(noise.mean()) * (SNR_HZ[1] - SNR_HZ[0])
    snr = {}
    for phase in PHASES:
        at = int(motion.onset[phase])
        power = series[:, at : at + int(SNR_S * rate_hz)]
        rows = power[:1] if phase == "P" else power[1:]
        snr[phase] = float(np.sqrt(rows.mean(axis=1).max() / noise_power)) if rows.shape[1] else 0.0
    onset_s = {phase: (motion.first + motion.onset[phase]) / rate_hz for phase in PHASES}
    return Heard(happening.number, made.number, onset_s, snr, *peaks)
