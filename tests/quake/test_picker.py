"""The classical picker on made-up quakes: laws, then examples."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from houfeng.quake.detect.picker import AicPicker
from houfeng.quake.detect.window import Window
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

PICKER = AicPicker()
BEFORE_S, LENGTH_S = 12.0, 40.0


def wave(t, onset_s, frequency_hz, decay_s):
    lapse = np.maximum(t - onset_s, 0)
    return np.sin(2 * np.pi * frequency_hz * lapse) * np.exp(-lapse / decay_s) * (t >= onset_s)


def quake(rate_hz=100.0, quakes=((BEFORE_S, 4.0),), snr=100.0, seed=0, sign=1.0, channels="ZNE", length_s=LENGTH_S):
    """Rows of a sensor: each quake is (P time, S minus P); P mostly on Z, S mostly on N and E, in white noise."""
    t = np.arange(round(length_s * rate_hz)) / rate_hz
    rng = np.random.default_rng(seed)
    rows = {}
    for c in channels:
        x = rng.normal(0, 10.0, len(t))
        for p_s, s_minus_p_s in quakes:
            x += sign * snr * 10.0 * (1.0 if c in "Z3" else 0.4) * wave(t, p_s, min(8.0, rate_hz / 5), 1.0)
            x += snr * 10.0 * (0.6 if c in "Z3" else 2.0) * wave(t, p_s + s_minus_p_s, min(4.0, rate_hz / 6), 1.5)
        rows[c] = x
    return rows


def window(rows, rate_hz=100.0, start_ns=0, dtype=np.int32, band="HH"):
    make = (lambda x: np.rint(x).astype(np.int32)) if dtype == np.int32 else (lambda x: x.astype(np.float64))
    return Window(
        "XX.A", tuple(Segment(SourceId("XX", "A", "", band + c), start_ns, rate_hz, make(x)) for c, x in rows.items())
    )


def ns(seconds):
    return round(seconds * NS_PER_S)


def nearest(picks, phase, time_s):
    return min((p for p in picks if p.phase == phase), key=lambda p: abs(p.time_ns - ns(time_s)), default=None)


def told(rows, triggers=(BEFORE_S + 0.2,), **kwargs):
    return PICKER.picks(window(rows, **kwargs), [ns(t) for t in triggers])


# Laws


@settings(max_examples=20, deadline=None)
@given(st.integers(-(10**18), 10**18), st.integers(0, 50))
def test_shifting_time_shifts_picks(shift_ns, seed):
    rows = quake(seed=seed, snr=8.0)
    still = PICKER.picks(window(rows), [ns(12.2)])
    moved = PICKER.picks(window(rows, start_ns=shift_ns), [ns(12.2) + shift_ns])
    assert moved == tuple(replace(p, time_ns=p.time_ns + shift_ns) for p in still)


@settings(max_examples=20, deadline=None)
@given(st.integers(-12, 12), st.integers(0, 50))
def test_loudness_does_not_matter(power, seed):
    rows = quake(seed=seed, snr=8.0)
    louder = {c: x * 2.0**power for c, x in rows.items()}
    assert told(louder, dtype=np.float64) == told(rows, dtype=np.float64)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50))
def test_upside_down_flips_polarity_alone(seed):
    rows = quake(seed=seed, snr=20.0)
    flipped = told({c: -x for c, x in rows.items()})
    assert flipped == tuple(replace(p, polarity=-p.polarity) for p in told(rows))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50), st.floats(0.5, 20))
def test_later_samples_do_not_move_a_p(seed, more_s):
    short, long = quake(seed=seed, length_s=40), quake(seed=seed, length_s=40)
    rng = np.random.default_rng(seed + 1)
    long = {c: np.r_[x, rng.normal(0, 10, round(more_s * 100))] for c, x in long.items()}
    first, second = nearest(told(short), "P", BEFORE_S), nearest(told(long), "P", BEFORE_S)
    assert first.time_ns == second.time_ns


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 30), st.permutations([0, 1, 2]), st.lists(st.floats(11.5, 13.5), min_size=1, max_size=6))
def test_order_of_components_and_triggers_does_not_matter(seed, order, triggers):
    made = window(quake(seed=seed, snr=10))
    shuffled = replace(made, segments=tuple(made.segments[k] for k in order))
    times = [ns(t) for t in triggers]
    assert PICKER.picks(shuffled, times[::-1]) == PICKER.picks(made, times)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 400),
    st.sampled_from([20.0, 40.0, 100.0, 99.98, 250.0, 500.0]),
    st.sampled_from(["normal", "constant", "spike", "nan", "ramp", "huge"]),
    st.floats(-5, 30),
)
def test_nothing_given_can_break_it(seed, count, rate_hz, kind, trigger_s):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, count)) * 1000
    if kind == "constant":
        x[:] = 5
    elif kind == "spike":
        x[:, count // 2] = 1e9
    elif kind == "nan":
        x[:, : count // 2] = np.nan
    elif kind == "ramp":
        x = np.cumsum(np.abs(x), axis=1)
    elif kind == "huge":
        x *= 1e90
    made = window(dict(zip("ZNE", x, strict=True)), rate_hz=rate_hz, dtype=np.float64)
    for pick in PICKER.picks(made, [ns(trigger_s)]):
        assert 0 <= pick.probability <= 1
        assert pick.uncertainty_s > 0
        assert np.isfinite(pick.snr)
        assert made.segments[0].start_ns <= pick.time_ns < made.segments[0].end_ns
    for phase in ("P", "S"):
        pick = PICKER.pick_near(made, phase, ns(trigger_s), 1.0)
        assert pick is None or abs(pick.time_ns - ns(trigger_s)) <= 1.6 * NS_PER_S


# Examples


@pytest.mark.parametrize("rate_hz", [20.0, 40.0, 50.0, 100.0, 200.0, 250.0, 500.0])
@pytest.mark.parametrize("dtype", [np.int32, np.float64])
def test_sharp_onsets_are_read_to_a_few_samples(rate_hz, dtype):
    errors = []
    for seed in range(5):
        picks = told(quake(rate_hz, seed=seed), rate_hz=rate_hz, dtype=dtype)
        p, s = nearest(picks, "P", BEFORE_S), nearest(picks, "S", BEFORE_S + 4)
        errors.append((p.time_ns - ns(BEFORE_S)) * rate_hz / NS_PER_S)
        assert abs(s.time_ns - ns(BEFORE_S + 4)) <= ns(max(0.1, 2 / rate_hz))
        assert p.probability > 0.9
        assert s.probability > 0.5
        assert p.method == "stalta+aic"
        assert p.source.component == "Z"
        assert s.source.component in "NE"
    assert max(map(abs, errors)) <= max(3, 0.02 * rate_hz)
    assert abs(np.median(errors)) <= max(1, 0.01 * rate_hz)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0])
def test_first_motion_is_read(sign, rate_hz):
    for seed in range(8):
        p = nearest(told(quake(rate_hz, seed=seed, sign=sign), rate_hz=rate_hz), "P", BEFORE_S)
        assert p.polarity == sign
        assert p.polarity_confidence > 0.7


def test_first_motion_in_noise_is_not_claimed():
    confidence = []
    for seed in range(10):
        p = nearest(told(quake(seed=seed, snr=2.5)), "P", BEFORE_S)
        confidence.append(p.polarity_confidence if p else 0.0)
    assert np.median(confidence) < 0.75


def test_drift_and_microseisms_do_not_bend_first_motion():
    t = np.arange(4000) / 100
    for seed in range(6):
        rows = {c: x + 3000 * np.sin(2 * np.pi * 0.15 * t + seed) + 20 * t for c, x in quake(seed=seed).items()}
        p = nearest(told(rows), "P", BEFORE_S)
        assert p.polarity == 1
        assert abs(p.time_ns - ns(BEFORE_S)) <= ns(0.03)


@pytest.mark.parametrize("s_minus_p_s", [0.7, 1.5, 4.0, 10.0, 20.0])
def test_s_is_found_near_and_far(s_minus_p_s):
    for seed in range(3):
        picks = told(quake(quakes=((BEFORE_S, s_minus_p_s),), seed=seed, snr=30))
        s = nearest(picks, "S", BEFORE_S + s_minus_p_s)
        assert abs(s.time_ns - ns(BEFORE_S + s_minus_p_s)) <= ns(0.15)
        assert sum(p.probability > 0.5 for p in picks if p.phase == "P") == 1


@pytest.mark.parametrize("apart_s", [5.0, 9.0, 15.0])
def test_quakes_seconds_apart_are_all_read(apart_s):
    times = [(BEFORE_S, 2.0), (BEFORE_S + apart_s, 2.0)]
    for seed in range(3):
        picks = told(quake(quakes=times, seed=seed, snr=30))
        for p_s, s_minus_p_s in times:
            assert abs(nearest(picks, "P", p_s).time_ns - ns(p_s)) <= ns(0.1)
            assert abs(nearest(picks, "S", p_s + s_minus_p_s).time_ns - ns(p_s + s_minus_p_s)) <= ns(0.2)


def test_a_trigger_on_s_alone_still_gives_p_as_p():
    picks = told(quake(quakes=((BEFORE_S, 2.0),)), triggers=(BEFORE_S + 2.1,))
    assert abs(nearest(picks, "P", BEFORE_S).time_ns - ns(BEFORE_S)) <= ns(0.03)
    assert abs(nearest(picks, "S", BEFORE_S + 2).time_ns - ns(BEFORE_S + 2)) <= ns(0.1)


def test_an_s_without_p_is_not_a_p():
    rows = quake(quakes=())
    t = np.arange(4000) / 100
    for c in "NE":
        rows[c] = rows[c] + 1000 * wave(t, 15.0, 4.0, 1.5)
    picks = told(rows, triggers=(15.1,))
    firm = [p for p in picks if abs(p.time_ns - ns(15)) < ns(0.3) and p.probability > 0.5]
    assert [p.phase for p in firm] == ["S"]


@pytest.mark.parametrize("channels", ["Z", "NE", "12", "123", "ZN", "12Z"])
def test_any_set_of_components(channels):
    for seed in range(3):
        picks = told(quake(channels=channels, seed=seed, snr=40))
        assert abs(nearest(picks, "P", BEFORE_S).time_ns - ns(BEFORE_S)) <= ns(0.05)
        s = nearest(picks, "S", BEFORE_S + 4)
        assert abs(s.time_ns - ns(BEFORE_S + 4)) <= ns(0.3)
        if channels in {"NE", "12", "123"}:
            assert all(p.polarity == 0 for p in picks)


def test_gaps_give_no_picks_and_do_not_hide_quakes():
    rows = quake(snr=30)
    cut = []
    for s in window(rows).segments:
        cut += [
            replace(s, samples=s.samples[:600] + 5000),
            replace(s, start_ns=ns(7), samples=s.samples[700:2500]),
            replace(s, start_ns=ns(27), samples=s.samples[2700:] - 9000),
        ]
    picks = PICKER.picks(Window("XX.A", tuple(cut)), [ns(7), ns(12.2), ns(27)])
    assert abs(nearest(picks, "P", BEFORE_S).time_ns - ns(BEFORE_S)) <= ns(0.03)
    for p in picks:
        assert not ns(5.9) < p.time_ns < ns(7.8)
        assert not ns(24.9) < p.time_ns < ns(27.8)


@pytest.mark.parametrize("colour", [0.0, 0.95])
def test_noise_has_no_picks(colour):
    rng = np.random.default_rng(9)
    firm = doubtful = 0
    for _ in range(60):
        noise = lfilter([1], [1, -colour], rng.normal(0, 100, (3, 6000)), axis=1)
        made = window(dict(zip("ZNE", noise, strict=True)))
        picks = PICKER.picks(made, [ns(t) for t in np.sort(rng.uniform(12, 50, 3))])
        firm += sum(p.probability > 0.5 for p in picks)
        doubtful += len(picks)
    assert firm == 0  # in an hour
    assert doubtful <= 10


@pytest.mark.parametrize("kind", ["spike", "step", "pulse"])
def test_glitches_are_no_picks(kind):
    for seed in range(5):
        rows = quake(quakes=(), seed=seed)
        for c in rows:
            if kind == "spike":
                rows[c][1500] += 5000
            elif kind == "step":
                rows[c][1500:] += 5000
            else:
                rows[c][1500:1700] += 5000
        assert not [p for p in told(rows, triggers=(15.0,)) if p.probability > 0.5]


def test_coming_off_a_stop_is_no_onset():
    rows = quake(snr=200.0)
    freed_s = BEFORE_S + 8.0
    for c, x in rows.items():
        t = np.arange(len(x)) / 100.0
        x[(t > freed_s - 2.0) & (t < freed_s)] = 5000.0  # all components ran into their stops
        rows[c] = np.where(t >= freed_s, x + 3000.0 * wave(t, freed_s, 5.0, 1.0), x)
    picks = told(rows, triggers=(BEFORE_S + 0.2, freed_s + 0.1))
    assert nearest(picks, "P", BEFORE_S) is not None
    assert not [pick for pick in picks if abs(pick.time_ns - ns(freed_s)) < ns(0.25)]


def test_without_triggers_there_are_no_picks():
    assert told(quake(), triggers=()) == ()


def test_expected_onsets_are_found_and_absent_ones_are_not():
    rows = quake(snr=4)
    made = window(rows)
    for phase, time_s in (("P", BEFORE_S), ("S", BEFORE_S + 4)):
        pick = PICKER.pick_near(made, phase, ns(time_s + 0.3), 1.0)
        assert abs(pick.time_ns - ns(time_s)) <= ns(0.15)
        assert pick.phase == phase
        assert pick.method == "guided"
        assert PICKER.pick_near(made, phase, ns(1000), 1.0) is None
    absent = 0
    for seed in range(40):
        quiet = window(quake(quakes=(), seed=seed))
        absent += PICKER.pick_near(quiet, "P", ns(15), 0.8) is None
        absent += PICKER.pick_near(quiet, "S", ns(15), 0.8) is None
    assert absent >= 76


def test_an_expected_p_is_found_under_rising_noise_of_other_frequencies():
    t = np.arange(4000) / 100.0
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        hiss = np.diff(rng.normal(0, 150.0, len(t) + 1)) * (t > BEFORE_S - 2.0)  # blue, from 2 s before
        rows = {c: rng.normal(0, 10.0, len(t)) + hiss + 150.0 * wave(t, BEFORE_S, 4.0, 1.0) for c in "ZNE"}
        pick = PICKER.pick_near(window(rows), "P", ns(BEFORE_S + 0.1), 0.5)
        found += pick is not None and abs(pick.time_ns - ns(BEFORE_S)) <= ns(0.15)
    assert found >= 8


def test_uncertainty_grows_with_noise():
    clear = [nearest(told(quake(seed=k, snr=100)), "P", BEFORE_S).uncertainty_s for k in range(10)]
    faint = [nearest(told(quake(seed=k, snr=4)), "P", BEFORE_S).uncertainty_s for k in range(10)]
    assert np.median(clear) < np.median(faint)
