"""QuakeML out and in: the round trip, the schema, determinism, and other people's catalogues."""

import csv
import io
import math
import tempfile
from pathlib import Path

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from houfeng.wire.quakeml import read_events, write_quakeml
from houfeng.words.earth import M_PER_DEG, radii_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.quake import Amplitude, Arrival, Ellipse, Magnitude, Origin, Pick, Quake, StationMagnitude
from houfeng.words.source import SourceId

SCHEMA = Path(obspy.__path__[0]) / "io" / "quakeml" / "data" / "QuakeML-1.2.xsd"
QUAKEML_FILES = (
    "bingham_2013_events.xml",
    "anonymised_mine_event_a.xml",
    "anonymised_mine_event_b.xml",
    "Charlevoix_MN2.4.sc3ml.xml",
)


def from_obspy(data):
    return obspy.read_events(io.BytesIO(data), format="QUAKEML")


# Values to write: everything legal, text of any kind among it.

instants = st.integers(parse_instant("1900-01-01") // 1000, parse_instant("2200-01-01") // 1000).map(
    lambda us: us * 1000
)
sources = st.builds(
    SourceId,
    st.sampled_from(["NZ", "", "1A"]),
    st.text("ABC19_-", min_size=1, max_size=8),
    st.sampled_from(["", "10", "--"]),
    st.sampled_from(["HHZ", "EH1", "", "B_H_Z"]),
)
picks = st.builds(
    Pick,
    sources,
    st.sampled_from(["P", "S"]),
    instants,
    st.floats(1e-4, 10),
    st.floats(0, 1e4),
    st.floats(0, 1),
    st.sampled_from([-1, 0, 1]),
    st.floats(0, 1),
    st.sampled_from(["stalta+aic", "phasenet", "analyst", "guided"]),
)
arrivals = st.builds(
    Arrival, picks, st.floats(-50, 50), st.floats(0, 2e7), st.floats(0, 360), st.floats(0, 180), st.floats(0, 1)
)
amplitudes = st.builds(
    Amplitude, sources, st.just("wood_anderson"), st.floats(1e-10, 10), instants, st.floats(0, 20), st.floats(0, 1e4)
)
ellipses = st.tuples(st.floats(1, 1e5), st.floats(0, 1), st.floats(0, 180)).map(
    lambda e: tuple(Ellipse(level, e[0] * k, e[0] * e[1] * k, e[2]) for level, k in ((0.68, 1.0), (0.95, 1.6)))
)
texts = st.text(max_size=30)


@st.composite
def origins(draw):
    spread = draw(st.tuples(*[st.floats(1, 1e5)] * 3))
    return Origin(
        draw(instants),
        draw(st.floats(-89, 89)),
        draw(st.floats(-180, 180)),
        draw(st.floats(-5e3, 7e5)),
        np.diag(np.square(spread)),
        draw(st.floats(1e-3, 100)),
        spread[2],
        draw(ellipses),
        draw(st.floats(0, 360)),
        draw(st.floats(0, 100)),
        draw(st.floats(0, 1e6)),
        draw(st.integers(1, 300)),
        draw(st.sampled_from("ABCD")),
        draw(st.sampled_from(["iasp91", "Silwal & Tape 2016"])),
        tuple(draw(st.lists(arrivals, max_size=5))),
        tuple(draw(st.lists(texts, max_size=2))),
    )


@st.composite
def quakes(draw):
    measured = tuple(draw(st.lists(amplitudes, max_size=3)))
    stations = tuple(
        StationMagnitude(
            (amplitude,),
            amplitude.source.station_key,
            draw(st.floats(-2, 9)),
            1e4,
            draw(st.sampled_from(["", "clipped <1>"])),
        )
        for amplitude in measured
    )
    magnitude = Magnitude("ML", draw(st.floats(-2, 9)), draw(st.floats(0, 1)), "Hutton & Boore 1987", stations)
    return Quake(
        draw(st.text(min_size=1, max_size=12)),
        draw(st.integers(1, 99)),
        draw(origins()),
        draw(st.sampled_from([(), (magnitude,)])),
        measured,
        tuple(draw(st.lists(texts, max_size=2))),
    )


# Laws.


