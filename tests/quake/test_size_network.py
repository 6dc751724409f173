"""A network's magnitude: liars, clipped sensors, missing responses, and real quakes."""

import csv
import warnings
from dataclasses import replace

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.size.attenuation import attenuation
from houfeng.quake.size.network import size
from houfeng.quake.size.sensors import horizontals, ranked_sensors
from houfeng.words.earth import azimuth_deg, distance_m
from houfeng.words.instant import NS_PER_S, parse_instant, seconds_to_ns
from houfeng.words.quake import Arrival, Origin, Pick
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId, parse_source
from houfeng.words.station import Channel, Inventory, Response, Station

RATE_HZ = 50.0
ORIGIN_NS = parse_instant("2024-03-01T00:00:00")
RESPONSE = Response("m/s", 1e9, 1.0)
STRONG_MOTION = Response("m/s2", 1e6, 1.0)
VP_MPS = 6000.0


class Scene:
    """A make-believe quake: every station at its distance writes the swing that gives it the wanted ML."""

    def __init__(self, depth_m=10_000.0):
        self.depth_m = depth_m
        self.stations = {}
        self.segments = {}
        self.arrivals = []

    def add(self, code, epicentral_m, magnitude, *, channels=("HHE", "HHN", "HHZ"), response=RESPONSE, limit=None):
        key = f"XX.{code}"
        hypocentral_m = float(np.hypot(epicentral_m, self.depth_m))
        relation = attenuation()
        amplitude_m = 10 ** (magnitude - relation.correction_at(hypocentral_m)) * relation.amplitude_unit_m
        p_s = hypocentral_m / VP_MPS
        sources = [SourceId("XX", code, "", channel) for channel in channels]
        for number, source in enumerate(sources):
            counts = _burst(amplitude_m, p_s * 3**0.5, response, seed=hash_of(code) + number)
            if limit is not None:
                counts = np.clip(counts, -limit, limit)
            self.segments[source] = [Segment(source, ORIGIN_NS - 30 * NS_PER_S, RATE_HZ, counts)]
        made = [
            Channel(source, dip_deg=-90.0 if source.component == "Z" else 0.0, response=response) for source in sources
        ]
        old = self.stations.get(key, Station("XX", code, 0.0, 0.0))
        self.stations[key] = replace(old, channels=(*old.channels, *made))
        if key not in {arrival.pick.source.station_key for arrival in self.arrivals}:
            pick = Pick(sources[-1], "P", ORIGIN_NS + seconds_to_ns(p_s), 0.05)
            self.arrivals.append(Arrival(pick, 0.0, epicentral_m, 0.0, 90.0, 1.0))
        return self

    def sized(self, channels=None, **options):
        origin = Origin(
            ORIGIN_NS, 0.0, 0.0, self.depth_m, np.eye(3), 0.1, 1000.0, (), 90.0, 0.1, 1000.0, 3, "A", "half-space",
            tuple(self.arrivals),
        )  # fmt: skip
        inventory = Inventory(tuple(self.stations.values()))
        chosen = list(self.segments) if channels is None else channels
        return size(origin, self.stations, inventory, chosen, self.read, **options)

    def read(self, source, start_ns, end_ns):
        return [run for run in self.segments[source] if run.start_ns < end_ns and run.end_ns > start_ns]


def hash_of(text):
    return sum(ord(char) * 31**place for place, char in enumerate(text)) % 100_000


def _burst(amplitude_m, s_s, response, seed, frequency_hz=4.0):
    time_s = np.arange(-30, s_s * 1.5 + 20, 1 / RATE_HZ)
    rotation = 2j * np.pi * frequency_hz
    order = {"m/s": 1, "m/s2": 2}[response.input_units]
    ratio = frequency_hz * 0.8
    gain = ratio**2 / np.hypot(1 - ratio**2, 2 * 0.7 * ratio)
    wave = np.exp(-(((time_s - s_s - 2) / 1.0) ** 2)) * np.exp(rotation * (time_s - s_s - 2))
    counts = response.sensitivity * (rotation**order * wave).real * amplitude_m / gain
    return np.round(counts + np.random.default_rng(seed).normal(0, 1.0, len(time_s))).astype(np.int32)


