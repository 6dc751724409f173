"""The streaming kernel against its readable twin, against ObsPy and SciPy, and against what must not trigger it."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import obspy
import pytest
from obspy.signal.trigger import recursive_sta_lta, trigger_onset
from scipy.signal import sosfilt

from houfeng.quake.detect import trigger
from houfeng.quake.detect.bands import choose_bands
from houfeng.quake.detect.trigger import Trigger, Watch
from houfeng.quake.detect.twin_kernel import twin_triggers, without_spikes
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch, Segment
from houfeng.words.source import SourceId

SOURCE = SourceId("XX", "ABC", "", "HHZ")
START_NS = 1_700_000_000_123_456_789


def batch_of(segment: Segment, packet: int) -> PacketBatch:
    """One run as packets of so many samples."""
    edges = np.append(np.arange(0, len(segment.samples), packet), len(segment.samples)).astype(np.int64)
    count = len(edges) - 1
    starts = np.array([segment.time_ns(edge) for edge in edges[:-1]], dtype=np.int64)
    channel, rates = np.zeros(count, dtype=np.int32), np.full(count, segment.rate_hz)
    return PacketBatch((segment.source,), channel, starts, rates, edges, segment.samples)


def noise(count: int, seed: int, power: float = 1e6) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count) * np.sqrt(power)


def quake(rate_hz: float, seed: int, seconds: float = 30.0) -> np.ndarray:
    """A decaying burst of noise."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    return noise(len(t), seed, power=1.0) * np.exp(-t / 3)


def listened(
    samples: np.ndarray, rate_hz: float = 100.0, packet: int = 100, aperture_m: float = 100e3
) -> list[Trigger]:
    segment = Segment(SOURCE, START_NS, rate_hz, samples)
    return list(Watch(aperture_m).handle(batch_of(segment, packet)))


def onsets_s(triggers: list[Trigger]) -> list[float]:
    return sorted((t.on_ns - START_NS) / NS_PER_S for t in triggers if not t.ended)


