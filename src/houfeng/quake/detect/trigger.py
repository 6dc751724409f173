"""Triggers: where the streaming kernel says that power rose."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.acquire.roster import Roster
from houfeng.quake.detect import kernel
from houfeng.quake.detect.bands import Band, choose_bands
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId

#: Ratios of power. On Gaussian noise an STA that averages STA_CHANCES numbers (bands.py) reaches 2.7 times the LTA
#: about once an hour over all bands together (bench/detect.py measures it); ground noise is not Gaussian: more often.
#: A trigger lasts while power is half as much again as noise. Coda is noise with a slope, its reference short: a new
#: arrival must rise higher above it, and only after STA and coda level have met.
ON_RATIO = 2.7
OFF_RATIO = 1.5
AGAIN_RATIO = 4.0
REARM_RATIO = 1.5

#: Lengths in STAs: what the LTA must have seen before anything may trigger (30 independent numbers: known to 20 %);
#: what a rise must outlast; how soon another may follow; time constants of the coda level, up (a P wave train
#: grows for a second or two, which is one arrival) and down (as fast as coda falls, two STAs).
FILL_STAS = 3.0
CONFIRM_STAS = 1.0
APART_STAS = 3.0
RISE_STAS = 8.0
FALL_STAS = 2.0

#: Periods of the low corner over which a run is faded in, and after which its start no longer rings: the slowest
#: poles of the band-pass decay by e^-4.4 a period.
RAMP_PERIODS = 0.5
SETTLE_PERIODS = 2.0

#: The strong shaking of the greatest quakes lasts a minute or two; a trigger lasting longer than this has found a
#: new noise level. Arrivals within it are found by their own rise over the coda.
LONGEST_S = 60.0

#: Integers are not believed below this power: one count, spread evenly over all frequencies.
COUNT_POWER = 1.0

Number = TypeVar("Number", np.float64, np.int64)

#: Room for rows, at the least: what a chunk of samples can give in every band.
_ROWS = 32_768


@dataclass(frozen=True, slots=True)
class Trigger:
    """A channel's power rose in a band.

    on_ns    the sample at which STA over LTA crossed
    at_ns    the sample at which this was said
    ended    False when said first (the rise has lasted), True when said again at its end
    ratio    greatest power over that before, so far; its square root is an SNR
    """

    source: SourceId
    band: Band
    on_ns: int
    at_ns: int
    ended: bool
    ratio: float


class Watch:
    """The stage that listens to every channel in several bands.

    aperture_m  size of the network, see choose_bands
    roster      numbers the channels; share one between stages that see the same packets

    Packets must come ordered per channel, as Acquire gives them. A packet that does not follow its channel's last
    within two samples starts afresh: nothing triggers until filters and averages have settled. State is 0.2 kB per
    channel and 0.14 kB per band of it.
    """

    def __init__(self, aperture_m: float, roster: Roster | None = None) -> None:
        self.aperture_m = aperture_m
        self._roster = Roster() if roster is None else roster
        self._bands: list[tuple[Band, ...]] = []
        self._plan_keys = np.empty(0, dtype=np.int64)
        self._plan_rate_hz = np.empty(0)
        self._plan_bands = np.empty(0, dtype=np.int64)
        self._plan_reals = np.empty((0, 1, kernel.PLAN_REALS))
        self._plan_wholes = np.empty((0, 1, kernel.PLAN_WHOLES), dtype=np.int64)
        self._channel_wholes = np.empty((0, kernel.CHANNEL_WHOLES), dtype=np.int64)
        self._channel_reals = np.empty((0, kernel.CHANNEL_REALS))
        self._history = np.empty((0, kernel.HISTORY))
        self._band_reals = np.empty((0, 1, kernel.BAND_REALS))
        self._band_wholes = np.empty((0, 1, kernel.BAND_WHOLES), dtype=np.int64)
        self._raw = np.empty(kernel.HISTORY + kernel.CHUNK)
        self._clean = np.empty(2 + kernel.CHUNK)
        self._difference = np.empty(kernel.CHUNK)
        self._row_wholes = np.empty((_ROWS, kernel.ROW_WHOLES), dtype=np.int64)
        self._row_ratio = np.empty(_ROWS)

    def handle(self, batch: PacketBatch) -> tuple[Trigger, ...]:
        """Listen to packets; returns the triggers confirmed and ended in them, in the order they were said."""
        rows = self._roster.rows(batch.channels)
        self._grow(len(self._roster))
        packet_rows = rows[batch.channel]
        counts = batch.samples.dtype == np.int32
        cursor = np.zeros(kernel.CURSOR_WHOLES, dtype=np.int64)
        said: list[Trigger] = []
        while True:
            why = kernel.pass_packets(
                packet_rows,
                batch.start_ns,
                batch.rate_hz,
                batch.offset,
                batch.samples,
                counts,
                self._plan_keys,
                self._plan_rate_hz,
                self._plan_bands,
                self._plan_reals,
                self._plan_wholes,
                self._channel_wholes,
                self._channel_reals,
                self._history,
                self._band_reals,
                self._band_wholes,
                self._raw,
                self._clean,
                self._difference,
                self._row_wholes,
                self._row_ratio,
                cursor,
            )
            said.extend(self._given(cursor))
            if why == kernel.DONE:
                return tuple(said)
            if why == kernel.NEEDS_PLAN:
                self._plan(float(batch.rate_hz[cursor[kernel.AT_PACKET]]), counts)

    def elapse(self, now_ns: int) -> tuple[Trigger, ...]:
        """End the triggers of channels that have said nothing up to now_ns for LONGEST_S."""
        silent = self._channel_wholes[:, kernel.NEXT_NS] < now_ns - round(LONGEST_S * NS_PER_S)
        phase = self._band_wholes[:, :, kernel.PHASE]
        on = silent[:, np.newaxis] & ((phase == kernel.ON) | (phase == kernel.RISING_AGAIN))
        ended = []
        for row, band in np.argwhere(on).tolist():
            wholes, reals = self._band_wholes[row, band], self._band_reals[row, band]
            at_ns = int(self._channel_wholes[row, kernel.NEXT_NS])
            ratio = float(reals[kernel.PEAK] / reals[kernel.REFERENCE])
            plan = int(self._channel_wholes[row, kernel.PLAN])
            source, named = self._roster.sources[row], self._bands[plan][band]
            ended.append(Trigger(source, named, int(wholes[kernel.ON_NS]), at_ns, ended=True, ratio=ratio))
            # The next packet starts afresh after such a gap; until then nothing is on.
            wholes[kernel.PHASE] = kernel.QUIET
        return tuple(ended)

    def _given(self, cursor: NDArray[np.int64]) -> list[Trigger]:
        """The rows the kernel has given, as triggers; makes room for more."""
        count = int(cursor[kernel.AT_ROW])
        cursor[kernel.AT_ROW] = 0
        rows, ratios = self._row_wholes[:count].tolist(), self._row_ratio[:count].tolist()
        return [
            Trigger(self._roster.sources[row], self._bands[plan][band], on_ns, at_ns, ended == 1, ratio)
            for (row, plan, band, on_ns, at_ns, ended), ratio in zip(rows, ratios, strict=True)
        ]

    def _grow(self, channels: int) -> None:
        """Make room for more channels."""
        have = len(self._history)
        if channels <= have:
            return
        more = max(channels, have + have // 2) - have
        fresh = np.zeros((more, kernel.CHANNEL_WHOLES), dtype=np.int64)
        fresh[:, kernel.PLAN] = -1
        fresh[:, kernel.NEXT_NS] = np.iinfo(np.int64).min // 2
        bands = self._band_reals.shape[1]
        self._channel_wholes = np.concatenate([self._channel_wholes, fresh])
        self._channel_reals = np.concatenate([self._channel_reals, np.zeros((more, kernel.CHANNEL_REALS))])
        self._history = np.concatenate([self._history, np.zeros((more, kernel.HISTORY))])
        self._band_reals = np.concatenate([self._band_reals, np.zeros((more, bands, kernel.BAND_REALS))])
        self._band_wholes = np.concatenate(
            [self._band_wholes, np.zeros((more, bands, kernel.BAND_WHOLES), dtype=np.int64)]
        )

    def _plan(self, packet_hz: float, counts: bool) -> None:
        """Add the plan for a sampling rate, of three significant digits, and kind of samples."""
        key = kernel.plan_key(packet_hz, counts)
        decade, digits = divmod(key // 2, 10_000)
        rate_hz = float(f"{digits}e{decade - 2}")
        bands = choose_bands(rate_hz, self.aperture_m)
        widest = max(self._band_reals.shape[1], len(bands))
        reals = np.zeros((1, widest, kernel.PLAN_REALS))
        wholes = np.zeros((1, widest, kernel.PLAN_WHOLES), dtype=np.int64)
        for number, band in enumerate(bands):
            reals[0, number], wholes[0, number] = plan_band(band, rate_hz, counts=counts)
        if bands:
            # One fade for all bands: the lowest needs the longest.
            wholes[0, :, kernel.RAMP] = wholes[0, 0, kernel.RAMP]
        self._band_reals, self._band_wholes = _wider(self._band_reals, widest), _wider(self._band_wholes, widest)
        self._plan_reals = np.concatenate([_wider(self._plan_reals, widest), reals])
        self._plan_wholes = np.concatenate([_wider(self._plan_wholes, widest), wholes])
        self._plan_keys = np.append(self._plan_keys, key)
        self._plan_rate_hz = np.append(self._plan_rate_hz, rate_hz)
        self._plan_bands = np.append(self._plan_bands, len(bands))
        self._bands.append(bands)


def _wider(array: NDArray[Number], bands: int) -> NDArray[Number]:
    have = array.shape[1]
    if have == bands:
        return array
    more = np.zeros((array.shape[0], bands - have, array.shape[2]), dtype=array.dtype)
    return np.concatenate([array, more], axis=1)


def plan_band(band: Band, rate_hz: float, *, counts: bool) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What the kernel needs to know of a band at a sampling rate: [PLAN_REALS], [PLAN_WHOLES]. counts: integers."""
    sections = band.sections(rate_hz)
    gain = sections[0, 0] * sections[1, 0]
    sta = max(1, round(band.sta_s * rate_hz))
    lta = round(band.lta_s * rate_hz)
    reals = np.zeros(kernel.PLAN_REALS)
    reals[kernel.A1], reals[kernel.A2] = sections[0, 4:]
    reals[kernel.B1], reals[kernel.B2] = sections[1, 4:]
    reals[kernel.STA_NEW], reals[kernel.STA_OLD] = 1 / sta, 1 - 1 / sta
    reals[kernel.LTA_NEW], reals[kernel.LTA_OLD] = 1 / lta, 1 - 1 / lta
    reals[kernel.CODA_RISE], reals[kernel.CODA_FALL] = 1 / (RISE_STAS * sta), 1 / (FALL_STAS * sta)
    reals[kernel.ON_RATIO], reals[kernel.OFF_RATIO] = ON_RATIO, OFF_RATIO
    reals[kernel.AGAIN_RATIO], reals[kernel.REARM_RATIO] = AGAIN_RATIO, REARM_RATIO
    if counts:
        reals[kernel.FLOOR] = COUNT_POWER * (band.high_hz - band.low_hz) / (rate_hz / 2) / gain**2
    wholes = np.zeros(kernel.PLAN_WHOLES, dtype=np.int64)
    wholes[kernel.RAMP] = round(RAMP_PERIODS / band.low_hz * rate_hz)
    wholes[kernel.SETTLE] = round(SETTLE_PERIODS / band.low_hz * rate_hz)
    wholes[kernel.FILL] = round(FILL_STAS * sta)
    wholes[kernel.LTA_LENGTH] = lta
    wholes[kernel.CONFIRM] = max(2, round(CONFIRM_STAS * sta))
    wholes[kernel.APART] = round(APART_STAS * sta)
    wholes[kernel.LONGEST] = round(LONGEST_S * rate_hz)
    return reals, wholes
