"""The neural picker: the published golden checks, laws, refusals, and recall on recordings."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from obspy import read
from recorded_windows import score, single_station

from houfeng.quake.detect.phasenet import PUBLISHED_SHA256, PhaseNet
from houfeng.quake.detect.window import Window
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId


@pytest.fixture(scope="module")
def weights(houfeng_data):
    return (houfeng_data / "phasenet_original" / "phasenet.onnx").read_bytes()


@pytest.fixture(scope="module")
def picker(weights):
    pytest.importorskip("onnxruntime")
    return PhaseNet(weights)


def made_up():
    """The formula of the published golden check: E, N, Z, 3000 samples, P at 1000, S at 1400."""
    n, c = np.arange(3000)[None, :], np.arange(3)[:, None]
    x = 0.1 * np.sin(0.37 * n * (c + 1)) + 0.05 * np.sin(1.7 * n + c)
    for at, decay, frequency, loud in ((1000, 150, 8, (0.4, 0.4, 1.0)), (1400, 250, 4, (2.5, 2.5, 1.25))):
        lapse = np.maximum(n - at, 0)
        swing = np.exp(-lapse / decay) * np.sin(2 * np.pi * frequency * lapse / 100 + c)
        x = x + np.array(loud)[:, None] * swing * (n >= at)
    return x


def window(rows, rate_hz=100.0, start_ns=0):
    return Window(
        "XX.A",
        tuple(
            Segment(SourceId("XX", "A", "", f"HH{c}"), start_ns, rate_hz, x.astype(np.float64))
            for c, x in zip("ENZ", rows, strict=True)
        ),
    )


def test_golden_formula(picker):
    _, p, s = picker.probability(made_up()[None])[0]
    assert (int(p.argmax()), int(s.argmax())) == (997, 1398)
    found = [p.max(), s.max(), p[1005], s[1405], p.sum(), s.sum()]
    np.testing.assert_allclose(found, [0.97063, 0.94866, 0.70516, 0.71135, 23.6892, 24.0728], rtol=1e-5, atol=5e-5)


def test_golden_recording(picker, houfeng_data):
    stream = read(str(houfeng_data / "picks_stead_a" / "waveforms" / "109C.TA_20061129121745_EV.mseed"))
    rows = np.array([stream.select(component=c)[0].data[:3000].astype(float) for c in "ENZ"])
    _, p, s = picker.probability(rows[None])[0]
    assert (int(p.argmax()), int(s.argmax())) == (704, 1959)
    np.testing.assert_allclose([p.max(), s.max(), p.sum(), s.sum()], [0.84586, 0.64965, 23.3919, 24.2813], atol=2e-4)


def test_a_batch_gives_what_single_windows_give(picker):
    rng = np.random.default_rng(0)
    windows = np.stack([made_up() + rng.normal(0, 0.05, (3, 3000)) for _ in range(35)])
    together = picker.probability(windows)
    np.testing.assert_allclose(together.sum(axis=1), 1.0, atol=1e-5)
    for k in (0, 31, 34):
        np.testing.assert_allclose(together[k], picker.probability(windows[k : k + 1])[0], atol=3e-6)


def test_silence_is_noise(picker):
    probability = picker.probability(np.zeros((1, 3, 3000)))[0]
    assert probability[0].min() > 0.999


@pytest.mark.parametrize("rate_hz", [20.0, 40.0, 50.0, 100.0, 200.0, 250.0, 500.0])
def test_any_rate_gives_the_same_onsets(picker, rate_hz):
    at = np.arange(round(30 * rate_hz)) / rate_hz * 100
    rows = [np.interp(at, np.arange(3000), x) for x in made_up()]
    picks = picker.picks(window(rows, rate_hz), [10 * NS_PER_S])
    for phase, time_s in (("P", 9.98), ("S", 13.98)):
        near = [p for p in picks if p.phase == phase and abs(p.time_ns / NS_PER_S - time_s) < max(0.15, 6 / rate_hz)]
        assert len(near) == 1, picks
        assert near[0].method == "phasenet"
        assert near[0].probability >= 0.3
        assert 0 < near[0].uncertainty_s < 0.3
        assert near[0].snr > 1.5


def test_shifting_time_shifts_picks(picker):
    still = picker.picks(window(made_up()), [10 * NS_PER_S])
    shift_ns = 1_234_567_890_123_456_789
    moved = picker.picks(window(made_up(), start_ns=shift_ns), [10 * NS_PER_S + shift_ns])
    assert still
    assert moved == tuple(replace(p, time_ns=p.time_ns + shift_ns) for p in still)


def test_units_do_not_matter(picker):
    still = picker.picks(window(made_up()), [10 * NS_PER_S])
    louder = picker.picks(window(made_up() * 2.0**20), [10 * NS_PER_S])
    assert [(p.time_ns, p.phase, p.probability) for p in louder] == [(p.time_ns, p.phase, p.probability) for p in still]


def test_holes_short_records_and_dead_channels_are_no_trouble(picker):
    rows = made_up()
    rows[:, 300:310] = np.nan
    assert {p.phase for p in picker.picks(window(rows), [10 * NS_PER_S])} == {"P", "S"}
    short = window(made_up()[:, 500:2000], start_ns=5 * NS_PER_S)
    assert {p.phase for p in picker.picks(short, [10 * NS_PER_S])} == {"P", "S"}
    upright = Window("XX.A", window(made_up()).segments[2:])
    assert any(p.phase == "P" and abs(p.time_ns / NS_PER_S - 9.97) < 0.1 for p in picker.picks(upright, [NS_PER_S]))
    assert picker.picks(window(np.zeros((3, 3000))), [NS_PER_S]) == ()
    assert picker.picks(window(made_up()), []) == ()
    assert picker.picks(window(made_up()[:, :5]), [NS_PER_S]) == ()


def test_expected_onsets(picker):
    made = window(made_up())
    for phase, time_s in (("P", 9.98), ("S", 13.98)):
        pick = picker.pick_near(made, phase, round((time_s + 0.3) * NS_PER_S), 1.0)
        assert pick.phase == phase
        assert abs(pick.time_ns / NS_PER_S - time_s) < 0.1
        assert picker.pick_near(made, phase, 25 * NS_PER_S, 1.0) is None
    assert picker.pick_near(window(np.zeros((3, 100))), "P", 0, 1.0) is None


def test_noise_has_next_to_no_picks(picker):
    rng = np.random.default_rng(5)
    count = sum(len(picker.picks(window(rng.normal(size=(3, 6000))), [20 * NS_PER_S])) for _ in range(30))
    assert count <= 1


def test_other_bytes_are_refused(weights):
    with pytest.raises(DataFault, match="not the pinned") as fault:
        PhaseNet(weights[:-1] + b"\0")
    assert PUBLISHED_SHA256 in str(fault.value)
    with pytest.raises(DataFault, match="SHA-256"):
        PhaseNet(weights, sha256="0" * 64)


def test_a_pinned_file_that_is_no_network_is_refused():
    pytest.importorskip("onnxruntime")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(DataFault, match="cannot read"):
        PhaseNet(b"", sha256=empty)


def test_without_onnxruntime_it_says_what_to_install(weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(WorldFault, match=r"pip install 'houfeng\[neural\]'"):
        PhaseNet(weights)


# The published figures: 25 P and 24 S of 25 within 0.04 and 0.07 s; 70 and 70 of 70 within 0.01 and 0.05 s.
@pytest.mark.parametrize(
    ("name", "least_p", "p_error_s", "least_s", "s_error_s", "most_early"),
    [("picks_stead_a", 25, 0.045, 24, 0.07, 5), ("picks_ncedc_a", 70, 0.015, 70, 0.05, 1)],
)
def test_published_figures(picker, houfeng_data, name, least_p, p_error_s, least_s, s_error_s, most_early):
    errors, _, early = score(picker, single_station(houfeng_data / name))
    assert len(errors["P"]) >= least_p
    assert len(errors["S"]) >= least_s
    assert np.median(np.abs(errors["P"])) <= p_error_s
    assert np.median(np.abs(errors["S"])) <= s_error_s
    assert early <= most_early