def of_kind(sized, kind):
    return next((magnitude for magnitude in sized.magnitudes if magnitude.kind == kind), None)


def ring(count=6, magnitude=3.0, **options):
    scene = Scene()
    for number in range(count):
        scene.add(f"S{number:02d}", 20_000.0 + 12_000.0 * number, magnitude, **options)
    return scene


@settings(deadline=None, max_examples=12)
@given(st.floats(1.5, 4.5), st.randoms(use_true_random=False))
def test_the_magnitude_put_in_comes_out_whatever_the_order_of_channels(magnitude, random):
    scene = ring(4, magnitude)
    sized = scene.sized()
    assert of_kind(sized, "ML").value == pytest.approx(magnitude, abs=0.03)
    shuffled = list(scene.segments)
    random.shuffle(shuffled)
    assert scene.sized(shuffled) == sized


def test_a_minority_of_liars_does_not_move_the_mean():
    scene = ring(7).add("LIE1", 40_000.0, 5.5).add("LIE2", 60_000.0, 5.4).add("LIE3", 50_000.0, 0.9)
    magnitude = of_kind(scene.sized(), "ML")
    assert magnitude.value == pytest.approx(3.0, abs=0.03)
    refused = {station.station_key: station.refused for station in magnitude.stations if station.refused}
    assert set(refused) == {"XX.LIE1", "XX.LIE2", "XX.LIE3"}
    assert refused["XX.LIE1"] == "+2.5 from the median of all stations"


def test_scatter_is_that_of_the_stations():
    scene = Scene()
    for number, value in enumerate([2.7, 3.3, 2.9, 3.1, 3.0]):
        scene.add(f"S{number}", 30_000.0 + 5_000.0 * number, value)
    magnitude = of_kind(scene.sized(), "ML")
    assert magnitude.uncertainty == pytest.approx(np.std([2.7, 3.3, 2.9, 3.1, 3.0], ddof=1), abs=0.02)
    assert not any(station.refused for station in magnitude.stations)


def test_one_station_is_worth_what_one_station_is_worth():
    magnitude = of_kind(ring(1).sized(), "ML")
    assert magnitude.uncertainty == pytest.approx(0.26)


def test_a_clipped_broadband_gives_way_to_the_accelerometer_beside_it():
    scene = ring(2, 4.0).add("BOTH", 25_000.0, 4.0, limit=20_000)
    scene.add("BOTH", 25_000.0, 4.0, channels=("HNE", "HNN", "HNZ"), response=STRONG_MOTION)
    sized = scene.sized()
    both = next(station for station in of_kind(sized, "ML").stations if station.station_key == "XX.BOTH")
    assert {amplitude.source.channel for amplitude in both.amplitudes} == {"HNE", "HNN"}
    assert both.value == pytest.approx(4.0, abs=0.03)


def test_when_all_are_clipped_there_is_a_lower_bound_and_no_magnitude():
    sized = ring(3, 5.0, limit=20_000).sized()
    assert sized.magnitudes == ()
    assert any(note.startswith("not sized, clipped") for note in sized.notes)
    assert any(note.startswith("ML is at least") for note in sized.notes)


def test_one_clipped_component_spoils_the_sensor():
    scene = ring(3, 4.0)
    source = SourceId("XX", "S00", "", "HHZ")
    (whole,) = scene.segments[source]
    scene.segments[source] = [replace(whole, samples=np.clip(whole.samples, -20_000, 20_000))]
    sized = scene.sized()
    assert any("clipped" in note and "XX.S00" in note for note in sized.notes)


def test_without_responses_it_says_so_once():
    sized = ring(5, response=RESPONSE).sized()
    assert sized.magnitudes
    bare = ring(5)
    for key, station in bare.stations.items():
        bare.stations[key] = replace(station, channels=tuple(replace(one, response=None) for one in station.channels))
    sized = bare.sized()
    assert (sized.magnitudes, sized.amplitudes) == ((), ())
    assert sized.notes == ("no response for any channel of 5 stations, so no absolute magnitude",)


