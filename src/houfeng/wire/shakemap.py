"""Read a ShakeMap station list: peak motions of a quake by station, with their flags.

Source: ShakeMap 3.5 Manual, section 3.3.1.1 (stationlist.xml, document type shakemap-data): acceleration in percent of
gravity, velocity in cm/s; any flag but 0 takes all amplitudes of that kind from the station (T outlier, M by hand,
G clipped or below noise, I incomplete).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from houfeng.wire.decoded import sum_up
from houfeng.wire.numerals import finite
from houfeng.wire.safe_xml import children, local, parse_xml
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.shaking import MEASURES, ComponentMotion, Measure, StationShaking
from houfeng.words.source import SourceId

_PERCENT_OF_G = 0.0980665  # m/s2, CGPM 1901
_CM = 0.01
_UNIT: Mapping[Measure, float] = {measure: _CM if measure == "pgv" else _PERCENT_OF_G for measure in MEASURES}

#: acc and vel in the document type, pga and pgv in the files.
_MEASURE: Mapping[str, Measure] = {"acc": "pga", "vel": "pgv", **{measure: measure for measure in MEASURES}}

_NOT_FLAGGED = frozenset({"", "0"})
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class StationList:
    """The stations of a list, one entry per sensor.

    epicentre  latitude and longitude, degrees, None when the list says none
    magnitude  None when the list says none
    """

    stations: tuple[StationShaking, ...]
    epicentre: tuple[float, float] | None
    magnitude: float | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Component:
    source: SourceId
    values: Mapping[Measure, float]
    flags: Mapping[Measure, str]


def read_station_list(data: bytes, name: str) -> StationList:
    """Read stationlist.xml.

    data  the whole file
    name  what to call it in messages; never opened

    A measure is the larger of the two horizontals, NaN where either is flagged or missing. A sensor without two
    horizontals, without a place or with nothing unflagged comes back refused. mmi is the list's own intensity.
    Raises DataFault when the file is no well-formed station list, or declares entities.
    """
    root = parse_xml(data, name)
    lists = [root] if local(root) == "stationlist" else children(root, "stationlist")
    if not lists:
        raise DataFault(name, "holds no stationlist", "give the stationlist.xml of a ShakeMap")
    quake = next(iter(children(root, "earthquake")), None)
    epicentre = None if quake is None else _place(quake)
    findings: list[Finding] = []
    stations: dict[tuple[str, str, str], StationShaking] = {}
    for element in (station for each in lists for station in children(each, "station")):
        for key, sensor in _sensors(element, epicentre, name, findings):
            if key in stations:
                findings.append(Finding("repeated-station", "listed again, the first counts", name, sensor.station_key))
            stations.setdefault(key, sensor)
    magnitude = _attribute(quake, "mag") if quake is not None else _NAN
    return StationList(
        tuple(stations.values()),
        epicentre,
        magnitude if math.isfinite(magnitude) else None,
        sum_up(findings, name),
    )


def _sensors(
    element: Any, epicentre: tuple[float, float] | None, name: str, findings: list[Finding]
) -> list[tuple[tuple[str, str, str], StationShaking]]:
    network = (element.get("netid") or "").strip()
    code = (element.get("code") or "").strip().removeprefix(f"{network}.")
    sensors: dict[tuple[str, str, str], list[_Component]] = defaultdict(list)
    for item in children(element, "comp"):
        try:
            component = _component(item, network, code)
        except ValueError as error:
            findings.append(Finding("bad-name", f"component left out: {error}", name, f"{network}.{code}"))
            continue
        key = (component.source.station_key, component.source.location, component.source.sensor)
        sensors[key].append(component)
    place = _place(element)
    if place is None:
        findings.append(Finding("no-place", "it has no latitude and longitude that can be", name, f"{network}.{code}"))
    if not sensors:
        findings.append(Finding("no-peaks", "it lists no peak of any component", name, f"{network}.{code}"))
    intensity = _attribute(element, "intensity")
    return [(key, _station(components, place, epicentre, intensity)) for key, components in sensors.items()]


def _component(item: Any, network: str, code: str) -> _Component:
    """Raises ValueError when its names are none."""
    location, _, channel = (item.get("name") or "").strip().rpartition(".")
    source = SourceId(network, code, "" if not location.strip("-") else location, channel)
    values: dict[Measure, float] = dict.fromkeys(MEASURES, _NAN)
    flags: dict[Measure, str] = {}
    for amplitude in item:
        measure = _MEASURE.get(local(amplitude))
        if measure is None:
            continue
        value = _attribute(amplitude, "value") * _UNIT[measure]
        values[measure] = value if value > 0 else _NAN
        flag = (amplitude.get("flag") or "").strip()
        if flag not in _NOT_FLAGGED:
            flags[measure] = flag
    return _Component(source, values, flags)


def _station(
    components: Sequence[_Component],
    place: tuple[float, float] | None,
    epicentre: tuple[float, float] | None,
    intensity: float,
) -> StationShaking:
    first = components[0].source
    horizontals = _horizontals(components)
    flags = sorted({flag for each in horizontals for flag in each.flags.values()})
    largest: dict[Measure, float] = {}
    for measure in MEASURES:
        flagged = any(measure in each.flags for each in horizontals)
        seen = [each.values[measure] for each in horizontals]
        # with one component or none the larger of two is not known
        known = len(seen) == 2 and not flagged and all(map(math.isfinite, seen))
        largest[measure] = max(seen) if known else _NAN
    if len(horizontals) != 2:
        refused = "it has not two horizontal components"
    elif place is None:
        refused = "nobody said where it stands"
    elif not any(map(math.isfinite, largest.values())):
        refused = f"flagged {', '.join(flags)} in the station list" if flags else "it lists no peaks"
    else:
        refused = ""
    away_m = float(distance_m(*epicentre, *place)) if epicentre and place else _NAN
    return StationShaking(
        station_key=first.station_key,
        location=first.location,
        latitude_deg=place[0] if place else None,
        longitude_deg=place[1] if place else None,
        distance_m=away_m,
        pga_mps2=largest["pga"],
        pgv_mps=largest["pgv"],
        pgd_m=_NAN,
        psa03_mps2=largest["psa03"],
        psa10_mps2=largest["psa10"],
        psa30_mps2=largest["psa30"],
        arias_mps=_NAN,
        duration_s=_NAN,
        csis=_NAN,
        jma=_NAN,
        mmi=intensity,
        components=tuple(ComponentMotion(c.source, c.values["pga"], c.values["pgv"], _NAN) for c in components),
        refused=refused,
    )


def _horizontals(components: Sequence[_Component]) -> list[_Component]:
    """Those that are not vertical; none where three claim it, unless two of them are named north and east."""
    found = [each for each in components if each.source.component != "Z"]
    named = [each for each in found if each.source.component in ("N", "E")]
    if len(found) <= 2:
        return found
    return named if len(named) == 2 else []


def _place(element: Any) -> tuple[float, float] | None:
    """Latitude and longitude in degrees; None where one cannot be, or both are the zero of an unfilled form."""
    latitude, longitude = _attribute(element, "lat"), _attribute(element, "lon")
    if not (abs(latitude) <= 90 and abs(longitude) <= 360) or latitude == longitude == 0:
        return None
    return latitude, longitude


def _attribute(element: Any, key: str) -> float:
    try:
        return finite((element.get(key) or "").strip())
    except ValueError:
        return _NAN
