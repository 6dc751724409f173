"""Read a scenario from its TOML file. Every wrong value is refused by name, and so is every unknown key."""

import tomllib
from importlib import resources
from typing import Literal, cast

import numpy as np

from houfeng.twin.catalogue import QuakePlan, SequencePlan, SwarmPlan
from houfeng.twin.crust import Crust
from houfeng.twin.digitiser import Transport
from houfeng.twin.faults import KINDS, OF_ONE_COMPONENT, SIZED, Fault, FaultShares, Kind
from houfeng.twin.instruments import INSTRUMENTS
from houfeng.twin.keys import Keys
from houfeng.twin.layout import Group
from houfeng.twin.scenario import GroundPlan, Named, NetworkPlan, Scenario
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.model import VelocityModel

_FOLDER = resources.files("houfeng.twin") / "scenarios"

#: Longest recording in days, and most stations: five letters of code and what a machine can hold.
MOST_DAYS, MOST_STATIONS = 366, 40_000
MAGNITUDES = (-1.0, 8.0)
DEEPEST_KM = 60.0
FAR_S = 1e9


def scenario_names() -> tuple[str, ...]:
    """The packaged scenarios, by name."""
    files = (entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in files))


def packaged_scenario(name: str) -> Scenario:
    """Take one of the packaged scenarios. Raises WorldFault for a name that is none of theirs."""
    if name not in scenario_names():
        raise WorldFault(name, "no such scenario", f"choose one of {', '.join(scenario_names())}, or give a TOML file")
    return read_scenario((_FOLDER / f"{name}.toml").read_bytes(), name)


