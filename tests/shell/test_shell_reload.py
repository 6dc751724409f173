"""Reload: a change counts once it is whole and valid; what will not do is said, and the old is kept."""

import asyncio

import pytest

from houfeng.shell.centre.reload import EVERY_S, Watch, changes
from houfeng.shell.settings.settings import read_settings
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding

SETTINGS = """
[centre]
name = "north"
[stations]
inventory = ["stations.csv"]
[[feeds]]
name = "one"
kind = "folder"
path = "one"
[[feeds]]
name = "two"
kind = "seedlink"
address = "127.0.0.1:18000"
user = "u"
password_file = "secret"
"""

STATIONS = "network,station,latitude,longitude\nXX,ONE,1,2\n"


class Centre:
    """A folder with a settings file, watched."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "centre.toml"
        self.write("stations.csv", STATIONS)
        self.write("secret", "hunter2")
        self.write("centre.toml", SETTINGS)
        self.watch = Watch(self.path, environment={})

    def write(self, name, text):
        """Write as editors do: another file in its place, which a watch must tell even within one tick."""
        aside = self.folder / f".{name}.new"
        aside.write_text(text)
        aside.chmod(0o600)
        aside.replace(self.folder / name)

    def edit(self, old, new, name="centre.toml"):
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def look(self):
        """What two looks tell: the first sees that something is new, the second that it stays."""
        assert self.watch.look() is None
        return self.watch.look()


@pytest.fixture
def centre(tmp_path):
    return Centre(tmp_path)


def test_at_the_beginning_everything_is_new(centre):
    first = centre.watch.first
    assert first.settings == read_settings(centre.path)
    assert {"centre", "stations", "feeds.one", "feeds.two", "log"} <= first.changed
    assert [station.key for station in first.stations.stations] == ["XX.ONE"]


def test_a_centre_whose_files_will_not_do_does_not_begin(centre):
    centre.write("secret", "")
    with pytest.raises(DataFault, match="is empty"):
        Watch(centre.path, environment={})


def test_nothing_new_is_nothing_told(centre):
    assert [centre.watch.look() for _ in range(5)] == [None] * 5


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ('name = "north"', 'name = "south"', {"centre"}),
        ("[stations]", '[pace]\npatience_s = 5\n[log]\nlevel = "debug"\n[stations]', {"pace", "log"}),
        ('path = "one"', 'path = "uno"', {"feeds.one"}),
        ('name = "two"', 'name = "three"', {"feeds.two", "feeds.three"}),
        ("[[feeds]]", "# a comment\n[[feeds]]", None),
    ],
)
def test_what_changed_is_told_by_name(centre, old, new, changed):
    centre.edit(old, new)
    told = centre.look()
    if changed is None:
        assert told is None
    else:
        assert told.changed == changed
        assert told.settings == read_settings(centre.path)
        assert told.stations is None
    assert centre.look() is None


def test_a_feed_that_is_taken_out_is_told(centre):
    text = centre.path.read_text()
    centre.write("centre.toml", text[: text.index('[[feeds]]\nname = "two"')])
    assert centre.look().changed == {"feeds.two"}


def test_new_station_metadata_is_read_before_it_is_told(centre):
    centre.write("stations.csv", STATIONS + "XX,TWO,1,3\n")
    told = centre.look()
    assert told.changed == {"stations"}
    assert [station.key for station in told.stations.stations] == ["XX.ONE", "XX.TWO"]


def test_another_password_changes_its_feed(centre):
    centre.write("secret", "swordfish")
    assert centre.look().changed == {"feeds.two"}


def test_a_file_written_again_with_the_same_content_is_no_change(centre):
    centre.write("stations.csv", STATIONS)
    assert centre.look() is None


def test_a_file_that_is_still_being_written_is_waited_for(centre):
    for count in range(1, 5):
        centre.write("stations.csv", STATIONS[: count * 10])
        assert centre.watch.look() is None
    centre.write("stations.csv", STATIONS + "XX,TWO,1,3\n")
    assert centre.watch.look() is None
    assert centre.watch.look().changed == {"stations"}


def test_data_that_come_and_go_are_no_change(centre):
    for name in ("archive", "journal", "keys", "one"):
        (centre.folder / name).mkdir()
        (centre.folder / name / "file").write_text("data")
    assert [centre.watch.look() for _ in range(3)] == [None] * 3


# --- what will not do -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("centre.toml", "[centre", "is no TOML"),
        ("centre.toml", SETTINGS + "[pace]\nslice = 1\n", "did you mean slice_s?"),
        ("centre.toml", SETTINGS.replace("stations.csv", "gone.csv"), "no such file"),
        ("secret", "", "secret: is empty"),
        ("centre.toml", SETTINGS + "[picker]\nweights = 'gone.onnx'\n", "gone.onnx"),
        ("stations.csv", '<?xml version="1.0"?><FDSNStationXML', "stations.csv"),
    ],
)
def test_what_will_not_do_is_said_once_and_the_old_is_kept_until_it_is_mended(centre, name, text, said):
    before = (centre.folder / name).read_text()
    centre.write(name, text)
    told = centre.look()
    assert isinstance(told, Finding)
    assert told.kind == "settings-refused"
    assert said in told.reason
    assert [centre.watch.look() for _ in range(3)] == [None] * 3
    centre.write(name, before)
    assert centre.look() is None  # as it was
    centre.edit('name = "north"', 'name = "south"')
    assert centre.look().changed == {"centre"}


def test_a_file_that_refused_settings_name_is_watched_too(centre):
    centre.edit("stations.csv", "other.csv")
    assert isinstance(centre.look(), Finding)
    centre.write("other.csv", "network,station,latitude,longitude\nXX,NEW,1,2\n")
    told = centre.look()
    assert [station.key for station in told.stations.stations] == ["XX.NEW"]


def test_a_settings_file_that_vanishes_is_said(centre):
    centre.path.unlink()
    assert "houfeng init" in centre.look().reason


def test_a_refused_secret_is_not_shown(centre):
    centre.edit('password_file = "secret"', 'password = "hunter2-do-not-show-me"')
    assert "hunter2" not in centre.look().reason


def test_a_file_that_was_unreadable_from_the_start_holds_nothing_up(tmp_path):
    (tmp_path / "bad.xml").write_text("<no")
    centre = Centre(tmp_path)
    centre.edit('inventory = ["stations.csv"]', 'inventory = ["stations.csv", "bad.xml"]')
    assert isinstance(centre.look(), Finding)
    centre.watch = Watch(centre.path, environment={})
    assert [finding.kind for finding in centre.watch.first.stations.findings] == ["unreadable-inventory"]
    centre.write("stations.csv", STATIONS + "XX,TWO,1,3\n")
    assert len(centre.look().stations.stations) == 2


# --- for ever ---------------------------------------------------------------------------------------------------------


def test_changes_come_one_after_the_other_and_findings_aside(centre):
    slept, found = [], []
    steps = iter(
        [
            lambda: centre.write("centre.toml", "[centre"),
            lambda: None,
            lambda: centre.write("centre.toml", SETTINGS.replace("north", "south")),
            lambda: None,
            lambda: centre.write("centre.toml", SETTINGS.replace("north", "west")),
            lambda: None,
        ]
    )

    async def sleep(wait_s):
        slept.append(wait_s)
        next(steps)()

    async def main():
        told = changes(centre.watch, on_finding=found.append, sleep=sleep)
        return [(await anext(told)).settings.centre.name for _ in range(2)]

    assert asyncio.run(main()) == ["south", "west"]
    assert [finding.kind for finding in found] == ["settings-refused"]
    assert slept == [EVERY_S] * 6
