"""Hosts asked and judged: a real pull on this machine, an ssh that is not what it should be, files of reports."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from houfeng.shell.cli.guard import guard
from houfeng.shell.guarding import pulling
from houfeng.shell.guarding.hosts import baseline_of, examine
from houfeng.shell.guarding.pulling import pull
from houfeng.shell.keys.files import write_private
from houfeng.wire.host_baseline import sign_baseline
from houfeng.wire.host_report import read_host_report, write_host_report
from houfeng.words.errors import DataFault, PeerFault, WorldFault
from houfeng.words.host import HostReport, HostSocket
from houfeng.words.instant import NS_PER_S

RUNNER = CliRunner()
START_S = 1_700_000_000


@pytest.fixture
def folder(tmp_path):
    """A watched folder with two programs."""
    watched = tmp_path / "watched"
    watched.mkdir()
    for name in ("one", "two words"):
        (watched / name).write_bytes(name.encode())
        (watched / name).chmod(0o755)
    return watched


def local(folder):
    return pull("here", station="XX.STA", local=True, watch=[str(folder)])


# --- a real pull on this machine --------------------------------------------------------------------------------------


def test_this_machine_tells_of_itself(folder):
    began_ns = time.time_ns()
    report, findings = local(folder)
    # Whatever shell /bin/sh is here, every section was ended.
    assert not [finding for finding in findings if finding.kind == "host-section-cut"]
    names = [file.path.removeprefix(f"{folder}/") for file in report.files if file.path.startswith(f"{folder}/")]
    assert names == ["one", "two words"]
    (first, _) = (file for file in report.files if file.path.startswith(f"{folder}/"))
    assert first.sha256 == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert (first.mode, first.size_bytes) == (0o755, 3)
    assert abs(report.clock_ns - began_ns) < 600 * NS_PER_S
    assert 0 < report.boot_ns < report.clock_ns
    assert report.preload is not None
    assert report.keys is not None
    assert read_host_report(write_host_report(report), "x") == report


def test_this_machine_judged_against_itself_is_silent_until_a_program_changes(folder, tmp_path):
    before, _ = local(folder)
    (folder / "one").write_bytes(b"evil")
    (folder / "three").write_bytes(b"new")
    (folder / "three").chmod(0o755)
    after, _ = local(folder)
    path = tmp_path / "after.json"
    path.write_bytes(write_host_report(after))
    found = examine([path], before, tell=lambda _: None)
    mine = {(each.detector, each.peer.rpartition("/")[2]) for each in found if each.detector.startswith("file")}
    assert {("file-changed", "one"), ("file-new", "three")} <= mine
    path.write_bytes(write_host_report(before))
    assert examine([path], before, tell=lambda _: None) == []


# --- ssh, played by a program put first in the path -------------------------------------------------------------------


@pytest.fixture
def fake_ssh(tmp_path, monkeypatch):
    """Make `ssh` a Python program for this test; it finds its arguments in sys.argv."""

    def make(program):
        path = tmp_path / "bin/ssh"
        path.parent.mkdir()
        path.write_text(f"#!{sys.executable}\n{program}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    return make


def test_ssh_is_called_with_a_list_and_asks_for_no_password(fake_ssh, folder, tmp_path):
    seen = tmp_path / "argv.json"
    fake_ssh(
        f"import json, subprocess, sys; json.dump(sys.argv, open({str(seen)!r}, 'w'))\n"
        "sys.exit(subprocess.run(['sh', '-s']).returncode)"
    )
    report, _ = pull("me@gw.example", station="XX.STA", watch=[str(folder)])
    argv = json.loads(seen.read_text())
    assert argv[-3:] == ["--", "me@gw.example", "exec sh -s"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes"} <= set(argv)
    assert len([file for file in report.files if file.path.startswith(str(folder))]) == 2


@pytest.mark.parametrize("host", ["-oProxyCommand=touch /tmp/x", "a b", "a;id", "a\nb", "$(id)", "", "x" * 400, "é"])
def test_attack_a_name_that_is_an_option_or_a_command_is_refused(host):
    with pytest.raises(WorldFault, match="no name"):
        pull(host, station="XX.STA")


@pytest.mark.parametrize("watch", ["relative", "/a b", "/x'; id; '", "-exec", "/$(id)", "/*"])
def test_attack_a_folder_that_is_a_command_is_refused(watch):
    with pytest.raises(WorldFault, match="no folder"):
        pull("gw", station="XX.STA", watch=[watch])


def test_attack_a_host_that_never_ends_is_hung_up_on(fake_ssh, monkeypatch):
    fake_ssh("import time\nprint('x', flush=True)\ntime.sleep(60)")
    monkeypatch.setattr(pulling, "LIMIT_S", 0.5)
    began_s = time.monotonic()
    with pytest.raises(PeerFault, match="too long"):
        pull("gw", station="XX.STA")
    assert time.monotonic() - began_s < 20


def test_attack_a_host_that_floods_is_hung_up_on(fake_ssh, monkeypatch):
    fake_ssh("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    monkeypatch.setattr(pulling, "MOST_BYTES", 1 << 20)
    with pytest.raises(PeerFault, match="printed more"):
        pull("gw", station="XX.STA")


def test_attack_a_host_that_complains_for_ever_is_shown_bounded(fake_ssh):
    fake_ssh(
        "import sys\nsys.stderr.write('\\x1b[2J' + 'y' * 5_000_000 + 'Host key verification failed.')\nsys.exit(255)"
    )
    with pytest.raises(PeerFault, match=r"Host key verification failed") as caught:
        pull("gw", station="XX.STA")
    assert len(str(caught.value)) < 400
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("told", ["", "Welcome\\n", "aaaa begin sums\\n"])
def test_attack_a_host_that_says_nothing_of_use_is_refused(fake_ssh, told):
    fake_ssh(f"print({told!r})")
    with pytest.raises(PeerFault, match="nothing that can be read"):
        pull("gw", station="XX.STA")


def test_no_process_and_no_pipe_is_left_behind(fake_ssh, monkeypatch):
    fake_ssh("import time\ntime.sleep(60)")
    monkeypatch.setattr(pulling, "LIMIT_S", 0.3)
    before = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    for _ in range(3):
        with pytest.raises(PeerFault):
            pull("gw", station="XX.STA")
    assert (len(list(Path("/proc/self/fd").iterdir())), threading.active_count()) == before


# --- files and the command line ---------------------------------------------------------------------------------------

OWN = "10.0.0.2"
SHOWN = HostSocket("tcp", "established", OWN, 45_000, "10.9.0.1", 18_000)


def report(after_s, **changed):
    fields = {"clock_ns": (START_S + after_s) * NS_PER_S, "sockets": (SHOWN,), "preload": ()} | changed
    return HostReport("XX.STA", "gw", (START_S + after_s) * NS_PER_S, "ssh", **fields)


def put(path, content):
    path.write_bytes(content)
    return path


def zeek(path, *conversations):
    """A log of connections: (after_s, seconds, client port, server, server port)."""
    lines = [
        {
            "ts": START_S + after_s, "uid": "C", "id.orig_h": OWN, "id.orig_p": port, "id.resp_h": server,
            "id.resp_p": server_port, "proto": "tcp", "duration": seconds, "orig_bytes": 900, "resp_bytes": 900,
            "conn_state": "SF", "history": "ShADadFf", "orig_pkts": 30, "orig_ip_bytes": 2000, "resp_pkts": 30,
            "resp_ip_bytes": 2000,
        }
        for after_s, seconds, port, server, server_port in conversations
    ]  # fmt: skip
    return put(path, "".join(json.dumps(line) + "\n" for line in lines).encode())


def test_attack_rootkit_is_found_from_files(tmp_path):
    baseline = put(tmp_path / "base.json", write_host_report(report(-9000)))
    now = put(tmp_path / "now.json", write_host_report(report(500)))
    shown, hidden = (0, 1000, 45_000, "10.9.0.1", 18_000), (0, 1000, 44_000, "198.51.100.7", 443)
    command = ["host", str(now), "--baseline", str(baseline), "--json", "--eyes"]
    quiet = RUNNER.invoke(guard, [*command, str(zeek(tmp_path / "quiet.log", shown))])
    assert (quiet.exit_code, quiet.stdout) == (0, "")
    told = RUNNER.invoke(guard, [*command, str(tmp_path / "quiet.log"), str(zeek(tmp_path / "loud.log", hidden))])
    (line,) = told.stdout.splitlines()
    found = json.loads(line)
    assert (found["detector"], found["peer"], found["station"]) == ("hidden-conversation", "198.51.100.7", "XX.STA")


def test_the_command_pulls_signs_and_judges(folder, tmp_path):
    key = Ed25519PrivateKey.generate()
    write_private(tmp_path / "key.pem", key)
    out = tmp_path / "base.signed"
    command = ["pull", "here", "--station", "XX.STA", "--local", "--watch", str(folder), "--out", str(out)]
    pulled = RUNNER.invoke(guard, [*command, "--sign", str(tmp_path / "key.pem")])
    assert pulled.exit_code == 0, pulled.output
    assert out.stat().st_mode & 0o077 == 0
    public = pulled.stderr.split("--key ")[1].split()[0]
    judged = RUNNER.invoke(guard, ["host", str(out), "--baseline", str(out), "--key", public])
    assert judged.exit_code == 0, judged.output
    assert "0 findings" in judged.stdout


def test_attack_a_baseline_put_in_the_place_of_the_signed_one_is_refused(tmp_path):
    mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    path = put(tmp_path / "base", sign_baseline(report(0), mine))
    assert baseline_of(path, [mine.public_key().public_bytes_raw()]) == report(0)
    for content in (sign_baseline(report(0), other), write_host_report(report(0))):
        with pytest.raises(DataFault):
            baseline_of(put(path, content), [mine.public_key().public_bytes_raw()])


def test_a_broken_report_and_one_of_another_host_hide_no_other(tmp_path):
    told = []
    paths = [
        put(tmp_path / "broken", b"{"),
        put(tmp_path / "other", write_host_report(HostReport("XX.STA", "else", START_S * NS_PER_S, "ssh"))),
        put(tmp_path / "evil", write_host_report(report(9, preload=("/x.so",)))),
    ]
    (found,) = examine(paths, report(0), tell=told.append)
    assert found.detector == "preload-set"
    assert [finding.kind for finding in told] == ["refused", "other-host"]
    with pytest.raises(DataFault):
        examine(paths[:1], report(0), tell=told.append)


def test_eyes_without_an_address_of_the_host_are_refused(tmp_path):
    path = put(tmp_path / "r", write_host_report(report(9)))
    with pytest.raises(DataFault, match="addresses"):
        examine([path], report(0, sockets=()), tell=lambda _: None, eyes=[zeek(tmp_path / "z.log")])