def test_a_station_without_a_response_is_named_among_others():
    scene = ring(3)
    key = "XX.S01"
    channels = tuple(replace(one, response=None) for one in scene.stations[key].channels)
    scene.stations[key] = replace(scene.stations[key], channels=channels)
    sized = scene.sized()
    assert sized.notes[0] == "not sized, no response for any channel: XX.S01"
    assert len(of_kind(sized, "ML").stations) == 2


def test_verticals_count_only_when_there_is_nothing_else():
    assert of_kind(ring(3, channels=("EHZ",)).sized(), "MLv") is not None
    mixed = ring(3).add("VERT", 30_000.0, 2.0, channels=("EHZ",)).sized()
    magnitude = of_kind(mixed, "ML")
    assert magnitude.kind == "ML"
    assert [station.refused for station in magnitude.stations if station.station_key == "XX.VERT"] == [
        "only a vertical"
    ]


def test_an_accelerometer_with_horizontals_beats_a_vertical_alone():
    scene = ring(2, 4.0).add("MIX", 30_000.0, 4.0, channels=("EHZ",))
    scene.add("MIX", 30_000.0, 4.0, channels=("HNE", "HNN", "HNZ"), response=STRONG_MOTION)
    magnitude = of_kind(scene.sized(), "ML")
    mixed = next(station for station in magnitude.stations if station.station_key == "XX.MIX")
    assert {amplitude.source.channel for amplitude in mixed.amplitudes} == {"HNE", "HNN"}
    assert mixed.refused == ""


def test_one_horizontal_is_better_than_none():
    magnitude = of_kind(ring(2, channels=("HHN", "HHZ")).sized(), "ML")
    assert magnitude.kind == "ML"
    assert magnitude.value == pytest.approx(3.0, abs=0.03)


def test_closer_than_the_relation_reaches_the_near_one_takes_over():
    scene = Scene(depth_m=3_000.0).add("NEAR", 2_000.0, 2.0).add("FAR", 30_000.0, 2.0)
    sized = scene.sized()
    near = next(station for station in of_kind(sized, "ML").stations if station.station_key == "XX.NEAR")
    assert near.value == pytest.approx(2.0 - 1.16 * np.exp(-0.2 * near.distance_m / 1000), abs=0.03)
    assert any("Luckett" in note and "XX.NEAR" in note for note in sized.notes)


def test_too_far_is_out_of_range():
    sized = Scene().add("FAR", 1_200_000.0, 6.5).sized()
    assert sized.magnitudes == ()
    assert any("outside its 10 to 1000 km" in note for note in sized.notes)


def test_the_next_quake_is_not_counted_to_this_one():
    scene = ring(3, 2.0)
    alone = of_kind(scene.sized(), "ML").value
    for source, (run,) in list(scene.segments.items()):
        louder = run.samples.copy()
        louder[int(50 * RATE_HZ) :] += (1000 * run.samples[: len(louder) - int(50 * RATE_HZ)]).astype(np.int32)
        scene.segments[source] = [replace(run, samples=louder)]
    later = []
    for arrival in scene.arrivals:
        time_ns = arrival.pick.time_ns + seconds_to_ns(9.0)
        later.append(replace(arrival, pick=replace(arrival.pick, time_ns=time_ns)))
    following = Origin(
        ORIGIN_NS, 0, 0, 0, np.eye(3), 0.1, 1000.0, (), 90.0, 0.1, 1000.0, 3, "A", "half-space", tuple(later)
    )
    assert of_kind(scene.sized(following=[following]), "ML").value == pytest.approx(alone, abs=0.03)


def test_no_arrivals_no_magnitude_no_crash():
    sized = Scene().sized()
    assert sized.magnitudes == ()
    assert sized.notes == ()


def test_stations_are_heard_with_their_best_sensor_first():
    names = ["HNZ", "BHE", "EHZ", "HHE", "HHN", "HNE", "HHZ", "BNZ"]
    sensors = ranked_sensors([SourceId("XX", "A", "", name) for name in names])
    assert [sources[0].sensor[-2:] for sources in sensors] == ["HH", "BH", "EH", "HN", "BN"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("HHZ HHN HHE", "HHE HHN"),
        ("SH1 SH2 SH3", "SH1 SH2"),
        ("SH1 SH2 SHE SHN SHZ", "SHE SHN"),
        ("BNZ BN1 BN2", "BN1 BN2"),
        ("EHZ", ""),
    ],
)
def test_horizontals_are_told_by_their_letters_where_no_dip_is_known(names, expected):
    sources = [SourceId("XX", "A", "", name) for name in names.split()]
    assert " ".join(source.channel for source in horizontals(sources, Inventory(), 0)) == expected