def read_scenario(data: bytes, name: str) -> Scenario:
    """Read a scenario.

    name  of its file, for messages

    Raises DataFault, naming the key and what is allowed.
    """
    try:
        keys = Keys(tomllib.loads(data.decode("utf-8")), name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataFault(name, f"is no TOML: {error}", "see docs/how-to/scenario.md") from error
    scenario = Scenario(
        name=name,
        title=keys.text("title", name),
        seed=keys.whole("seed", 0, 2**63 - 1),
        start_ns=keys.instant("start"),
        duration_s=keys.whole("duration_s", 10, MOST_DAYS * 86_400),
        rate_hz=keys.number("rate_hz", 20.0, 500.0, 100.0),
        crust=_crust(keys.table("crust")),
        network=_network(keys.table("network"), name),
        ground=_ground(keys.table("ground")),
        stress_spread=keys.number("stress_spread", 0.0, 1.5, 0.3),
        quakes=tuple(_quake(each) for each in keys.tables("quake")),
        swarms=tuple(_swarm(each) for each in keys.tables("swarm")),
        sequences=tuple(_sequence(each) for each in keys.tables("sequence")),
        transport=_transport(keys.table("transport")),
        fault_shares=_shares(keys.table("fault_shares")),
        faults=tuple(_fault(each) for each in keys.tables("fault")),
    )
    keys.done()
    _check(scenario, name)
    return scenario


def _check(scenario: Scenario, name: str) -> None:
    packet = scenario.transport.packet_s * scenario.rate_hz
    if abs(packet - round(packet)) > 1e-9 or round(packet) < 1:
        raise DataFault(name, "packet_s times rate_hz is no whole number of samples", "change one of them")
    if (scenario.duration_s * scenario.rate_hz) % 1:
        raise DataFault(name, "duration_s times rate_hz is no whole number of samples", "change one of them")
    plan = scenario.network
    codes = {named.code for named in plan.named}
    for group in plan.groups:
        digits = len(str(max(group.stations - 1, 1)))
        codes |= {f"{group.prefix}{number:0{digits}d}" for number in range(group.stations)}
        if len(group.prefix) + digits > 5:
            raise DataFault(name, f"codes of group {group.prefix!r} are longer than 5 letters", "shorten its prefix")
    count = sum(group.stations for group in plan.groups) + len(plan.named)
    if not 1 <= count <= MOST_STATIONS:
        raise DataFault(
            name, f"{count} stations", f"give 1 to {MOST_STATIONS}, in [[network.group]] or [[network.station]]"
        )
    if len(codes) != count:
        raise DataFault(name, "two stations have the same code", "give groups prefixes of their own")
    for fault in scenario.faults:
        if fault.station not in codes:
            raise DataFault(name, f"[[fault]] names no station of this network: {fault.station!r}")


def _crust(keys: Keys) -> Crust:
    name = keys.text("name", "twin crust")
    rows = []
    for layer in keys.tables("layer"):
        row = (
            layer.number("top_km", 0.0, 200.0),
            layer.number("vp_km_s", 0.5, 9.0),
            layer.number("vs_km_s", 0.2, 5.5),
            layer.number("density_kg_m3", 1000.0, 4000.0),
            layer.number("qs", 10.0, 5000.0),
        )
        layer.done()
        rows.append(row)
    exponent, ratio = keys.number("q_exponent", 0.0, 0.95, 0.45), keys.number("qp_over_qs", 0.3, 5.0, 1.5)
    keys.done()
    if not rows:
        raise DataFault(name, "the crust has no layer", "give [[crust.layer]] tables")
    columns = np.array(rows, dtype=np.float64).T
    try:
        model = VelocityModel(name, name, columns[0] * 1000, columns[1] * 1000, columns[2] * 1000)
    except ValueError as error:
        raise DataFault(name, f"no crust: {error}", "see docs/how-to/scenario.md") from error
    return Crust(model, columns[3], columns[4], exponent, ratio)


def _network(keys: Keys, name: str) -> NetworkPlan:
    code = keys.code("code", 2, "XX")
    groups = tuple(_group(each) for each in keys.tables("group"))
    named = tuple(_named(each) for each in keys.tables("station"))
    shares_keys = keys.table("instruments")
    shares = tuple((kind, shares_keys.number(kind, 0.0, 1.0, 0.0)) for kind in INSTRUMENTS)
    shares_keys.done()
    if groups and sum(share for _, share in shares) <= 0:
        raise DataFault(
            name, "[network.instruments] shares add up to nothing", f"share one among {', '.join(INSTRUMENTS)}"
        )
    plan = NetworkPlan(code, groups, named, shares, keys.whole("per_gateway", 1, 1000, 5))
    keys.done()
    return plan


def _group(keys: Keys) -> Group:
    group = Group(
        prefix=keys.code("prefix", 4),
        latitude_deg=keys.number("latitude", -85.0, 85.0),
        longitude_deg=keys.number("longitude", -180.0, 180.0),
        radius_m=1000 * keys.number("radius_km", 1.0, 1000.0),
        stations=keys.whole("stations", 1, MOST_STATIONS),
        density=keys.number("density", 0.5, 1.5, 0.6),
        elevation_m=keys.number("elevation_m", -100.0, 5500.0, 50.0),
        relief_m=keys.number("relief_m", 0.0, 2000.0, 200.0),
    )
    keys.done()
    return group


def _named(keys: Keys) -> Named:
    named = Named(
        code=keys.code("code", 5),
        latitude_deg=keys.number("latitude", -90.0, 90.0),
        longitude_deg=keys.number("longitude", -180.0, 180.0),
        elevation_m=keys.number("elevation_m", -500.0, 6000.0, 0.0),
        instrument=keys.choice("instrument", tuple(INSTRUMENTS), "broadband"),
    )
    keys.done()
    return named


def _ground(keys: Keys) -> GroundPlan:
    usual = GroundPlan()
    least = keys.number("least_percentile", 0.0, 1.0, usual.least_percentile)
    ground = GroundPlan(
        least_percentile=least,
        most_percentile=keys.number("most_percentile", least, 1.0, max(least, usual.most_percentile)),
        night_fall_db=keys.number("night_fall_db", 0.0, 40.0, usual.night_fall_db),
        passages_per_hour=keys.number("passages_per_hour", 0.0, 120.0, usual.passages_per_hour),
        kappa_s=keys.number("kappa_s", 0.0, 0.1, usual.kappa_s),
        kappa_spread=keys.number("kappa_spread", 0.0, 1.0, usual.kappa_spread),
        gain_spread=keys.number("gain_spread", 0.0, 1.0, usual.gain_spread),
        delay_spread_s=keys.number("delay_spread_s", 0.0, 1.0, usual.delay_spread_s),
    )
    keys.done()
    return ground


def _place(keys: Keys) -> dict[str, float]:
    return {
        "latitude_deg": keys.number("latitude", -85.0, 85.0),
        "longitude_deg": keys.number("longitude", -180.0, 180.0),
        "depth_m": 1000 * keys.number("depth_km", 1.0, DEEPEST_KM),
    }


def _quake_plan(keys: Keys) -> QuakePlan:
    stress_mpa = keys.maybe("stress_drop_mpa", 0.01, 200.0)
    return QuakePlan(
        at_s=keys.number("at_s", -3600.0, FAR_S),
        **_place(keys),
        magnitude=keys.number("magnitude", *MAGNITUDES),
        strike_deg=keys.maybe("strike", 0.0, 360.0),
        dip_deg=keys.maybe("dip", 0.0, 90.0),
        rake_deg=keys.maybe("rake", -180.0, 180.0),
        stress_pa=None if stress_mpa is None else stress_mpa * 1e6,
    )


def _quake(keys: Keys) -> QuakePlan:
    plan = _quake_plan(keys)
    keys.done()
    return plan


def _swarm(keys: Keys) -> SwarmPlan:
    least = keys.number("least_magnitude", *MAGNITUDES)
    swarm = SwarmPlan(
        start_s=keys.number("start_s", -3600.0, FAR_S),
        duration_s=keys.number("duration_s", 1.0, FAR_S),
        count=keys.whole("count", 1, 100_000),
        **_place(keys),
        spread_m=1000 * keys.number("spread_km", 0.0, 100.0),
        least_magnitude=least,
        most_magnitude=keys.number("most_magnitude", least, MAGNITUDES[1]),
        b=keys.number("b", 0.3, 3.0, 1.0),
    )
    keys.done()
    return swarm


def _sequence(keys: Keys) -> SequencePlan:
    main = _quake_plan(keys)
    sequence = SequencePlan(
        mainshock=main,
        spread_m=1000 * keys.number("spread_km", 0.0, 200.0),
        least_magnitude=keys.number("least_magnitude", max(MAGNITUDES[0], main.magnitude - 6), main.magnitude),
        b=keys.number("b", 0.3, 3.0, 1.0),
        c_s=keys.number("c_s", 1.0, 86_400.0, 60.0),
        p=keys.number("p", 0.5, 2.5, 1.1),
        lasts_days=keys.number("lasts_days", 0.1, 3650.0, 100.0),
    )
    keys.done()
    return sequence


def _transport(keys: Keys) -> Transport:
    usual = Transport()
    version = keys.whole("mseed_version", 2, 3, usual.version)
    length = keys.whole("record_length", 256, 8192, usual.record_length)
    transport = Transport(
        packet_s=keys.number("packet_s", 0.1, 60.0, usual.packet_s),
        version=cast("Literal[2, 3]", version),
        record_length=length,
        latency_s=keys.number("latency_s", 0.0, 600.0, usual.latency_s),
        jitter_s=keys.number("jitter_s", 0.0, 600.0, usual.jitter_s),
        loss=keys.number("loss", 0.0, 1.0, usual.loss),
    )
    keys.done()
    if version == 2 and length & (length - 1):
        raise DataFault("[transport]", f"record_length = {length} is not allowed", "miniSEED 2 wants a power of two")
    return transport


def _shares(keys: Keys) -> FaultShares:
    shares = FaultShares(**{kind: keys.number(kind, 0.0, 1.0, 0.0) for kind in KINDS})
    keys.done()
    return shares


def _fault(keys: Keys) -> Fault:
    kind = cast("Kind", keys.choice("kind", KINDS))
    from_s = keys.number("from_s", 0.0, FAR_S, 0.0)
    # a link that never returns holds nothing back: it has lost it
    to_s = keys.number("to_s", from_s, FAR_S, None if kind == "held" else FAR_S)
    fault = Fault(
        station=keys.code("station", 5),
        kind=kind,
        component=keys.choice("component", ("Z", "N", "E", ""), "") if kind in OF_ONE_COMPONENT else "",
        from_s=from_s,
        to_s=to_s,
        size=keys.number("size", -1e6, 1e6) if kind in SIZED else 0.0,
    )
    keys.done()
    if kind == "spikes" and fault.size < 0:
        raise DataFault("[[fault]]", f"size = {fault.size:g} is not allowed", "give spikes an hour, 0 or more")
    return fault
