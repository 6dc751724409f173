"""A version of an alert as one line of JSON, for alerts.jsonl, WebSocket and MQTT; and back.

Instants are ISO 8601 UTC in whole microseconds, what is beyond cut off. Decimals are written as far as they mean
something, so that the same alert is the same bytes. What is not finite, such as a bound that does not bound, is null.
"""

import json
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from houfeng.serve.alerts.news import News
from houfeng.words.alert import Alert, Bound, Expectation, Ledger, Place, Voice
from houfeng.words.assurance import Tier, tier_name
from houfeng.words.errors import DataFault
from houfeng.words.instant import format_instant, parse_instant

_M_PER_KM = 1000.0
_US_PER_S = 1_000_000
_TIERS = {tier_name(tier): tier for tier in Tier}


def write_line(news: News, *, most_voices: int | None = None) -> bytes:
    """The line, with its end: always the same keys in the same order.

    most_voices  leave out the stations that say least when there are more; None for none left out
    """
    alert = news.alert
    voices = _loudest(alert.voices, most_voices)
    told = {
        "declared": _instant(alert.declared_ns),
        "origin_time": _instant(alert.origin_time_ns),
        "latitude": _number(alert.latitude_deg, 5),
        "longitude": _number(alert.longitude_deg, 5),
        "depth_km": _number(alert.depth_m / _M_PER_KM, 3),
        "magnitude": _number(alert.magnitude, 2),
        "status": alert.status,
        "version": alert.version,
        "score": _number(alert.score, 4),
        "forgery_cost_stations": alert.forgery_cost_stations,
        "forgery_cost_domains": alert.forgery_cost_domains,
        "stations": list(alert.stations),
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "place_uncertainty_km": _number(alert.place_uncertainty_m / _M_PER_KM, 3),
        "magnitude_uncertainty": _number(alert.magnitude_uncertainty, 2),
        "magnitude_is_least": alert.magnitude_is_least,
        "of_score": _number(alert.of_score, 4),
        "bounds": [_bound(bound) for bound in alert.bounds],
        "blind_zone_km": _number(alert.blind_zone_m / _M_PER_KM, 3),
        "voices": [_voice(voice) for voice in voices],
        "voices_left_out": len(alert.voices) - len(voices),
        "assurance": tier_name(alert.assurance),
        "ledger": _ledger(alert.ledger, alert.declared_ns) if alert.ledger else None,
        "audiences": list(alert.audiences),
        "reason": alert.reason,
        "expectations": [_expectation(one) for one in news.expectations],
    }
    text = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def read_line(line: bytes) -> News:
    """The version of an alert in a line that write_line() made. Raises DataFault for any other."""
    try:
        told = json.loads(line)
        return News(_alert(told), tuple(_expected(one) for one in told["expectations"]))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise DataFault("alert", f"a line of it makes no sense: {error!r}") from error


def _loudest(voices: tuple[Voice, ...], most: int | None) -> tuple[Voice, ...]:
    """Those that say most, for or against, in their order."""
    if most is None or len(voices) <= most:
        return voices
    ranked = sorted(range(len(voices)), key=lambda number: -abs(voices[number].score))
    return tuple(voices[number] for number in sorted(ranked[:most]))


def _instant(time_ns: int) -> str:
    return format_instant(time_ns // 1000 * 1000, 6)


def _number(value: float, decimals: int) -> float | None:
    # Minus zero is zero.
    return round(float(value), decimals) + 0.0 if math.isfinite(value) else None


def _bound(bound: Bound) -> dict[str, object]:
    moved_km = _number(bound.moved_m / _M_PER_KM, 3)
    return {"stations": bound.stations, "moved_km": moved_km, "missed": bound.missed}


def _voice(voice: Voice) -> dict[str, object]:
    return {
        "station": voice.station_key,
        "onset": None if voice.onset_ns is None else _instant(voice.onset_ns),
        "residual_s": _number(voice.residual_s, 3),
        "score": _number(voice.score, 4),
        "tier": tier_name(voice.tier),
    }


def _ledger(ledger: Ledger, declared_ns: int) -> dict[str, object]:
    """Instants, and the seconds of each hop: of the station, of its link, and of the centre."""
    ends_ns = (ledger.onset_ns, ledger.sampled_ns, ledger.packed_ns, ledger.arrived_ns, declared_ns)
    ends_us = [end_ns // 1000 for end_ns in ends_ns]  # as they are written, so that the hops add up
    hops_s = [(end - begin) / _US_PER_S for begin, end in pairwise(ends_us)]
    return {
        "station": ledger.station_key,
        **dict(zip(("onset", "sampled", "packed", "arrived"), map(_instant, ends_ns), strict=False)),
        **dict(zip(("digitise_s", "pack_s", "link_s", "decide_s"), hops_s, strict=True)),
    }


def _expectation(one: Expectation) -> dict[str, object]:
    return {
        "place": one.place.name,
        "latitude": _number(one.place.latitude_deg, 5),
        "longitude": _number(one.place.longitude_deg, 5),
        "vs30_mps": _number(one.place.vs30_mps, 1),
        "mmi": _number(one.mmi, 2),
        "csis": _number(one.csis, 2),
        "s": _instant(one.s_ns),
        "left_s": _number(one.left_s, 3),
        "by": one.by,
    }


def _alert(told: Mapping[str, Any]) -> Alert:
    return Alert(
        alert_id=told["alert_id"],
        version=told["version"],
        kind=told["kind"],
        status=told["status"],
        declared_ns=parse_instant(told["declared"]),
        origin_time_ns=parse_instant(told["origin_time"]),
        latitude_deg=_value(told["latitude"]),
        longitude_deg=_value(told["longitude"]),
        depth_m=_value(told["depth_km"]) * _M_PER_KM,
        place_uncertainty_m=_value(told["place_uncertainty_km"]) * _M_PER_KM,
        magnitude=_value(told["magnitude"]),
        magnitude_uncertainty=_value(told["magnitude_uncertainty"]),
        magnitude_is_least=told["magnitude_is_least"],
        score=_value(told["score"]),
        of_score=_value(told["of_score"]),
        forgery_cost_stations=told["forgery_cost_stations"],
        forgery_cost_domains=told["forgery_cost_domains"],
        bounds=tuple(
            Bound(each["stations"], _value(each["moved_km"], math.inf) * _M_PER_KM, each["missed"])
            for each in told["bounds"]
        ),
        blind_zone_m=_value(told["blind_zone_km"]) * _M_PER_KM,
        voices=tuple(
            Voice(
                each["station"],
                None if each["onset"] is None else parse_instant(each["onset"]),
                _value(each["residual_s"]),
                _value(each["score"]),
                _TIERS[each["tier"]],
            )
            for each in told["voices"]
        ),
        assurance=_TIERS[told["assurance"]],
        audiences=tuple(told["audiences"]),
        ledger=_read_ledger(told["ledger"]) if told["ledger"] else None,
        reason=told["reason"],
    )


def _read_ledger(told: Mapping[str, Any]) -> Ledger:
    instants = (parse_instant(told[name]) for name in ("onset", "sampled", "packed", "arrived"))
    return Ledger(told["station"], *instants)


def _expected(told: Mapping[str, Any]) -> Expectation:
    place = Place(told["place"], _value(told["latitude"]), _value(told["longitude"]), _value(told["vs30_mps"]))
    mmi, csis, left_s = (_value(told[name]) for name in ("mmi", "csis", "left_s"))
    return Expectation(place, mmi, csis, parse_instant(told["s"]), left_s, told["by"])


def _value(told: float | None, otherwise: float = math.nan) -> float:
    return otherwise if told is None else float(told)
