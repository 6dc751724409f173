"""Scenarios: read whole, and every wrong value refused by name."""

import re
from pathlib import Path

import numpy as np
import pytest
from small_scenario import SMALL

from houfeng.twin import scenario_toml
from houfeng.twin.faults import KINDS
from houfeng.twin.instruments import INSTRUMENTS
from houfeng.twin.scenario_toml import packaged_scenario, read_scenario, scenario_names
from houfeng.twin.world import stations_of, world_of
from houfeng.words.errors import DataFault, WorldFault

#: What is written in place of what, and the words that the message must hold.
WRONG = {
    "seed-text": ("seed = 5", 'seed = "five"', ("seed", "whole number")),
    "seed-negative": ("seed = 5", "seed = -1", ("seed", "from 0")),
    "seed-missing": ("seed = 5", "", ("seed", "missing")),
    "seed-truth": ("seed = 5", "seed = true", ("seed", "whole number")),
    "start": ('start = "2024-01-01T00:00:00Z"', 'start = "yesterday"', ("start", "time such as")),
    "duration": ("duration_s = 240", "duration_s = 1e9", ("duration_s", "whole number")),
    "unknown": ("seed = 5", "seed = 5\nsped = 3", ("sped", "known here")),
    "unknown-within": ("depth_km = 10", "depth_km = 10\ndeph = 1", ("[[quake]] 1", "deph")),
    "crust-order": ("top_km = 10.0", "top_km = 40.0", ("depths must increase",)),
    "crust-speed": ("vs_km_s = 3.6", "vs_km_s = 9.6", ("vs_km_s", "from 0.2 to 5.5")),
    "crust-missing": (", qs = 180 },\n]", " },\n]", ("qs", "missing")),
    "prefix": ('prefix = "W"', 'prefix = "w-1"', ("prefix", "capital letters")),
    "prefix-long": ('prefix = "W"', 'prefix = "WUHAN"', ("prefix", "1 to 4")),
    "stations": ("stations = 7", "stations = 0", ("stations", "from 1")),
    "instrument": ('instrument = "broadband"', 'instrument = "harp"', ("instrument", "'short_period'")),
    "share": ("mems_b = 0.1", "mems_b = 3", ("mems_b", "from 0 to 1")),
    "no-shares": ("{ broadband = 0.5, short_period = 0.2, mems_a = 0.2, mems_b = 0.1 }", "{}", ("nothing", "mems_a")),
    "two-codes": ('code = "ROCK"', 'code = "W3"', ("same code",)),
    "latitude": ("latitude = 30.65", "latitude = 99", ("[[quake]] 1", "latitude", "-85 to 85")),
    "depth": ("depth_km = 10", "depth_km = 700", ("depth_km", "60")),
    "magnitude": ("magnitude = 3.5", "magnitude = nan", ("magnitude", "-1 to 8")),
    "table": ("[network]", "[[network]]", ("[network]", "not a table")),
    "no-toml": ("seed = 5", "seed == 5", ("no TOML",)),
}  # fmt: skip
ADDED = {
    "packet": ("[transport]\npacket_s = 0.333", ("packet_s", "whole number of samples")),
    "version": ("[transport]\nmseed_version = 4", ("mseed_version", "from 2 to 3")),
    "record": ("[transport]\nrecord_length = 500", ("record_length", "power of two")),
    "fault-kind": ('[[fault]]\nstation = "W1"\nkind = "mice"', ("kind", "'dead'")),
    "fault-station": ('[[fault]]\nstation = "W9"\nkind = "dead"', ("[[fault]]", "W9")),
    "fault-size": ('[[fault]]\nstation = "W1"\nkind = "gain"', ("size", "missing")),
    "fault-part": ('[[fault]]\nstation = "W1"\nkind = "lost"\ncomponent = "Z"', ("unknown key", "component")),
    "held-for-ever": ('[[fault]]\nstation = "W1"\nkind = "held"', ("to_s", "missing")),
    "fault-share": ("[fault_shares]\ndead = 1.5", ("dead", "from 0 to 1")),
    "ground": ("[ground]\nleast_percentile = 0.6\nmost_percentile = 0.5", ("most_percentile", "0.6 to 1")),
    "swarm": ("[[swarm]]\nstart_s = 1", ("least_magnitude", "missing")),
    "array": ("swarm = 3", ("swarm", "array of tables")),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_by_name(name):
    old, new, words = WRONG[name]
    assert old in SMALL
    with pytest.raises(DataFault) as raised:
        read_scenario(SMALL.replace(old, new, 1).encode(), "wrong.toml")
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize("name", ADDED)
def test_a_wrong_addition_is_refused_by_name(name):
    addition, words = ADDED[name]
    text = f"{addition}\n{SMALL}" if name == "array" else f"{SMALL}\n{addition}\n"
    with pytest.raises(DataFault) as raised:
        read_scenario(text.encode(), "wrong.toml")
    for word in words:
        assert word in str(raised.value)


def test_every_reason_names_its_place():
    with pytest.raises(DataFault) as raised:
        read_scenario(SMALL.replace("magnitude = 2.5", "magnitude = 12").encode(), "wrong.toml")
    assert raised.value.subject == "wrong.toml [[quake]] 2"
    assert re.search(r"magnitude = 12 is not allowed", raised.value.reason)
    assert raised.value.remedy == "give a number from -1 to 8"


@pytest.mark.parametrize("name", scenario_names())
def test_packaged_scenarios_are_whole(name):
    scenario = packaged_scenario(name)
    stations = list(stations_of(scenario))
    assert len(stations) == {"city": 30, "province": 300, "nation": 15_900}[name]
    assert len({made.station.key for made in stations}) == len(stations)
    assert {made.number for made in stations} == set(range(len(stations)))
    assert all(len(made.station.code) <= 5 for made in stations)


def test_a_scenario_nobody_knows_is_refused_with_the_known_ones():
    with pytest.raises(WorldFault, match="choose one of city, nation, province"):
        packaged_scenario("village")


def test_stations_get_instruments_by_share_and_share_gateways():
    scenario = packaged_scenario("province")
    stations = list(stations_of(scenario))
    for kind, share in scenario.network.shares:
        assert np.mean([made.instrument == kind for made in stations]) == pytest.approx(share, abs=0.08)
    gateways = [next(d for d in made.station.domains if d.startswith("gateway:")) for made in stations]
    assert {gateways.count(gateway) for gateway in gateways} == {5}


def test_the_same_scenario_is_the_same_world(world):
    again = world_of(read_scenario(SMALL.encode(), "small"))
    assert again.stations == world.stations
    assert again.quakes == world.quakes
    other = world_of(read_scenario(SMALL.replace("seed = 5", "seed = 6").encode(), "small"))
    assert other.stations[0].station.place != world.stations[0].station.place
    assert other.quakes[0].stress_pa != world.quakes[0].stress_pa


def test_a_named_station_stands_where_it_is_put(world):
    rock = world.stations[-1]
    assert rock.station.code == "ROCK"
    assert rock.station.place == (30.61, 114.35)
    assert rock.instrument == "broadband"


GUIDE = Path(__file__).resolve().parents[2] / "docs/how-to/scenario.md"


def test_the_guides_scenario_is_one():
    (block,) = re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    scenario = read_scenario(block.encode(), "guide")
    assert len(list(stations_of(scenario))) == 12
    assert [plan.magnitude for plan in scenario.quakes] == [4.0]


def test_the_guide_names_every_key_and_no_other():
    source = (Path(scenario_toml.__file__)).read_text()
    read = set(re.findall(r"\b(?:keys|layer|shares_keys)\.\w+\(\s*\"(\w+)\"", source)) | set(INSTRUMENTS) | set(KINDS)
    rows = [line for line in GUIDE.read_text().split("## What is written")[0].splitlines() if line.startswith("| ")]
    told = {word for line in rows for word in re.findall(r"`(\w+)`", line.split("|", 2)[2])}
    (block,) = re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    told |= set(re.findall(r"(\w+) =", block)) | set(re.findall(r"\[(\w+)\]", GUIDE.read_text()))
    told |= set(re.findall(r"\[\w+\.(\w+)\]", GUIDE.read_text()))
    assert read - told == set()
    assert told - read == set()
