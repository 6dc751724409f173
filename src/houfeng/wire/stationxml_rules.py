"""What StationXML must keep to, beyond being well-formed: one table of rules, numbered as the IRIS validator does.

Source of the numbers: https://github.com/iris-edu/stationxml-validator/wiki (rule lists of its old and new
numbering). The wording, the tolerances and what counts as an error are ours: an error would corrupt results
(wrong gain, wrong epoch, wrong name); a warning is odd and harmless to us.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from houfeng.wire.response import motion_units
from houfeng.wire.safe_xml import child_number, child_text, children, iso_date, local
from houfeng.words.earth import distance_m
from houfeng.words.finding import Finding

#: Stated and computed sensitivity may differ by rounding and by A/D gain trimming, not by more.
GAIN_TOLERANCE = 0.05
#: Sampling rates are stated with few digits ("33.3"); a factor or a stage forgotten changes them by far more.
RATE_TOLERANCE = 0.01
#: A dataless SEED volume without the input rate is turned into this by converters; no data stream has it and then
#: runs faster than it.
BLANK_INPUT_RATE_HZ = 1.0
#: SEED manual 2.4, appendix A: N and E (and Z) are within 5 degrees of true, otherwise 1, 2 (3) are to be used.
ORIENTATION_TOLERANCE_DEG = 5.0
#: End dates from here on (2500, 2599, 2999 are in use) mean "not known to end"; it is also where 64 bits of
#: nanoseconds end.
FOREVER_YEAR = 2262
#: Rules 222, 223.
SITE_EXTENT_M = 1000.0

#: Rules from here on are about the response.
FIRST_RESPONSE_RULE = 400
_LOG_CHANNELS = frozenset({"LOG", "ACE", "OCF"})  # SEED manual 2.4, appendix A: administrative channels

_UNITS = """
    A AMPERES BAR BIT BITS BOOLEAN BYTE BYTES C CELSIUS CM CM/S CM/S**2 COUNT COUNTS CYCLE DBM DEG DEGREE DEGREES DEG_C
    DIGITAL_COUNTS G GAL GAP GAUSS H HITS/S HPA HZ IN INCH J K KG KPA M M**2 M**3/M**3 M**3/S M/M M/S M/S**2 MB MBAR
    MICRORADIAN MICROSTRAIN MICROVOLTS MM MM/S MOL MV N NM NM/S NT NUMBER OHM P PA PASCAL PASCALS PERCENT RAD RAD/S
    RAD/S**2 RADIAN REBOOTS S S**-1 SEC SECOND SECONDS STRAIN T UM UM/S UNITLESS UNKNOWN URADIAN UV V V/COUNT V/M VOLT
    VOLTS W W/M**2 %
