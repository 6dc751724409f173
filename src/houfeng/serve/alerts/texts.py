"""An alert in words for people, English and Chinese."""

import math
from collections.abc import Sequence
from typing import Final, Literal

from houfeng.serve.alerts.grades import class_of
from houfeng.serve.alerts.news import News, contradicting
from houfeng.words.alert import Alert, AlertStatus, Expectation
from houfeng.words.assurance import Tier
from houfeng.words.instant import NS_PER_S, format_instant

Language = Literal["en", "zh"]

#: In front of whatever is not for real.
NOT_REAL: Final[dict[AlertStatus, dict[Language, str]]] = {
    "actual": {"en": "", "zh": ""},
    "exercise": {"en": "EXERCISE, NOT REAL: ", "zh": "【演习，非真实地震】"},
    "test": {"en": "TEST, NOT REAL: ", "zh": "【测试，非真实地震】"},
}

#: Places named in a description: the strongest shaken.
MOST_PLACES = 10

_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

_TIERS: Final[dict[Tier, tuple[str, str]]] = {
    Tier.BROKEN: ("some of the data it rests on are broken", "所依据的部分数据已损坏"),
    Tier.NONE: ("some of the data it rests on are unsigned", "所依据的部分数据未签名"),
    Tier.TRANSPORT_ONLY: ("some of its data were protected on their way only", "部分数据仅在传输中受保护"),
    Tier.GATEWAY_SIGNED: ("its data are signed at least by gateways", "数据至少经台站网关签名"),
    Tier.SENSOR_SIGNED: ("its data are signed beside the sensors", "数据均在传感器处签名"),
}

_INSTRUCTIONS: Final[dict[str, dict[Language, str]]] = {
    "cover": {
        "en": "Drop, cover and hold on now. Keep away from windows and from what can fall.",
        "zh": "请立即就近避险：伏地、遮挡、手抓牢，远离门窗和易坠落物品。",
    },
    "mind": {
        "en": "Shaking may be felt. No damage is expected.",
        "zh": "可能有震感，预计不会造成破坏，请保持镇定。",
    },
    "nothing": {
        "en": "Nothing needs to be done.",
        "zh": "无需采取避险措施。",
    },
}


def one_line(alert: Alert, language: Language = "en", *, offset_min: int = 0) -> str:
    """An alert for a terminal.

    offset_min  by how much people's clocks are ahead of UTC, minutes
    """
    return f"{headline(News(alert), language)}{_sep(language)}{_source(alert, language, offset_min)}"


def headline(news: News, language: Language) -> str:
    """What it is about, in less than 160 characters unless places have long names."""
    alert = news.alert
    real = NOT_REAL[alert.status][language]
    if alert.kind == "cancel":
        return real + {"en": "Earthquake warning cancelled", "zh": "地震预警取消"}[language]
    strongest = max(news.expectations, key=lambda one: one.mmi, default=None)
    if language == "zh":
        shaken = "" if strongest is None else f"，最大预计烈度{class_of(strongest.csis)}度（{strongest.place.name}）"
        return f"{real}地震预警第{alert.version}报：{_magnitude(alert, language)}地震{shaken}"
    shaken = "" if strongest is None else f", intensity {roman(strongest.mmi)} expected at {strongest.place.name}"
    number = "" if alert.version == 1 else f", update {alert.version}"
    return f"{real}Earthquake warning{number}: {_magnitude(alert, language)}{shaken}"


def description(news: News, language: Language, *, offset_min: int = 0) -> str:
    """What is known, how sure it is, and what places have to expect and when."""
    alert = news.alert
    said = [
        NOT_REAL[alert.status][language] + _source(alert, language, offset_min),
        _sureness(alert, language),
        alert.reason,
    ]
    if alert.kind != "cancel":
        strongest = sorted(news.expectations, key=lambda one: (-one.mmi, one.place.name))
        said += [_place(one, language, offset_min) for one in strongest[:MOST_PLACES]]
    return "\n".join(sentence for sentence in said if sentence)


def instruction(alert: Alert, places: Sequence[Expectation], language: Language) -> str:
    """What to do where these are expected."""
    light = bool(places) and all(class_of(one.mmi) < 5 for one in places)
    what = "nothing" if alert.kind == "cancel" else "mind" if light else "cover"
    return NOT_REAL[alert.status][language] + _INSTRUCTIONS[what][language]


