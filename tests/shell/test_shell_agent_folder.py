"""Files of miniSEED: each record read once, across restarts."""

import shutil
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.shell.agent import folder as agent_folder
from houfeng.shell.agent.folder import Folder
from houfeng.words.errors import DataFault, WorldFault


@pytest.fixture(scope="module")
def file(houfeng_data):
    return (houfeng_data / "iceland_dyke_2014" / "waveforms" / "Z7.FLUR.mseed").read_bytes()[: 512 * 60]


def polled(folder, journal):
    """Look once, and put all of it in the journal, which is a list."""
    for portion in folder.poll(0, lambda: len(journal)):
        journal.extend(portion)


def resumed(root, notes, journal):
    folder = Folder("files", root, notes)
    folder.resume(journal[folder.journal_next :])
    return folder


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(0, 2), st.integers(1, 1500)),
        st.tuples(st.just("look"), st.just(0), st.just(0)),
        st.tuples(st.just("part"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("crash"), st.just(0), st.just(0)),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, often=st.integers(1, 20), chunk=st.integers(1, 4))
def test_every_record_is_read_once_whenever_it_stops(file, tmp_path_factory, steps, often, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent_folder, "_NOTED_EVERY", often)
        patch.setattr(agent_folder, "_CHUNK_BYTES", 512 * chunk)
        check_every_record_is_read_once(file, tmp_path_factory, steps)


def check_every_record_is_read_once(file, tmp_path_factory, steps):
    base = tmp_path_factory.mktemp("folder")
    root, notes, journal = base / "root", base / "notes.json", []
    root.mkdir()
    written = dict.fromkeys(range(3), 0)
    folder = Folder("files", root, notes)
    for kind, number, count in steps:
        if kind == "grow":
            data = file[number * 512 * 20 : (number + 1) * 512 * 20]
            with (root / f"{number}.mseed").open("ab") as growing:
                growing.write(data[written[number] : written[number] + count])
            written[number] = min(len(data), written[number] + count)
        elif kind == "look":
            polled(folder, journal)
        elif kind == "part":  # a crash between portions
            looking = folder.poll(0, lambda: len(journal))
            for portion in islice(looking, number):
                journal.extend(portion)
            if (portion := next(looking, None)) is not None:
                journal.extend(portion[: len(portion) // 2])
            folder = resumed(root, notes, journal)
        else:
            folder = resumed(root, notes, journal)
    polled(folder, journal)
    expected = [
        file[number * 512 * 20 + at : number * 512 * 20 + at + 512]
        for number, size in written.items()
        for at in range(0, size - 511, 512)
    ]
    assert sorted(packet.content for packet in journal) == sorted(expected)
    assert {packet.station_key for packet in journal} <= {"Z7.FLUR"}


def test_a_file_written_anew_and_shorter_is_read_anew(file, tmp_path):
    folder, journal = Folder("files", tmp_path, tmp_path.parent / "notes.json"), []
    (tmp_path / "a").write_bytes(file[: 512 * 4])
    polled(folder, journal)
    (tmp_path / "a").write_bytes(file[512 * 10 : 512 * 12])
    polled(folder, journal)
    assert b"".join(packet.content for packet in journal) == file[: 512 * 4] + file[512 * 10 : 512 * 12]


def test_links_and_hidden_files_are_left_out(file, tmp_path):
    root = tmp_path / "root"
    (root / ".git").mkdir(parents=True)
    (tmp_path / "elsewhere").write_bytes(file[:512])
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / ".git" / "a").write_bytes(file[:512])
    (root / ".b").write_bytes(file[:512])
    journal = []
    polled(Folder("files", root, tmp_path / "notes.json"), journal)
    assert journal == []


def test_a_folder_that_is_not_there_is_said_and_one_that_comes_back_is_read(file, tmp_path):
    root, journal = tmp_path / "root", []
    folder = Folder("files", root, tmp_path / "notes.json")
    with pytest.raises(WorldFault, match="cannot be read"):
        polled(folder, journal)
    root.mkdir()
    (root / "a").write_bytes(file[:512])
    polled(folder, journal)
    assert len(journal) == 1


def test_notes_that_could_not_be_written_are_written_before_anything_is_read(file, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(file[:512])
    (tmp_path / "here").write_text("a file where the notes' folder should be")
    folder, journal = Folder("files", root, tmp_path / "here" / "notes.json"), []
    for _ in range(2):
        with pytest.raises(WorldFault, match="cannot be written"):
            polled(folder, journal)
        assert journal == []
    (tmp_path / "here").unlink()
    polled(folder, journal)
    assert len(journal) == 1


def test_notes_forget_files_that_are_gone(file, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    folder = Folder("files", root, tmp_path / "notes.json")
    for number in range(5):
        (root / f"{number}").write_bytes(file[:512])
        polled(folder, [])
        shutil.os.unlink(root / f"{number}")
    polled(folder, [])
    assert len((tmp_path / "notes.json").read_text()) < 100


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', '{"files": {"a": 3}}', "\xff"])
def test_damaged_notes_are_said(tmp_path, text):
    (tmp_path / "notes.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataFault, match="remove it to read every file"):
        Folder("files", tmp_path, tmp_path / "notes.json")