"""
_KNOWN_UNITS = frozenset(_UNITS.split())


@dataclass(frozen=True, slots=True)
class Epoch:
    """From start up to end; None is open."""

    start: datetime | None
    end: datetime | None

    def overlaps(self, other: "Epoch") -> bool:
        """Whether the two share more than an instant."""
        return not _ends_before(self.end, other.start) and not _ends_before(other.end, self.start)

    def within(self, outer: "Epoch") -> bool:
        """Whether no date stated here lies outside the dates stated there."""
        early = self.start is not None and outer.start is not None and self.start < outer.start
        late = self.end is not None and outer.end is not None and self.end > outer.end and self.end.year < FOREVER_YEAR
        return not early and not late


def _ends_before(end: datetime | None, start: datetime | None) -> bool:
    return end is not None and start is not None and end <= start


@dataclass(frozen=True, slots=True)
class Stage:
    """One response stage, as far as the rules look at it."""

    number: str
    kind: str
    input_units: str
    output_units: str
    digital: bool
    gain: float | None
    gain_hz: float | None
    input_rate_hz: float | None
    factor: float | None
    zeros: tuple[complex, ...]
    poles: tuple[complex, ...]

    @property
    def decimates(self) -> bool:
        """Whether it states a decimation at all."""
        return self.input_rate_hz is not None or self.factor is not None


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """One Channel element with its stages."""

    element: Any
    code: str
    location: str
    epoch: Epoch
    rate_hz: float | None
    has_response: bool
    sensitivity: Any
    polynomial: Any
    stages: tuple[Stage, ...]
    station: "StationFacts"

    @property
    def carries_data(self) -> bool:
        """Whether its response could matter: logs, flags and state of health are exempt, as at the IRIS validator."""
        types = {(child.text or "").strip().upper() for child in children(self.element, "Type")}
        return self.code not in _LOG_CHANNELS and not types & {"HEALTH", "MAINTENANCE", "FLAG"}


@dataclass(frozen=True, slots=True)
class StationFacts:
    """One Station element."""

    element: Any
    code: str
    epoch: Epoch
    network: "NetworkFacts"
    channels: list[ChannelFacts]


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """One Network element."""

    element: Any
    code: str
    epoch: Epoch
    stations: list[StationFacts]


def check_stationxml(root: Any, name: str) -> tuple[Finding, ...]:
    """Hold a parsed StationXML document against the rules.

    root  element FDSNStationXML (lxml)
    name  the file, for findings

    Returns one finding per rule and station, of kind "stationxml-412" for an error and "stationxml-warning-222"
    for a warning. Never raises for what the document says.
    """
    broken: dict[tuple[str, Rule], list[str]] = {}
    for network in map(_network, children(root, "Network")):
        for rule, station, detail in _broken_in(network):
            broken.setdefault((station, rule), []).append(detail)
    findings = []
    for (station, rule), details in broken.items():
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        findings.append(Finding(rule.kind, f"{rule.meaning}: {details[0]}{more}", name, station))
    return tuple(findings)


# Reading the facts.


def _epoch(element: Any) -> Epoch:
    dates: list[datetime | None] = []
    for attribute in ("startDate", "endDate"):
        try:
            dates.append(iso_date(element.get(attribute)))
        except (ValueError, OverflowError):
            dates.append(None)  # said when the value is taken out
    return Epoch(dates[0], dates[1])


def _network(element: Any) -> NetworkFacts:
    network = NetworkFacts(element, element.get("code") or "", _epoch(element), [])
    for child in children(element, "Station"):
        station = StationFacts(child, child.get("code") or "", _epoch(child), network, [])
        station.channels.extend(_channel(grandchild, station) for grandchild in children(child, "Channel"))
        network.stations.append(station)
    return network


def _channel(element: Any, station: StationFacts) -> ChannelFacts:
    response = next(iter(children(element, "Response")), None)
    parts = {local(child): child for child in response} if response is not None else {}
    return ChannelFacts(
        element,
        element.get("code") or "",
        element.get("locationCode") or "",
        _epoch(element),
        child_number(element, "SampleRate"),
        response is not None and len(parts) > 0,
        parts.get("InstrumentSensitivity"),
        parts.get("InstrumentPolynomial"),
        tuple(_stage(child) for child in children(response, "Stage")) if response is not None else (),
        station,
    )


_STAGE_KINDS = ("PolesZeros", "Coefficients", "FIR", "ResponseList", "Polynomial")


def _stage(element: Any) -> Stage:
    filter_ = next((child for child in element if local(child) in _STAGE_KINDS), None)
    kind = local(filter_) if filter_ is not None else ""
    form = ""
    if filter_ is not None:
        form = child_text(filter_, "PzTransferFunctionType") or child_text(filter_, "CfTransferFunctionType") or ""
    return Stage(
        element.get("number") or "",
        kind,
        _unit(child_text(filter_, "InputUnits", "Name")) if filter_ is not None else "",
        _unit(child_text(filter_, "OutputUnits", "Name")) if filter_ is not None else "",
        kind == "FIR" or "DIGITAL" in form.upper(),
        child_number(element, "StageGain", "Value"),
        child_number(element, "StageGain", "Frequency"),
        child_number(element, "Decimation", "InputSampleRate"),
        child_number(element, "Decimation", "Factor"),
        _roots(filter_, "Zero") if kind == "PolesZeros" else (),
        _roots(filter_, "Pole") if kind == "PolesZeros" else (),
    )


def _roots(element: Any, tag: str) -> tuple[complex, ...]:
    found = ((child_number(child, "Real"), child_number(child, "Imaginary")) for child in children(element, tag))
    return tuple(complex(real or 0.0, imaginary or 0.0) for real, imaginary in found)


def _unit(name: str | None) -> str:
    """Upper case; COUNT is COUNTS, as StationXML 1.0 and 1.1 differ in it."""
    upper = (name or "").upper()
    return "COUNTS" if upper == "COUNT" else upper


# The rules. Each rule is a function from facts to details; a detail is what exactly is wrong, one phrase.

_Details = Iterable[str]
_NETWORK_CODE = re.compile(r"[A-Z0-9]{1,2}")
_STATION_CODE = re.compile(r"[A-Z0-9]{1,5}")
_CHANNEL_CODE = re.compile(r"[A-Z0-9_]{3}")
_LOCATION_CODE = re.compile(r"[A-Z0-9]{0,2}|  |--")


def _backwards(epoch: Epoch) -> _Details:
    if epoch.start is not None and epoch.end is not None and epoch.start >= epoch.end:
        yield f"starts {epoch.start:%Y-%m-%dT%H:%M:%S}, ends {epoch.end:%Y-%m-%dT%H:%M:%S}"


def _outside(inner: Epoch, outer: Epoch, outer_name: str) -> _Details:
    if not inner.within(outer):
        yield f"epoch {_said(inner)} reaches outside its {outer_name}'s, {_said(outer)}"


def _said(epoch: Epoch) -> str:
    return " to ".join("open" if date is None else f"{date:%Y-%m-%d}" for date in (epoch.start, epoch.end))


def _overlapping(named: Sequence[tuple[str, Epoch]]) -> _Details:
    by_name: dict[str, list[Epoch]] = {}
    for name, epoch in named:
        if any(epoch.overlaps(other) for other in by_name.get(name, ())):
            yield f"{name} has two epochs in force at once"
        by_name.setdefault(name, []).append(epoch)


def _network_code(network: NetworkFacts) -> _Details:
    if not _NETWORK_CODE.fullmatch(network.code):
        yield repr(network.code)


def _station_code(station: StationFacts) -> _Details:
    if not _STATION_CODE.fullmatch(station.code):
        yield repr(station.code)


def _far_channel(channel: ChannelFacts) -> _Details:
    place = [child_number(element, tag) for element in _both(channel) for tag in ("Latitude", "Longitude")]
    if all(value is not None and math.isfinite(value) for value in place):
        apart_m = float(distance_m(*[float(value or 0.0) for value in place]))
        if apart_m > SITE_EXTENT_M:
            yield f"{apart_m / 1000:.1f} km from its station"


def _high_channel(channel: ChannelFacts) -> _Details:
    station_m, channel_m = (child_number(element, "Elevation") for element in _both(channel))
    if station_m is not None and channel_m is not None and abs(station_m - channel_m) > SITE_EXTENT_M:
        yield f"at {channel_m:g} m, its station at {station_m:g} m"


def _both(channel: ChannelFacts) -> tuple[Any, Any]:
    return channel.station.element, channel.element


def _channel_code(channel: ChannelFacts) -> _Details:
    if not _CHANNEL_CODE.fullmatch(channel.code):
        yield repr(channel.code)


def _location_code(channel: ChannelFacts) -> _Details:
    if not _LOCATION_CODE.fullmatch(channel.location):
        yield repr(channel.location)


def _calibration_units(channel: ChannelFacts) -> _Details:
    units = _unit(child_text(channel.element, "CalibrationUnits", "Name"))
    if units and not _is_known_unit(units):
        yield repr(units)


def _is_known_unit(units: str) -> bool:
    return units in _KNOWN_UNITS or motion_units(units) is not None


def _sensor_described(channel: ChannelFacts) -> _Details:
    sensor = next(iter(children(channel.element, "Sensor")), None)
    if sensor is not None and not any(child_text(sensor, tag) for tag in ("Description", "Type", "Model")):
        yield "the sensor is not described"


def _sampled(channel: ChannelFacts) -> _Details:
    if channel.has_response and not (channel.rate_hz is not None and channel.rate_hz > 0):
        yield "a response and no sampling rate"


def _oriented(channel: ChannelFacts) -> _Details:
    azimuth, dip = child_number(channel.element, "Azimuth"), child_number(channel.element, "Dip")
    if azimuth is not None and not 0 <= azimuth <= 360:
        yield f"azimuth {azimuth:g} is not between 0 and 360"
    if dip is not None and not -90 <= dip <= 90:
        yield f"dip {dip:g} is not between -90 and 90"
    if _is_seismic(channel):
        missing = [word for word, value in (("azimuth", azimuth), ("dip", dip)) if value is None]
        if missing:
            yield f"a seismometer without {' and '.join(missing)}"


def _is_seismic(channel: ChannelFacts) -> bool:
    """A weak-motion or strong-motion sensor by its SEED instrument code, with a geographic or numbered component."""
    return len(channel.code) == 3 and channel.code[1] in "HLMNG" and channel.code[2] in "ENZ123UVW"


def _component(channel: ChannelFacts) -> _Details:
    azimuth, dip = child_number(channel.element, "Azimuth"), child_number(channel.element, "Dip")
    letter = channel.code[-1:]
    if letter in ("N", "E") and azimuth is not None and math.isfinite(azimuth):
        off = abs((azimuth - {"N": 0.0, "E": 90.0}[letter] + 90.0) % 180.0 - 90.0)
        if off > ORIENTATION_TOLERANCE_DEG:
            yield f"component {letter} at azimuth {azimuth:g}"
    if letter == "Z" and dip is not None and abs(dip) < 90.0 - ORIENTATION_TOLERANCE_DEG:
        yield f"component Z at dip {dip:g}"


_UNITS_OF_INSTRUMENT = {"H": ("m/s", "m"), "L": ("m/s", "m"), "N": ("m/s2",)}  # SEED manual 2.4, appendix A


def _instrument_units(channel: ChannelFacts) -> _Details:
    expected = _UNITS_OF_INSTRUMENT.get(channel.code[1:2])
    units = child_text(channel.sensitivity, "InputUnits", "Name") if channel.sensitivity is not None else None
    if expected is None or units is None:
        return
    motion = motion_units(units)
    if motion is None or motion[0] not in expected:
        yield f"instrument code {channel.code[1]} does not agree with units {units}"


def _stage_numbers(channel: ChannelFacts) -> _Details:
    numbers = [stage.number for stage in channel.stages]
    if numbers != [str(number) for number in range(1, len(numbers) + 1)]:
        yield f"stages {', '.join(numbers)}"


def _stage_units_known(channel: ChannelFacts) -> _Details:
    for stage in channel.stages:
        for units in (stage.input_units, stage.output_units):
            if units and not _is_known_unit(units):
                yield f"stage {stage.number} has unit {units!r}"


def _stage_units_chain(channel: ChannelFacts) -> _Details:
    given = [stage for stage in channel.stages if stage.kind]
    for before, after in pairwise(given):
        if before.output_units != after.input_units:
            yield f"stage {before.number} gives {before.output_units}, stage {after.number} takes {after.input_units}"


def _digital_complete(channel: ChannelFacts) -> _Details:
    for stage in channel.stages:
        if stage.digital and not (stage.decimates and stage.gain is not None):
            yield f"digital stage {stage.number} lacks its decimation or its gain"


def _list_alone(channel: ChannelFacts) -> _Details:
    kinds = {stage.kind for stage in channel.stages}
    if kinds == {"ResponseList"}:
        yield "a response list is all there is"


def _counts_out(channel: ChannelFacts) -> _Details:
    given = [stage for stage in channel.stages if stage.kind]
    if given and given[-1].output_units != "COUNTS" and any(stage.digital for stage in given):
        yield f"the last stage gives {given[-1].output_units}"


def _sensitivity_value(channel: ChannelFacts) -> _Details:
    if channel.sensitivity is None:
        return
    value, frequency = (child_number(channel.sensitivity, tag) for tag in ("Value", "Frequency"))
    blank = value == 0 and not frequency  # how converters write that SEED said nothing
    if not blank and not (value is not None and math.isfinite(value) and value > 0):
        yield f"sensitivity {'missing' if value is None else format(value, 'g')}"


def _sensitivity_frequency(channel: ChannelFacts) -> _Details:
    frequency = child_number(channel.sensitivity, "Frequency") if channel.sensitivity is not None else None
    if frequency is not None and channel.rate_hz and frequency > channel.rate_hz / 2:
        yield f"sensitivity given at {frequency:g} Hz, the channel samples at {channel.rate_hz:g} Hz"


def _gain_product(channel: ChannelFacts) -> _Details:
    """Only where all gains and the sensitivity are given at one frequency do they have to multiply up."""
    if channel.sensitivity is None or not channel.stages:
        return
    value, frequency = (child_number(channel.sensitivity, tag) for tag in ("Value", "Frequency"))
    if not value or any(stage.gain is None or stage.gain_hz != frequency for stage in channel.stages):
        return
    product = math.prod(stage.gain or 0.0 for stage in channel.stages)
    if not abs(product / value - 1) <= GAIN_TOLERANCE:
        yield f"sensitivity {value:g}, product of the stage gains {product:g}"


def _gains_given(channel: ChannelFacts) -> _Details:
    for stage in channel.stages:
        if stage.gain is None and stage.kind not in ("Polynomial", "ResponseList") and _has_only_stage(channel, stage):
            continue
        if stage.gain is not None and not stage.gain > 0:
            yield f"stage {stage.number} has gain {stage.gain:g}"
        elif stage.gain is not None and stage.gain_hz is None:
            yield f"stage {stage.number} has a gain without a frequency"
        elif stage.gain is None and stage.kind not in ("Polynomial", "ResponseList"):
            yield f"stage {stage.number} has no gain"


def _has_only_stage(channel: ChannelFacts, stage: Stage) -> bool:
    """Poles and zeros straight to counts beside a stated sensitivity: the whole gain is said there."""
    return channel.stages == (stage,) and channel.sensitivity is not None


def _poles_zeros_sound(channel: ChannelFacts) -> _Details:
    for stage in channel.stages:
        if stage.digital or stage.kind != "PolesZeros":
            continue
        if stage.gain_hz == 0 and 0 in stage.zeros and stage.zeros.count(0) > stage.poles.count(0):
            yield f"stage {stage.number} states its gain at 0 Hz, where its zeros let nothing through"
        for word, roots in (("zeros", stage.zeros), ("poles", stage.poles)):
            if not _conjugate(roots):
                yield f"stage {stage.number} has complex {word} without their conjugates"


def _conjugate(roots: tuple[complex, ...]) -> bool:
    """Whether complex roots pair up, to the digits they are usually written with."""
    return abs(sum(root.imag for root in roots)) <= 1e-3 * max((abs(root) for root in roots), default=0.0)


def _polynomial_stated(channel: ChannelFacts) -> _Details:
    if any(stage.kind == "Polynomial" for stage in channel.stages) and channel.polynomial is None:
        yield "a polynomial stage without the InstrumentPolynomial that gives its coefficients overall"


def _sensitivity_stated(channel: ChannelFacts) -> _Details:
    if channel.sensitivity is None and channel.stages and not any(s.kind == "Polynomial" for s in channel.stages):
        instead = ", an InstrumentPolynomial instead" if channel.polynomial is not None else ""
        yield f"no instrument sensitivity{instead}"


def _decimation_given(channel: ChannelFacts) -> _Details:
    digital = [stage for stage in channel.stages if stage.digital]
    if digital and not any(stage.decimates for stage in channel.stages):
        yield f"{len(digital)} digital stages, none with a decimation"


def _final_rate(channel: ChannelFacts) -> _Details:
    given = [stage for stage in channel.stages if stage.decimates]
    if not given or not channel.rate_hz or _is_blank(given[-1], channel):
        return
    last = given[-1]
    out_hz = last.input_rate_hz / last.factor if last.factor and last.input_rate_hz else channel.rate_hz
    if not _same_rate(out_hz, channel.rate_hz):
        yield f"the last decimation gives {out_hz:g} Hz, the channel says {channel.rate_hz:g} Hz"


def _rate_chain(channel: ChannelFacts) -> _Details:
    given = [stage for stage in channel.stages if stage.decimates and not _is_blank(stage, channel)]
    for before, after in pairwise(given):
        if not (before.factor and before.input_rate_hz and after.input_rate_hz):
            continue
        out_hz = before.input_rate_hz / before.factor
        if not _same_rate(out_hz, after.input_rate_hz):
            yield f"stage {before.number} gives {out_hz:g} Hz, stage {after.number} takes {after.input_rate_hz:g} Hz"


def _same_rate(one_hz: float, other_hz: float) -> bool:
    return abs(one_hz - other_hz) <= RATE_TOLERANCE * other_hz


def _is_blank(stage: Stage, channel: ChannelFacts) -> bool:
    return stage.input_rate_hz == BLANK_INPUT_RATE_HZ and (channel.rate_hz or 0.0) > BLANK_INPUT_RATE_HZ


def _decimation_with_filter(channel: ChannelFacts) -> _Details:
    for stage in channel.stages:
        if stage.decimates and (stage.gain is None or not stage.kind):
            yield f"stage {stage.number} has a decimation without {'a gain' if stage.gain is None else 'a filter'}"


def _counts_stages(channel: ChannelFacts) -> _Details:
    for stage in channel.stages:
        if stage.input_units == "COUNTS" and stage.digital and stage.output_units != "COUNTS":
            yield f"digital stage {stage.number} turns counts into {stage.output_units}"


def _analogue_decimation(channel: ChannelFacts) -> _Details:
    for stage in channel.stages:
        if stage.decimates and stage.kind and not stage.digital:
            yield f"analogue stage {stage.number} has a decimation"


Scope = Literal["network", "station", "channel"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table."""

    number: int
    scope: Scope
    is_error: bool
    meaning: str
    broken: Callable[[Any], _Details]

    @property
    def kind(self) -> str:
        """The kind of its findings."""
        return f"stationxml-{self.number}" if self.is_error else f"stationxml-warning-{self.number}"


