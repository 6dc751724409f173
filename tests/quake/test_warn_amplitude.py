"""Streaming amplitudes: laws first, then against filters run over whole records, then real records."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt

from houfeng.quake.size.peak import FIRST_SECONDS, peak_relation
from houfeng.quake.warn import amplitude_kernel as kernel
from houfeng.quake.warn.amplitude import LEARN_S, SETTLE_S, Amplitudes
from houfeng.wire.inventory import read_inventory
from houfeng.wire.waveforms import read_waveforms
from houfeng.words.instant import EARLIEST_NS, LATEST_NS, NS_PER_S, parse_instant
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Inventory, Response, Station

RATE_HZ = 100.0
START_NS = 1_700_000_000 * NS_PER_S
CELL_S = kernel.CELL_S
SENSITIVITY = {"m/s": 6e8, "m/s2": 4e5}


def described(names: Sequence[str], *, scale: float = 1.0, key: str = "ABC") -> tuple[list[SourceId], Inventory]:
    """A station of channels by name: an N as second letter is an accelerometer, an X has no response."""
    sources = [SourceId("XX", key, "", name) for name in names]
    channels = []
    for source in sources:
        units = "m/s2" if source.channel[1] == "N" else "m/s"
        response = None if source.channel[1] == "X" else Response(units, SENSITIVITY[units] * scale, 1.0)
        channels.append(Channel(source, dip_deg=-90.0 if source.component == "Z" else 0.0, response=response))
    return sources, Inventory((Station("XX", key, 0.0, 0.0, channels=tuple(channels)),))


def packets(
    sources: Sequence[SourceId],
    runs: Sequence[tuple[int, int, np.ndarray]],
    rate_hz: float = RATE_HZ,
    start_ns: int = START_NS,
) -> PacketBatch:
    """A batch of (channel, sample at which it begins, samples)."""
    sizes = [len(samples) for _, _, samples in runs]
    return PacketBatch(
        tuple(sources),
        np.array([channel for channel, _, _ in runs], dtype=np.int32),
        np.array([start_ns + round(at / rate_hz * NS_PER_S) for _, at, _ in runs], dtype=np.int64),
        np.full(len(runs), rate_hz),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([samples for _, _, samples in runs]),
    )


def ground(count: int, seed: int = 0) -> np.ndarray:
    """Counts of something like ground noise with an offset, and a swing in the middle."""
    rng = np.random.default_rng(seed)
    noise = 200.0 * rng.standard_normal(count) + 20.0 * rng.standard_normal(count).cumsum() / 10
    noise[count // 2 : count // 2 + 400] += 3e4 * np.sin(np.arange(400) / 9) * np.exp(-np.arange(400) / 150)
    return np.round(noise + 5_000).astype(np.int32)


def heard(samples: np.ndarray, name: str = "HHZ", *, scale: float = 1.0, rate_hz: float = RATE_HZ) -> Amplitudes:
    sources, inventory = described([name], scale=scale)
    ours = Amplitudes(inventory)
    ours.handle(packets(sources, [(0, 0, samples)], rate_hz))
    return ours


def told(ours: Amplitudes, onset_s: float, longest_s: float = 4.0) -> tuple[float, float, float]:
    onsets = ours.since(np.array([0]), np.array([START_NS + round(onset_s * NS_PER_S)]), longest_s)
    return float(onsets.peak_m[0]), float(onsets.window_s[0]), float(onsets.noise_m[0])


@given(cuts=st.lists(st.integers(1, 3999), max_size=30, unique=True), kind=st.sampled_from(["HHZ", "HNZ"]))
@settings(max_examples=40, deadline=None)
def test_cutting_into_packets_changes_nothing(cuts: list[int], kind: str) -> None:
    samples = ground(4000)
    edges = [0, *sorted(cuts), len(samples)]
    sources, inventory = described([kind])
    ours = Amplitudes(inventory)
    for low, high in pairwise(edges):
        ours.handle(packets(sources, [(0, low, samples[low:high])]))
    whole = heard(samples, kind)
    assert told(ours, 20.0) == told(whole, 20.0)
    assert np.array_equal(ours.shaking(np.array([0]), 30.0), whole.shaking(np.array([0]), 30.0))
    assert np.array_equal(ours.noise_m, whole.noise_m)
    assert np.array_equal(ours.front_ns, whole.front_ns)


@given(order=st.permutations(range(6)))
@settings(max_examples=20, deadline=None)
def test_channels_do_not_touch_each_other(order: list[int]) -> None:
    names = ["HHZ", "HHN", "HHE", "HNZ", "HNN", "HNE"]
    sources, inventory = described(names)
    runs = [(channel, 0, ground(3000, seed=channel)) for channel in range(6)]
    together, apart = Amplitudes(inventory), Amplitudes(inventory)
    together.handle(packets(sources, runs))
    for channel in order:
        apart.handle(packets(sources, [runs[channel]]))
    rows = np.array([apart._roster.row(source) for source in sources])
    assert np.array_equal(together.shaking(np.arange(6)), apart.shaking(rows))
    assert together.stations().upright.tolist() == [0]


@given(factor=st.sampled_from([1e-3, 0.5, 3.0, 1e4]))
@settings(deadline=None)
def test_displacement_scales_with_the_response(factor: float) -> None:
    peak, window, noise = told(heard(ground(4000)), 20.0)
    scaled, same, noise_scaled = told(heard(ground(4000), scale=1 / factor), 20.0)
    assert same == window
    assert scaled == pytest.approx(peak * factor, rel=1e-6)
    assert noise_scaled == pytest.approx(max(noise * factor, kernel.LEAST_NOISE_M), rel=1e-6)


@given(longest=st.lists(st.floats(0.5, 10.0), min_size=2, max_size=2))
@settings(deadline=None)
def test_a_longer_window_never_shows_less(longest: list[float]) -> None:
    ours = heard(ground(4000))
    short, long = (told(ours, 19.8, window) for window in sorted(longest))
    assert short[0] <= long[0]
    assert short[1] <= long[1]


def test_the_window_ends_at_s_and_at_what_is_known() -> None:
    ours = heard(ground(4000))
    onset_ns = np.array([START_NS + 19 * NS_PER_S])
    before = ours.since(np.array([0]), onset_ns, 4.0, onset_ns + NS_PER_S)
    assert before.window_s[0] == pytest.approx(1.0)
    assert before.peak_m[0] * 20 < ours.since(np.array([0]), onset_ns, 4.0).peak_m[0]
    assert told(ours, 39.0)[1] == pytest.approx(1.0)
    assert np.isnan(told(ours, 41.0)[0])
    assert told(ours, 41.0)[1] == 0.0


def reference(samples: np.ndarray, units: str, rate_hz: float) -> dict[str, np.ndarray]:
    """What the ground did, by SciPy over the whole record."""
    learn = round(LEARN_S * rate_hz)
    x = (samples[learn:] - samples[:learn].mean()) / SENSITIVITY[units]
    relation = peak_relation(FIRST_SECONDS)
    high = butter(2, relation.highpass_hz, "highpass", fs=rate_hz, output="sos")
    integral = high.copy()
    integral[0, :3] = high[0, 0] / (2 * rate_hz) * np.array([1.0, 0.0, -1.0])
    low = butter(2, relation.lowpass_hz, fs=rate_hz, output="sos")
    first, second = sosfilt(high, x), sosfilt(integral, x)
    if units == "m/s":
        return {"push": np.diff(first, prepend=0.0) * rate_hz, "speed": first, "moved": sosfilt(low, second)}
    return {"push": first, "speed": second, "moved": sosfilt(low, sosfilt(integral, second))}


@pytest.mark.parametrize("rate_hz", [20.0, 31.2, 100.0, 250.0])
@pytest.mark.parametrize("name", ["HHZ", "HNZ", "HHE", "HNE"])
def test_agrees_with_filters_over_the_whole_record(name: str, rate_hz: float) -> None:
    samples = ground(round(40 * rate_hz))
    units = "m/s2" if name[1] == "N" else "m/s"
    wanted = reference(samples.astype(np.float64), units, rate_hz)
    ours = heard(samples, name, rate_hz=rate_hz)
    index = np.arange(round(LEARN_S * rate_hz), len(samples))
    cell = (START_NS + np.round(index / rate_hz * NS_PER_S).astype(np.int64)) // kernel.CELL_NS
    onset_s = 20.0
    inside = (cell >= (START_NS + round(onset_s * NS_PER_S)) // kernel.CELL_NS) & (index < 24 * rate_hz)
    late = cell > cell[-1] - round(10 / CELL_S)
    pga, pgv = ours.shaking(np.array([0]), 10.0)
    assert pga[0] == pytest.approx(np.abs(wanted["push"][late]).max(), rel=1e-6)
    assert pgv[0] == pytest.approx(np.abs(wanted["speed"][late]).max(), rel=1e-6)
    if name.endswith("Z"):
        assert told(ours, onset_s)[0] == pytest.approx(np.abs(wanted["moved"][inside]).max(), rel=1e-6)
    else:
        assert np.isnan(told(ours, onset_s)[0])


def test_a_sine_shows_its_own_displacement() -> None:
    """1 Hz: the two filters leave 99.4 % of it."""
    t = np.arange(6000) / RATE_HZ
    velocity = 1e-3 * 2 * np.pi * np.cos(2 * np.pi * t)
    ours = heard((velocity * SENSITIVITY["m/s"]).astype(np.int32))
    assert told(ours, 40.0)[0] == pytest.approx(1e-3, rel=0.01)
    acceleration = -1e-3 * (2 * np.pi) ** 2 * np.sin(2 * np.pi * t)
    strong = heard((acceleration * SENSITIVITY["m/s2"]).astype(np.int32), "HNZ")
    assert told(strong, 40.0)[0] == pytest.approx(1e-3, rel=0.01)


def test_an_offset_of_any_size_is_no_motion() -> None:
    samples = ground(4000)
    for offset in (-8_000_000, 8_000_000):
        shifted = told(heard(samples + np.int32(offset), "HNZ"), 20.0)
        assert shifted == pytest.approx(told(heard(samples, "HNZ"), 20.0), rel=1e-5)


def test_after_a_gap_amplitudes_wait_and_noise_stays() -> None:
    samples = ground(12_000)
    sources, inventory = described(["HHZ"])
    ours = Amplitudes(inventory)
    ours.handle(packets(sources, [(0, 0, samples[:4000])]))
    level = float(ours.noise_m[0])
    ours.handle(packets(sources, [(0, 4300, samples[4300:5000])]))
    assert ours.restarts == 1
    assert told(ours, 20.0) == told(heard(samples[:4000]), 20.0)
    assert told(ours, 44.0)[1] == 0.0
    assert ours.noise_m[0] == pytest.approx(level, rel=0.02)
    ours.handle(packets(sources, [(0, 5000, samples[5000:7000])]))
    believed_s = 43.0 + LEARN_S + SETTLE_S
    assert told(ours, believed_s - 2.0)[1] == pytest.approx(2.0, abs=CELL_S)
    assert told(ours, believed_s + 1.0)[1] == pytest.approx(4.0)


@given(back=st.integers(1, 900), more=st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_what_was_heard_is_skipped_and_counted(back: int, more: int) -> None:
    samples = ground(4000)
    sources, inventory = described(["HHZ"])
    ours = Amplitudes(inventory)
    ours.handle(packets(sources, [(0, 0, samples[:3000])]))
    again = np.full(back + more, -7_000_000, dtype=np.int32)
    again[back:] = samples[3000 : 3000 + more]
    ours.handle(packets(sources, [(0, 3000 - back, again)]))
    ours.handle(packets(sources, [(0, 3000 + more, samples[3000 + more :])]))
    if back > kernel.SLIP_SAMPLES:
        assert ours.skipped == back
        assert told(ours, 20.0) == told(heard(samples), 20.0)
    assert ours.restarts == 0


def test_one_stamp_from_the_future_does_not_deafen() -> None:
    samples = ground(12_000)
    sources, inventory = described(["HHZ"])
    ours = Amplitudes(inventory)
    ours.handle(packets(sources, [(0, 0, samples[:3000])]))
    ours.handle(packets(sources, [(0, 10**9, samples[3000:3100])]))
    for at in range(3100, 12_000, 100):
        ours.handle(packets(sources, [(0, at, samples[at : at + 100])]))
    assert ours.front_ns[0] == START_NS + 120 * NS_PER_S
    assert told(ours, 110.0)[1] == pytest.approx(4.0)


@given(
    bad=st.lists(st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e300, 1e13]), min_size=1, max_size=5),
    at=st.integers(0, 2900),
)
@settings(max_examples=40, deadline=None)
def test_no_value_poisons(bad: list[float], at: int) -> None:
    samples = ground(3000).astype(np.float64)
    samples[at : at + len(bad)] = bad
    sources, inventory = described(["HNZ"])
    ours = Amplitudes(inventory)
    ours.handle(packets(sources, [(0, 0, samples)]))
    ours.handle(packets(sources, [(0, 3000, ground(9000).astype(np.float64))]))
    clean = heard(np.concatenate([ground(3000), ground(9000)]).astype(np.float64), "HNZ")
    assert told(ours, 110.0)[0] == pytest.approx(told(clean, 110.0)[0], rel=1e-3)


@pytest.mark.parametrize("start_ns", [EARLIEST_NS, LATEST_NS - NS_PER_S, 0, -4 * 10**18])
@pytest.mark.parametrize("rate_hz", [1e-300, 1e-2, 1.0, 5e3, 1e300])
def test_absurd_packets_are_passed_over(start_ns: int, rate_hz: float) -> None:
    samples = ground(4000)
    sources, inventory = described(["HHZ"])
    ours = Amplitudes(inventory)
    strange = packets(sources, [(0, 0, samples[:100])], start_ns=start_ns)
    ours.handle(replace(strange, rate_hz=np.array([rate_hz])))
    for at in range(0, 4000, 100):
        ours.handle(packets(sources, [(0, at, samples[at : at + 100])]))
    assert ours.front_ns[0] == START_NS + 40 * NS_PER_S
    assert told(ours, 36.0)[1] == pytest.approx(4.0)


def test_a_channel_without_a_response_has_a_front_and_no_amplitude() -> None:
    ours = heard(ground(4000), "HXZ")
    assert ours.front_ns[0] == START_NS + 40 * NS_PER_S
    assert np.isnan(told(ours, 20.0)[0])
    assert np.isnan(ours.noise_m[0])
    assert np.isnan(ours.shaking(np.array([0]))).all()
    sources, inventory = described(["HXZ"])
    known = replace(inventory.stations[0].channels[0], response=Response("m/s", 6e8, 1.0))
    ours.learn(Inventory((replace(inventory.stations[0], channels=(known,)),)))
    ours.handle(packets(sources, [(0, 4000, ground(4000))]))
    assert told(ours, 60.0) == pytest.approx(told(heard(ground(4000)), 20.0))


def test_noise_is_held_while_something_is_on() -> None:
    quiet = heard(ground(1900)).noise_m[0]
    samples = ground(6000)
    samples[2500:4500] += (2e5 * np.sin(np.arange(2000) / 9)).astype(np.int32)
    assert heard(samples[:4500]).noise_m[0] < 3 * quiet
    assert told(heard(samples), 25.0)[2] < 3 * quiet


def test_full_scale_and_the_same_count_on_end_look_clipped_where_they_are() -> None:
    samples = ground(4000)
    for value, count in ((8_388_607, 1), (100_000, 8)):
        bad = samples.copy()
        bad[2200 : 2200 + count] = value
        ours = heard(bad)
        onsets = ours.since(np.zeros(2, dtype=np.int64), START_NS + np.array([17, 21]) * NS_PER_S, 3.0)
        assert onsets.clipped.tolist() == [False, True]
    assert not heard(samples).since(np.array([0]), np.array([START_NS + 20 * NS_PER_S])).clipped[0]


def test_a_clipped_seismometer_gives_way_to_the_accelerometer() -> None:
    names = ["HHZ", "HHN", "HHE", "HNZ", "HNN", "HNE"]
    sources, inventory = described(names)
    runs = [(channel, 0, ground(4000, seed=channel)) for channel in range(6)]
    ours = Amplitudes(inventory)
    ours.handle(packets(sources, runs))
    onset_ns = np.array([START_NS + 20 * NS_PER_S])
    assert ours.stations_since(np.array([0]), onset_ns).row.tolist() == [0]
    weak = ours.stations().pga_mps2[0]
    for channel in range(3):
        runs[channel][2][2100:2110] = 8_388_607
    ours = Amplitudes(inventory)
    ours.handle(packets(sources, runs))
    onsets = ours.stations_since(np.array([0]), onset_ns)
    assert onsets.row.tolist() == [3]
    assert not onsets.clipped[0]
    view = ours.stations(30.0)
    assert (view.keys, view.upright.tolist()) == (("XX.ABC",), [3])
    strong, _ = ours.shaking(np.array([4, 5]), 30.0)
    assert view.pga_mps2[0] == max(strong) != weak


def test_real_peaks_of_pleasant_hill(houfeng_data: Path) -> None:
    """Accelerometers' largest accelerations agree with those of the whole record, high-passed the same way or not."""
    folder = houfeng_data / "pleasanthill_2019"
    inventory = Inventory(
        tuple(
            station
            for file in sorted((folder / "stations").glob("*.xml"))
            for station in read_inventory(file.read_bytes(), file.name).stations
        )
    )
    with (folder / "truth" / "peaks_sensitivity_only.csv").open(encoding="utf-8") as file:
        truth = {row["id"]: float(row["peak_demeaned"]) for row in csv.DictReader(file)}
    compared = 0
    for path in sorted((folder / "waveforms").glob("*.HN*")):
        ours = Amplitudes(inventory)
        largest = 0.0
        for batch in read_waveforms(path.read_bytes(), path.name).batches:
            for packet in range(len(batch)):
                span = slice(packet, packet + 1)
                ours.handle(
                    replace(
                        batch,
                        channel=batch.channel[span],
                        start_ns=batch.start_ns[span],
                        rate_hz=batch.rate_hz[span],
                        offset=batch.offset[packet : packet + 2],
                    )
                )
                largest = max(largest, float(np.nan_to_num(ours.shaking(np.array([0]), 30.0)[0][0])))
            source = batch.channels[0]
        wanted = truth[source.nslc]
        # trigger records of 3 s before P are not settled when the strongest comes
        if largest > 0 and ours.front_ns[0] > parse_instant("2019-10-15T05:38:00"):
            assert largest == pytest.approx(wanted, rel=0.03), source.nslc
            compared += 1
    assert compared >= 9


