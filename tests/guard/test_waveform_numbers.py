"""Numbers no digitiser writes, gains and clocks that step, and onsets no wave makes."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_records import RATE_HZ, SOURCE, START_NS, batches, ground, segment
from numpy.typing import NDArray

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.waveform.clock import ClockJudge, ResidualJudge
from houfeng.guard.waveform.gain import GainJudge
from houfeng.guard.waveform.moveout import MoveoutJudge
from houfeng.guard.waveform.synthetic import SyntheticJudge
from houfeng.guard.waveform.texture import ANCHOR, empty_levels, find_loop, longest_run, look
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.quake import Arrival, Origin, Phase, Pick, Quake
from houfeng.words.samples import Samples
from houfeng.words.source import SourceId

Ints = NDArray[np.int32]


def heard(samples: Samples, *judges: SyntheticJudge | GainJudge | ClockJudge, packet_s: float = 5.0) -> list[Judgement]:
    said = [j for batch in batches(segment(samples), packet_s) for judge in judges for j in judge.handle(batch)]
    for judgement in said:
        assert rules_of("waveform")[judgement.detector].facts <= dict(judgement.facts).keys()
    return said


def detectors(said: list[Judgement]) -> list[str]:
    return [judgement.detector for judgement in said]


def half_changed(change: Callable[[Ints], NDArray[np.generic]], seconds: float = 200, spread: float = 300.0) -> Ints:
    samples = ground(seconds, seed=1, spread=spread)
    half = len(samples) // 2
    return np.concatenate([samples[:half], np.rint(change(samples[half:])).astype(np.int32)])


TRICKS = {
    "one value held for good": (lambda x: np.full(len(x), x[0]), "waveform-frozen"),
    "the last seven seconds over and over": (lambda x: np.resize(x[:350], len(x)), "waveform-loop"),
    "a slower channel's samples": (lambda x: np.repeat(x[::4], 4)[: len(x)], "waveform-held"),
    "bits cut off": (lambda x: x // 8 * 8, "waveform-comb"),
    "whole gain": (lambda x: 10 * x, "waveform-comb"),
    "white noise": (lambda x: np.random.default_rng(5).normal(0, 300, len(x)), "waveform-white"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_attack(trick: str) -> None:
    change, detector = TRICKS[trick]
    assert detectors(heard(half_changed(change), SyntheticJudge())) == [detector]


def test_a_gain_of_a_fifth_more_leaves_a_comb_where_levels_are_few() -> None:
    assert detectors(heard(half_changed(lambda x: 1.2 * x, spread=20.0), SyntheticJudge())) == ["waveform-comb"]


def test_a_shock_beyond_the_range_is_clipped_not_frozen() -> None:
    samples = ground(200, seed=1).astype(np.float64)
    samples[5000:6500] += 1e6 * np.sin(np.arange(1500) / 40)
    clipped = np.clip(samples, -5e5, 5e5)
    assert detectors(heard(np.rint(clipped).astype(np.int32), SyntheticJudge())) == ["waveform-clipped"]


def test_ground_noise_is_none_of_it() -> None:
    assert heard(ground(1200, seed=1), SyntheticJudge(), GainJudge(), ClockJudge()) == []


def test_what_goes_on_is_told_once_and_again_after_it_was_gone() -> None:
    judge = SyntheticJudge()
    first = ground(60, seed=1)
    looped = np.resize(first[:350], 5000)
    whole = np.concatenate([first, looped, ground(900, seed=2), looped])
    assert detectors(heard(whole, judge)) == ["waveform-loop", "waveform-loop"]


@pytest.mark.parametrize(("gain", "factor"), [(2.0, "2.0"), (0.1, "0.10"), (10.0, "10.0")])
def test_a_gain_step(gain: float, factor: str) -> None:
    said = heard(half_changed(lambda x: gain * x, seconds=600), GainJudge())
    assert detectors(said) == ["waveform-gain"]
    assert abs(float(dict(said[0].facts)["factor"]) / float(factor) - 1) < 0.1


def test_a_gain_of_a_fifth_is_not_claimed() -> None:
    assert heard(half_changed(lambda x: 1.2 * x, seconds=600), GainJudge()) == []


def test_the_microseism_filtered_out() -> None:
    rng = np.random.default_rng(3)
    t = np.arange(30_000) / RATE_HZ
    swell = 5000 * np.sin(2 * np.pi * 0.2 * t + np.cumsum(rng.normal(0, 0.02, len(t))))
    noise = ground(600, seed=4)
    samples = np.rint(noise + np.where(t < 300, swell, 0)).astype(np.int32)
    assert detectors(heard(samples, GainJudge())) == ["waveform-microseism"]


def test_weather_that_all_stations_feel_is_no_gain() -> None:
    judge = GainJudge()
    sources = [SourceId("XX", f"S{k}", "", "HHZ") for k in range(5)]
    storms = [half_changed(lambda x: 4 * x, seconds=600)] * 5
    streams = [batches(segment(storm, source=source), 20.0) for storm, source in zip(storms, sources, strict=True)]
    # The first station has no neighbour's minute to compare with yet; every other has.
    said = [j.subject for minute in zip(*streams, strict=True) for batch in minute for j in judge.handle(batch)]
    assert set(said) <= {source.nslc for source in sources[:3]}


@pytest.mark.parametrize("step_s", [0.1, 0.5, 2.0, -0.1, -0.5])
def test_a_clock_step_tears_the_record(step_s: float) -> None:
    judge = ClockJudge()
    samples = ground(100, seed=1)
    said = [j for batch in batches(segment(samples[:2500])) for j in judge.handle(batch)]
    later = segment(samples[2500:], after_s=50 + step_s)
    said += [j for batch in batches(later) for j in judge.handle(batch)]
    assert detectors(said) == ["waveform-clock-tear"]
    assert dict(said[0].facts)["off"] == f"{step_s:+.2f} s"


def test_a_lost_packet_is_no_tear() -> None:
    judge = ClockJudge()
    kept = [batch for k, batch in enumerate(batches(segment(ground(100, seed=1)))) if k not in (8, 9, 14)]
    assert [j for batch in kept for j in judge.handle(batch)] == []


def arrivals(step_s: float, *, jitter_s: float = 0.3, hidden: bool = True) -> list[Judgement]:
    """Half an hour of packets with latencies of 1 s and a tail; the clock steps after a third, at a pause if hidden."""
    judge, rng = ClockJudge(), np.random.default_rng(1)
    said: list[Judgement] = []
    for k, batch in enumerate(batches(segment(ground(1800, seed=1)), 2.0)):
        arrived_ns = int(batch.start_ns[0]) + round((3.0 + rng.exponential(jitter_s)) * NS_PER_S)
        if k >= 300:
            batch.start_ns[0] += round(step_s * NS_PER_S)
        if hidden and 296 <= k < 300:
            continue
        said += judge.handle(batch, arrived_ns)
    return said


@pytest.mark.parametrize("step_s", [0.5, 2.0, -0.5, -2.0])
def test_arrivals_show_a_step(step_s: float) -> None:
    told = [j for j in arrivals(step_s) if j.detector == "waveform-clock-arrival"]
    assert len(told) == 1
    assert abs(float(dict(told[0].facts)["off"].removesuffix(" s")) - step_s) < 0.1


def test_arrivals_without_a_step() -> None:
    assert arrivals(0.0) == []


def quake(number: int, residual_s: float) -> Quake:
    rng = np.random.default_rng(number)
    found = tuple(
        Arrival(pick, residual_s * (k == 3) + rng.normal(0, 0.05), 3e4, 0.0, 90.0, 1.0)
        for k, pick in enumerate(Pick(SourceId("XX", f"S{k}", "", "HHZ"), "P", START_NS + k, 0.1) for k in range(9))
    )
    origin = Origin(
        START_NS + number * 10**12, 0.0, 0.0, 1e4, np.eye(3), 0.1, 1e3, (), 90.0, 0.1, 1e4, 9, "A", "", found
    )
    return Quake(f"q{number}", 1, origin)


@pytest.mark.parametrize("off_s", [0.5, -2.0])
def test_residuals_show_a_clock(off_s: float) -> None:
    judge = ResidualJudge()
    said = [j for k in range(20) for j in judge.handle(quake(k, off_s * (k >= 12)))]
    assert [(j.detector, j.subject) for j in said] == [("waveform-clock-residual", "XX.S3")]
    assert abs(float(dict(said[0].facts)["off"].removesuffix(" s")) - off_s) < 0.15


def test_residuals_that_stay_say_nothing() -> None:
    judge = ResidualJudge()
    assert [j for k in range(40) for j in judge.handle(quake(k, 0.3))] == []


PLACES = {f"XX.S{k}": (30.0 + 0.5 * k, 100.0) for k in range(5)}


def picks(stations: list[int], apart_s: float, moveout_s: float) -> list[Pick]:
    phases: tuple[tuple[Phase, float], ...] = (("P", 0.0), ("S", apart_s))
    made = [
        Pick(SourceId("XX", f"S{k}", "", "HHZ"), phase, START_NS + round((k * moveout_s + later_s) * NS_PER_S), 0.1)
        for k in stations
        for phase, later_s in phases
    ]
    return sorted(made, key=lambda pick: pick.key)


@pytest.mark.parametrize(
    ("stations", "apart_s", "accused"),
    [
        pytest.param([0, 1, 2, 3], 2.0, 4, id="one record sent by four stations 55 km apart"),
        pytest.param([0, 1], 2.0, 0, id="two small quakes at once happen"),
        pytest.param([0, 1, 2, 3], 25.0, 0, id="a quake 200 km away is near to none"),
    ],
)
def test_onsets(stations: list[int], apart_s: float, accused: int) -> None:
    judge = MoveoutJudge(PLACES)
    said = [j for pick in picks(stations, apart_s, 0.2) for j in judge.handle(pick)]
    assert len({j.subject for j in said}) == len(said) == accused
    assert judge.elapse(START_NS + 10**12) == []


# The fast ones and their readable twins.


@given(arrays(np.int32, st.integers(1, 60), elements=st.integers(-2, 2)))
def test_longest_run_says_what_its_twin_says(samples: Ints) -> None:
    text = "".join(chr(100 + value) for value in samples)
    expected = max(k for k in range(1, len(text) + 1) for c in set(text) if c * k in text)
    length, value = longest_run(samples)
    assert length == expected
    assert chr(100 + int(value)) * length in text


@settings(max_examples=50, deadline=None)
@given(arrays(np.int32, st.integers(1, 120), elements=st.integers(0, 1)), st.integers(1, 40))
def test_find_loop_says_what_its_twin_says(samples: Ints, period: int) -> None:
    looped = np.concatenate([samples, np.resize(samples[-period:], 80)])
    values = looped.tolist()
    lag = next(lag for lag in range(1, len(values)) if values[-ANCHOR:] == values[-ANCHOR - lag : -lag])
    agreed = next((k for k in range(len(values) - lag) if values[-1 - k] != values[-1 - k - lag]), len(values) - lag)
    assert find_loop(looped) == (lag, agreed)


def test_levels_left_out_by_a_factor() -> None:
    samples = ground(400, seed=1, spread=30.0)
    assert empty_levels(samples)[0] == 0
    empty, judged = empty_levels(np.rint(1.5 * samples).astype(np.int32))
    assert empty / judged == pytest.approx(1 / 3, abs=0.1)


@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        arrays(np.int32, st.integers(1, 3000), elements=st.integers(-(2**31), 2**31 - 1)),
        arrays(np.float64, st.integers(1, 3000), elements=st.floats(-1e300, 1e300)),
    ),
    st.floats(0.3, 500.0),
)
def test_garbage_never_raises(samples: Samples, rate_hz: float) -> None:
    judges = (SyntheticJudge(), GainJudge(), ClockJudge())
    with np.errstate(all="ignore"):
        for batch in batches(segment(samples, rate_hz=rate_hz), 1.0):
            for judge in judges:
                judge.handle(batch)
        if len(samples) > 2 * ANCHOR:
            look(samples)


def test_a_channel_has_a_rule_for_every_detector_and_words_that_format() -> None:
    for name, rule in rules_of("waveform").items():
        assert name.startswith("waveform-")
        assert set(rule.limits) == set(rule.why)
        assert 0 < rule.limits["probability"] < 1
        for words in (*rule.reason.values(), *rule.refuted_by.values()):
            words.format(subject=SOURCE.nslc, peer="", **dict.fromkeys(rule.facts, "1"))
