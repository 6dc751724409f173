"""Replays: what is done to a copy, what is no copy, and the recorded sets."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_records import OTHER, RATE_HZ, SOURCE, Store, batches, ground, segment
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.waveform.index import ReplayIndex
from houfeng.guard.waveform.likeness import compare
from houfeng.guard.waveform.replay import Fetch, ReplayJudge
from houfeng.wire.waveforms import read_waveforms
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.samples import Segment, segments_of
from houfeng.words.source import SourceId

Ints = NDArray[np.int32]


def nothing(source: SourceId, start_ns: int, end_ns: int) -> None:
    del source, start_ns, end_ns


def judged(segments: list[Segment], fetch: Fetch | None = None) -> list[Judgement]:
    store = Store()
    judge = ReplayJudge(fetch or store.fetch, ReplayIndex())
    said: list[Judgement] = []
    for one in segments:
        store.held.append(one)
        said += [judgement for batch in batches(one) for judgement in judge.handle(batch)]
    return said


def half_sample_later(x: Ints) -> NDArray[np.float64]:
    turn = np.exp(1j * np.pi * np.fft.rfftfreq(len(x)))
    return np.fft.irfft(np.fft.rfft(x) * turn, len(x))


def passed(corners_hz: list[float]) -> Callable[[Ints], NDArray[np.float64]]:
    return lambda x: np.asarray(sosfilt(butter(2, corners_hz, "bandpass", fs=RATE_HZ, output="sos"), x))


ATTACKS: dict[str, tuple[Callable[[Ints], NDArray[np.generic]], str]] = {
    "replayed as it was": (lambda x: x, "unchanged"),
    "replayed with a constant added": (lambda x: x + 1000, "a constant added"),
    "replayed louder": (lambda x: 2.5 * x, "scaled"),
    "replayed upside down": (lambda x: -x, "scaled"),
    "replayed half a sample later": (half_sample_later, "filtered, resampled or mixed"),
    "replayed through a filter": (passed([0.8, 8.0]), "filtered, resampled or mixed"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack(attack: str) -> None:
    alter, change = ATTACKS[attack]
    old = ground(400, seed=1)
    copy = np.concatenate([ground(30, seed=2), np.rint(alter(old[5000:9000])).astype(np.int32)])
    said = judged([segment(old), segment(copy, after_s=3600)])
    assert [(j.detector, j.subject, j.peer, j.station) for j in said] == [
        ("waveform-replay", SOURCE.nslc, SOURCE.nslc, "XX.AAA")
    ]
    facts = dict(said[0].facts)
    assert facts["change"] == change
    assert abs(float(facts["lag"].removesuffix(" s")) - 3530) < 0.2
    assert said[0].time_ns < segment(copy, after_s=3600).end_ns
    rule = rules_of("waveform")["waveform-replay"]
    assert rule.facts <= facts.keys()
    for words in (*rule.reason.values(), *rule.refuted_by.values()):
        assert (
            SOURCE.nslc in words.format(subject=said[0].subject, peer=said[0].peer, **facts) or "{subject}" not in words
        )


def test_a_station_that_sends_anothers_record_is_found_at_once_and_later() -> None:
    old = ground(300, seed=1)
    for after_s in (0.0, 20.0, 7200.0):
        said = judged([segment(old), segment(old[2000:8000], after_s + 40, source=OTHER)])
        assert [(j.detector, j.subject, j.peer) for j in said] == [("waveform-replay", OTHER.nslc, SOURCE.nslc)]


def test_without_samples_noise_alone_convicts() -> None:
    old = ground(400, seed=1)
    said = judged([segment(old), segment(old[5000:10_000], after_s=3600)], nothing)
    assert [j.detector for j in said] == ["waveform-replay"]
    assert dict(said[0].facts)["change"] == "samples not at hand"


def test_a_quake_that_repeats_is_no_replay() -> None:
    """One wave of forty seconds, 30 times the noise, in two noises: what a multiplet is at best."""
    wave = 30 * ground(40, seed=9) * np.exp(-np.arange(2000) / 600)
    records = []
    for seed in (1, 2):
        noise = ground(200, seed=seed).astype(np.float64)
        noise[5000:7000] += wave
        records.append(np.rint(noise).astype(np.int32))
    for fetch in (None, nothing):
        said = judged([segment(records[0]), segment(records[1], after_s=86_400)], fetch)
        assert [j.detector for j in said if j.detector == "waveform-replay"] == []


@pytest.mark.parametrize("seed", range(3))
def test_unrelated_noise_is_no_replay(seed: int) -> None:
    assert judged([segment(ground(1800, seed=10 + seed)), segment(ground(1800, seed=20 + seed), after_s=3600)]) == []


def test_the_same_packets_twice_are_no_replay() -> None:
    whole = segment(ground(200, seed=1))
    assert judged([whole, whole]) == []


def test_likeness_of_a_copy_and_of_two_noises() -> None:
    old = ground(120, seed=1)
    lag_ns = 1000 * NS_PER_S
    copy = compare(segment(3 * old - 7, after_s=1000), segment(old), lag_ns, segment(old, after_s=1010).start_ns)
    assert (copy.change, round(copy.gain, 6), round(copy.offset)) == ("gain", 3.0, -7)
    assert copy.quiet == pytest.approx(1.0, abs=1e-3)
    other = compare(
        segment(ground(120, seed=2), after_s=1000), segment(old), lag_ns, segment(old, after_s=1010).start_ns
    )
    assert other.change == "other"
    assert other.quiet < 0.5


def test_likeness_of_records_that_do_not_meet() -> None:
    apart = compare(
        segment(ground(20, seed=1)), segment(ground(20, seed=2), after_s=500), 0, segment(ground(1, seed=1)).start_ns
    )
    assert (apart.windows, apart.quiet_windows, apart.change) == (0, 0, "other")


def test_recorded_swarm_has_no_replay_until_one_is_planted(houfeng_data: Path) -> None:
    """Ten minutes of a dyke's swarm at four stations, 27 quakes: nothing; then a minute of it again, scaled."""
    held: list[Segment] = []
    for path in sorted((houfeng_data / "iceland_dyke_2014" / "waveforms").glob("*.mseed"))[:4]:
        decoded = read_waveforms(path.read_bytes(), path.name)
        packets = [one for batch in decoded.batches for one in segments_of(batch) if one.source.component == "Z"]
        held += sorted(packets, key=lambda one: one.start_ns)
    assert judged(held) == []
    source = held[0].source
    mine = [one for one in held if one.source == source]
    runs = np.cumsum([False, *(abs(b.start_ns - a.end_ns) > 10**7 for a, b in pairwise(mine))])
    longest = np.bincount(runs).argmax()
    samples = np.concatenate([one.samples for one, run in zip(mine, runs, strict=True) if run == longest])[:6500]
    planted = Segment(source, held[-1].end_ns + 10**13, mine[0].rate_hz, np.rint(samples * 0.7).astype(np.int32))
    said = judged([*held, planted])
    assert [(j.detector, j.subject) for j in said] == [("waveform-replay", source.nslc)]