def test_the_clipped_records_of_hawaii_look_clipped(houfeng_data: Path) -> None:
    """All verticals but one, which stays under 99 % of full scale; none before P."""
    folder = houfeng_data / "hawaii_clipped_2019"
    with (folder / "truth" / "clipping.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    found = 0
    for path in sorted((folder / "waveforms").glob("*HHZ*")):
        inventory = Inventory(
            read_inventory((folder / "stations" / f"{path.name[:7]}.xml").read_bytes(), path.name).stations
        )
        ours = Amplitudes(inventory)
        quake_ns = parse_instant("2019-04-14T03:09:02")
        for batch in read_waveforms(path.read_bytes(), path.name).batches:
            until = int(np.searchsorted(batch.start_ns, quake_ns + 30 * NS_PER_S))
            ours.handle(
                replace(
                    batch,
                    channel=batch.channel[:until],
                    start_ns=batch.start_ns[:until],
                    rate_hz=batch.rate_hz[:until],
                    offset=batch.offset[: until + 1],
                )
            )
        times = np.array([quake_ns - 10 * NS_PER_S, quake_ns])
        quiet, shaken = ours.since(
            np.zeros(2, dtype=np.int64), times, 30.0, times + np.array([9, 30]) * NS_PER_S
        ).clipped
        assert not quiet
        found += bool(shaken)
    assert found == 5
