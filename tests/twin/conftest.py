"""The small world that several tests look at."""

import pytest
from small_scenario import SMALL

from houfeng.twin.scenario_toml import read_scenario
from houfeng.twin.world import world_of


@pytest.fixture(scope="session")
def scenario():
    return read_scenario(SMALL.encode(), "small")


@pytest.fixture(scope="session")
def world(scenario):
    return world_of(scenario)
