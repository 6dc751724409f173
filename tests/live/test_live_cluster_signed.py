"""Stations that sign, some of them meddled with on the way: roles tell the same tiers and findings as one process."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from agent_line import Agent, Digitiser, finish, is_whole, reading
from cluster_roles import LIMIT_S, Roles, by_file, guarded_broker, make_cluster, told, with_channels
from faulty_world import write_stations
from journalled import packets_of
from running_centre import Source, make_centre, outcome, start
from short_recording import make_short

from houfeng.shell.centre.thinking import TOLD_FILE
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.cluster.feeding import FOLDER
from houfeng.shell.keys.keys import AGREEMENT_KEY, ENROLLED
from houfeng.wire.manifest import is_carrier
from houfeng.words.packet import Packet

#: Longer than a record waits for the manifest that names it.
IDLE_S = 10

ALTERED, DOUBLED, WITHHELD = "XX.W01", "XX.W02", "XX.W03"


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    made = make_short(tmp_path_factory.mktemp("short"))
    named = with_channels(made)
    return replace(named, stations=write_stations(made.stations.with_suffix(".xml"), made.hour.stations))


async def signed(short, folder, centre):
    """What an agent whose keys a centre has enrolled says of a recording: contents by station, in order."""
    stations = tuple(sorted({station.key for station in short.hour.stations}))
    (folder / "station").mkdir()
    async with Digitiser(folder / "digitiser") as digitiser:
        agent = Agent(folder / "station", stations, digitiser.port)
        shutil.copy(centre / "keys" / "centre.pub", folder / "station" / "centre.pub")
        status, said = await agent.do("--make-keys")
        assert status == 0, said
        mark, request = re.search(r"identity (.+); send (\S+) to", said).groups()
        enrol = [sys.executable, "-m", "houfeng", "keys", "enrol", str(centre), request, "--fingerprint", mark]
        await asyncio.to_thread(subprocess.run, enrol, check=True, capture_output=True)
        await agent.ready()
        async with reading(agent) as line:
            for packet in packets_of(short):
                digitiser.say(packet.station_key, [packet.content])
            await line.until(lambda line: is_whole(line, digitiser))
            await finish(agent, line)
        return line.got


def meddled(got):
    """One station's records altered on the way, another's sent twice, a third's statements withheld from midway on."""
    got = {key: list(contents) for key, contents in got.items()}
    records = [place for place, content in enumerate(got[ALTERED]) if not is_carrier(content)]
    for place in records[20:40]:
        content = bytearray(got[ALTERED][place])
        content[-1] ^= 1
        got[ALTERED][place] = bytes(content)
    doubled = [content for content in got[DOUBLED] if not is_carrier(content)][10:15]
    got[DOUBLED] += doubled
    half = len(got[WITHHELD]) // 2
    kept = [content for content in got[WITHHELD][half:] if not is_carrier(content)]
    got[WITHHELD][half:] = kept
    return got


def interleaved(got):
    """As packets, all stations side by side."""
    placed = [
        (place / len(contents), key, content) for key, contents in got.items() for place, content in enumerate(contents)
    ]
    ordered = sorted(placed, key=lambda item: item[:2])
    return [Packet("test", key, number, 0, content) for number, (_, key, content) in enumerate(ordered, 1)]


def assurance(path):
    with ToldStore(path) as store:
        return [*store.assurance()], sorted(store.findings())


def test_roles_vouch_as_one_process_does(short, tmp_path):
    keyring = make_centre(tmp_path / "keyring", short, 1)
    packets = interleaved(meddled(asyncio.run(signed(short, tmp_path, keyring))))
    with Source(tmp_path / "ring", packets) as source, guarded_broker(tmp_path) as broker:
        alone = make_centre(tmp_path / "alone", short, source.port)
        cluster = make_cluster(tmp_path / "centre", short, source, broker)
        for folder in (alone, cluster / "intake"):
            shutil.copy(keyring / "keys" / AGREEMENT_KEY, folder / "keys" / AGREEMENT_KEY)
            shutil.copytree(keyring / "keys" / ENROLLED, folder / "keys" / ENROLLED, dirs_exist_ok=True)
        running = start(alone, "--until-idle", str(IDLE_S))
        with Roles(cluster, idle_s=IDLE_S) as roles:
            roles.finish()
        _, said = running.communicate(timeout=LIMIT_S)
        assert running.returncode == 0, said
    one, heard = by_file(outcome(alone)), told(cluster)
    tiers, findings = assurance(alone / TOLD_FILE)
    tiers_of_intake, findings_of_intake = assurance(cluster / "intake" / FOLDER / TOLD_FILE)
    assert tiers_of_intake == tiers
    assert {tier for _, _, tier in tiers} >= {"sensor-signed", "broken"}
    assert {json.loads(line)["kind"] for line in findings} >= {"altered-record", "downgrade"}
    assert sorted([*findings_of_intake, *heard.pop("findings").splitlines(keepends=True)]) == findings
    one.pop("findings")
    assert sorted(name for name in heard.keys() | one.keys() if heard.get(name) != one.get(name)) == []