# Real quakes, from their true origins


def load(folder):
    """Waveforms and inventory of a data set, read with ObsPy: this tests the sizes, not the readers."""
    inventory = obspy.Inventory()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted((folder / "stations").glob("*.xml")):
            inventory += obspy.read_inventory(str(path))
        stream = obspy.Stream()
        for path in sorted((folder / "waveforms").glob("*.mseed")):
            stream += obspy.read(str(path))
    with (folder / "truth" / "events.csv").open() as file:
        truth = next(csv.DictReader(file))
    return inventory, stream, truth


def response_of(inventory, trace):
    known = inventory.select(
        **dict(zip(("network", "station", "location", "channel"), trace.id.split("."), strict=True))
    )
    if not known or known[0][0][0].response is None:
        return None
    response = inventory.get_response(trace.id, trace.stats.starttime)
    paz, total = response.get_paz(), response.instrument_sensitivity
    turn = 2 * np.pi if "HERTZ" in paz.pz_transfer_function_type else 1.0
    units = total.input_units.lower().replace("**", "")
    zeros = tuple(complex(zero) * turn for zero in paz.zeros)
    return Response(units, total.value, total.frequency, zeros, tuple(complex(pole) * turn for pole in paz.poles))


def size_true_quake(folder):
    inventory, stream, truth = load(folder)
    origin_ns = parse_instant(truth["origin_time"])
    here = float(truth["latitude"]), float(truth["longitude"])
    depth_m = float(truth["depth_km"]) * 1000
    stations, segments, arrivals = {}, {}, []
    for trace in stream:
        source = parse_source(trace.id)
        found = inventory.select(network=source.network, station=source.station)[0][0]
        key = source.station_key
        if key not in stations:
            stations[key] = Station(source.network, source.station, found.latitude, found.longitude, found.elevation)
            epicentral_m = float(distance_m(*here, found.latitude, found.longitude))
            p_s = np.hypot(epicentral_m, depth_m) / (8000.0 if depth_m > 50_000 else 5600.0)
            azimuth = float(azimuth_deg(*here, found.latitude, found.longitude))
            pick = Pick(source, "P", origin_ns + seconds_to_ns(p_s), 0.1)
            arrivals.append(Arrival(pick, 0.0, epicentral_m, azimuth, 90.0, 1.0))
        channel = Channel(source, response=response_of(inventory, trace))
        stations[key] = replace(stations[key], channels=(*stations[key].channels, channel))
        run = Segment(source, trace.stats.starttime.ns, trace.stats.sampling_rate, trace.data.astype(np.int32))
        segments.setdefault(source, []).append(run)
    origin = Origin(
        origin_ns,
        *here,
        depth_m,
        np.eye(3),
        0.1,
        1000.0,
        (),
        90.0,
        0.1,
        1000.0,
        len(stations),
        "A",
        "",
        tuple(arrivals),
    )
    sized = size(
        origin, stations, Inventory(tuple(stations.values())), segments,
        lambda source, start_ns, end_ns: [
            run for run in segments[source] if run.end_ns > start_ns and run.start_ns < end_ns
        ],
    )  # fmt: skip
    return sized, float(truth["magnitude"])


def test_pleasant_hill_speaks_with_eleven_agreeing_stations(houfeng_data):
    sized, _ = size_true_quake(houfeng_data / "pleasanthill_2019")
    magnitude = of_kind(sized, "ML")
    assert len(magnitude.stations) == 11
    assert magnitude.uncertainty < 0.35
    brib = next(station for station in magnitude.stations if station.station_key == "BK.BRIB")
    # its broadband is clipped: the accelerometer beside it is read
    assert {amplitude.source.channel for amplitude in brib.amplitudes} == {"HNE", "HNN"}


