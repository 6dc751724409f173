"""Windows: any sensor's components on one grid."""

import numpy as np
import pytest

from houfeng.quake.detect.view import view
from houfeng.quake.detect.window import Window, panel
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

RNG = np.random.default_rng(1)


def segment(channel, start_s=0.0, count=1000, rate_hz=100.0, samples=None):
    data = RNG.integers(-99, 99, count).astype(np.int32) if samples is None else samples
    return Segment(SourceId("XX", "A", "", channel), round(start_s * NS_PER_S), rate_hz, data)


def laid(*segments, vertical=None):
    return panel(Window("XX.A", tuple(segments), vertical))


@pytest.mark.parametrize(
    ("channels", "leading", "upright", "stated"),
    [
        (("HHE", "HHN", "HHZ"), "HHZ", True, True),
        (("EH1", "EH2", "EHZ"), "EHZ", True, True),
        (("SH1", "SH2", "SH3"), "SH3", True, False),
        (("DPE", "DPN"), "DPE", False, False),
        (("HN1", "HN2"), "HN1", False, False),
        (("ELZ",), "ELZ", True, True),
        (("H_N_UD",), "H_N_UD", False, False),
    ],
)
def test_the_upright_component_leads(channels, leading, upright, stated):
    got = laid(*(segment(channel) for channel in channels))
    assert (got.sources[0].channel, got.upright, got.stated) == (leading, upright, stated)
    assert len(got.sources) == len(channels)


def test_metadata_overrule_names():
    got = laid(segment("SH1"), segment("SH2"), segment("SH3"), vertical=SourceId("XX", "A", "", "SH1"))
    assert got.sources[0].channel == "SH1"
    assert got.stated


def test_starts_and_lengths_may_differ():
    z, n = segment("HHZ", 1.0, 500), segment("HHN", 0.503, 400)
    got = laid(z, n)
    assert got.start_ns == z.start_ns - 50 * NS_PER_S // 100  # the vertical's own grid
    np.testing.assert_array_equal(got.samples[0, 50:550], z.samples)
    np.testing.assert_array_equal(got.samples[1, :400], n.samples)
    assert got.valid.sum(axis=1).tolist() == [500, 400]
    assert got.time_ns(50) == z.start_ns
    assert got.index(z.start_ns) == 50


def test_gaps_are_bridged_and_marked():
    a, b = segment("HHZ", 0, 300), segment("HHZ", 5, 300)
    got = laid(a, b)
    assert not got.valid[0, 300:500].any()
    bridge = got.samples[0, 299:501]
    np.testing.assert_allclose(np.diff(bridge), (b.samples[0] - a.samples[-1]) / 201, atol=1e-9)
    seen = view(Window("XX.A", (a, b)), NS_PER_S)
    assert seen.stretch((0,), 100) == (0, 300)
    assert seen.stretch((0,), 400) == (400, 400)
    assert seen.stretch((0,), 500) == (500, 800)
    assert seen.stretch((0,), 5000) == (5000, 5000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_no_number_is_a_hole(bad):
    samples = RNG.normal(size=1000)
    samples[400:410] = bad
    got = laid(segment("HHZ", samples=samples))
    assert np.isfinite(got.samples).all()
    assert got.valid[0].sum() == 990


def test_dead_and_foreign_rates_are_left_out():
    got = laid(
        segment("HHZ"),
        segment("HHN", samples=np.full(1000, 7, dtype=np.int32)),
        segment("HHE", rate_hz=50.0, count=500),
    )
    assert [source.channel for source in got.sources] == ["HHZ"]
    assert laid(segment("HHZ", samples=np.zeros(1000, dtype=np.int32))) is None
    assert laid(segment("HHZ", samples=np.full(100, np.nan))) is None
    assert laid() is None


def test_a_window_is_of_one_station_and_of_bounded_length():
    with pytest.raises(ValueError, match="another station"):
        Window("XX.B", (segment("HHZ"),))
    with pytest.raises(ValueError, match="spans"):
        Window("XX.A", (segment("HHZ"), segment("HHZ", 4000.0)))