@settings(max_examples=60, deadline=None)
@given(st.lists(quakes(), max_size=2, unique_by=lambda quake: quake.quake_id))
def test_obspy_reads_back_what_was_written(written):
    catalogue = from_obspy(write_quakeml(written))
    assert len(catalogue) == len(written)
    for quake, event in zip(written, catalogue, strict=True):
        origin = event.preferred_origin()
        assert origin.time.ns == quake.origin.time_ns
        assert origin.latitude == pytest.approx(quake.origin.latitude_deg, abs=1e-6)
        assert origin.longitude == pytest.approx(quake.origin.longitude_deg, abs=1e-6)
        assert origin.depth == pytest.approx(quake.origin.depth_m, abs=0.1)
        north_m, _ = radii_m(quake.origin.latitude_deg)
        assert origin.latitude_errors.uncertainty * math.radians(1) * north_m == pytest.approx(
            math.sqrt(quake.origin.covariance_m2[1, 1]), abs=0.1
        )
        assert origin.origin_uncertainty.max_horizontal_uncertainty == pytest.approx(
            quake.origin.ellipses[0].semi_major_m, abs=0.1
        )
        assert origin.origin_uncertainty.confidence_level == 68.0
        assert origin.quality.azimuthal_gap == pytest.approx(quake.origin.gap_deg, abs=0.01)
        assert origin.quality.minimum_distance * M_PER_DEG == pytest.approx(quake.origin.nearest_m, abs=0.2)
        assert len(origin.arrivals) == len(event.picks) == len(quake.origin.arrivals)
        for arrival, line, pick in zip(quake.origin.arrivals, origin.arrivals, event.picks, strict=True):
            assert line.pick_id == pick.resource_id
            assert line.phase == pick.phase_hint == arrival.pick.phase
            assert pick.time.ns == arrival.pick.time_ns
            assert pick.time_errors.uncertainty == pytest.approx(arrival.pick.uncertainty_s, abs=1e-5)
            assert line.time_residual == pytest.approx(arrival.residual_s, abs=1e-5)
            assert line.distance * M_PER_DEG == pytest.approx(arrival.distance_m, abs=0.2)
            assert line.time_weight == pytest.approx(arrival.weight, abs=1e-4)
            assert line.takeoff_angle == pytest.approx(arrival.takeoff_deg, abs=0.01)
        assert len(event.magnitudes) == len(quake.magnitudes)
        for magnitude, line in zip(quake.magnitudes, event.magnitudes, strict=True):
            assert line.mag == pytest.approx(magnitude.value, abs=1e-4)
            assert line.station_count == sum(not station.refused for station in magnitude.stations)
            by_id = {each.resource_id: each for each in event.station_magnitudes}
            assert len(by_id) == len(magnitude.stations)
            assert [c.weight for c in line.station_magnitude_contributions] == [
                0.0 if station.refused else 1.0 for station in magnitude.stations
            ]
            assert all(c.station_magnitude_id in by_id for c in line.station_magnitude_contributions)
        assert [amplitude.generic_amplitude for amplitude in event.amplitudes] == pytest.approx(
            [amplitude.value for amplitude in dict.fromkeys(quake.amplitudes)], rel=1e-5
        )


@settings(max_examples=60, deadline=None)
@given(st.lists(quakes(), max_size=3))
def test_the_bytes_are_valid_and_the_same_every_time(written):
    data = write_quakeml(written)
    assert write_quakeml(written) == data
    document = etree.fromstring(data)
    identifiers = document.xpath("//@publicID")
    assert len(identifiers) == len(set(identifiers))
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    assert schema.validate(document), schema.error_log


@settings(max_examples=60, deadline=None)
@given(st.lists(quakes(), max_size=2, unique_by=lambda quake: quake.quake_id))
def test_our_own_reader_gives_the_picks_back(written):
    result = read_events(write_quakeml(written), "catalogue.xml")
    assert len(result.events) == len(written)
    for quake, event in zip(written, result.events, strict=True):
        assert event.pick_count == event.arrival_count == len(quake.origin.arrivals)
        assert event.reference.time_ns == quake.origin.time_ns
        first: dict = {}
        for pick in sorted((arrival.pick for arrival in quake.origin.arrivals), key=lambda pick: pick.time_ns):
            first.setdefault((pick.source.station_key, pick.phase), pick)
        assert {(p.source.station_key, p.phase): p.time_ns for p in event.picks} == {
            key: pick.time_ns for key, pick in first.items()
        }
        for pick in event.picks:
            same = [a.pick for a in quake.origin.arrivals if a.pick.time_ns == pick.time_ns]
            assert any(
                (pick.phase, pick.polarity, pick.method) == (p.phase, p.polarity, p.method)
                and pick.uncertainty_s == pytest.approx(p.uncertainty_s, abs=1e-5)
                for p in same
            )


