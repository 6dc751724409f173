"""Files followed: whatever happens to them, every line is heard, and heard once."""

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import struct
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from houfeng.shell.guarding import following
from houfeng.shell.guarding.following import Following
from houfeng.shell.guarding.reading import OneWay
from houfeng.wire.eyes.frames import FrameBatch
from houfeng.words.network import Login
from made_frames import START_NS, ethernet, ip4, udp


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Nobody waits in a test for a file to lie still."""
    monkeypatch.setattr(following, "SETTLED_S", -1.0)


class Watcher:
    """Follows, and counts who was heard."""

    def __init__(self, *paths):
        self.findings, self.heard, self.frames = [], Counter(), 0
        self.following = Following(paths, self.findings.append)

    def look(self):
        self.following.look()
        while (told := self.following.read()) is not None:
            self._count(told)
        return self

    def end(self):
        self._count(self.following.end())

    def _count(self, told):
        for one in told:
            assert not isinstance(one, OneWay)
            if isinstance(one, Login):
                self.heard[one.source] += one.tries
            elif isinstance(one, FrameBatch):
                self.frames += len(one)


def line(number):
    """A line of a log that names nobody else."""
    at = f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
    source = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    return f"Nov 20 {at} gate sshd[{number}]: Failed password for root from {source} port 22 ssh2\n".encode()


def source(number):
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def once(count):
    return Counter({source(number): 1 for number in range(count)})


class Log:
    """A log that is written and rotated as programs do."""

    def __init__(self, folder):
        self.folder, self.path, self.written, self.torn = folder, folder / "auth.log", 0, b""
        self.turns = 0
        self.path.touch()

    def append(self, count):
        with self.path.open("ab") as file:
            file.write(self.torn)
            self.torn = b""
            for number in range(self.written, self.written + count):
                file.write(line(number))
        self.written += count

    def tear(self):
        """Half of the next line, the other half with what is appended next."""
        if not self.torn:
            whole = line(self.written)
            with self.path.open("ab") as file:
                file.write(whole[:40])
            self.torn = whole[40:]
            self.written += 1

    def whole(self):
        """Finish a line: who rotates a log does not tear its lines."""
        if self.torn:
            self.append(0)

    def rename(self):
        self.whole()
        self.turns += 1
        self.path.rename(self.folder / f"auth.log.{self.turns}")
        self.path.touch()

    def copy_and_cut(self):
        self.whole()
        self.turns += 1
        shutil.copyfile(self.path, self.folder / f"auth.log.{self.turns}")
        os.truncate(self.path, 0)

    def pack(self):
        """The rotated ones are packed and deleted, as logrotate does it."""
        for path in self.folder.glob("auth.log.?"):
            packer = (gzip.compress, bz2.compress, lzma.compress)[self.turns % 3]
            path.with_name(f"old-{path.name}.packed").write_bytes(packer(path.read_bytes()))
            path.unlink()


STEPS = st.lists(st.sampled_from(["append 1", "append 40", "tear", "look", "rename", "copy", "pack"]), max_size=25)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_line_is_heard_once_however_a_log_is_written_and_rotated(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("logs")
    log, watcher = Log(folder), Watcher(folder)
    for step in steps:
        match step.split():
            case "append", count:
                log.append(int(count))
            case ("tear",):
                log.tear()
            case ("look",):
                watcher.look()
            case ("rename",):
                watcher.look()  # a log whose last lines nobody saw before it went is another test
                log.rename()
            case ("copy",):
                log.copy_and_cut()
                watcher.look()
            case ("pack",):
                watcher.look()
                log.pack()
    log.whole()
    watcher.look().look().end()
    shutil.rmtree(folder)
    assert watcher.heard == once(log.written)
    assert watcher.findings == []


@pytest.mark.parametrize("lines", [3, 4000])
def test_what_came_before_the_last_look_is_read_from_where_it_went(tmp_path, lines):
    for name, rotate in (("renamed", Log.rename), ("copied and cut", Log.copy_and_cut)):
        folder = tmp_path / name
        folder.mkdir()
        log, watcher = Log(folder), Watcher(folder)
        log.append(lines)
        watcher.look()
        log.append(lines)
        rotate(log)
        log.append(lines)
        watcher.look().look()
        assert watcher.heard == once(3 * lines), name


def test_a_log_followed_by_its_name_alone_is_read_to_its_end_and_its_successor_from_its_beginning(tmp_path):
    log = Log(tmp_path)
    watcher = Watcher(log.path)
    log.append(5)
    watcher.look()
    log.append(5)
    log.rename()
    log.append(5)
    watcher.look()
    with (tmp_path / "auth.log.1").open("ab") as late:  # who wrote it has not been told yet
        late.write(line(15))
    watcher.look()
    assert watcher.heard == once(16)


def test_a_file_that_cannot_be_read_is_told_of_once_and_read_when_it_can(tmp_path, monkeypatch):
    log = Log(tmp_path)
    watcher = Watcher(log.path, tmp_path / "not yet")
    watcher.look()
    assert [(one.kind, one.file) for one in watcher.findings] == [("unreadable", str(tmp_path / "not yet"))]
    log.append(2)
    real = os.open

    def refused(path, *more):
        if path == log.path:
            raise PermissionError(13, "Permission denied")
        return real(path, *more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        watcher.look().look().look()
    assert [one.kind for one in watcher.findings] == ["unreadable", "unreadable"]
    assert watcher.heard == Counter()
    log.path.rename(tmp_path / "not yet")
    watcher.look()
    assert watcher.heard == once(2)


def test_what_is_no_eyes_file_is_refused_once_and_hides_no_other(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\x00\x01" * 4000)
    (tmp_path / ".hidden").write_bytes(line(77))
    os.mkfifo(tmp_path / "pipe")
    log, watcher = Log(tmp_path), Watcher(tmp_path)
    for _ in range(3):
        log.append(1)
        watcher.look()
    assert [one.kind for one in watcher.findings] == ["refused"]
    assert watcher.heard == once(3)


def capture(first, count):
    frames = [
        (START_NS + (first + k) * 1_000_000, ethernet(ip4("10.0.0.1", "10.0.0.2", 17, udp(1, 2, bytes([k % 256])))))
        for k in range(count)
    ]
    head = struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(
        struct.pack("<IIII", *divmod(time_ns, 10**9), len(frame), len(frame)) + frame for time_ns, frame in frames
    )


def test_a_capture_every_hour_is_read_and_one_that_only_begins_alike_is_another(tmp_path):
    watcher = Watcher(tmp_path)
    first, second = capture(0, 100), capture(100, 50)
    (tmp_path / "00.pcap").write_bytes(first[:24])  # a quiet hour: nothing but the header
    watcher.look()
    (tmp_path / "01.pcap").write_bytes(first[:24])
    watcher.look()
    for cut in (100, 2000, len(first)):
        (tmp_path / "01.pcap").write_bytes(first[:cut])
        watcher.look()
    (tmp_path / "02.pcap.gz").write_bytes(gzip.compress(second))
    (tmp_path / "00.pcap.gz").write_bytes(gzip.compress(first[:24]))
    watcher.look()
    watcher.end()
    assert watcher.frames == 150
    assert watcher.findings == []


def test_the_files_of_a_busy_folder_hold_few_handles_and_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "MOST_OPEN", 5)
    watcher = Watcher(tmp_path)
    for number in range(40):
        (tmp_path / f"{number}.log").write_bytes(line(number))
        watcher.look()
    assert 0 < handles_in(tmp_path) <= 5
    for number in range(40):
        with (tmp_path / f"{number}.log").open("ab") as file:
            file.write(line(100 + number))
    watcher.look().look()
    assert len(watcher.heard) == 80
    assert set(watcher.heard.values()) == {1}
    monkeypatch.setattr(following, "GONE_S", -1.0)
    for path in tmp_path.iterdir():
        path.unlink()
    watcher.look()
    assert handles_in(tmp_path) == 0
    watcher.look()
    assert watcher.findings == []


def handles_in(folder):
    """How many handles of this process lie in a folder."""
    count = 0
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own
            count += str(handle.readlink()).startswith(str(folder))
    return count
