"""Alerts in words: both languages say the same numbers, and never that an exercise is real."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_alert import FIRST, news, version

from houfeng.serve.alerts.news import News
from houfeng.serve.alerts.texts import description, headline, instruction, local, one_line, roman
from houfeng.words.assurance import Tier
from houfeng.words.instant import NS_PER_S, parse_instant


def test_for_a_terminal():
    assert one_line(FIRST) == (
        "Earthquake warning: M 6.2; Origin time 2026-05-12 06:28:01 UTC+00:00, epicentre 31.00° N 103.40° E, "
        "depth 14 km."
    )
    assert one_line(version(3), "zh", offset_min=480) == (
        "地震预警第3报：M6.2级地震；发震时刻2026-05-12 14:28:01 UTC+08:00，震中北纬31.00°、东经103.40°，"
        "震源深度14千米。"
    )


def test_headlines():
    assert headline(news(), "en") == "Earthquake warning: M 6.2, intensity VIII expected at Wenchuan"
    assert headline(news(version(2)), "zh") == "地震预警第2报：M6.2级地震，最大预计烈度8度（Wenchuan）"
    assert headline(news(version(2, "cancel")), "en") == "Earthquake warning cancelled"
    assert headline(news(version(2, "cancel")), "zh") == "地震预警取消"
    least = replace(FIRST, magnitude=7.0, magnitude_is_least=True)
    assert headline(News(least), "en") == "Earthquake warning: M 7.0 or more"
    assert headline(News(least), "zh") == "地震预警第1报：M7.0级以上地震"


def test_a_description_says_what_a_forgery_would_take_and_what_places_have_to_expect():
    assert description(news(), "en", offset_min=480).splitlines() == [
        "Origin time 2026-05-12 14:28:01 UTC+08:00, epicentre 31.00° N 103.40° E, depth 14 km.",
        (
            "2 stations heard it, 1 station against it. For it to be false at least 4 stations, and stations of "
            "at least 3 domains, would have to lie; its data are signed at least by gateways."
        ),
        "Wenchuan: intensity VIII, strong shaking from 2026-05-12 14:28:17 UTC+08:00",
        "成都: intensity VI, strong shaking from 2026-05-12 14:28:23 UTC+08:00",
        "Chongqing: intensity IV, strong shaking from 2026-05-12 14:29:39 UTC+08:00",
    ]
    assert "至少须有4个台站、分属至少3个域" in description(news(), "zh")
    assert "成都：预计烈度7度" in description(news(), "zh")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("status", "mark"), [("exercise", ("EXERCISE", "演习")), ("test", ("TEST", "测试"))])
@pytest.mark.parametrize("kind", ["first", "cancel"])
def test_what_is_not_for_real_says_so_in_front_of_everything(language, status, mark, kind):
    alert = replace(FIRST, status=status, kind=kind)
    told = news(alert)
    for text in (
        headline(told, language),
        description(told, language),
        instruction(alert, told.expectations, language),
        one_line(alert, language),
    ):
        assert mark[language == "zh"] in text[:12]


@pytest.mark.parametrize("tier", list(Tier))
def test_every_assurance_has_its_words(tier):
    told = [description(news(replace(FIRST, assurance=tier)), language) for language in ("en", "zh")]
    others = [description(news(replace(FIRST, assurance=other)), "en") for other in Tier if other is not tier]
    assert told[0] not in others
    assert told[0] != told[1]


def test_where_little_is_expected_nobody_is_sent_under_a_table():
    assert "Drop" in instruction(FIRST, news().expectations, "en")
    assert "Drop" not in instruction(FIRST, news().expectations[2:], "en")
    assert "Drop" not in instruction(version(2, "cancel"), news().expectations, "en")


@given(st.integers(0, 2 * 10**9), st.integers(-720, 840))
def test_clocks_elsewhere_show_the_same_instant(second, offset_min):
    shown = local(second * NS_PER_S, offset_min)
    clock, offset = shown.rsplit(" UTC", 1)
    minutes = int(offset[0] + "1") * (60 * int(offset[1:3]) + int(offset[4:]))
    assert minutes == offset_min
    assert parse_instant(clock) == (second + 60 * offset_min) * NS_PER_S


@given(st.floats(-5, 20))
def test_any_intensity_has_a_class(intensity):
    assert set(roman(intensity)) <= set("IVX")
