"""Intensity scales: the standards' own check values, laws they must obey, and records of known intensity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.quake.shake.csis import csis, csis_of_peaks
from houfeng.quake.shake.jma import jma, jma_class, jma_cut, jma_level_gal, jma_of_level, jma_weight
from houfeng.quake.shake.mmi import MMI_SIGMA, mmi, mmi_of_pga, mmi_of_pgv
from houfeng.quake.shake.taiwan import taiwan_class

PEAKS = st.floats(1e-9, 1e4)
RATE_HZ = 100.0


def circling(frequency_hz, amplitude_mps2, seconds=40.0, rate_hz=RATE_HZ):
    """Horizontal acceleration of one length that goes round, begun and ended softly."""
    time_s = np.arange(0, seconds, 1 / rate_hz)
    turn = 2 * np.pi * frequency_hz * time_s
    soft = np.clip(np.minimum(time_s, seconds - time_s) / 10, 0, 1)
    soft = 0.5 - 0.5 * np.cos(np.pi * soft)
    return amplitude_mps2 * soft * np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)])


class TestBothOfPeaks:
    @given(PEAKS, PEAKS, st.floats(1, 100), st.sampled_from([mmi, csis_of_peaks]))
    def test_harder_shaking_is_never_a_lower_intensity(self, pga, pgv, factor, scale):
        if scale is csis_of_peaks:  # where velocity takes over, the standard itself steps: both scaled alike
            assert scale(pga, factor * pgv) >= scale(pga, pgv) - 0.5 * abs(_apart(pga, pgv)) - 1e-9
        else:
            assert scale(factor * pga, factor * pgv) >= scale(pga, pgv)

    @given(st.lists(st.tuples(PEAKS, PEAKS), min_size=1, max_size=9), st.sampled_from([mmi, csis_of_peaks]))
    def test_an_array_says_what_its_values_say_one_by_one(self, peaks, scale):
        pga, pgv = np.array(peaks).T
        assert scale(pga, pgv).tolist() == [float(scale(*pair)) for pair in peaks]

    @pytest.mark.parametrize(("scale", "highest"), [(mmi, 10.0), (csis_of_peaks, 12.0)])
    def test_scales_end(self, scale, highest):
        assert float(scale(0.0, 0.0)) == 1.0
        assert float(scale(1e9, 1e9)) == highest

    @pytest.mark.parametrize("scale", [mmi, csis_of_peaks])
    @pytest.mark.parametrize("peaks", [(np.nan, 0.1), (0.1, np.nan), (-1.0, 0.1)])
    def test_what_is_not_known_stays_unknown(self, scale, peaks):
        assert np.isnan(scale(*peaks))

    @pytest.mark.parametrize("scale", [mmi, csis_of_peaks])
    def test_shapes_broadcast(self, scale):
        assert scale(np.ones((2, 3)), 0.1).shape == (2, 3)


def _apart(pga, pgv):
    return 3.17 * np.log10(pga) + 6.59 - 3.00 * np.log10(pgv) - 9.77


class TestMercalli:
    @pytest.mark.parametrize(("pga_cmps2", "expected"), [(10.0, 3.33), (100.0, 5.80), (1000.0, 9.50)])
    def test_by_acceleration(self, pga_cmps2, expected):
        assert float(mmi_of_pga(pga_cmps2 / 100)) == pytest.approx(expected, abs=0.005)

    @pytest.mark.parametrize(("pgv_cmps", "expected"), [(0.1, 2.31), (1.0, 3.78), (10.0, 6.05), (100.0, 9.21)])
    def test_by_velocity(self, pgv_cmps, expected):
        assert float(mmi_of_pgv(pgv_cmps / 100)) == pytest.approx(expected, abs=0.005)

    def test_the_two_halves_meet_at_their_corner(self):
        for half, corner in ((mmi_of_pga, 1.57), (mmi_of_pgv, 0.53)):
            below, above = half(10 ** (corner - 2 - 1e-6)), half(10 ** (corner - 2 + 1e-6))
            assert float(above - below) == pytest.approx(0.0, abs=0.03)

    def test_uncertainty_is_no_less_than_of_the_better_half(self):
        assert MMI_SIGMA >= 0.65


class TestChinese:
    @pytest.mark.parametrize(
        ("pga", "pgv", "from_pga", "from_pgv"),
        [(0.457, 0.0381, 5.512, 5.513), (0.936, 0.0817, 6.499, 6.507), (1.94, 0.177, 7.502, 7.514),
         (4.02, 0.381, 8.505, 8.513)],
    )  # fmt: skip
    def test_check_vectors(self, pga, pgv, from_pga, from_pgv):
        expected = from_pgv if from_pga >= 6 and from_pgv >= 6 else (from_pga + from_pgv) / 2
        assert float(csis_of_peaks(pga, pgv)) == pytest.approx(expected, abs=0.001)

    def test_velocity_alone_counts_only_where_both_are_strong(self):
        assert float(csis_of_peaks(10.0, 0.01)) == pytest.approx((3.17 + 6.59 + 3.77) / 2, abs=1e-9)
        assert float(csis_of_peaks(0.1, 1.0)) == pytest.approx((-3.17 + 6.59 + 9.77) / 2, abs=1e-9)
        assert float(csis_of_peaks(10.0, 1.0)) == pytest.approx(9.77, abs=1e-9)

    @pytest.mark.parametrize("frequency_hz", [0.5, 1.0, 3.0])
    def test_a_record_of_one_tone(self, frequency_hz):
        amplitude = 0.5
        expected = csis_of_peaks(amplitude, amplitude / (2 * np.pi * frequency_hz))
        assert csis(circling(frequency_hz, amplitude), RATE_HZ) == pytest.approx(float(expected), abs=0.1)

    def test_what_lies_outside_the_band_does_not_count(self):
        inside, outside = circling(3.0, 0.5), circling(40.0, 2.0)
        assert csis(inside + outside, RATE_HZ) == pytest.approx(csis(inside, RATE_HZ), abs=0.1)

    def test_a_slow_recorder_has_no_upper_corner(self):
        assert csis(circling(2.0, 0.5, rate_hz=20.0), 20.0) == pytest.approx(csis(circling(2.0, 0.5), RATE_HZ), abs=0.1)

    def test_the_order_of_the_filter_can_be_chosen(self):
        record = circling(0.12, 0.5)
        assert csis(record, RATE_HZ, order=2) != csis(record, RATE_HZ, order=8)

    @pytest.mark.parametrize(
        "record", [np.zeros((3, 0)), np.zeros((3, 1)), np.zeros((2, 99)), np.full((3, 99), np.nan), np.zeros(99)]
    )
    def test_no_record_no_intensity(self, record):
        assert np.isnan(csis(record, RATE_HZ))
        assert np.isnan(jma(record[..., :10], RATE_HZ))

    def test_stillness_is_the_lowest(self):
        assert csis(np.zeros((3, 500)), RATE_HZ) == 1.0


class TestJapanese:
    @pytest.mark.parametrize("frequency_hz", [0.3, 1.0, 5.0, 12.0])
    def test_a_level_of_one_tone_is_its_height_times_the_filter(self, frequency_hz):
        expected = 100 * 0.7 * float(jma_weight(np.array([frequency_hz]))[0])
        assert jma_level_gal(circling(frequency_hz, 0.7), RATE_HZ) == pytest.approx(expected, rel=0.01)

    def test_the_level_is_that_reached_for_0_3_s(self):
        short, long = np.zeros((3, 4000)), np.zeros((3, 4000))
        tone = circling(2.0, 1.0)[:, 1500:2500]
        short[:, 2000:2020], long[:, 2000:2100] = tone[:, :20], tone[:, :100]
        assert jma_level_gal(short, RATE_HZ) < 0.7 * jma_level_gal(long, RATE_HZ)

    @given(st.floats(0.01, 100))
    def test_ten_times_the_shaking_is_two_units_more(self, amplitude):
        base = jma_of_level(jma_level_gal(circling(2.0, amplitude, seconds=25.0), RATE_HZ))
        more = jma_of_level(jma_level_gal(circling(2.0, 10 * amplitude, seconds=25.0), RATE_HZ))
        assert more - base == pytest.approx(2.0, abs=1e-6)

    @given(st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([-1, 1])] * 3))
    def test_which_way_the_axes_point_does_not_matter(self, order, signs):
        record = np.random.default_rng(4).normal(size=(3, 1000)).cumsum(axis=1) * 0.01
        turned = record[list(order)] * np.array(signs)[:, None]
        assert jma_level_gal(turned, RATE_HZ) == pytest.approx(jma_level_gal(record, RATE_HZ), rel=1e-9)

    @pytest.mark.parametrize(
        ("raw", "printed"),
        [(5.154, 5.1), (4.991, 4.9), (4.996, 5.0), (4.4949, 4.4), (4.495, 4.5), (0.0, 0.0), (-0.33, -0.4)],
    )
    def test_the_third_decimal_is_rounded_and_the_second_cut(self, raw, printed):
        assert jma_cut(raw) == printed

    @pytest.mark.parametrize(
        ("intensity", "name"),
        [(-1.0, "0"), (0.4, "0"), (0.5, "1"), (1.5, "2"), (2.5, "3"), (3.5, "4"), (4.4, "4"), (4.5, "5 lower"),
         (4.9, "5 lower"), (5.0, "5 upper"), (5.5, "6 lower"), (6.0, "6 upper"), (6.4, "6 upper"), (6.5, "7"),
         (np.nan, "")],
    )  # fmt: skip
    def test_names_of_classes(self, intensity, name):
        assert jma_class(intensity) == name

    def test_stillness_has_no_intensity(self):
        assert np.isnan(jma(np.zeros((3, 500)), RATE_HZ))


@pytest.mark.parametrize(
    ("gal", "expected"),
    [(0.5, 0), (0.8, 1), (2.5, 2), (24.9, 3), (25, 4), (79, 4), (80, 5), (250, 6), (399, 6), (400, 7)],
)
def test_classes_of_taiwan(gal, expected):
    assert taiwan_class(gal / 100) == expected
    assert np.isnan(taiwan_class(np.nan))
