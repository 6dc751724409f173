"""Founding a centre: what is made works, is private where it must be, and nothing is written over."""

import asyncio
import os
import ssl
import stat
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.catalogue.catalogue import Catalogue
from houfeng.shell.founding import founding
from houfeng.shell.founding.answers import Answers, ask, feed_of
from houfeng.shell.founding.founding import AGREEMENT_KEY, AGREEMENT_PUBLIC, ENROLLED, SIGNING_KEY, found
from houfeng.shell.founding.text import settings_text
from houfeng.shell.keys.keys import public_of, read_centre_key, read_centre_public, read_identity
from houfeng.shell.seedlink.readers import Readers, load_readers
from houfeng.shell.settings.settings import parse_settings, read_settings
from houfeng.shell.settings.stations import load_stations
from houfeng.words.errors import DataFault, HoufengError, WorldFault

STATIONS = "network,station,latitude,longitude\nXX,ONE,1,2\n"


@pytest.fixture
def metadata(tmp_path):
    path = tmp_path / "metadata/stations.csv"
    path.parent.mkdir()
    path.write_text(STATIONS)
    return path


def founded(folder, *stations, feed="", name="north"):
    return found(folder, Answers(name, tuple(map(str, stations)), str(feed)), now_ns=time.time_ns())


def snapshot(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


# --- laws -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.text(min_size=1, max_size=30), max_size=3), st.text(max_size=30), st.sampled_from(["en", "zh"]))
def test_any_path_in_the_answers_comes_back_out_of_the_settings(tmp_path_factory, inventory, path, language):
    folder = tmp_path_factory.getbasetemp()
    paths = [each for each in inventory if "\0" not in each]
    feed = {"name": "recordings", "kind": "folder", "path": path} if path and "\0" not in path else None
    known = parse_settings(settings_text(Answers("north", (), "", language), paths, feed), folder / "centre.toml")
    assert known.centre.language == language
    assert len(known.stations.inventory) == len(paths)
    assert [str(each.path) for each in known.feeds] == ([str(folder / path)] if feed else [])


@given(st.text(max_size=40))
def test_any_answer_about_the_feed_is_a_feed_or_a_fault(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    try:
        feed = feed_of(text, folder)
        parse_settings(settings_text(Answers("north"), [], feed), folder / "centre.toml")
    except HoufengError as fault:
        assert fault.remedy  # noqa: PT017  a law over all texts: most are refused, some are not


# --- what is made -----------------------------------------------------------------------------------------------------


def test_a_centre_is_whole(tmp_path, metadata):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    folder = tmp_path / "new/centre"
    made = founded(folder, metadata, feed=recordings)
    assert made.stations == 1
    assert made.findings == ()
    assert set(made.made) == {path.name + "/" * path.is_dir() for path in folder.iterdir()}
    known = read_settings(folder / "centre.toml")
    assert known.centre.name == "north"
    assert [station.key for station in load_stations(known.stations).stations] == ["XX.ONE"]
    (feed,) = known.feeds
    assert (feed.kind, feed.path) == ("folder", recordings)
    for data in (known.archive.folder, known.journal.folder, known.keys.folder, known.keys.folder / ENROLLED):
        assert data.is_dir()
    with Catalogue(known.catalogue.url) as catalogue:
        assert catalogue.query() == []
    assert made.next_steps[0] == f"houfeng run {folder}"


def test_the_keys_fit_and_are_for_their_owner_only(tmp_path):
    founded(tmp_path / "centre")
    keys = read_settings(tmp_path / "centre/centre.toml").keys.folder
    agreement = read_centre_key(keys / AGREEMENT_KEY)
    assert read_centre_public(keys / AGREEMENT_PUBLIC) == public_of(agreement)
    assert public_of(read_identity(keys / SIGNING_KEY)) != public_of(agreement)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (keys, *keys.iterdir())}
    assert modes == {
        "keys": 0o700,
        ENROLLED: 0o700,
        AGREEMENT_KEY: 0o600,
        SIGNING_KEY: 0o600,
        "tls.pem": 0o600,
        AGREEMENT_PUBLIC: 0o644,
    }


def test_two_centres_share_no_key(tmp_path):
    founded(tmp_path / "one")
    founded(tmp_path / "two")
    for key in (AGREEMENT_KEY, SIGNING_KEY, "tls.pem"):
        assert (tmp_path / "one/keys" / key).read_bytes() != (tmp_path / "two/keys" / key).read_bytes()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_reader_that_has_the_certificate_trusts_the_server(tmp_path, host):
    founded(tmp_path / "centre")
    known = read_settings(tmp_path / "centre/centre.toml").seedlink
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(known.certificate, known.key)
    trusting = ssl.create_default_context(cafile=known.certificate)

    async def greet(_reader, writer):
        writer.write(b"hello")
        writer.close()

    async def main():
        server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=serving)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=host)
            said = await reader.read()
            writer.close()
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="evil.example.org")
        return said

    assert asyncio.run(main()) == b"hello"


