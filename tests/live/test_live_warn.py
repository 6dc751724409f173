"""A running centre warns: what comes over SeedLink is an alert in a file within the same run, and never twice."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import replace
from importlib import resources

import httpx
import pytest
from faulty_world import write_stations
from journalled import packets_of
from running_centre import Source, children, kill, make_centre, start
from short_recording import make_short

from houfeng.serve.judgements import write_trust
from houfeng.shell.centre.thinking import TOLD_FILE
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.centre.vigil import ALERTS_FILE, AlertStore
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.trust import Trust

LIMIT_S = 240
WARN = '\n[warn]\nplaces = "places.csv"\npolicy = "policy.toml"\n'
DEMANDING = '\n[[audiences]]\nname = "nobody"\nstations = 1\ndomains = 50\n'
OUTLET = '\n[[outlets]]\nname = "file"\nkind = "file"\naudience = "operators"\npath = "alerts.jsonl"\n'


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    made = make_short(tmp_path_factory.mktemp("short"))
    return replace(made, stations=write_stations(made.stations.with_suffix(".xml"), made.hour.stations))


def packaged(name):
    return resources.files("houfeng.quake.warn").joinpath(name).read_text(encoding="utf-8")


def warned(folder):
    return [json.loads(line) for line in (folder / "alerts.jsonl").read_bytes().splitlines()]


def with_outlet(folder):
    settings = folder / "centre.toml"
    settings.write_text(settings.read_text() + WARN + OUTLET)
    (folder / "policy.toml").write_text(packaged("policy.toml") + DEMANDING)
    (folder / "places.csv").write_text("name,latitude,longitude,population\nTown,30.5,114.3,1000\n")
    return folder


def versions(told):
    return [(one["alert_id"], one["version"]) for one in told]


def test_a_quake_is_warned_of_while_it_is_heard(short, tmp_path):
    with Source(tmp_path / "ring", packets_of(short)) as source:
        folder = with_outlet(make_centre(tmp_path / "centre", short, source.port))
        centre = start(folder, "--until-idle", "3")
        _, said = centre.communicate(timeout=LIMIT_S)
    assert centre.returncode == 0, said
    assert "nobody can never be told: they ask for a forgery cost of 50 domains" in said
    told = warned(folder)
    largest = max(short.hour.quakes, key=lambda quake: quake.magnitude)
    first = min(told, key=lambda one: abs(parse_instant(one["origin_time"]) - largest.time_ns))
    assert abs(parse_instant(first["origin_time"]) - largest.time_ns) < 3 * NS_PER_S
    assert {one["status"] for one in told} == {"test"}
    assert {place["place"] for one in told for place in one["expectations"]} == {"Town"}
    assert all(one["forgery_cost_stations"] >= 1 for one in told if one["version"] == 1)
    command = [sys.executable, "-m", "houfeng", "told", folder, "--alerts", tmp_path / "all.jsonl"]
    subprocess.run(command, check=True)
    assert set((tmp_path / "all.jsonl").read_bytes().splitlines()) >= set(
        (folder / "alerts.jsonl").read_bytes().splitlines()
    )


def test_no_alert_is_repeated_after_kill_9(short, tmp_path):
    packets = packets_of(short)
    half = len(packets) // 2
    with Source(tmp_path / "ring", packets[:half]) as source:
        folder = with_outlet(make_centre(tmp_path / "centre", short, source.port))
        centre = start(folder, "--until-idle", "15")
        while not (folder / "alerts.jsonl").exists() or not warned(folder):
            assert centre.poll() is None
        kill(centre.pid)
        centre.communicate(timeout=LIMIT_S)
        before = versions(warned(folder))
        centre = start(folder, "--until-idle", "15")
        source.add(packets[half:])
        for helper in children(centre.pid):
            kill(helper)
        _, said = centre.communicate(timeout=LIMIT_S)
    assert centre.returncode == 0, said
    after = versions(warned(folder))
    assert len(after) == len(set(after))
    assert after[: len(before)] == before


def test_an_outlet_that_does_not_work_is_seen_before_there_is_an_alert(short, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]  # on which no broker listens, from here on
    broker = f'name = "town"\nkind = "mqtt"\naudience = "operators"\naddress = "127.0.0.1:{port}"\n'
    with Source(tmp_path / "ring", packets_of(short)[:20]) as source:
        folder = make_centre(tmp_path / "centre", short, source.port)
        settings = folder / "centre.toml"
        settings.write_text(f"{settings.read_text()}\n[[outlets]]\n{broker}")
        centre = start(folder)
        page = next(int(line.split()[-1]) for line in centre.stderr if line.startswith("health listens on port"))
        reasons = []
        while not any(reason.startswith("outlet town: ") for reason in reasons):
            assert centre.poll() is None
            reasons = [each["reason"] for each in httpx.get(f"http://127.0.0.1:{page}/health").json()["reasons"]]
        centre.terminate()
        _, said = centre.communicate(timeout=LIMIT_S)
    assert centre.returncode == 0, said


def test_stations_that_the_guard_does_not_believe_are_not_warned_by_and_a_restart_remembers_it(short, tmp_path):
    stations = [station.key for station in short.hour.stations]
    with Source(tmp_path / "ring") as source:
        folder = with_outlet(make_centre(tmp_path / "centre", short, source.port))
        settings = folder / "centre.toml"
        settings.write_text(settings.read_text().replace(WARN, WARN + 'trust = "trust.jsonl"\n'))
        first = start(folder)
        distrust = [Trust(key, short.hour.quakes[0].time_ns, 0.0, ("session-replay",)) for key in stations]
        (folder / "trust.jsonl").write_bytes(b"".join(map(write_trust, distrust)))
        until(lambda: trusted(folder) == dict.fromkeys(stations, 0.0), first)
        kill(first.pid)
        (folder / "trust.jsonl").unlink()
        source.add(packets_of(short))
        again = start(folder, "--until-idle", "5")
        _, said = again.communicate(timeout=LIMIT_S)
    assert again.returncode == 0, said
    assert not (folder / "alerts.jsonl").exists() or warned(folder) == []
    with ToldStore(folder / TOLD_FILE) as store:
        findings = [json.loads(line) for line in store.findings()]
    assert {one["station"] for one in findings if one["kind"] == "station-trust"} == set(stations)


def trusted(folder):
    if not (folder / ALERTS_FILE).exists():
        return {}
    with AlertStore(folder / ALERTS_FILE) as store:
        return {trust.station_key: trust.value for trust in store.trusted()}


def until(holds, process):
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
