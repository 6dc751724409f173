"""Health: ok, degraded or failing, and why, in words that name the part."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.health.health import (
    FAILING_FROM,
    FULL_DISK_BYTES,
    FULL_SHARE,
    NAMED,
    SHORT_DISK_BYTES,
    SILENT_NS,
    SILENT_SHARE,
    Level,
    judge,
)
from houfeng.shell.health.metrics import REMEMBERED, Metrics
from houfeng.shell.health.server import read_request
from houfeng.shell.health.supervise import Standing, State
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet

BEGUN_NS = 10**18
NOW_NS = BEGUN_NS + 10 * SILENT_NS


def heard(metrics, feed="north", station="XX.ONE", arrival_ns=NOW_NS):
    metrics.feed_stands(feed, "connected")
    metrics.packets_arrived([Packet(feed, station, 0, arrival_ns, b"")])


def judged(metrics, now_ns=NOW_NS):
    return judge(metrics, now_ns=now_ns, begun_ns=BEGUN_NS)


def said(metrics, now_ns=NOW_NS):
    health = judged(metrics, now_ns)
    return health.level, [reason.text for reason in health.reasons]


def test_a_centre_that_hears_everyone_is_ok():
    metrics = Metrics()
    metrics.stations_expected(["XX.ONE"])
    heard(metrics)
    metrics.queue_stands("detect", 1, 100)
    metrics.disk_stands("archive", 10 * SHORT_DISK_BYTES)
    metrics.duty_stands(Standing("north", State.running, 0, 3, "was gone"))
    assert said(metrics) == (Level.ok, [])


def test_a_centre_that_has_just_begun_is_not_blamed():
    metrics = Metrics()
    metrics.stations_expected(["XX.ONE"])
    metrics.feed_stands("north", "connecting")
    assert said(metrics, BEGUN_NS + SILENT_NS) == (Level.ok, [])
    assert said(metrics, BEGUN_NS + SILENT_NS + 1)[0] is Level.failing


def test_one_silent_feed_degrades_and_all_of_them_fail():
    metrics = Metrics()
    heard(metrics, "north")
    heard(metrics, "south", arrival_ns=NOW_NS - SILENT_NS - 1)
    metrics.feed_stands("south", "connecting", "login refused")
    assert said(metrics) == (Level.degraded, ["silent feeds: south (login refused)"])
    level, reasons = said(metrics, NOW_NS + SILENT_NS + 1)
    assert level is Level.failing
    assert reasons == ["no feed brings anything: north (connected), south (login refused)"]


def test_recordings_played_to_their_end_are_nobodys_fault():
    metrics = Metrics()
    metrics.feed_begun("north", steady=False)
    metrics.stations_expected(["XX.ONE"])
    heard(metrics)
    assert said(metrics, NOW_NS + 10 * SILENT_NS) == (Level.ok, [])


def test_many_silent_stations_degrade_and_a_few_are_named():
    metrics = Metrics()
    metrics.stations_expected([f"XX.S{number:02d}" for number in range(20)])
    for number in range(2, 20):
        heard(metrics, station=f"XX.S{number:02d}")
    assert said(metrics) == (Level.ok, [])  # one in ten
    metrics.stations_expected([f"XX.S{number:02d}" for number in range(30)])
    level, (reason,) = said(metrics)
    assert level is Level.degraded
    assert reason.startswith("12 of 30 stations are silent: XX.S00, XX.S01, XX.S20")
    assert reason.endswith(f"and {12 - NAMED} more")


@pytest.mark.parametrize(
    ("left_bytes", "level"),
    [(SHORT_DISK_BYTES, Level.ok), (SHORT_DISK_BYTES - 1, Level.degraded), (FULL_DISK_BYTES - 1, Level.failing)],
)
def test_a_disk_that_fills_up_is_told(left_bytes, level):
    metrics = Metrics()
    metrics.disk_stands("archive", left_bytes)
    assert said(metrics)[0] is level


@pytest.mark.parametrize(("failures", "level"), [(1, Level.degraded), (FAILING_FROM, Level.failing)])
def test_what_fails_is_told_with_its_reason(failures, level):
    metrics = Metrics()
    metrics.duty_stands(Standing("seedlink", State.waiting, failures, failures, "address in use"))
    assert said(metrics) == (level, [f"seedlink failed {failures} times in a row: address in use"])


def test_a_stage_that_falls_behind_is_told():
    metrics = Metrics()
    metrics.queue_stands("detect", 80, 100)
    assert said(metrics) == (Level.degraded, ["detect is behind: 80 of at most 100 wait"])


def test_a_part_in_trouble_fails_the_centre():
    metrics = Metrics()
    metrics.trouble("archive", "the disk is full")
    assert said(metrics) == (Level.failing, ["archive: the disk is full"])


def test_the_document_has_every_feed_station_stage_and_disk():
    metrics = Metrics()
    metrics.stations_expected(["XX.ONE", "XX.TWO"])
    heard(metrics)
    metrics.queue_stands("detect", 1, 100)
    metrics.disk_stands("archive", 10**12)
    document = json.loads(json.dumps(judged(metrics).document))
    assert document["health"] == "degraded"
    assert [reason["level"] for reason in document["reasons"]] == ["degraded"]
    assert document["feeds"]["north"] == {
        "state": "connected",
        "reason": "",
        "packets": 1,
        "refused": 0,
        "last_packet_age_s": 0.0,
        "latency_p50_s": None,
        "latency_p99_s": None,
    }
    assert {key: station["state"] for key, station in document["stations"].items()} == {
        "XX.ONE": "speaking",
        "XX.TWO": "silent",
    }
    assert document["stages"] == {"detect": {"queue_depth": 1, "queue_most": 100}}
    assert document["disk_left_bytes"] == {"archive": 10**12}


def test_the_page_says_the_limits_that_hold():
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/metrics.md").read_text()
    for said in (
        f"less than {SHORT_DISK_BYTES / 1e9:g} GB left",
        f"less than {FULL_DISK_BYTES / 1e9:g} GB left",
        f"last {REMEMBERED} packets",
        {120: "two minutes"}[SILENT_NS // NS_PER_S],
        {0.1: "one station in ten"}[SILENT_SHARE],
        {0.8: "four fifths"}[FULL_SHARE],
        {7: "seven times in a row"}[FAILING_FROM],
    ):
        assert said in page


# --- requests ---------------------------------------------------------------------------------------------------------


def asked_of(head):
    try:
        return read_request(head)
    except ValueError:
        return None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_a_value_error(head):
    asked = asked_of(head)
    assert asked is None or (asked[1].startswith("/") and " " not in asked[0] + asked[1])


@pytest.mark.parametrize(
    ("head", "asked"),
    [
        (b"GET /health HTTP/1.1\r\nHost: LOCALHOST:8080\r\nAccept: */*\r\n\r\n", ("GET", "/health", "localhost")),
        (b"HEAD /metrics?x=1 HTTP/1.0\r\nhost: [::1]:9\r\n\r\n", ("HEAD", "/metrics", "::1")),
        (b"GET /health HTTP/1.0\r\n\r\n", ("GET", "/health", "")),
    ],
)
def test_a_request_says_method_path_and_host(head, asked):
    assert read_request(head) == asked


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET  /health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /health HTTP/2\r\nHost: a\r\n\r\n",
        b"GET /h\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_a_crooked_request_is_refused(head):
    assert asked_of(head) is None
