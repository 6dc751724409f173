"""The roles as people start them, on a real broker and fed by a real SeedLink server; and kill -9."""

import pytest
from cluster_roles import PASSWORD, ROLES, Roles, by_file, guarded_broker, make_cluster, told, with_channels
from journalled import packets_of, replayed_at_once
from postgres_server import PASSWORD as DATABASE_PASSWORD
from postgres_server import Postgres
from prometheus_client.parser import text_string_to_metric_families
from running_centre import Source
from short_recording import make_short

from houfeng.shell.centre.thinking import TOLD_FILE
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.cluster.feeding import FOLDER


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return with_channels(make_short(tmp_path_factory.mktemp("short")))


@pytest.fixture(scope="module")
def packets(short):
    return packets_of(short)


@pytest.fixture(scope="module")
def asked(short, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replayed")
    return replayed_at_once(short, folder / "results", folder / "archive")


@pytest.fixture
def broker(tmp_path):
    with guarded_broker(tmp_path) as server:
        yield server


def test_roles_tell_what_a_replay_tells(short, packets, asked, broker, tmp_path):
    with Source(tmp_path / "ring", packets) as source:
        folder = make_cluster(tmp_path / "centre", short, source, broker)
        with Roles(folder, idle_s=2) as roles:
            roles.finish()
            assert not any(PASSWORD in roles.said(name) for name in ROLES)
    heard, expected = told(folder), by_file(asked)
    assert heard["catalogue"].count(b"<event ") >= 2
    assert sorted(name for name in heard.keys() | expected.keys() if heard.get(name) != expected.get(name)) == []
    with ToldStore(folder / "intake" / FOLDER / TOLD_FILE) as store:
        assert {tier for _, _, tier in store.assurance()} == {"none"}


def test_kill_9_of_every_role_changes_nothing(short, packets, asked, broker, tmp_path):
    names = ["detect 1/2", "intake", "associate", "detect 2/2", "intake"]
    cuts = [len(packets) * part // (len(names) + 1) for part in range(1, len(names) + 1)]
    with Source(tmp_path / "ring", packets[: cuts[0]]) as source:
        folder = make_cluster(tmp_path / "centre", short, source, broker)
        with Roles(folder, idle_s=None) as roles:
            told_ns = 0
            for name, begin, end in zip(names, cuts, [*cuts[1:], len(packets)], strict=True):
                told_ns = roles.get_past(told_ns)
                source.add(packets[begin:end])
                roles.strike(name, None if name == "intake" and end < len(packets) else 2)
            roles.finish()
    heard = told(folder)
    for name in ("picks", "catalogue"):
        assert heard[name] == asked[name], name
    assert b"late-packet" not in heard["findings"]


def test_a_database_server_that_dies_is_waited_for(short, packets, asked, broker, tmp_path):
    with Postgres() as server, Source(tmp_path / "ring", packets[:900]) as source:
        url = server.url.replace(f":{DATABASE_PASSWORD}", "")
        changes = {'url = "catalogue.sqlite"': f'url = "{url}"\npassword_file = "keys/database.password"'}
        folder = make_cluster(tmp_path / "centre", short, source, broker, **changes)
        secret = folder / "associate" / "keys" / "database.password"
        secret.write_text(DATABASE_PASSWORD)
        secret.chmod(0o600)
        with Roles(folder, idle_s=None) as roles:
            roles.get_past(0)
            server.die()
            source.add(packets[900:])
            roles.until_said("associate", "the quake waits")
            server.start()
            roles.strike("intake", 2)
            roles.finish()
            assert not any(DATABASE_PASSWORD in roles.said(name) for name in ROLES)
        heard, expected = told(folder, server.url), by_file(asked)
    assert heard["catalogue"].count(b"<event ") >= 2
    assert [name for name in ("picks", "catalogue") if heard[name] != expected[name]] == []


def counted(roles, name, metric):
    """The sum of a counter over its labels."""
    families = text_string_to_metric_families(roles.page(name, "/metrics").text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == metric)


def test_every_role_has_a_page_of_its_own(short, packets, broker, tmp_path):
    stations = {station.key for station in short.hour.stations}
    with Source(tmp_path / "ring", packets) as source:
        folder = make_cluster(tmp_path / "centre", short, source, broker)
        with Roles(folder, idle_s=None) as roles:
            roles.until(lambda: counted(roles, "associate", "houfeng_quakes_total") > 0)
            roles.until(lambda: roles.page("intake", "/health").json()["feeds"])
            seen = {name: roles.page(name, "/health").json() for name in ROLES}
            assert {name: troubles(page) for name, page in seen.items()} == {name: [] for name in ROLES}
            shares = [set(seen[f"detect {number}/2"]["stations"]) for number in (1, 2)]
            assert shares[0] | shares[1] == set(seen["intake"]["stations"]) == stations
            assert not shares[0] & shares[1]
            assert {each["state"] for name in ROLES for each in seen[name]["feeds"].values()} == {"connected"}
            assert set(seen["associate"]["feeds"]) == {"detect 1/2", "detect 2/2"}
            heard = sum(counted(roles, f"detect {number}/2", "houfeng_picks_total") for number in (1, 2))
            assert heard >= counted(roles, "associate", "houfeng_picks_total") > 0
            broker.kill()
            roles.until(lambda: all(lacks_broker(roles.page(name, "/health")) for name in ROLES))
            broker.start()
            roles.until(lambda: not any(troubles(roles.page(name, "/health").json()) for name in ROLES))
            roles.stop()


def lacks_broker(page):
    return page.status_code == 503 and any("broker" in reason for reason in troubles(page.json()))


def troubles(seen):
    """Why a role is not well, but for the certificate of its SeedLink server, made for the time of the recording."""
    return [each["reason"] for each in seen["reasons"] if "certificate" not in each["reason"]]