@pytest.mark.parametrize("rate_hz", [20.0, 31.2, 100.0, 250.0])
@pytest.mark.parametrize("kind", [np.int32, np.float64])
def test_says_what_its_twin_says(rate_hz: float, kind: type) -> None:
    samples = noise(int(120 * rate_hz), seed=1)
    for second, size in ((30, 20.0), (36, 15.0), (42, 40.0), (80, 3.0)):
        at = int(second * rate_hz)
        burst = quake(rate_hz, seed=second)
        samples[at : at + len(burst)] += 1e3 * size * burst
    samples[int(100 * rate_hz)] += 1e8
    segment = Segment(SOURCE, START_NS, rate_hz, (samples + 12_345).astype(kind))
    watch = Watch(100e3)
    said = list(watch.handle(batch_of(segment, 77)))
    said += watch.elapse(segment.end_ns + 3600 * NS_PER_S)
    bands = choose_bands(rate_hz, 100e3)
    twin = twin_triggers(segment, bands)
    for band in bands:
        ours, twins = [t for t in said if t.band == band], [t for t in twin if t.band == band]
        assert ours
        assert [t.ended for t in ours] == [t.ended for t in twins]
        assert [t.on_ns for t in ours] == pytest.approx([t.on_ns for t in twins], abs=1)  # cut at another ns
        assert [t.at_ns for t in ours] == pytest.approx([t.at_ns for t in twins], abs=1)
        assert [t.ratio for t in ours] == pytest.approx([t.ratio for t in twins], rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_first_onset_is_obspys_to_the_sample(seed: int) -> None:
    rate_hz = 100.0
    samples = noise(int(400 * rate_hz), seed)
    at = int(350.3 * rate_hz)
    samples[at : at + 3000] += 1e4 * quake(rate_hz, seed + 100)
    samples[0] = 0.0  # ObsPy's filters do not take the first value off
    said = [t for t in listened(samples) if not t.ended and t.on_ns > START_NS + 300 * NS_PER_S]
    for band in choose_bands(rate_hz, 100e3):
        filtered = sosfilt(band.sections(rate_hz), samples)
        ratio = recursive_sta_lta(filtered, round(band.sta_s * rate_hz), round(band.lta_s * rate_hz))
        onset = next(on for on, _ in trigger_onset(ratio, trigger.ON_RATIO, trigger.OFF_RATIO) if on > 30_000)
        first = min(t.on_ns for t in said if t.band == band)
        assert round((first - START_NS) / NS_PER_S * rate_hz) == onset


def test_noise_rarely_triggers() -> None:
    rate_hz, hours = 100.0, 2
    said = listened(noise(int(hours * 3600 * rate_hz), seed=3))
    assert len([t for t in said if not t.ended]) / hours <= 3


def test_starts_and_gaps_trigger_nothing() -> None:
    rate_hz, watch, said = 100.0, Watch(100e3), []
    swell = 3e4 * np.sin(2 * np.pi * 0.15 * np.arange(60_000) / rate_hz)  # microseism, 30 times the noise
    samples = (noise(60_000, seed=4) + swell + 1e6).astype(np.int32)
    for k in range(60):
        start_ns = START_NS + k * 11 * NS_PER_S
        said += watch.handle(batch_of(Segment(SOURCE, start_ns, rate_hz, samples[k * 1000 : k * 1000 + 1000]), 100))
    assert len([t for t in said if not t.ended]) <= 2


def test_new_offset_after_a_gap_triggers_nothing() -> None:
    watch, samples = Watch(100e3), noise(20_000, seed=5).astype(np.int32)
    said = list(watch.handle(batch_of(Segment(SOURCE, START_NS, 100.0, samples[:10_000]), 100)))
    moved = samples[10_000:] + np.int32(2_000_000)
    said += watch.handle(batch_of(Segment(SOURCE, START_NS + 200 * NS_PER_S, 100.0, moved), 100))
    assert said == []


@pytest.mark.parametrize("spike", [2**30, -(2**30), 200_000])
def test_single_spike_triggers_nothing(spike: int) -> None:
    samples = noise(6000, seed=6).astype(np.int32)
    for at in (2000, 3099, 3200, 3401):  # in the middle, at the end and the start of packets
        samples[at] += np.int32(spike)
    assert listened(samples) == []


def test_stuck_channel_triggers_nothing() -> None:
    assert listened(np.full(20_000, 2**23 - 1, dtype=np.int32)) == []
    assert listened(np.full(20_000, 0.1)) == []


def test_flicker_of_one_count_triggers_nothing() -> None:
    samples = np.full(60_000, 100, dtype=np.int32)
    samples[np.random.default_rng(7).integers(3000, 60_000, 40)] += 1
    samples[40_000:40_050] += 1
    assert listened(samples) == []


def test_silence_before_data_does_not_make_an_onset() -> None:
    samples = noise(20_000, seed=8)
    samples[:5000] = 0.0
    assert listened(samples) == []


def test_absurd_values_do_not_stop_the_channel() -> None:
    samples = noise(90_000, seed=9)
    samples[3000:3010] = [1e308, -1e308] * 5
    samples[60_000:63_000] += 1e60 * quake(100.0, seed=10)
    said = listened(samples)
    assert any(abs(onset - 600) < 1 for onset in onsets_s(said))
    assert all(np.isfinite(t.ratio) for t in said)


def test_swarm_quakes_each_trigger() -> None:
    """Equal quakes 6 s apart, each in the other's coda."""
    samples = noise(12_000, seed=11, power=1.0)
    for second in (60, 66, 72, 78):
        burst = quake(100.0, seed=second)
        samples[second * 100 : second * 100 + 3000] += 300 * burst
    onsets = onsets_s(listened(samples))
    for second in (60, 66, 72, 78):
        assert any(0 <= onset - second < 0.5 for onset in onsets), (second, onsets)


def test_lasting_noise_ends_its_trigger() -> None:
    samples = noise(40_000, seed=12)
    samples[10_000:] *= 5
    said = listened(samples)
    for band in choose_bands(100.0, 100e3):
        last = [t for t in said if t.band == band][-1]
        assert last.ended
        assert (last.at_ns - START_NS) / NS_PER_S < 100 + trigger.LONGEST_S + 30


def test_new_rate_starts_afresh() -> None:
    watch = Watch(100e3)
    samples = noise(40_000, seed=13).astype(np.int32)
    first = Segment(SOURCE, START_NS, 100.0, samples[:10_000])
    said = list(watch.handle(batch_of(first, 100)))
    second = Segment(SOURCE, first.end_ns, 40.0, samples[10_000:])
    said += watch.handle(batch_of(second, 100))
    assert said == []


def test_nothing_is_heard_where_no_band_fits() -> None:
    for rate_hz in (1e-6, 0.1, 1.0, 5000.0, 1e12):
        segment = Segment(SOURCE, START_NS, rate_hz, noise(1000, seed=14))
        assert Watch(100e3).handle(batch_of(segment, 100)) == ()


def test_rows_make_room_for_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigger, "_ROWS", 3 * (2048 + 2) + 1)
    samples = noise(40_000, seed=15)
    for at in range(2000, 38_000, 1500):
        samples[at : at + 300] *= 30
    few = listened(samples)
    monkeypatch.undo()
    assert few == listened(samples)
    assert len(few) > 40


