"""The session log: every note a line, and no more of them than two files hold."""

import json

from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.centre.sessions import SESSIONS_FILE, SessionLog
from houfeng.wire.seedlink.notes import Connected, LoggedIn


def test_every_note_is_a_line(tmp_path):
    log = SessionLog(tmp_path)
    for number in range(3):
        log.add(Connected(number, number, "127.0.0.1", port=1, encrypted=True))
    lines = (tmp_path / SESSIONS_FILE).read_text().splitlines()
    assert [json.loads(line)["session"] for line in lines] == [0, 1, 2]


def test_whoever_connects_again_and_again_fills_two_files(tmp_path):
    log, sizes = SessionLog(tmp_path, largest_bytes=1000), []
    for number in range(200):
        log.add(Connected(number, number, "127.0.0.1", port=1, encrypted=True))
        sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
    assert {path.name for path in tmp_path.iterdir()} <= {SESSIONS_FILE, f"{SESSIONS_FILE}.1"}
    assert 1000 <= max(sizes) < 2500
    kept = "".join(
        path.read_text() for path in (tmp_path / f"{SESSIONS_FILE}.1", tmp_path / SESSIONS_FILE) if path.exists()
    )
    numbers = [json.loads(line)["session"] for line in kept.splitlines()]
    assert numbers == list(range(numbers[0], 200))


@given(reader=st.text(max_size=60))
def test_no_name_makes_a_line_of_its_own(tmp_path_factory, reader):
    folder = tmp_path_factory.mktemp("sessions")
    SessionLog(folder).add(LoggedIn(1, 1, "127.0.0.1", reader=reader, method="USERPASS", accepted=False, refusal="no"))
    content = (folder / SESSIONS_FILE).read_bytes()
    assert content.count(b"\n") == 1
    assert not any(byte < 32 and byte != 10 for byte in content)
    assert json.loads(content)["reader"] == reader