# Examples.


def example(quake_id="hf2026abcd", version=1, **changes):
    pick = Pick(
        SourceId("NZ", "GCSZ", "10", "EHZ"), "P", 1_378_008_677_240_000_000, 0.05, 20.0, 0.97, 1, 0.8, "phasenet"
    )
    arrival = Arrival(pick, 0.06, 3_990.0, 304.0, 145.0, 0.98)
    amplitude = Amplitude(pick.source, "wood_anderson", 1.8e-9, pick.time_ns + NS_PER_S, 0.08, 14.0)
    values = {
        "time_ns": 1_378_008_675_700_000_000,
        "latitude_deg": -43.34,
        "longitude_deg": 170.376,
        "depth_m": 8_500.0,
        "covariance_m2": np.diag([1.44e6, 2.56e6, 1.0e7]),
        "time_uncertainty_s": 0.45,
        "depth_uncertainty_m": 3_200.0,
        "ellipses": (Ellipse(0.68, 1_629.0, 1_160.0, 105.6), Ellipse(0.95, 2_600.0, 1_850.0, 105.6)),
        "gap_deg": 86.0,
        "rms_s": 0.2,
        "nearest_m": 3_990.0,
        "station_count": 1,
        "quality": "B",
        "model": "iasp91",
        "arrivals": (arrival,),
        "notes": ("default model",),
    }
    origin = Origin(**(values | changes))
    station = StationMagnitude((amplitude,), "NZ.GCSZ", 0.62, 9_000.0)
    magnitude = Magnitude("ML", 0.6, 0.1, "Hutton & Boore 1987, doi:10.1785/BSSA0770062074", (station,))
    return Quake(quake_id, version, origin, (magnitude,), (amplitude,), ("seen by <one> & only station",))


def test_an_event_in_full():
    (event,) = from_obspy(write_quakeml([example()], agency="WREMO & co"))
    assert event.resource_id.id == "smi:local/houfeng/hf2026abcd/event"
    assert event.creation_info.agency_id == "WREMO & co"
    assert event.creation_info.version == "1"
    assert event.creation_info.creation_time is None
    assert [comment.text for comment in event.comments] == ["seen by <one> & only station"]
    (pick,) = event.picks
    assert pick.waveform_id.get_seed_string() == "NZ.GCSZ.10.EHZ"
    assert (pick.polarity, pick.evaluation_mode) == ("positive", "automatic")
    assert pick.method_id.id.endswith("/phasenet")
    origin = event.preferred_origin()
    assert origin.origin_uncertainty.preferred_description == "uncertainty ellipse"
    assert origin.quality.used_phase_count == origin.quality.used_station_count == 1
    said = " | ".join(comment.text for comment in origin.comments)
    assert "quality B" in said
    assert "default model" in said
    assert "95 % ellipse" in said
    (amplitude,) = event.amplitudes
    assert (amplitude.type, amplitude.unit, amplitude.generic_amplitude) == ("AML", "m", 1.8e-9)
    (station,) = event.station_magnitudes
    assert station.amplitude_id == amplitude.resource_id
    assert event.preferred_magnitude().magnitude_type == "ML"


def test_the_event_keeps_its_identifier_and_the_rest_tells_versions_apart():
    first, second = (from_obspy(write_quakeml([example(version=version)]))[0] for version in (1, 2))
    assert first.resource_id == second.resource_id
    assert first.preferred_origin_id != second.preferred_origin_id
    both = from_obspy(write_quakeml([example(version=1), example("other"), example(version=2)]))
    assert [event.creation_info.version for event in both] == ["2", "1"]


def test_different_names_never_share_an_identifier():
    names = ["a b", "a_b", "a~20~b", "a/b", "a.b", "ä", "a"]
    identifiers = [event.resource_id.id for event in from_obspy(write_quakeml([example(name) for name in names]))]
    assert len(set(identifiers)) == len(names)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_left_out(value):
    quake = example(depth_uncertainty_m=value, gap_deg=value, rms_s=value, covariance_m2=np.full((3, 3), value))
    data = write_quakeml([quake])
    for word in (b">nan", b">inf", b">-inf"):
        assert word not in data.lower()
    origin = from_obspy(data)[0].preferred_origin()
    assert origin.depth_errors.uncertainty is None
    assert origin.latitude_errors.uncertainty is None
    assert origin.quality.azimuthal_gap is None


