"""Alerts as QuakeML: the schema, what other readers make of it, and a cancellation."""

import io
from dataclasses import replace
from pathlib import Path

import obspy
import pytest
from lxml import etree
from made_alert import FIRST, ORIGIN_NS, version

from houfeng.serve.alerts.quakeml import write_alert_quakeml
from houfeng.wire.quakeml import read_events

SCHEMA = etree.XMLSchema(
    etree.parse(Path(obspy.__path__[0]) / "io" / "quakeml" / "data" / "QuakeML-1.2.xsd"),
)


def event_of(alert):
    data = write_alert_quakeml(alert, agency="The Centre")
    SCHEMA.assertValid(etree.fromstring(data))
    (event,) = obspy.read_events(io.BytesIO(data), format="QUAKEML")
    return event


@pytest.mark.parametrize("kind", ["first", "update", "cancel"])
@pytest.mark.parametrize("status", ["actual", "exercise", "test"])
@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"magnitude": float("nan")},
        {"place_uncertainty_m": float("inf")},
        {"alert_id": "a <b>&", "reason": "\x00<x>&"},
        {"latitude_deg": 90.0},
        {"magnitude_is_least": True, "voices": ()},
    ],
)
def test_whatever_the_alert_it_is_quakeml_and_the_same_bytes(kind, status, odd):
    alert = replace(FIRST, kind=kind, status=status, **odd)
    event = event_of(alert)
    assert write_alert_quakeml(alert) == write_alert_quakeml(alert)
    name = event.event_descriptions[0].text
    assert ("NOT REAL" in name) is (status != "actual")


def test_another_reader_finds_origin_magnitude_and_onsets():
    event = event_of(FIRST)
    origin, magnitude = event.preferred_origin(), event.preferred_magnitude()
    assert (origin.evaluation_mode, origin.evaluation_status) == ("automatic", "preliminary")
    assert origin.time.ns == ORIGIN_NS
    assert (origin.latitude, origin.longitude, origin.depth) == (31.0, 103.4, 14000.0)
    assert (magnitude.mag, magnitude.origin_id) == (6.24, origin.resource_id)
    assert [arrival.pick_id.get_referred_object().waveform_id.get_seed_string() for arrival in origin.arrivals] == [
        "SC.WCH..",
        "SC.CD2..",
    ]
    assert "forgery cost 4 stations, 3 domains" in [comment.text for comment in event.comments]


def test_a_cancelled_quake_does_not_exist():
    event = event_of(version(2, "cancel"))
    assert event.event_type == "not existing"
    assert event.preferred_origin().evaluation_status == "rejected"
    assert event.resource_id == event_of(FIRST).resource_id


def test_our_own_reader_reads_it():
    (record,) = read_events(write_alert_quakeml(FIRST), "alert.xml").events
    assert record.reference is not None
    assert (record.reference.latitude_deg, record.reference.longitude_deg, record.magnitude) == (31.0, 103.4, 6.24)
    assert len(record.picks) == 2
