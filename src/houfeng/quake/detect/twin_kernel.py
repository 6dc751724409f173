"""The kernel's slow twin: the same triggers from one whole run of samples, written to be read. For tests."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from houfeng.quake.detect import kernel, trigger
from houfeng.quake.detect.bands import Band
from houfeng.quake.detect.trigger import Trigger
from houfeng.words.samples import Segment

Reals = NDArray[np.float64]


def twin_triggers(segment: Segment, bands: tuple[Band, ...]) -> list[Trigger]:
    """What the kernel says about a run of samples that follows a gap and is followed by one; band after band."""
    rate_hz = segment.rate_hz
    x = without_spikes(segment.samples) - float(segment.samples[0])
    # The kernel judges a sample when it has seen the next: one behind, and the run's last sample never.
    x = np.concatenate([[0.0], x[:-1]])
    ramp = round(trigger.RAMP_PERIODS / bands[0].low_hz * rate_hz)
    x[:ramp] *= np.arange(min(ramp, len(x))) / ramp
    said = []
    for band in bands:
        power = np.asarray(sosfilt(band.sections(rate_hz), x) ** 2)
        settle = round(trigger.SETTLE_PERIODS / band.low_hz * rate_hz)
        listener = _Listener(segment, band)
        for index in range(settle, len(power)):
            listener.hear(float(power[index]), segment.time_ns(index - 1))
        if listener.phase in {"on", "rising again"}:
            listener.say(segment.end_ns, ended=True)
        said += listener.said
    return said


def without_spikes(samples: NDArray[np.int32] | Reals) -> Reals:
    """Samples with those that stick out alone replaced by the mean of their neighbours."""
    padding = np.full(kernel.SPIKE_MEMORY + 1, float(samples[0]))
    raw = np.concatenate([padding, samples])
    clean: Reals = raw.copy()
    for at in range(len(padding), len(raw) - 1):
        middle = (raw[at - 1] + raw[at + 1]) / 2
        stands_out = abs(raw[at] - middle)
        mean_step = np.abs(np.diff(raw[at - 1 - kernel.SPIKE_MEMORY : at])).mean()
        alone = abs(raw[at + 1] - raw[at - 1]) < kernel.SPIKE_AGREEMENT * stands_out
        if alone and stands_out > kernel.SPIKE_STEPS * mean_step:
            clean[at] = middle
    return clean[len(padding) :]


class _Listener:
    """The state machine of one band, fed one power after the other."""

    def __init__(self, segment: Segment, band: Band) -> None:
        self.said: list[Trigger] = []
        self.phase = "quiet"
        self._source, self._band, self._rate_hz = segment.source, band, segment.rate_hz
        self._sta_length, self._lta_length = round(band.sta_s * self._rate_hz), round(band.lta_s * self._rate_hz)
        self._floor = 0.0
        if segment.samples.dtype == np.int32:
            self._floor = trigger.COUNT_POWER * (band.high_hz - band.low_hz) / (self._rate_hz / 2)
        self._sta = self._lta = self._coda = self._peak = 0.0
        self._seen = self._since = 0
        self._rose_from = self._on_from = 0.0
        self._rising_ns = self._on_ns = 0
        self._fresh: list[float] = []
        self._may_again = False

    def hear(self, power: float, now_ns: int) -> None:
        """One sample's power."""
        self._since += 1
        if self.phase == "quiet":
            if self._seen == 0 and power == 0:
                return
            self._seen = min(self._seen + 1, self._lta_length)
        self._sta += max(1 / self._sta_length, 1 / self._seen) * (power - self._sta)
        if self.phase == "quiet":
            self._lta += 1 / self._seen * (power - self._lta)
            self._quiet(now_ns)
            return
        pace = self._sta_length * (trigger.RISE_STAS if self._sta > self._coda else trigger.FALL_STAS)
        self._coda += (self._sta - self._coda) / pace
        self._peak = max(self._peak, self._sta)
        if self.phase == "on":
            self._on(now_ns)
        else:
            self._rising(power, now_ns)

    def say(self, at_ns: int, *, ended: bool) -> None:
        """Give out the present trigger."""
        ratio = self._peak / self._on_from
        self.said.append(Trigger(self._source, self._band, self._on_ns, at_ns, ended, ratio))

    @property
    def _noise(self) -> float:
        return self._lta + self._floor

    def _rise(self, phase: str, level: float, now_ns: int) -> None:
        self.phase, self._since, self._fresh = phase, 0, []
        self._rising_ns, self._rose_from = now_ns, level

    def _quiet(self, now_ns: int) -> None:
        fill = round(trigger.FILL_STAS * self._sta_length)
        if self._seen >= fill and self._sta > trigger.ON_RATIO * self._noise:
            self._rise("rising", self._noise, now_ns)
            self._coda, self._peak = self._noise, self._sta

    def _rising(self, power: float, now_ns: int) -> None:
        confirm = round(trigger.CONFIRM_STAS * self._sta_length)
        if self._since > confirm // 2:
            self._fresh.append(power)
        if self._since < confirm:
            return
        again = self.phase == "rising again"
        if np.mean(self._fresh) > trigger.OFF_RATIO * self._rose_from:
            if again:
                self.say(self._rising_ns, ended=True)
                self._peak = self._sta
            self.phase, self._on_ns, self._may_again = "on", self._rising_ns, False
            self._on_from = self._rose_from
            self.say(now_ns, ended=False)
        elif again:
            self.phase, self._may_again = "on", False
        else:
            self.phase, self._sta = "quiet", self._lta

    def _on(self, now_ns: int) -> None:
        if self._sta < trigger.OFF_RATIO * self._noise:
            self.say(now_ns, ended=True)
            self.phase = "quiet"
        elif self._since >= round(trigger.LONGEST_S * self._rate_hz):
            self.say(now_ns, ended=True)
            self.phase, self._lta = "quiet", self._coda
        elif self._sta < trigger.REARM_RATIO * self._coda:
            self._may_again |= self._since >= round(trigger.APART_STAS * self._sta_length)
        elif self._may_again and self._sta > max(trigger.AGAIN_RATIO * self._coda, trigger.ON_RATIO * self._noise):
            self._rise("rising again", self._coda, now_ns)
