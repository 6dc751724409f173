"""Arrival times from every format of the data sets, our own picks.csv, and station labels."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.inventory import read_inventory
from houfeng.wire.phases import COLUMNS, read_phases, write_picks_csv
from houfeng.wire.pick_quality import CLASS_UNCERTAINTY_S, class_uncertainty_s, weight_uncertainty_s
from houfeng.wire.station_labels import match_station_label
from houfeng.words.errors import DataFault
from houfeng.words.instant import parse_instant
from houfeng.words.quake import Pick
from houfeng.words.source import SourceId


def read(folder, *parts):
    path = folder.joinpath(*parts)
    return read_phases(path.read_bytes(), path.name)


def truth(path):
    """Picks of a truth/picks.csv as {(event, network, station, phase): time_ns}; the first of each counts."""
    found = {}
    with path.open(newline="") as handle:
        for row in csv.DictReader(handle):
            found.setdefault(
                (row["event_id"], row["network"], row["station"], row["phase"]), parse_instant(row["time"])
            )
    return found


# Laws.

picks = st.builds(
    Pick,
    st.builds(
        SourceId,
        st.text("NZ1", max_size=2),
        st.text("ABC19_-", min_size=1, max_size=16),
        st.sampled_from(["", "10", "A-"]),
        st.sampled_from(["", "HHZ", "B_H_Z"]),
    ),
    st.sampled_from(["P", "S"]),
    st.integers(parse_instant("1700-01-01"), parse_instant("2260-01-01")),
    st.floats(1e-6, 100),
    st.floats(0, 1e6),
    st.floats(0, 1),
    st.sampled_from([-1, 0, 1]),
    st.floats(0, 1),
    st.sampled_from(["", "stalta+aic", "=1+1", "+phase", "'quoted'", "a,b", 'say "hi"']),
)
sets = st.dictionaries(
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=8).map(str.strip).filter(bool),
    st.lists(picks, min_size=1, max_size=5, unique_by=lambda pick: (pick.source.station_key, pick.phase)),
    min_size=1,
    max_size=3,
)


@given(sets)
def test_our_own_csv_reads_back_to_the_nanosecond(written):
    data = write_picks_csv((pick, name) for name, members in written.items() for pick in members)
    result = read_phases(data, "picks.csv")
    assert result.findings == ()
    assert {each.name: list(each.picks) for each in result.sets} == written


@pytest.mark.parametrize("line", ["XX,AAA", ",XX.AAA", "XX,XX.AAA"])
def test_a_station_may_be_written_with_its_network(line):
    data = f"network,station,phase,time\n{line},P,2024-01-01T00:00:01Z\n".encode()
    (each,) = read_phases(data, "p.csv").sets
    assert [pick.source.station_key for pick in each.picks] == ["XX.AAA"]


@given(sets)
def test_our_own_csv_holds_nothing_a_spreadsheet_would_run(written):
    data = write_picks_csv((pick, name) for name, members in written.items() for pick in members)
    rows = list(csv.reader(data.decode().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    for row in rows[1:]:
        free_text = (row[COLUMNS.index("method")], row[COLUMNS.index("quake_id")])
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in free_text)


@given(st.floats(0, 1), st.sampled_from(["P", "S"]))
def test_more_weight_never_means_less_sure(weight, phase):
    assert weight_uncertainty_s(weight, phase) >= weight_uncertainty_s(1.0, phase) > 0
    assert weight_uncertainty_s(weight, "S") > weight_uncertainty_s(weight, "P")


def test_weights_and_classes_are_the_same_scale():
    assert [weight_uncertainty_s(1 - number / 4, "P") for number in range(5)] == list(CLASS_UNCERTAINTY_S)
    assert class_uncertainty_s(9, "P") == class_uncertainty_s(4, "P")


# The data sets.


def test_nonlinloc_observations_of_alaska(houfeng_data):
    result = read(houfeng_data, "locate_alaska_2018", "picks", "2018-11-30-mww70-southern-alaska.obs")
    assert result.findings == ()
    assert [len(each.picks) for each in result.sets] == [57, 34, 32, 63, 28, 23, 37]
    wanted = truth(houfeng_data / "locate_alaska_2018" / "picks" / "picks.csv")
    got = {(s.name, p.source.network, p.source.station, p.phase): p.time_ns for s in result.sets for p in s.picks}
    assert got == wanted
    first = result.sets[0].picks[0]
    assert (first.source.channel, first.uncertainty_s) == ("HNZ", 0.01)
    # "-0" and "0" are not first motions
    assert {pick.polarity for each in result.sets for pick in each.picks} == {0}


def test_csv_of_alaska_says_the_same(houfeng_data):
    table = read(houfeng_data, "locate_alaska_2018", "picks", "picks.csv")
    cards = read(houfeng_data, "locate_alaska_2018", "picks", "2018-11-30-mww70-southern-alaska.obs")
    for one, other in zip(table.sets, cards.sets, strict=True):
        assert one.name == other.name
        assert [(p.source.station, p.time_ns, p.uncertainty_s) for p in one.picks] == [
            (p.source.station, p.time_ns, p.uncertainty_s) for p in other.picks
        ]


def test_nonlinloc_hypocentre_files_give_picks_and_reference(houfeng_data):
    (each,) = read(houfeng_data, "locate_alaska_2018", "truth", "nll", "alaska.20181130.172935.grid0.loc.hyp").sets
    assert len(each.picks) == 57
    assert each.reference.time_ns == parse_instant("2018-11-30T17:29:29.073014")
    assert each.reference.depth_m == pytest.approx(44_936.523)


def test_quakeml_of_bingham_agrees_with_its_truth(houfeng_data):
    folder = houfeng_data / "stationxml_quakeml_a"
    result = read(folder, "quakeml", "bingham_2013_events.xml")
    assert len(result.sets) == 11
    with (folder / "truth" / "bingham_events.csv").open(newline="") as handle:
        events = {parse_instant(row["origin_time"]): row for row in csv.DictReader(handle)}
    wanted = truth(folder / "truth" / "bingham_picks.csv")
    for each in result.sets:
        event = events[each.reference.time_ns]
        assert each.reference.latitude_deg == float(event["latitude"])
        got = {(p.source.network, p.source.station, p.phase): p.time_ns for p in each.picks}
        mine = {key[1:]: time for key, time in wanted.items() if key[0] == event["event_id"]}
        assert mine.items() <= got.items()
        keys = [(p.source.station_key, p.phase) for p in each.picks]
        assert len(keys) == len(set(keys))


def test_sc3ml_of_charlevoix(houfeng_data):
    (each,) = read(houfeng_data, "stationxml_quakeml_a", "quakeml", "Charlevoix_MN2.4.sc3ml.xml").sets
    assert len(each.picks) == 35
    assert {pick.phase for pick in each.picks} == {"P", "S"}
    assert each.reference.depth_m == 16_980.0


def test_nordic_files_of_the_alpine_fault_agree_with_the_truth(houfeng_data):
    folder = houfeng_data / "nz_alpinefault_2013a" / "truth"
    wanted = truth(folder / "picks.csv")
    files = sorted((folder / "nordic").iterdir())
    assert len(files) >= 17
    got = set()
    for path in files:
        for each in read_phases(path.read_bytes(), path.name).sets:
            got |= {(pick.source.station, pick.phase, pick.time_ns) for pick in each.picks}
            assert each.name == f"{path.name}#1"
    assert {(key[2], key[3], time) for key, time in wanted.items()} <= got


@pytest.mark.parametrize(
    ("name", "count", "early"), [("real_bad_picks.sfile", 9, 3), ("real_round_len_undef.sfile", 5, 0)]
)
def test_odd_nordic_files_are_read_and_their_oddities_said(houfeng_data, name, count, early):
    result = read(houfeng_data, "malformed_a", "files", name)
    (each,) = result.sets
    assert len(each.picks) == count
    assert {pick.source.station for pick in each.picks} >= {"GOVA", "LABE", "EORO", "POCR2", "FRAN"}
    said = [finding for finding in result.findings if finding.kind == "pick-before-origin"]
    assert [finding.reason.split()[0] for finding in said] == ([str(early)] if early else [])
    assert all(finding.file == name for finding in result.findings)


def test_one_unreadable_event_does_not_take_the_others_with_it(houfeng_data):
    folder = houfeng_data / "nz_alpinefault_2013a" / "truth" / "nordic"
    good = min(folder.iterdir()).read_bytes()
    bad = good.replace(b" 2013  9 1 0411 15.7", b" 2013 99 1 0411 15.7")
    assert bad != good
    result = read_phases(good + b"\n" + bad + b"\n" + good, "select.out")
    assert len(result.sets) == 2
    assert [(finding.kind, finding.file) for finding in result.findings] == [("event-refused", "select.out")]


def test_hypo71_cards():
    cards = (
        "NI01IPU0 990101120012.34       15.67ES 2\n"
        "NI02EPD2 990101120013.10\n"
        "NI03EP 4 990101120099.99\n"
        "                 10\n"
        "NI01 P 1 040229235959.50\n"
        "                 10\n"
    )
    first, second = read_phases(cards.encode(), "cards.pha").sets
    assert [(p.source.station, p.phase, p.polarity, p.uncertainty_s) for p in first.picks] == [
        ("NI01", "P", 1, 0.05),
        ("NI01", "S", 0, 0.4),
        ("NI02", "P", -1, 0.2),
    ]
    assert first.picks[0].time_ns == parse_instant("1999-01-01T12:00:12.34")
    assert first.picks[1].time_ns == parse_instant("1999-01-01T12:00:15.67")
    assert second.picks[0].time_ns == parse_instant("2004-02-29T23:59:59.5")


def test_seconds_beyond_sixty_run_into_the_next_minute():
    line = "AAA ? HHZ ? P C 20181231 2359 75.5 GAU 0.05 0 0 0 1 > 0 0 0"
    (each,) = read_phases(line.encode(), "x.obs").sets
    assert each.picks[0].time_ns == parse_instant("2019-01-01T00:00:15.5")
    assert each.picks[0].polarity == 1


def test_a_pick_of_no_weight_and_other_phases_are_passed_over():
    lines = [
        "AAA ? HHZ ? P ? 20180101 0000 1.0 GAU 0.05 0 0 0 0",
        "BBB ? HHZ ? PmP ? 20180101 0000 1.0 GAU 0.05 0 0 0 1",
        "CCC ? HHZ ? Sg ? 20180101 0000 1.0 GAU 0.05 0 0 0 1",
    ]
    (each,) = read_phases("\n".join(lines).encode(), "x.obs").sets
    assert [(pick.source.station, pick.phase) for pick in each.picks] == [("CCC", "S")]


def test_a_bad_line_of_csv_is_left_out_and_said():
    text = "station,phase,time\nAAA,P,2018-01-01T00:00:00Z\nBBB,P,2018-02-31T00:00:00Z\n../x,P,2018-01-01T00:00:00Z\n"
    result = read_phases(text.encode(), "p.csv")
    assert [pick.source.station for pick in result.sets[0].picks] == ["AAA"]
    assert [finding.kind for finding in result.findings] == ["pick-refused", "pick-refused"]
    assert "line 3" in result.findings[0].reason
    assert "2018-02-31" in result.findings[0].reason


@pytest.mark.parametrize("data", [b"", b"station,phase,time\n", b"no picks here\n", b"\x00\xff"])
def test_what_holds_no_pick_is_a_data_fault(data):
    with pytest.raises(DataFault) as caught:
        read_phases(data, "some.file")
    assert caught.value.subject == "some.file"


# Labels.


@pytest.mark.parametrize(
    ("key", "known", "found"),
    [
        ("NZ.AAA", ["NZ.AAA", "NZ.BBB"], "NZ.AAA"),
        (".AK_RC01_--", [".AK_RC01_--"], ".AK_RC01_--"),
        (".AK_RC01_--", ["AK.RC01", "AK.RC02"], "AK.RC01"),
        ("AK.RC01", [".AK_RC01_--"], ".AK_RC01_--"),
        (".NP_AMJG1", [".NP_AMJG_1", ".NP_AHOU_1"], ".NP_AMJG_1"),
        (".RC01", ["AK.RC01"], "AK.RC01"),
        ("AK.RC01", [".RC01"], ".RC01"),
        (".RC01", ["AK.RC01", "NZ.RC01"], None),
        ("NZ.RC01", ["AK.RC01"], None),
        (".NP040_D0", [".NP_8040_D0"], None),
        (".AB_C", ["AB.C", ".A_BC"], "AB.C"),
        (".A-BC", ["AB.C", "A.BC"], None),
        ("NZ.AAA", [], None),
    ],
)
def test_a_label_finds_its_station_or_none(key, known, found):
    assert match_station_label(key, known) == found


def test_alaskas_labels_find_their_stations(houfeng_data):
    folder = houfeng_data / "locate_alaska_2018"
    path = folder / "stations" / "station_coordinates.txt"
    keys = [station.key for station in read_inventory(path.read_bytes(), path.name).stations]
    result = read(folder, "picks", "2018-11-30-mww70-southern-alaska.obs")
    labels = {pick.source.station_key for each in result.sets for pick in each.picks}
    assert {label for label in labels if match_station_label(label, keys) is None} == {".NP040_D0", ".NP0521"}