def area(level: int, radius_km: float, language: Language) -> str:
    """A circle in which at least an intensity is expected. level 0: no more is known than where the quake is."""
    within = f"{radius_km:g}"
    if level == 0:
        return {"en": f"The epicentre, within {within} km", "zh": f"震中，误差{within}千米"}[language]
    return {
        "en": f"Within {within} km of the epicentre, which holds all places where intensity {_ROMAN[level - 1]} "
        "(Modified Mercalli) or more is expected",
        "zh": f"震中{within}千米以内，包含预计修订麦卡利烈度{level}度及以上的所有地点",
    }[language]


def roman(intensity: float) -> str:
    """The class of an intensity as Modified Mercalli writes it."""
    return _ROMAN[class_of(intensity) - 1]


def local(time_ns: int, offset_min: int) -> str:
    """An instant as clocks there show it, with how far they are ahead of UTC."""
    # Cut, not rounded: a warning does not come from the future.
    clock = format_instant((time_ns // NS_PER_S + 60 * offset_min) * NS_PER_S, 0).removesuffix("Z")
    hours, minutes = divmod(abs(offset_min), 60)
    return f"{clock.replace('T', ' ')} UTC{'+' if offset_min >= 0 else '-'}{hours:02}:{minutes:02}"


def _sep(language: Language) -> str:
    return {"en": "; ", "zh": "；"}[language]


def _magnitude(alert: Alert, language: Language) -> str:
    if not math.isfinite(alert.magnitude):
        return {"en": "magnitude not known yet", "zh": "震级未定的"}[language]
    if language == "zh":
        return f"M{alert.magnitude:.1f}级{'以上' if alert.magnitude_is_least else ''}"
    return f"M {alert.magnitude:.1f}{' or more' if alert.magnitude_is_least else ''}"


def _source(alert: Alert, language: Language, offset_min: int) -> str:
    north, east = abs(alert.latitude_deg), abs(alert.longitude_deg)
    when, depth_km = local(alert.origin_time_ns, offset_min), f"{alert.depth_m / 1000:.0f}"
    if language == "zh":
        latitude = f"{'北纬' if alert.latitude_deg >= 0 else '南纬'}{north:.2f}°"
        longitude = f"{'东经' if alert.longitude_deg >= 0 else '西经'}{east:.2f}°"
        return f"发震时刻{when}，震中{latitude}、{longitude}，震源深度{depth_km}千米。"
    latitude = f"{north:.2f}° {'N' if alert.latitude_deg >= 0 else 'S'}"
    longitude = f"{east:.2f}° {'E' if alert.longitude_deg >= 0 else 'W'}"
    return f"Origin time {when}, epicentre {latitude} {longitude}, depth {depth_km} km."


def _sureness(alert: Alert, language: Language) -> str:
    heard, against = len(alert.stations), len(contradicting(alert))
    stations, domains = alert.forgery_cost_stations, alert.forgery_cost_domains
    tier = _TIERS[alert.assurance]
    if alert.kind == "cancel":
        return {"en": "What the warning rested on does not hold.", "zh": "原预警的依据不再成立。"}[language]
    if language == "zh":
        doubts = f"，{against}个台站与之不符" if against else ""
        return (
            f"{heard}个台站观测到{doubts}。若本预警为误报，至少须有{stations}个台站、"
            f"分属至少{domains}个域，提供了虚假数据；{tier[1]}。"
        )
    doubts = f", {_count(against, 'station')} against it" if against else ""
    return (
        f"{_count(heard, 'station')} heard it{doubts}. For it to be false at least {_count(stations, 'station')}, "
        f"and stations of at least {_count(domains, 'domain')}, would have to lie; {tier[0]}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _place(one: Expectation, language: Language, offset_min: int) -> str:
    clock = local(one.s_ns, offset_min)
    if language == "zh":
        return f"{one.place.name}：预计烈度{class_of(one.csis)}度，强震动到达时刻{clock}"
    return f"{one.place.name}: intensity {roman(one.mmi)}, strong shaking from {clock}"
