"""The ground in a quake: causes before effects, first motions, sizes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import fft

from houfeng.twin.motion import Case, Ground, shake
from houfeng.twin.source import radiation

RATE_HZ = 100.0


def series(motion):
    return fft.irfft(motion.spectrum, motion.count)


@pytest.fixture(scope="module")
def cases(world):
    first = world.happenings[0]
    return [Case(first.quake, first.rupture, first.rays, made.number, made.site, 40.0) for made in world.stations]


@pytest.fixture(scope="module")
def ground(scenario):
    return Ground(scenario.crust, RATE_HZ, scenario.samples)


def test_nothing_moves_before_p(cases, ground):
    for case in cases:
        motion = shake(case, ground, np.random.default_rng(1))
        made = np.abs(series(motion))
        assert made[:, : int(motion.onset["P"]) - 20].max() < 1e-4 * made.max()
        assert motion.first / RATE_HZ < 40.0 + case.rays.seconds["P"][case.row, 0]


def test_s_is_larger_than_p_and_horizontal(cases, ground):
    for case in cases:
        motion = shake(case, ground, np.random.default_rng(2))
        made, p, s = np.abs(series(motion)), int(motion.onset["P"]), int(motion.onset["S"])
        assert made[1:, s : s + 300].max() > made[:, p : s - 5].max()
        assert np.sum(made[0, p : s - 5] ** 2) > 0.5 * np.sum(made[1:, p : s - 5] ** 2)


def test_the_first_motion_is_the_radiation_patterns(cases, ground):
    agree = []
    for case in cases:
        for seed in range(8):
            motion = shake(case, ground, np.random.default_rng(seed))
            frequency = fft.rfftfreq(motion.count, 1 / RATE_HZ)
            turn = np.where(frequency > 0, 2j * np.pi * frequency, 1.0) ** 2
            rise = fft.irfft(motion.spectrum[0] / turn, motion.count)
            onset = int(motion.onset["P"])
            p, _, _ = radiation(30.0, 80.0, 0.0, case.rays.azimuth_deg[case.row], case.rays.takeoff_deg["P"][case.row])
            if abs(p) > 0.3:
                agree.append(np.sign(rise[onset + 4] - rise[onset - 10]) == np.sign(p))
    assert np.mean(agree) > 0.75


@pytest.mark.parametrize("more", [0.5, 1.0, 2.0])
def test_a_larger_quake_shakes_harder(cases, ground, more):
    bigger = replace(cases[0].rupture, moment_nm=cases[0].rupture.moment_nm * 10 ** (1.5 * more))
    one, other = (
        shake(replace(cases[0], rupture=r), ground, np.random.default_rng(3)) for r in (cases[0].rupture, bigger)
    )
    ratio = np.abs(series(other)).max() / np.abs(series(one)).max()
    assert ratio == pytest.approx(10 ** (1.5 * more))


def test_the_same_chance_makes_the_same_motion(cases, ground):
    one, other = (shake(cases[1], ground, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(one.spectrum, other.spectrum)
    assert one.onset == other.onset


def test_what_comes_after_the_recording_is_not_made(cases, ground):
    assert shake(replace(cases[0], origin_s=1000.0), ground, np.random.default_rng(5)) is None


def test_what_began_before_the_recording_is_still_heard(cases, ground):
    motion = shake(replace(cases[0], origin_s=-8.0), ground, np.random.default_rng(6))
    assert motion.first < 0 < motion.first + motion.count
