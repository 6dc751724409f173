"""An intruder on real traffic: the site of bench/intruder.py in network namespaces, in little and for a few seconds."""

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from intruder_judged import asked_of, declared, is_right, said_of, smallest_rate
from intruder_site import FEWEST_STATIONS, OUTSIDER, Plan
from intruder_stage import Stretch, cannot, play

SPEED = 10.0


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The plan, and what was taken: a quiet stretch, an extra subscriber, copies carried out slowly."""
    if why := cannot():
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("site")
    plan = Plan(FEWEST_STATIONS, SPEED, time.time_ns(), str(folder))
    lasting = {"clean": 5.0, "subscriber": 3.0, "copy-slowly": 4.0}
    stretches = [Stretch(name, "" if name == "clean" else name, real_s) for name, real_s in lasting.items()]
    return plan, {taken.name: taken for taken in play(plan, stretches, folder)}


def judged(site, name):
    plan, taken = site
    return said_of(taken[name], declared(plan))


def test_a_quiet_site_gives_no_finding_and_the_tap_loses_nothing(site):
    _, taken = site
    # Fourteen stations of three channels: a record of each in three seconds, of fifty.
    assert taken["clean"].frames > 14 * 3 * (50 / 3)
    assert [one.dropped for one in taken.values()] == [0, 0, 0]
    assert judged(site, "clean") == []


def test_a_reader_on_no_list_is_named_and_nobody_else(site):
    found = judged(site, "subscriber")
    assert {one.judgement.detector for one in found} >= {"unknown-reader", "new-peer"}
    assert {one.judgement.subject for one in found} == {OUTSIDER}
    assert min(one.said_ns for one in found) - site[1]["subscriber"].hostile_ns < 5e9


def test_copies_are_found_however_slowly_they_leave(site):
    found = judged(site, "copy-slowly")
    plan, _ = site
    assert all(is_right(one.judgement, asked_of(plan)["copy-slowly"]) for one in found)
    assert {one.judgement.detector for one in found} >= {"new-peer"}
    assert smallest_rate(found, plan) == 10
