"""Alerts as lines of JSON: byte-stable, back and forth, and no line that cannot be read."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_alert import FIRST, after, news

from houfeng.serve.alerts.lines import read_line, write_line
from houfeng.serve.alerts.news import News
from houfeng.words.alert import Alert, Bound, Expectation, Ledger, Place, Voice
from houfeng.words.assurance import Tier
from houfeng.words.errors import DataFault
from houfeng.words.instant import parse_instant

instants = st.integers(parse_instant("1990-01-01"), parse_instant("2200-01-01"))
numbers = st.one_of(st.floats(-1e9, 1e9), st.sampled_from([-0.0, math.nan, math.inf, -math.inf]))
texts = st.text(max_size=12)
counts = st.integers(0, 20_000)
tiers = st.sampled_from(Tier)
alerts = st.builds(
    Alert,
    texts,
    counts,
    st.sampled_from(["first", "update", "cancel"]),
    st.sampled_from(["actual", "exercise", "test"]),
    instants,
    instants,
    *[numbers] * 6,
    st.booleans(),
    *[numbers] * 2,
    *[counts] * 2,
    st.lists(st.builds(Bound, counts, numbers, st.booleans()), max_size=3).map(tuple),
    numbers,
    st.lists(st.builds(Voice, texts, st.none() | instants, numbers, numbers, tiers), max_size=3).map(tuple),
    tiers,
    st.lists(texts, max_size=3).map(tuple),
    st.none() | st.builds(Ledger, texts, *[instants] * 4),
    texts,
)
expectations = st.builds(
    Expectation,
    st.builds(Place, texts, numbers, numbers, numbers),
    *[numbers] * 2,
    instants,
    numbers,
    st.sampled_from(["source", "shaking nearby"]),
)


def refuse_constant(name):
    raise ValueError(name)


@given(st.builds(News, alerts, st.lists(expectations, max_size=3).map(tuple)))
def test_what_is_read_from_a_line_makes_the_same_line(told):
    line = write_line(told)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert write_line(read_line(line)) == line
    assert list(json.loads(line, parse_constant=refuse_constant)) == list(json.loads(write_line(news())))


def test_a_line_keeps_all_there_is_to_a_microsecond():
    assert read_line(write_line(news())) == news()
    finer = replace(FIRST, declared_ns=FIRST.declared_ns + 999)
    assert read_line(write_line(news(finer))) == news()


def test_the_line():
    told = json.loads(write_line(news()))
    assert list(told)[:12] == [
        "declared", "origin_time", "latitude", "longitude", "depth_km", "magnitude", "status", "version", "score",
        "forgery_cost_stations", "forgery_cost_domains", "stations",
    ]  # fmt: skip
    assert told["declared"] == "2026-05-12T06:28:07.950000Z"
    assert told["origin_time"] == "2026-05-12T06:28:01.250000Z"
    assert (told["latitude"], told["longitude"], told["depth_km"], told["magnitude"]) == (31.0, 103.4, 14.0, 6.24)
    assert (told["status"], told["version"], told["score"]) == ("actual", 1, 20.5)
    assert (told["forgery_cost_stations"], told["forgery_cost_domains"]) == (4, 3)
    assert told["stations"] == ["SC.CD2", "SC.WCH"]
    assert told["blind_zone_km"] == 8.5
    assert told["bounds"][1] == {"stations": 2, "moved_km": None, "missed": True}
    assert [voice["station"] for voice in told["voices"] if voice["score"] < 0] == ["SC.QUI"]
    assert told["assurance"] == "gateway-signed"
    assert told["expectations"][0]["place"] == "成都"


@given(st.lists(st.floats(-9, 9), max_size=30), st.integers(0, 30))
def test_who_says_least_is_left_out_first_and_counted(scores, most):
    voices = tuple(Voice(f"XX.{number}", None, 0.0, score, Tier.NONE) for number, score in enumerate(scores))
    told = json.loads(write_line(news(replace(FIRST, voices=voices)), most_voices=most))
    kept = [int(voice["station"].removeprefix("XX.")) for voice in told["voices"]]
    assert len(kept) == min(most, len(scores)) == len(scores) - told["voices_left_out"]
    assert kept == sorted(kept)
    left = set(range(len(scores))) - set(kept)
    assert all(abs(scores[out]) <= abs(scores[number]) for out in left for number in kept)


def test_the_hops_of_the_ledger_add_up_to_the_way_from_onset_to_decision():
    ledger = json.loads(write_line(news()))["ledger"]
    assert (ledger["digitise_s"], ledger["pack_s"], ledger["link_s"], ledger["decide_s"]) == (1.0, 0.6, 1.2, 0.5)
    total_s = sum(ledger[hop] for hop in ("digitise_s", "pack_s", "link_s", "decide_s"))
    assert total_s == pytest.approx((FIRST.declared_ns - after(3.4)) / 1e9)


@given(st.binary(max_size=60))
def test_what_is_no_line_is_refused(content):
    with pytest.raises(DataFault):
        read_line(content)


@given(st.integers(0, 2**32))
def test_a_line_cut_anywhere_is_refused(where):
    line = write_line(news())
    with pytest.raises(DataFault):
        read_line(line[: where % (len(line) - 2)])


@given(st.sampled_from([key for key in json.loads(write_line(news())) if key not in {"stations", "voices_left_out"}]))
def test_a_line_without_one_of_its_keys_is_refused(key):
    told = json.loads(write_line(news()))
    del told[key]
    with pytest.raises(DataFault):
        read_line(json.dumps(told).encode())