def test_pleasant_hill_is_sized_by_its_moment(houfeng_data):
    sized, truth = size_true_quake(houfeng_data / "pleasanthill_2019")
    assert sized.magnitudes[0].kind == "Mw"
    assert sized.magnitudes[0].value == pytest.approx(truth, abs=0.3)
    assert {amplitude.kind for station in sized.magnitudes[0].stations for amplitude in station.amplitudes} >= {
        "s_plateau"
    }
    assert any(note.startswith("clipped, it reaches") and "BK.BRIB.01.HHE" in note for note in sized.notes)


def test_a_deep_quake_is_sized_by_its_moment(houfeng_data):
    sized, truth = size_true_quake(houfeng_data / "antilles_2010")
    assert [magnitude.kind for magnitude in sized.magnitudes[:2]] == ["Mw", "ML"]
    assert sized.magnitudes[0].value == pytest.approx(truth, abs=0.5)
    assert any(note.startswith("ML is made for the crust") for note in sized.notes)


def test_every_clipped_channel_of_hawaii_is_listed_and_no_other(houfeng_data):
    folder = houfeng_data / "hawaii_clipped_2019"
    with (folder / "truth" / "clipping.csv").open() as file:
        labels = {row["id"]: row["clipped"] for row in csv.DictReader(file)}
    sized, _ = size_true_quake(folder)
    listed = {
        name.strip() for note in sized.notes if note.startswith("clipped, ") for name in note.split(": ")[1].split(",")
    }
    assert {channel for channel, label in labels.items() if label == "yes"} <= listed
    assert not {channel for channel, label in labels.items() if label == "no"} & listed


def test_clipped_hawaii_gets_no_magnitude_but_a_bound(houfeng_data):
    sized, truth = size_true_quake(houfeng_data / "hawaii_clipped_2019")
    assert sized.magnitudes == ()
    assert sum(note.count("HV.") for note in sized.notes if note.startswith("not sized")) == 6
    assert any(note.startswith("ML is at least 5.") for note in sized.notes), truth


def test_a_set_without_responses_gets_a_plain_reason(houfeng_data):
    sized, _ = size_true_quake(houfeng_data / "dprk_2017_explosion")
    assert sized.magnitudes == ()
    assert len(sized.notes) == 1
    assert "so no absolute magnitude" in sized.notes[0]


def test_the_other_scales_stand_behind_the_preferred_one(houfeng_data):
    sized, _ = size_true_quake(houfeng_data / "pleasanthill_2019")
    kinds = [magnitude.kind for magnitude in sized.magnitudes]
    assert kinds[:2] == ["Mw", "ML"]
    assert set(kinds[2:]) <= {"Mpd", "Mpgd"}


def test_a_single_tone_is_no_source():
    # the scene's waves are one tone each: ML can be read off them, a moment cannot
    sized = ring(6, 3.0).sized()
    assert sized.magnitudes[0].kind == "ML"
    assert any("Mw" in note for note in sized.notes)


def test_a_magnitude_no_station_can_give_leaves_the_others():
    sized = ring(3).sized()
    assert sized.magnitudes[0].kind == "ML"
    assert all(np.isfinite(magnitude.value) for magnitude in sized.magnitudes)


@pytest.mark.parametrize(
    ("epicentral_m", "channels", "expected"),
    [
        (60_000.0, ("HHE", "HHN", "HHZ"), "no MS: no broadband record from beyond 2 degrees"),
        (300_000.0, ("SHE", "SHN", "SHZ"), "no MS: no broadband record from beyond 2 degrees"),
        (300_000.0, ("HHE", "HHN", "HHZ"), "no MS: the window ends before surface waves"),
    ],
    ids=["near", "short-period", "far"],
)
def test_a_large_quake_says_why_it_has_no_surface_wave_magnitude(epicentral_m, channels, expected):
    sized = Scene().add("ONE", epicentral_m, 5.5, channels=channels, response=Response("m/s", 1e6, 1.0)).sized()
    assert expected in sized.notes
    small = Scene().add("ONE", epicentral_m, 4.5, channels=channels, response=Response("m/s", 1e7, 1.0)).sized()
    assert not any(note.startswith("no MS") for note in small.notes)
