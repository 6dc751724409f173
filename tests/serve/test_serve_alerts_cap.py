"""Alerts as CAP 1.2: the grammar of the standard, its rules in prose, and honest grades."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from made_alert import DECLARED_NS, EXPECTATIONS, FIRST, news, version

from houfeng.serve.alerts.cap import Issuer, identifier_of, reference_of, write_cap
from houfeng.serve.alerts.grades import LEVELS, certainty, class_of, reached
from houfeng.serve.alerts.news import News, over_ns
from houfeng.words.alert import Voice
from houfeng.words.assurance import Tier
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S

GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).parent / "data" / "cap12.rng"))
ISSUER = Issuer("warning@centre.example", "The Centre", 480)
ORDER = ["Extreme", "Severe", "Moderate", "Minor", "Unknown"]


def parsed(message):
    root = etree.fromstring(message)
    GRAMMAR.assertValid(root)
    return root


def said(element, name):
    return element.findtext(f"{{*}}{name}")


def infos(root, language="en-US"):
    return [info for info in root.iter("{*}info") if said(info, "language") == language]


def parameters(info):
    return {said(each, "valueName"): said(each, "value") for each in info.iter("{*}parameter")}


changes = st.fixed_dictionaries(
    {
        "alert_id": st.text(min_size=1, max_size=20),
        "version": st.integers(1, 999),
        "kind": st.sampled_from(["first", "update", "cancel"]),
        "status": st.sampled_from(["actual", "exercise", "test"]),
        "declared_ns": st.integers(DECLARED_NS, DECLARED_NS + 3600 * NS_PER_S),
        "latitude_deg": st.floats(-90, 90),
        "longitude_deg": st.floats(-180, 180),
        "depth_m": st.floats(-1e3, 7e5),
        "place_uncertainty_m": st.one_of(st.floats(0, 1e6), st.just(float("inf"))),
        "magnitude": st.one_of(st.floats(-1, 10), st.just(float("nan"))),
        "score": st.floats(-1e3, 1e3),
        "forgery_cost_stations": st.integers(0, 99),
        "forgery_cost_domains": st.integers(0, 99),
        "voices": st.lists(
            st.builds(Voice, st.text(max_size=9), st.none(), st.just(0.0), st.floats(-9, 9), st.sampled_from(Tier)),
            max_size=3,
        ).map(tuple),
        "reason": st.text(max_size=30),
    }
)


@given(changes, st.integers(0, 3), st.sampled_from(["public", "engineers"]), st.integers(-720, 840))
def test_whatever_the_alert_the_message_follows_the_grammar_and_its_bytes_stay(changed, places, audience, offset_min):
    told = News(replace(FIRST, **changed), EXPECTATIONS[:places])
    issuer = replace(ISSUER, offset_min=offset_min)
    earlier = ["a@b,x.1.public,2026-05-12T06:28:07-00:00"] if told.alert.kind != "first" else []
    message = write_cap(told, issuer, audience, earlier)
    root = parsed(message)
    assert write_cap(told, issuer, audience, earlier) == message
    assert len(infos(root, "en-US")) == len(infos(root, "zh-CN")) >= 1
    marked = said(root, "status") != "Actual"
    assert all(("NOT REAL" in said(info, "headline")) is marked for info in infos(root))
    assert all(("非真实地震" in said(info, "headline")) is marked for info in infos(root, "zh-CN"))


@given(st.integers(0, 10**6), st.integers(-720, 840))
def test_times_are_never_before_the_instant_they_tell_nor_a_second_after_it(later_ms, offset_min):
    alert = replace(FIRST, declared_ns=DECLARED_NS + later_ms * 10**6)
    root = parsed(write_cap(news(alert), replace(ISSUER, offset_min=offset_min), "public"))
    import datetime as dt

    sent_ns = int(dt.datetime.fromisoformat(said(root, "sent")).timestamp()) * NS_PER_S
    assert 0 <= alert.declared_ns - sent_ns < NS_PER_S


def test_utc_is_written_with_a_minus():
    assert said(parsed(write_cap(news(), replace(ISSUER, offset_min=0), "public")), "sent") == (
        "2026-05-12T06:28:07-00:00"
    )


def test_what_an_audience_was_sent_before_is_referred_to_all_of_it_in_order():
    first = write_cap(news(), ISSUER, "public")
    second = write_cap(news(version(2)), ISSUER, "public", [reference_of(first)])
    earlier = [reference_of(first), reference_of(second)]
    third = parsed(write_cap(news(version(3, "cancel")), ISSUER, "public", earlier))
    assert said(parsed(first), "references") is None
    assert said(third, "references") == " ".join(
        f"warning@centre.example,20260512T062801-1.{number}.public,2026-05-12T14:28:0{6 + number}+08:00"
        for number in (1, 2)
    )
    kinds = [said(root, "msgType") for root in (parsed(first), parsed(second), third)]
    assert kinds == ["Alert", "Update", "Cancel"]


def test_an_audience_that_is_told_later_than_others_gets_an_alert_first():
    assert said(parsed(write_cap(news(version(4)), ISSUER, "public")), "msgType") == "Alert"


def test_messages_of_other_audiences_versions_and_exercises_have_other_identifiers():
    named = {
        identifier_of(alert, audience)
        for alert in (FIRST, version(2), replace(FIRST, status="test"), replace(FIRST, alert_id="a b,<&"))
        for audience in ("public", "engineers")
    }
    assert len(named) == 8
    assert not any(letter in name for name in named for letter in " ,<&")


def test_only_what_is_for_the_public_is_public():
    assert said(parsed(write_cap(news(), ISSUER, "public")), "scope") == "Public"
    root = parsed(write_cap(news(), ISSUER, "engineers"))
    assert (said(root, "scope"), said(root, "restriction")) == ("Restricted", "For engineers")


def test_each_level_has_a_circle_that_holds_its_places_and_the_gravest_comes_first():
    blocks = infos(parsed(write_cap(news(), ISSUER, "public")))
    assert [said(info, "severity") for info in blocks] == ["Extreme", "Severe", "Minor"]
    for info, places in zip(blocks, (EXPECTATIONS[1:2], EXPECTATIONS[:2], EXPECTATIONS), strict=True):
        middle, radius_km = info.findtext("{*}area/{*}circle").split(" ")
        assert middle == "31.0000,103.4000"
        farthest_m = max(distance_m(31.0, 103.4, one.place.latitude_deg, one.place.longitude_deg) for one in places)
        assert 0 <= float(radius_km) * 1000 - farthest_m <= 100
        assert said(info, "expires") == "2026-05-12T14:31:39+08:00"
    assert [said(info, "onset")[-14:-6] for info in blocks] == ["14:28:17"] * 3
    assert [said(info, "responseType") for info in blocks] == ["Shelter", "Shelter", "Monitor"]


def test_without_places_the_circle_is_where_the_quake_is_and_the_severity_unknown():
    (info,) = infos(parsed(write_cap(News(FIRST), ISSUER, "public")))
    assert said(info, "severity") == "Unknown"
    assert info.findtext("{*}area/{*}circle") == "31.0000,103.4000 5.0"
    assert said(info, "urgency") == "Immediate"


def test_what_nobody_can_take_cover_from_any_more_is_past():
    late = replace(FIRST, declared_ns=over_ns(news()) + NS_PER_S)
    assert {said(info, "urgency") for info in infos(parsed(write_cap(news(late), ISSUER, "public")))} == {"Past"}


def test_a_cancellation_says_that_nothing_needs_to_be_done():
    earlier = [reference_of(write_cap(news(), ISSUER, "public"))]
    cancel = version(2, "cancel", reason="SC.WCH was sealed")
    (info,) = infos(parsed(write_cap(news(cancel), ISSUER, "public", earlier)))
    assert [said(info, name) for name in ("responseType", "urgency", "certainty")] == ["AllClear", "Past", "Unlikely"]
    assert "SC.WCH was sealed" in said(info, "description")


def test_what_cap_has_no_element_for_stands_in_parameters():
    info = infos(parsed(write_cap(news(), ISSUER, "public")))[0]
    assert parameters(info) == {
        "alertId": "20260512T062801-1",
        "version": "1",
        "originTime": "2026-05-12T06:28:01.250Z",
        "latitude_deg": "31",
        "longitude_deg": "103.4",
        "epicentreUncertainty_km": "2.5",
        "blindZone_km": "8.5",
        "depth_km": "14",
        "magnitude": "6.24",
        "magnitudeUncertainty": "0.3",
        "magnitudeIsLeast": "false",
        "score": "20.5",
        "scoreNeeded": "12",
        "forgeryCostStations": "4",
        "forgeryCostDomains": "3",
        "assurance": "gateway-signed",
        "stations": "SC.CD2 SC.WCH",
        "contradictingStations": "SC.QUI",
        "greatestMMI": "8",
        "greatestCSIS": "8",
    }


@pytest.mark.parametrize(
    ("score", "stations", "domains", "expected"),
    [
        (24.0, 3, 3, "Observed"),
        (23.9, 9, 9, "Likely"),
        (99.0, 9, 2, "Likely"),
        (12.0, 2, 2, "Likely"),
        (99.0, 9, 1, "Possible"),
        (99.0, 1, 1, "Possible"),
        (11.9, 9, 9, "Possible"),
        (float("nan"), 9, 9, "Possible"),
    ],
)
def test_nothing_is_surer_than_its_score_and_its_forgery_cost(score, stations, domains, expected):
    alert = replace(FIRST, score=score, forgery_cost_stations=stations, forgery_cost_domains=domains)
    assert certainty(alert) == expected


@given(st.lists(st.floats(0, 13), max_size=8))
def test_a_level_holds_exactly_the_places_where_at_least_it_is_expected(intensities):
    places = [replace(EXPECTATIONS[0], mmi=mmi) for mmi in intensities]
    levels = reached(places)
    assert [ORDER.index(severity) for _, severity, _ in levels] == sorted(
        {ORDER.index(severity) for _, severity, _ in levels}
    )
    for least, _, there in levels:
        assert len(there) == sum(class_of(one.mmi) >= least for one in places) > 0
    gravest = next((least for least, _ in LEVELS if any(class_of(mmi) >= least for mmi in intensities)), None)
    assert (levels[0][0] if levels else None) == gravest


@pytest.mark.parametrize("bad", [b"", b"<alert/>", b"<a xmlns='urn:oasis:names:tc:emergency:cap:1.2'/>"])
def test_what_is_no_message_cannot_be_referred_to(bad):
    with pytest.raises(DataFault):
        reference_of(bad)
