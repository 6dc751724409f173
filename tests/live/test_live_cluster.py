"""One process and any number of shares on a real broker tell the same, byte for byte."""

import asyncio
from pathlib import Path

import pytest
from cluster_rehearsal import CRUST, Rehearsal, make_recording, rehearse, run_cluster
from nats_server import running_broker

from houfeng.shell.replay.replay import load_inventory, load_model


@pytest.fixture
def broker():
    with running_broker() as server:
        yield server


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory) -> Rehearsal:
    path = tmp_path_factory.mktemp("recording") / "made.mseed"
    return rehearse(path, make_recording(path), CRUST)


def test_there_is_something_to_tell(rehearsal):
    assert len(rehearsal.alone.picks) > 50
    assert len(rehearsal.alone.archive) == 24
    assert rehearsal.alone.catalogue.count(b"<event ") >= 2


@pytest.mark.parametrize(("count", "apart"), [(1, False), (2, False), (3, True), (3, False), (8, False)])
def test_shares_tell_what_one_process_tells(broker, rehearsal, tmp_path, count, apart):
    told = asyncio.run(run_cluster(broker.address, count, rehearsal, tmp_path, apart=apart))
    assert told.picks == rehearsal.alone.picks
    assert told.catalogue == rehearsal.alone.catalogue
    assert sorted(map(str, told.findings)) == sorted(map(str, rehearsal.alone.findings))
    assert told.archive.keys() == rehearsal.alone.archive.keys()
    assert [name for name, content in told.archive.items() if content != rehearsal.alone.archive[name]] == []


def test_a_real_recording_with_odd_rates_and_two_loggers_a_station(broker, houfeng_data, tmp_path):
    folder = houfeng_data / "nz_alpinefault_2013a"
    files = sorted((folder / "waveforms").glob("*.mseed"))[:2]
    path = tmp_path / "real.mseed"
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    stations = load_inventory([str(folder / "stations" / "stations.csv")]).stations
    model = load_model(folder / "stations" / "velocity_model.csv")
    real = rehearse(path, stations, model)
    assert len(real.alone.picks) > 20
    told = asyncio.run(run_cluster(broker.address, 3, real, tmp_path))
    assert told.picks == real.alone.picks
    assert told.catalogue == real.alone.catalogue
    assert told.archive == real.alone.archive


def test_the_permissions_shown_in_the_guide_are_all_that_is_needed(rehearsal, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "cluster.md").read_text()
    shown = page[page.index("authorization {") :].split("```")[0].replace('"..."', '"not-this-one"')
    logins = {role: tmp_path / role for role in ("intake", "detect", "associate")}
    for role, path in logins.items():
        path.write_text(f"{role}:not-this-one")
        path.chmod(0o600)
    with running_broker(shown) as server:
        told = asyncio.run(run_cluster(server.address, 2, rehearsal, tmp_path, logins=logins))
    assert told.catalogue == rehearsal.alone.catalogue


def test_quakes_wait_for_a_database_that_is_away(broker, rehearsal, tmp_path):
    away = tmp_path / "away"
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if "the quake waits" in text:
            away.mkdir()

    url = f"sqlite:///{away / 'catalogue.sqlite'}"
    told = asyncio.run(run_cluster(broker.address, 1, rehearsal, tmp_path, say=say, url=url))
    assert any("the catalogue takes quakes again" in text for text in said)
    assert told.catalogue == rehearsal.alone.catalogue