def test_silent_channels_end_their_triggers() -> None:
    samples = noise(6000, seed=16)
    samples[5500:] *= 30
    watch = Watch(100e3)
    said = list(watch.handle(batch_of(Segment(SOURCE, START_NS, 100.0, samples), 100)))
    assert watch.elapse(START_NS + 70 * NS_PER_S) == ()
    ended = watch.elapse(START_NS + 3600 * NS_PER_S)
    assert {t.band for t in ended} == {t.band for t in said if not t.ended}
    assert watch.elapse(START_NS + 7200 * NS_PER_S) == ()


def test_spikes_are_replaced_by_their_neighbours() -> None:
    samples = np.arange(100) % 7 * 10.0
    spiked = samples.copy()
    spiked[50] += 1e6
    assert without_spikes(spiked)[50] == (samples[49] + samples[51]) / 2
    assert np.array_equal(without_spikes(samples), samples)


def _files(folder: Path) -> Iterator[tuple[str, obspy.Stream]]:
    for path in sorted(folder.glob("*.mseed")):
        yield path.name, obspy.read(str(path))


def _segment(trace: obspy.Trace) -> Segment:
    stats = trace.stats
    kind = np.int32 if trace.data.dtype.kind == "i" else np.float64
    source = SourceId(stats.network, stats.station, stats.location, stats.channel)
    return Segment(source, stats.starttime.ns, float(stats.sampling_rate), trace.data.astype(kind))


@pytest.mark.parametrize(
    ("folder", "aperture_m", "share"), [("picks_stead_a", 100e3, 0.95), ("picks_ncedc_a", 100e3, 0.95)]
)
def test_analysts_p_has_a_trigger(houfeng_data: Path, folder: str, aperture_m: float, share: float) -> None:
    with (houfeng_data / folder / "truth" / "picks.csv").open() as file:
        truth = {row["file"]: obspy.UTCDateTime(row["p_time"]).ns for row in csv.DictReader(file)}
    hit = 0
    for name, stream in _files(houfeng_data / folder / "waveforms"):
        watch = Watch(aperture_m)
        vertical = [trace for trace in stream if trace.stats.channel.endswith("Z")] or list(stream)
        said = [t for trace in vertical for t in watch.handle(batch_of(_segment(trace), 100))]
        hit += any(abs(t.on_ns - truth[name]) <= 0.5 * NS_PER_S for t in said if not t.ended)
    assert hit / len(truth) >= share


def test_malformed_recordings_trigger_nothing(houfeng_data: Path) -> None:
    files = houfeng_data / "malformed_a" / "files"
    stuck = obspy.read(str(files / "stuck_full_scale.mseed"))
    assert [t for trace in stuck for t in Watch(40e3).handle(batch_of(_segment(trace), 100))] == []
    (spiked,) = obspy.read(str(files / "single_spike.mseed"))
    spike_ns = (spiked.stats.starttime + int(np.argmax(np.abs(spiked.data))) * spiked.stats.delta).ns
    said = Watch(40e3).handle(batch_of(_segment(spiked), 100))
    assert [t for t in said if abs(t.on_ns - spike_ns) < 10 * NS_PER_S] == []
