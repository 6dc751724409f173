"""From a digitiser through an agent into a centre: what the centre tells is told as the sensors' own."""

import asyncio
import re
import shutil
import sys
from dataclasses import replace

import pytest
from agent_line import PASSWORD, Agent, Digitiser
from faulty_world import write_stations
from journalled import packets_of, replayed_at_once
from running_centre import make_centre, outcome, start
from short_recording import make_short

from houfeng.shell.centre.thinking import TOLD_FILE
from houfeng.shell.centre.told import ToldStore

LIMIT_S = 240


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    made = make_short(tmp_path_factory.mktemp("short"))
    return replace(made, stations=write_stations(made.stations.with_suffix(".xml"), made.hour.stations))


async def houfeng(*words):
    command = [sys.executable, "-m", "houfeng", *map(str, words)]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said


async def signed_centre(short, folder):
    """A centre that has heard the recording through an agent it had enrolled."""
    stations = tuple(sorted({station.key for station in short.hour.stations}))
    centre, station = folder / "centre", folder / "station"
    station.mkdir()
    async with Digitiser(folder / "digitiser") as digitiser:
        agent = Agent(station, stations, digitiser.port)
        make_centre(centre, short, 1)
        shutil.copy(centre / "keys" / "centre.pub", station / "centre.pub")
        status, said = await agent.do("--make-keys")
        assert status == 0, said
        mark, request = re.search(r"identity (.+); send (\S+) to", said).groups()
        await houfeng("keys", "enrol", centre, request, "--fingerprint", mark)
        await agent.ready()
        for packet in packets_of(short):
            digitiser.say(packet.station_key, [packet.content])
        (centre / "line.password").write_text(PASSWORD)
        (centre / "line.password").chmod(0o600)
        settings = centre / "centre.toml"
        feed = f'address = "127.0.0.1:{agent.port}"\ntls = true\nca = "{station / "tls.pem"}"\nuser = "centre"\n'
        feed += 'password_file = "line.password"'
        settings.write_text(settings.read_text().replace('address = "127.0.0.1:1"', feed))
        running = start(centre, "--until-idle", "10")
        try:
            _, said = await asyncio.to_thread(running.communicate, timeout=LIMIT_S)
        finally:
            running.kill()
            await agent.stop()
        assert running.returncode == 0, said
    assert PASSWORD not in said
    return centre


def test_what_sensors_sign_is_told_as_theirs(short, tmp_path):
    asked = replayed_at_once(short, tmp_path / "results", tmp_path / "archive")
    centre = asyncio.run(signed_centre(short, tmp_path))
    told = outcome(centre)
    assert told["picks"] == asked["picks"]
    assert told["catalogue"] == asked["catalogue"]
    with ToldStore(centre / TOLD_FILE) as store:
        tiers = {tier for _, _, tier in store.assurance()}
    assert tiers == {"sensor-signed"}, told["findings"]