def test_nobody_is_let_in_from_elsewhere(tmp_path):
    founded(tmp_path / "centre")
    known = read_settings(tmp_path / "centre/centre.toml")
    assert all(
        address.is_loopback for address in (known.seedlink.listen, known.seedlink.tls_listen, known.health.listen)
    )
    assert load_readers(tmp_path / "centre/readers.toml") == Readers()


def test_metadata_in_the_folder_is_named_and_metadata_elsewhere_is_copied(tmp_path, metadata):
    folder = tmp_path / "centre"
    folder.mkdir()
    (folder / "own.csv").write_text(STATIONS.replace("ONE", "TWO"))
    (tmp_path / "again").mkdir()
    (tmp_path / "again/stations.csv").write_text(STATIONS.replace("ONE", "TEN"))
    made = founded(folder, metadata, tmp_path / "again", folder / "own.csv")
    assert made.stations == 3
    assert sorted(path.name for path in (folder / "stations").iterdir()) == ["2-stations.csv", "stations.csv"]
    known = read_settings(folder / "centre.toml")
    assert known.stations.inventory == (str(folder / "stations"), str(folder / "own.csv"))
    metadata.unlink()
    assert len(load_stations(known.stations).stations) == 3


def test_recordings_in_the_folder_move_with_it(tmp_path):
    (tmp_path / "centre/recordings").mkdir(parents=True)
    founded(tmp_path / "centre", feed=tmp_path / "centre/recordings")
    (tmp_path / "centre").rename(tmp_path / "moved")
    assert read_settings(tmp_path / "moved/centre.toml").feeds[0].path == tmp_path / "moved/recordings"


@pytest.mark.parametrize(
    ("answer", "feed"),
    [
        ("", None),
        ("example.org:18000", {"name": "seedlink", "kind": "seedlink", "address": "example.org:18000"}),
        (
            "seedlink://[::1]:18500",
            {"name": "seedlink", "kind": "seedlink", "address": "[::1]:18500", "tls": True},
        ),
        ("datalink://ring:16000", {"name": "datalink", "kind": "datalink", "address": "ring:16000"}),
        ("https://example.org/fdsnws/dataselect/1", {"name": "dataselect", "kind": "dataselect"}),
    ],
)
def test_a_feed_is_told_by_its_address(tmp_path, answer, feed):
    told = feed_of(answer, tmp_path)
    assert told == feed if feed is None else feed.items() <= told.items()


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_only_what_was_not_given_is_asked():
    asked = []

    def prompt(words, default):
        asked.append(words)
        return default

    answers = ask(name="north", stations=None, feed="", language="zh", prompt=prompt)
    assert answers == Answers("north", (), "", "zh")
    (words,) = asked
    assert "metadata" in words


def test_what_is_said_is_answered():
    said = iter(["south", "stations.xml", "example.org:18000"])
    answers = ask(name=None, stations=None, feed=None, language="en", prompt=lambda *_: next(said))
    assert answers == Answers("south", ("stations.xml",), "example.org:18000")


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["archive", "journal", "keys", "catalogue.sqlite", "certificate.pem", "centre.toml"])
def test_nothing_of_a_centre_is_ever_written_over(tmp_path, name):
    (tmp_path / name).write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(WorldFault, match=f"{name}: is there already"):
        founded(tmp_path)
    assert snapshot(tmp_path) == before


def test_what_appears_meanwhile_is_not_written_over_either(tmp_path, monkeypatch):
    make = founding.make_certificate

    def slowly(*arguments, **words):
        (tmp_path / "centre.toml").write_text("mine")
        make(*arguments, **words)

    monkeypatch.setattr(founding, "make_certificate", slowly)
    with pytest.raises(WorldFault, match="File exists"):
        founded(tmp_path)
    assert (tmp_path / "centre.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (Answers("nörth"), "centre.name"),
        (Answers("north", feed="nowhere"), "neither a folder nor the address"),
        (Answers("north", feed="ftp://a:1"), "neither a folder nor the address"),
        (Answers("north", feed="https://a:b@c/"), "password_file"),
        (Answers("north", ("gone.xml",)), "no such file"),
        (Answers("north", (__file__,)), "no station metadata"),
        (Answers("north", feed="a\udcff"), "neither a folder nor the address"),
    ],
)
def test_an_answer_that_will_not_do_is_refused_before_anything_is_written(tmp_path, answers, said):
    with pytest.raises((DataFault, WorldFault), match=said):
        found(tmp_path / "centre", answers, now_ns=0)
    assert not (tmp_path / "centre").exists()


def test_a_name_that_is_no_text_is_refused(tmp_path):
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    with pytest.raises(DataFault, match="not UTF-8"):
        founded(tmp_path / "centre", feed=folder)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorldFault, match="check the path"):
        founded(tmp_path / "file/centre")
