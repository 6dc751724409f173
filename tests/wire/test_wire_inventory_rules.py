"""StationXML rules against the validator's own files: every broken one, every sound one."""

import csv

import pytest

from houfeng.wire.inventory import read_inventory
from houfeng.wire.stationxml_rules import RULES
from houfeng.words.errors import DataFault

#: Broken rule in the file's name, and a word the finding's reason must hold to fit it.
MUST_BE_SAID = {
    101: "network code",
    110: "network does not start before",
    112: "network epoch does not enclose",
    201: "station code",
    210: "station does not start before",
    212: "station epoch does not enclose",
    301: "channel code",
    310: "channel does not start before",
    320: "azimuth",
    401: "stage numbers",
    403: "output units of a stage",
    410: "InstrumentSensitivity",
    412: "product of the stage gains",
    413: "gain above 0",
    421: "sample rate",
    422: "input rate",
}
ALSO_SAID = {
    111: "station epochs",
    211: "channel epochs",
    222: "within 1 km",
    223: "elevation",
    302: "location code",
    303: "calibration units",
    304: "sensor description",
    305: "sample rate",
    321: "instrument code",
    322: "instrument code",
    330: "azimuth",
    331: "dip",
    332: "orientation",
    402: "units are not known",
    404: "decimation",
    405: "response list",
    406: "counts",
    411: "Nyquist",
    414: "poles and zeros",
    415: "polynomial",
    416: "sensitivity",
    420: "decimation",
    423: "decimation",
    424: "counts",
    425: "analogue stage",
}
#: F1_220.xml is byte for byte the file P1_220.xml that is to pass.
NOT_TO_BE_TOLD = {220}

SOUND = [
    *(f"P1_{rule}.xml" for rule in (110, 111, 112, 211, 220, 221, 301, 305, 320, 321, 330, 331, 332)),
    *(f"P1_{rule}.xml" for rule in (404, 405, 412, 414, 415, "C1", "C2", "R1")),
    *("Validator_Pass.xml", "p_410.xml", "p_421.xml"),
]


def is_error(finding):
    return finding.kind.startswith("stationxml-") and not finding.kind.startswith("stationxml-warning-")


def read(houfeng_data, name):
    return read_inventory((houfeng_data / "stationxml_quakeml_a" / "stationxml" / name).read_bytes(), name)


@pytest.mark.parametrize("rule", MUST_BE_SAID)
def test_a_rule_whose_breach_corrupts_results_is_an_error(houfeng_data, rule):
    findings = read(houfeng_data, f"F1_{rule}.xml").findings
    said = [finding for finding in findings if finding.kind == f"stationxml-{rule}"]
    assert said, findings
    assert MUST_BE_SAID[rule] in said[0].reason
    assert said[0].file == f"F1_{rule}.xml"


@pytest.mark.parametrize("rule", ALSO_SAID)
def test_a_lesser_breach_is_said_too(houfeng_data, rule):
    findings = read(houfeng_data, f"F1_{rule}.xml").findings
    assert any(ALSO_SAID[rule] in finding.reason for finding in findings), findings


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_gives_stations_and_no_error(houfeng_data, name):
    result = read(houfeng_data, name)
    assert len(result.stations) >= 1
    assert not list(filter(is_error, result.findings)), result.findings


def test_every_file_of_the_set_is_looked_at(houfeng_data):
    with (houfeng_data / "stationxml_quakeml_a" / "truth" / "expected.csv").open(newline="") as handle:
        expected = list(csv.DictReader(handle))
    broken = {row["file"] for row in expected if row["expected"] == "fail"}
    assert broken == {f"F1_{rule}.xml" for rule in MUST_BE_SAID.keys() | ALSO_SAID.keys() | NOT_TO_BE_TOLD}
    assert {row["file"] for row in expected if row["expected"] == "pass"} == set(SOUND)


@pytest.mark.parametrize(
    "name", ["gs-13_Qx80.xml", "kinemetrics_etna_fba-3.xml", "overview_example.xml", "sts-2_rt130.xml"]
)
def test_the_fdsn_examples_are_sound(houfeng_data, name):
    path = houfeng_data / "stationxml_quakeml_a" / "stationxml_fdsn_examples" / name
    result = read_inventory(path.read_bytes(), name)
    assert result.stations[0].channels[0].response is not None
    assert not list(filter(is_error, result.findings))


@pytest.mark.parametrize(
    "parts",
    [
        ("antilles_2010", "inventory.xml"),
        ("pleasanthill_2019", "BK.BRIB.xml"),
        ("pleasanthill_2019", "NP.1847.xml"),
        ("hawaii_clipped_2019", "HV.TOUO.xml"),
        ("napa_2014_shakemap", "BK.CMB.xml"),
    ],
)
def test_what_networks_really_publish_breaks_no_rule(houfeng_data, parts):
    path = houfeng_data / parts[0] / "stations" / parts[1]
    assert not list(filter(is_error, read_inventory(path.read_bytes(), parts[1]).findings))


def test_a_sensitivity_of_zero_never_becomes_a_response(houfeng_data):
    path = houfeng_data / "pleasanthill_2019" / "stations" / "CE.58360.xml"
    whole = read_inventory(path.read_bytes(), "x").stations[0].channels
    head, tail = path.read_bytes().split(b"<InstrumentSensitivity>", 1)
    value, rest = tail.split(b"</Value>", 1)
    zero = head + b"<InstrumentSensitivity>" + value.split(b"<Value>")[0] + b"<Value>0</Value>" + rest
    result = read_inventory(zero, "zero.xml")
    assert "stationxml-410" in {finding.kind for finding in result.findings}
    for channel, sound in zip(result.stations[0].channels, whole, strict=True):
        assert channel.response is None or channel.response.sensitivity == pytest.approx(sound.response.sensitivity)


def test_the_table_names_each_kind_once():
    kinds = [rule.kind for rule in RULES]
    assert len(kinds) == len(set(kinds))
    assert [rule.number for rule in RULES] == sorted(rule.number for rule in RULES)


# The damaged files.


def damaged(houfeng_data, name):
    return read_inventory((houfeng_data / "malformed_a" / "files" / name).read_bytes(), name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("stationxml_cut.xml", "well-formed"),
        ("stationxml_not_utf8.xml", "encoding"),
        ("stationxml_entity_bomb.xml", "entities"),
    ],
)
def test_a_damaged_file_is_refused_with_a_reason(houfeng_data, name, word):
    with pytest.raises(DataFault, match=word) as caught:
        damaged(houfeng_data, name)
    assert caught.value.subject == name


def test_a_latitude_out_of_range_refuses_that_station_only(houfeng_data):
    result = damaged(houfeng_data, "stationxml_lat_out_of_range.xml")
    assert result.stations == ()
    refused = [finding for finding in result.findings if finding.kind == "station-refused"]
    assert [(finding.file, finding.station) for finding in refused] == [("stationxml_lat_out_of_range.xml", "NC.CTA")]
    assert "142.5" in refused[0].reason

    derived = (houfeng_data / "iceland_dyke_2014" / "stations" / "stations_derived.xml").read_bytes()
    spoilt = derived.replace(b"64.6836", b"164.6836", 1)
    assert spoilt != derived
    kept = read_inventory(spoilt, "spoilt.xml")
    assert len(kept.stations) == 11
    assert [f.station for f in kept.findings if f.kind == "station-refused"] == ["Z7.DYJN"]