RULES: tuple[Rule, ...] = (
    Rule(101, "network", True, "network code is not 1 or 2 letters A-Z or digits", _network_code),
    Rule(110, "network", True, "network does not start before its end date", lambda n: _backwards(n.epoch)),
    Rule(
        111,
        "network",
        True,
        "station epochs of one network overlap",
        lambda n: _overlapping([(s.code, s.epoch) for s in n.stations]),
    ),
    Rule(
        112,
        "station",
        True,
        "network epoch does not enclose its station",
        lambda s: _outside(s.epoch, s.network.epoch, "network"),
    ),
    Rule(201, "station", True, "station code is not 1 to 5 letters A-Z or digits", _station_code),
    Rule(210, "station", True, "station does not start before its end", lambda s: _backwards(s.epoch)),
    Rule(
        211,
        "station",
        True,
        "channel epochs of one station overlap",
        lambda s: _overlapping([(f"{c.location}.{c.code}", c.epoch) for c in s.channels]),
    ),
    Rule(
        212,
        "channel",
        True,
        "station epoch does not enclose its channel",
        lambda c: _outside(c.epoch, c.station.epoch, "station") if c.epoch.overlaps(c.station.epoch) else (),
    ),
    Rule(
        212,
        "channel",
        False,
        "station epoch and channel epoch do not meet",
        lambda c: () if c.epoch.overlaps(c.station.epoch) else _outside(c.epoch, c.station.epoch, "station"),
    ),
    Rule(222, "channel", False, "channel is not within 1 km of its station", _far_channel),
    Rule(223, "channel", False, "channel elevation is not within 1 km of its station's", _high_channel),
    Rule(301, "channel", True, "channel code is not three letters A-Z or digits", _channel_code),
    Rule(302, "channel", False, "location code is not two characters or blank", _location_code),
    Rule(303, "channel", False, "calibration units are not known", _calibration_units),
    Rule(304, "channel", False, "sensor description is missing", _sensor_described),
    Rule(305, "channel", True, "sample rate is missing or zero although there is a response", _sampled),
    Rule(310, "channel", True, "channel does not start before its end", lambda c: _backwards(c.epoch)),
    Rule(320, "channel", True, "azimuth and dip are not present and in range", _oriented),
    Rule(321, "channel", False, "instrument code does not agree with units", _instrument_units),
    Rule(332, "channel", False, "orientation of an E, N or Z channel is off", _component),
    Rule(401, "channel", True, "stage numbers do not run 1..N without gap", _stage_numbers),
    Rule(402, "channel", False, "units are not known", _stage_units_known),
    Rule(403, "channel", True, "output units of a stage differ from input units of the next", _stage_units_chain),
    Rule(404, "channel", False, "digital stage without decimation or gain", _digital_complete),
    Rule(405, "channel", False, "response list without poles and zeros, coefficients or FIR", _list_alone),
    Rule(406, "channel", False, "last stage does not give counts", _counts_out),
    Rule(410, "channel", True, "InstrumentSensitivity value is not above 0", _sensitivity_value),
    Rule(411, "channel", False, "sensitivity frequency is not below Nyquist", _sensitivity_frequency),
    Rule(412, "channel", True, "total sensitivity differs from the product of the stage gains", _gain_product),
    Rule(413, "channel", True, "a stage has no gain above 0 with frequency", _gains_given),
    Rule(414, "channel", False, "poles and zeros cannot be those of a real instrument", _poles_zeros_sound),
    Rule(415, "channel", False, "polynomial coefficients are not stated", _polynomial_stated),
    Rule(416, "channel", False, "instrument sensitivity is not stated", _sensitivity_stated),
    Rule(420, "channel", False, "digital filter stages have no decimation", _decimation_given),
    Rule(421, "channel", True, "decimation does not give the channel's sample rate", _final_rate),
    Rule(422, "channel", True, "output rate of a stage differs from the input rate of the next", _rate_chain),
    Rule(423, "channel", False, "decimation stands without filter or gain", _decimation_with_filter),
    Rule(424, "channel", False, "a digital stage leaves counts", _counts_stages),
    Rule(425, "channel", False, "decimation in an analogue stage", _analogue_decimation),
)


def _broken_in(network: NetworkFacts) -> Iterator[tuple[Rule, str, str]]:
    """Every broken rule of one network with the station it is about and the detail."""
    for rule in RULES:
        if rule.scope == "network":
            yield from ((rule, network.code, detail) for detail in rule.broken(network))
            continue
        for station in network.stations:
            key = f"{network.code}.{station.code}"
            if rule.scope == "station":
                yield from ((rule, key, detail) for detail in rule.broken(station))
                continue
            for channel in station.channels:
                if rule.number < FIRST_RESPONSE_RULE or channel.carries_data:
                    said = f"{channel.location}.{channel.code}"
                    yield from ((rule, key, f"{said} {detail}") for detail in rule.broken(channel))