def test_no_quake_gives_an_empty_catalogue():
    assert len(from_obspy(write_quakeml([]))) == 0
    assert [finding.kind for finding in read_events(write_quakeml([]), "empty.xml").findings] == ["no-events"]


def test_obspys_own_validator_accepts_it():
    from obspy.io.quakeml.core import _validate

    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        file.write(write_quakeml([example()]))
        file.flush()
        assert _validate(file.name)


def test_a_thousand_quakes_of_forty_arrivals_are_written():
    base = example().origin
    arrivals = tuple(
        Arrival(
            Pick(SourceId("NZ", f"S{number:03d}", "10", "HHZ"), "P", base.time_ns + number * 10**8, 0.05, 9.0, 0.9),
            *(0.01, 1e4 * number, 33.0, 101.0, 0.97),
        )
        for number in range(40)
    )
    many = [example(f"q{number}", arrivals=arrivals) for number in range(1000)]
    data = write_quakeml(many)
    assert data.count(b"<arrival ") == 40_000


# Other people's catalogues.


@pytest.mark.parametrize("name", QUAKEML_FILES)
def test_counts_and_first_values_equal_the_truth(houfeng_data, name):
    folder = houfeng_data / "stationxml_quakeml_a"
    with (folder / "truth" / "quakeml.csv").open(newline="") as handle:
        (truth,) = [row for row in csv.DictReader(handle) if row["file"] == name]
    result = read_events((folder / "quakeml" / name).read_bytes(), name)
    totals = {
        kind: sum(getattr(event, f"{kind}_count") for event in result.events)
        for kind in ("origin", "magnitude", "pick", "arrival", "amplitude")
    }
    assert len(result.events) == int(truth["events"])
    assert totals == {kind: int(truth[f"{kind}s"]) for kind in totals}
    first = result.events[0]
    assert first.reference.time_ns == parse_instant(truth["first_time"])
    assert first.reference.latitude_deg == float(truth["first_lat"])
    assert first.reference.longitude_deg == float(truth["first_lon"])
    assert first.reference.depth_m == float(truth["first_depth_m"])
    assert (first.magnitude, first.magnitude_type) == (float(truth["first_mag"]), truth["first_mag_type"])
    assert first.event_type == truth["first_event_type"]
    assert result.findings == ()


def test_the_truth_lists_no_file_that_is_not_tested(houfeng_data):
    with (houfeng_data / "stationxml_quakeml_a" / "truth" / "quakeml.csv").open(newline="") as handle:
        assert {row["file"] for row in csv.DictReader(handle)} == set(QUAKEML_FILES)


def test_a_cut_catalogue_is_refused_by_name(houfeng_data):
    data = (houfeng_data / "malformed_a" / "files" / "quakeml_cut.xml").read_bytes()
    with pytest.raises(DataFault, match="well-formed") as caught:
        read_events(data, "quakeml_cut.xml")
    assert caught.value.subject == "quakeml_cut.xml"


def test_the_31st_of_february_is_refused_and_its_event_kept(houfeng_data):
    data = (houfeng_data / "malformed_a" / "files" / "quakeml_bad_time.xml").read_bytes()
    result = read_events(data, "quakeml_bad_time.xml")
    (event,) = result.events
    assert event.reference is None
    assert len(event.picks) == 5
    assert {finding.kind for finding in result.findings} == {"bad-value", "no-reference"}
    assert "2013-02-31" in result.findings[0].reason
    assert result.findings[0].file == "quakeml_bad_time.xml"


def test_a_depth_of_nan_is_not_a_number(houfeng_data):
    data = (houfeng_data / "malformed_a" / "files" / "quakeml_nan_depth.xml").read_bytes()
    result = read_events(data, "quakeml_nan_depth.xml")
    assert result.events[0].reference.depth_m is None
    assert result.events[0].reference.latitude_deg == 54.607912947054295
    assert "NaN" in result.findings[0].reason


@pytest.mark.parametrize("data", [b"", b"<html/>", b"\x00" * 64, b"nothing"])
def test_what_is_no_catalogue_is_a_data_fault(data):
    with pytest.raises(DataFault):
        read_events(data, "x")
