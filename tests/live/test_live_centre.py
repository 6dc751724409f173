"""A centre as people run it: a real SeedLink server before it, the command line around it, and kill -9."""

import signal
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from faulty_world import write_stations
from journalled import packets_of, replayed_at_once
from running_centre import Source, children, kill, make_centre, outcome, start
from short_recording import make_short

LIMIT_S = 240


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """With channels in its metadata: a centre waits for those it knows, and hears on the way, not at the end."""
    made = make_short(tmp_path_factory.mktemp("short"))
    return replace(made, stations=write_stations(made.stations.with_suffix(".xml"), made.hour.stations))


@pytest.fixture(scope="module")
def packets(short):
    return packets_of(short)


@pytest.fixture(scope="module")
def asked(short, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replayed")
    return replayed_at_once(short, folder / "results", folder / "archive")


def differing(told, asked):
    return sorted(name for name in told.keys() | asked.keys() if told.get(name) != asked.get(name))


def test_a_centre_tells_what_a_replay_tells(short, packets, asked, tmp_path):
    with Source(tmp_path / "ring", packets) as source:
        centre = start(make_centre(tmp_path / "centre", short, source.port), "--until-idle", "3")
        _, said = centre.communicate(timeout=LIMIT_S)
    assert centre.returncode == 0, said
    assert len(asked) > 10
    assert differing(outcome(tmp_path / "centre"), asked) == []


@pytest.mark.parametrize("victim", ["engine", "centre"])
def test_kill_9_loses_nothing_and_doubles_nothing(victim, short, packets, asked, tmp_path):
    """Under load: packets go on arriving while the process dies, again and again."""
    random = Random(victim)
    cuts = sorted(random.sample(range(100, len(packets) - 100), 3))
    with Source(tmp_path / "ring", packets[: cuts[0]]) as source:
        folder = make_centre(tmp_path / "centre", short, source.port)
        centre = start(folder, "--until-idle", "15")
        for begin, end in zip(cuts, [*cuts[1:], len(packets)], strict=True):
            source.add(packets[begin:end])
            thinking = _thinking_of(centre)
            time.sleep(random.uniform(0.0, 2.0))  # a moment that nobody chose
            if victim == "engine":
                for process in thinking:
                    kill(process)
            else:
                kill(centre.pid)
                centre.communicate(timeout=LIMIT_S)
                centre = start(folder, "--until-idle", "15")
        _, said = centre.communicate(timeout=LIMIT_S)
    assert centre.returncode == 0, said
    told = outcome(folder)
    for name in ("picks", "catalogue"):
        assert told[name] == asked[name], name
    assert b"late-packet" not in told["findings"]


def test_sigterm_stops_it_in_order(short, packets, tmp_path):
    with Source(tmp_path / "ring", packets) as source:
        centre = start(make_centre(tmp_path / "centre", short, source.port))
        _thinking_of(centre)
        centre.send_signal(signal.SIGTERM)
        _, said = centre.communicate(timeout=LIMIT_S)
    assert centre.returncode == 0, said
    assert "cut short" not in said


def _thinking_of(centre):
    """The processes of the engine and of the vigil, once both have begun."""
    until_s = time.monotonic() + LIMIT_S
    while time.monotonic() < until_s:
        spawned = [child for child in children(centre.pid) if "spawn_main" in _command_of(child)]
        if len(spawned) == 2:
            return spawned
        time.sleep(0.05)
    raise AssertionError("no engine was begun")


def _command_of(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8")
    except OSError:  # it has just ended
        return ""
