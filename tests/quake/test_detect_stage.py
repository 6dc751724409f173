"""Episodes, sensors and voices: from packets to picks, each arrival told once."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.acquire import Acquire, Recent
from houfeng.quake.detect.stage import Detect, one_voice, sensors_of, wait_ns
from houfeng.quake.hearing import travel_times
from houfeng.quake.network import network_of
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

MODEL = VelocityModel("test", "test", np.array([0.0]), np.array([6000.0]), np.array([3500.0]))
START_NS = 1_700_000_000 * NS_PER_S
RATE_HZ = 100.0
BURST_S = 60.0


def _sources(*channels, location=""):
    return tuple(SourceId("XX", "ABC", location, channel) for channel in channels)


def _components(sensors):
    return [tuple(source.component for source in sensor) for sensor in sensors]


# Sensors.


@pytest.mark.parametrize(
    ("channels", "grouped"),
    [
        (("HHZ", "HHN", "HHE"), [{"Z", "N", "E"}]),
        (("HHZ", "HH1", "HH2"), [{"Z", "1", "2"}]),
        (("HH1", "HH2", "HH3"), [{"1", "2", "3"}]),
        (("HHZ",), [{"Z"}]),
        (("HHZ", "HHN", "HHE", "HH1", "HH2", "HH3"), [{"Z", "N", "E"}, {"1", "2", "3"}]),
        (("HHZ", "HHN", "HHE", "HH1", "HH2"), [{"Z", "N", "E"}, {"1", "2"}]),
    ],
)
def test_components_go_with_their_sensor(channels, grouped):
    assert sorted(map(sorted, _components(sensors_of(_sources(*channels))))) == sorted(map(sorted, grouped))


def test_instruments_and_locations_are_sensors_apart():
    sources = [*_sources("BHZ", "BHN", "BHE", "HNZ", "HNN", "HNE"), *_sources("BHZ", location="10")]
    sensors = sensors_of(sources)
    assert sorted(len(sensor) for sensor in sensors) == [1, 3, 3]
    assert all(len({source.sensor for source in sensor}) == 1 for sensor in sensors)


@settings(max_examples=50, deadline=None)
@given(
    st.sets(
        st.builds(
            SourceId,
            st.just("XX"),
            st.just("ABC"),
            st.sampled_from(["", "10"]),
            st.sampled_from([band + letter for band in ("HH", "HN") for letter in "ZNE123"]),
        )
    ),
    st.randoms(),
)
def test_every_channel_belongs_to_one_sensor_whatever_the_order(sources, random):
    shuffled = sorted(sources)
    random.shuffle(shuffled)
    sensors = sensors_of(shuffled)
    assert sorted(source for sensor in sensors for source in sensor) == sorted(sources)
    assert all(len(sensor) <= 3 for sensor in sensors)
    assert set(sensors) == set(sensors_of(sources))


# Voices.


def _pick(channel="HHZ", phase="P", at_s=0.0, probability=0.8, uncertainty_s=0.1):
    (source,) = _sources(channel)
    return Pick(source, phase, START_NS + seconds_to_ns(at_s), uncertainty_s, probability=probability)


@pytest.mark.parametrize("best", ["BHZ", "HHZ", "HNZ"])
def test_co_located_sensors_speak_with_the_voice_most_to_be_trusted(best):
    picks = [
        _pick(channel, at_s=0.1 * number, probability=0.9 if channel == best else 0.6)
        for number, channel in enumerate(("BHZ", "HHZ", "HNZ"))
    ]
    (voice,) = one_voice(picks)
    assert voice.source.channel == best


def test_among_equals_the_sharper_onset_speaks():
    blunt, sharp = _pick("BHZ", uncertainty_s=0.2), _pick("HHZ", at_s=0.2, uncertainty_s=0.05)
    assert one_voice([blunt, sharp]) == [sharp]


def test_other_phases_and_later_arrivals_speak_for_themselves():
    picks = [_pick(at_s=0.0), _pick("HNZ", "S", at_s=0.2), _pick("BHZ", at_s=3.0)]
    assert one_voice(picks[::-1]) == picks


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            _pick,
            st.sampled_from(["BHZ", "HHZ", "HNZ"]),
            st.sampled_from(["P", "S"]),
            st.floats(0, 5),
            st.floats(0, 1),
            st.floats(0.02, 0.5),
        ),
        max_size=12,
        unique_by=lambda pick: pick.key,
    ),
    st.randoms(),
)
def test_no_arrival_has_two_voices_whatever_the_order(picks, random):
    voices = one_voice(picks)
    assert set(voices) <= set(picks)
    assert bool(voices) == bool(picks)
    for phase in ("P", "S"):
        instants = [pick.time_ns for pick in voices if pick.phase == phase]
        assert all(later - earlier > 0.5 * NS_PER_S for earlier, later in pairwise(instants))
    shuffled = list(picks)
    random.shuffle(shuffled)
    assert one_voice(shuffled) == voices


# The stage.


class _Listener:
    """A picker that finds one P, at its first trigger, and remembers what it was shown."""

    def __init__(self):
        self.windows = []

    def picks(self, window, triggers_ns):
        self.windows.append((window, list(triggers_ns)))
        source = window.segments[0].source
        return (Pick(source, "P", triggers_ns[0], 0.1, probability=0.8),)

    def pick_near(self, window, phase, expected_ns, half_width_s):
        assert half_width_s > 0
        self.windows.append((window, [expected_ns]))
        channel = window.segments[0].source
        return Pick(channel, phase, expected_ns, 0.1, probability=0.9 if channel.channel[1] == "H" else 0.5)


STATION = Station("XX", "ABC", 36.0, 140.0)
OTHER = Station("XX", "DEF", 36.2, 140.0)


def _network(sources):
    return network_of(Inventory((STATION, OTHER)), [*sources, SourceId("XX", "DEF", "", "HHZ")], START_NS)


def _stage(picker, sources):
    network = _network(sources)
    return Detect(network, Inventory((STATION, OTHER)), picker, travel_times(MODEL, network))


def _play(detect, sources, bursts_s=(BURST_S,), duration_s=150):
    """Noise with bursts, second by second; the picks told at each second, and the records."""
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 100, (len(sources), int(duration_s * RATE_HZ)))
    for at_s in bursts_s:
        first = int(at_s * RATE_HZ)
        samples[:, first : first + 300] += rng.normal(0, 5000, (len(sources), 300))
    recent = Recent(600.0)
    acquire, told = Acquire(recent), []
    for second in range(duration_s):
        part = samples[:, int(second * RATE_HZ) : int((second + 1) * RATE_HZ)].astype(np.int32)
        batch = PacketBatch(
            sources,
            np.arange(len(sources), dtype=np.int32),
            np.full(len(sources), START_NS + second * NS_PER_S, dtype=np.int64),
            np.full(len(sources), RATE_HZ),
            np.arange(len(sources) + 1, dtype=np.int64) * part.shape[1],
            part.ravel(),
        )
        for ordered in acquire.handle(batch).batches:
            detect.handle(ordered)
        now_ns = START_NS + (second + 1) * NS_PER_S
        told += [(now_ns, pick) for pick in detect.elapse(now_ns, recent)]
    return told, recent


def test_one_burst_on_three_instruments_is_one_pick():
    sources = _sources("BHZ", "HHZ", "HHN", "HHE", "HNZ")
    told, _ = _play(_stage(picker := _Listener(), sources), sources)
    assert len(told) == 1
    assert abs(told[0][1].time_ns - START_NS - seconds_to_ns(BURST_S)) < NS_PER_S
    assert {window.segments[0].source.sensor for window, _ in picker.windows} == {s.sensor for s in sources}


def test_a_pick_is_told_once_its_window_is_full_and_within_the_promised_wait():
    sources = _sources("HHZ")
    detect = _stage(picker := _Listener(), sources)
    ((now_ns, pick),), _ = _play(detect, sources)
    network = _network(sources)
    assert 0 <= now_ns - pick.time_ns - wait_ns(network, travel_times(MODEL, network)) <= 2 * NS_PER_S
    ((window, triggers_ns),) = picker.windows
    begin_ns, end_ns = window.segments[0].start_ns, window.segments[-1].end_ns
    assert begin_ns < triggers_ns[0] - 10 * NS_PER_S
    assert triggers_ns[-1] < end_ns <= now_ns


def test_two_bursts_a_minute_apart_are_two_picks():
    sources = _sources("HHZ")
    told, _ = _play(_stage(_Listener(), sources), sources, (50.0, 110.0), 200)
    assert [round((pick.time_ns - START_NS) / NS_PER_S) for _, pick in told] == [50, 110]


def test_noise_is_no_pick():
    sources = _sources("HHZ", "HHN", "HHE")
    assert _play(_stage(picker := _Listener(), sources), sources, ())[0] == []
    assert picker.windows == []


def test_a_look_hears_every_sensor_and_takes_the_best():
    sources = _sources("HNZ", "HHZ")
    detect = _stage(picker := _Listener(), sources)
    _, recent = _play(detect, sources, ())
    expected_ns = START_NS + 70 * NS_PER_S
    pick = detect.look(recent, "XX.ABC", "S", expected_ns, 2.0)
    assert (pick.source.channel, pick.phase, pick.time_ns) == ("HHZ", "S", expected_ns)
    assert len(picker.windows) == 2
    for window, _ in picker.windows:
        assert window.segments[0].start_ns < expected_ns - 2 * NS_PER_S
        assert window.segments[-1].end_ns > expected_ns + 2 * NS_PER_S


@pytest.mark.parametrize(("key", "at_s"), [("XX.NONE", 70.0), ("XX.ABC", 9000.0)], ids=["station", "instant"])
def test_a_look_where_there_is_nothing_finds_nothing(key, at_s):
    sources = _sources("HHZ")
    detect = _stage(_Listener(), sources)
    _, recent = _play(detect, sources, ())
    assert detect.look(recent, key, "P", START_NS + seconds_to_ns(at_s), 1.0) is None
