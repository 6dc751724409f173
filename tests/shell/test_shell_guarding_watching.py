"""The guard live, as a program: real files, a real socket, a real interface, a real kill."""

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from houfeng.shell.guarding.collector import Collector
from houfeng.shell.guarding.reading import OneWay
from houfeng.shell.guarding.telling import Telling
from houfeng.shell.settings.values import Address
from houfeng.words.errors import WorldFault

#: A program that starts and compiles on a busy machine.
PATIENCE_S = 60.0


class Program:
    """`houfeng guard watch` as a process of its own; its lines as they come."""

    def __init__(self, *words, inside=()):
        self.process = subprocess.Popen(
            [*inside, sys.executable, "-m", "houfeng", "guard", "watch", *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.lines = []
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._came:
                self.lines.append(json.loads(line))
                self._came.notify_all()

    def told(self, **wanted):
        """The first line that has these keys and values, waited for."""

        def fitting():
            return [line for line in self.lines if all(line.get(key) == value for key, value in wanted.items())]

        with self._came:
            assert self._came.wait_for(fitting, PATIENCE_S), (wanted, self.lines)
            return fitting()[0]

    def end(self, number=signal.SIGTERM):
        """Exit code and standard error."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        return code, self.process.stderr.read().decode()


@pytest.fixture
def watch():
    """Start the program; whatever a test leaves running is killed."""
    started = []

    def start(*words, **more):
        started.append(Program(*words, **more))
        return started[-1]

    yield start
    for program in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.process.pid, signal.SIGKILL)
        program.process.wait()


def guesses(source, count=6):
    lines = (
        f"Nov 20 10:00:{k:02} gate sshd[{k}]: Failed password for invalid user u{k} from {source} port 22 ssh2\n"
        for k in range(count)
    )
    return "".join(lines).encode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_log_is_judged_as_it_grows_and_rotates_and_a_signal_ends_it(tmp_path, watch, number):
    log = tmp_path / "auth.log"
    program = watch(tmp_path)
    log.write_bytes(guesses("192.0.2.7"))
    program.told(detector="password-guessing", subject="192.0.2.7")
    log.rename(tmp_path / "auth.log.1")
    log.write_bytes(guesses("192.0.2.8"))
    program.told(detector="password-guessing", subject="192.0.2.8")
    case = program.told(case=2)
    assert (case["version"], case["parties"]) == (1, ["192.0.2.8"])
    assert program.end(number) == (0, "")
    assert sum(line.get("detector") == "password-guessing" for line in program.lines) == 2


def test_what_is_odd_about_an_eye_is_a_line_too(tmp_path, watch):
    program = watch(tmp_path / "gone")
    odd = program.told(kind="unreadable")
    assert list(odd) == ["kind", "file", "station", "time", "reason"]
    assert odd["file"] == str(tmp_path / "gone")
    assert program.end() == (0, "")


def test_a_kill_loses_no_line_that_was_printed_and_a_torn_one_is_cut_off(tmp_path, watch):
    kept = tmp_path / "kept.jsonl"
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        program = watch(folder, "--out", kept)
        for source in range(40):
            (folder / f"{source}.log").write_bytes(guesses(f"192.0.{number}.{source}"))
        program.told(detector="password-guessing")
        program.end(signal.SIGKILL)
        printed = [line["id"] for line in program.lines if "detector" in line]
        inside = [json.loads(line) for line in kept.read_text().splitlines()]
        assert printed
        assert set(printed) <= {line.get("id") for line in inside}
        with kept.open("a") as file:
            file.write('{"detector":"torn')


def test_two_programs_do_not_write_one_file(tmp_path):
    first = Telling(tmp_path / "a.jsonl", 1)
    with pytest.raises(WorldFault, match="another program"):
        Telling(tmp_path / "a.jsonl", 1)
    first.close()


def test_lines_are_in_the_file_before_they_are_printed(tmp_path):
    path = tmp_path / "a.jsonl"
    full = os.open("/dev/full", os.O_WRONLY)
    telling = Telling(path, full)
    telling.say(b"{}\n")
    with pytest.raises(WorldFault, match="standard output"):
        telling.flush()
    os.close(full)
    assert path.read_bytes() == b"{}\n"


# --- exporters --------------------------------------------------------------------------------------------------------


def netflow_5(client, server, ports, *, flags, count=1, at_s=None):
    """A datagram of one-way records from one client to many ports."""
    at_s = int(time.time()) if at_s is None else at_s
    records = b"".join(
        socket.inet_aton(client) + socket.inet_aton(server) + bytes(4)
        + struct.pack(">HHIIIIHHxBBxHHBBxx", 0, 0, count, 60 * count, 1000, 1000, 40_000, port, flags, 6, 0, 0, 0, 0)
        for port in ports
    )  # fmt: skip
    return struct.pack(">HHIIIIBBH", 5, len(ports), 1000, at_s, 0, 0, 0, 0, 0) + records


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_what_exporters_send_becomes_flows():
    collector = Collector(Address("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
        for data in (netflow_5("192.0.2.7", "10.0.0.2", range(100, 130), flags=2), b"nothing of the kind", b""):
            exporter.sendto(data, ("127.0.0.1", collector.port))
    told = list(collector.take())
    flows = [flow for one in told if isinstance(one, OneWay) for flow in one.flows]
    assert [(flow.client, flow.server_port) for flow in flows] == [("192.0.2.7", port) for port in range(100, 130)]
    assert flows[0].seen.eye == "netflow 127.0.0.1:0 127.0.0.1"
    assert {one.kind for one in told if not isinstance(one, OneWay)} == {"netflow-version"}
    assert list(collector.end()) == []


def test_datagrams_that_found_no_room_are_told():
    collector = Collector(Address("127.0.0.1", 0))
    data = netflow_5("192.0.2.7", "10.0.0.2", range(100, 130), flags=2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
        for _ in range(30_000):
            exporter.sendto(data, ("127.0.0.1", collector.port))
        while list(collector.take()):
            pass
        exporter.sendto(data, ("127.0.0.1", collector.port))
    list(collector.take())
    assert [one.kind for one in collector.lost()] == ["datagrams-dropped"]
    assert list(collector.lost()) == []
    list(collector.end())


def test_an_address_that_is_taken_is_a_fault_of_the_world():
    collector = Collector(Address("127.0.0.1", 0))
    with pytest.raises(WorldFault, match="cannot be listened on"):
        Collector(Address("127.0.0.1", collector.port))
    list(collector.end())


def test_a_scan_told_by_an_exporter_is_found(watch):
    port = free_port()
    program = watch("--netflow", port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
        until_s = time.monotonic() + PATIENCE_S
        while not program.lines and time.monotonic() < until_s:
            exporter.sendto(b"are you there?", ("127.0.0.1", port))
            time.sleep(0.2)
        exporter.sendto(netflow_5("192.0.2.7", "10.0.0.2", range(100, 130), flags=2), ("127.0.0.1", port))
    time.sleep(1.0)
    # What is joined waits a minute for its other direction; the end tells it.
    assert program.end() == (0, "")
    assert [(one["detector"], one["subject"]) for one in program.lines if "detector" in one][:1] == [
        ("port-scan", "192.0.2.7")
    ]


def test_nothing_to_watch_and_no_address_are_wrong_command_lines(houfeng):
    for words in ((), ("--netflow", "x:y"), ("--netflow", "127.0.0.1:70000")):
        assert houfeng("guard", "watch", *words)[0] == 2


# --- a live interface, in a network namespace of its own --------------------------------------------------------------

ALONE = ("unshare", "-Urn", "sh", "-c", 'ip link set lo up; exec "$@"', "-")


def needs_namespaces():
    if shutil.which("unshare") and shutil.which("ip"):
        alive = subprocess.run(["unshare", "-Urn", "true"], capture_output=True, check=False)
        if alive.returncode == 0:
            return
    message = "needs ip and user namespaces"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def in_namespace(code, *words):
    needs_namespaces()
    done = subprocess.run(
        [*ALONE, sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_frames_of_an_interface_are_seen_with_their_payload_and_time_once():
    told = in_namespace(INTERFACE)
    assert told["payloads"] == [f"hello {k}" for k in range(100)]
    assert told["off_s"] < 1.0
    assert told["eye"] == "lo"
    assert told["lost"] == 0


INTERFACE = """
import json, select, socket, time
from houfeng.shell.guarding.interface import Interface
from houfeng.wire.eyes.pcap import datagrams
from houfeng.words.finding import Finding
eye = Interface("lo")
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
got, off_s, batches, sent_s = [], 0.0, [], []
for k in range(100):
    sent_s.append(time.time())
    out.sendto(b"hello %d" % k, ("127.0.0.1", 4444))
until = time.monotonic() + 20
while len(got) < 100 and time.monotonic() < until:
    select.select([eye], [], [], 1)
    for batch in eye.take():
        batches.append(batch)
        for time_ns, source, payload in datagrams(batch, 4444):
            off_s = max(off_s, abs(sent_s[len(got)] - time_ns / 1e9))
            got.append(payload.decode())
lost = sum(isinstance(one, Finding) for one in eye.end())
print(json.dumps({"payloads": got, "off_s": off_s, "eye": batches[0].eye, "lost": lost}))
"""


def test_frames_that_nobody_took_are_told():
    told = in_namespace(FLOOD)
    assert told["kinds"] == ["frames-dropped"]
    assert told["seen"] + told["dropped"] >= 60_000


FLOOD = """
import json, socket
from houfeng.shell.guarding.interface import Interface
from houfeng.wire.eyes.frames import FrameBatch
eye = Interface("lo")
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.bind(("127.0.0.1", 4444))
for k in range(60_000):
    out.sendto(b"x" * 1400, ("127.0.0.1", 4444))
seen = sum(len(batch) for _ in range(20) for batch in eye.take())
kinds = [one.kind for one in eye.lost()]
seen += sum(len(one) for one in eye.end() if isinstance(one, FrameBatch))
print(json.dumps({"seen": seen, "dropped": eye.dropped, "kinds": kinds}))
"""


def test_a_scan_on_a_live_interface_is_found_within_seconds(watch):
    needs_namespaces()
    program = watch("--interface", "lo", inside=(*ALONE, sys.executable, "-c", SCANNED))
    found = program.told(detector="port-scan")
    assert (found["subject"], found["evidence"][0]["eye"]) == ("192.0.2.7", "lo")
    program.end()
    assert not [line for line in program.lines if "kind" in line]


#: Runs the program given, and beside it a scan of this machine once a second.
SCANNED = """
import signal, socket, subprocess, sys, time
for address in ("192.0.2.7", "10.0.0.2"):
    subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
watch = subprocess.Popen(sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: watch.terminate())
port = 1000
while watch.poll() is None:
    for port in range(port, port + 50):
        with socket.socket() as sock:
            sock.bind(("192.0.2.7", 0))
            sock.connect_ex(("10.0.0.2", port))
    time.sleep(1)
sys.exit(watch.returncode)
"""


def test_without_the_right_to_listen_the_remedy_is_said(tmp_path):
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv")
    words = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"]
    words += ["unshare", "-U", sys.executable, "-m", "houfeng", "guard", "watch", "--interface", "lo"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=PATIENCE_S)
    assert done.returncode == 4
    assert "CAP_NET_RAW" in done.stderr
    assert done.stdout == ""


def test_an_interface_that_is_not_there_is_a_fault_of_the_world(tmp_path):
    needs_namespaces()
    words = [*ALONE, sys.executable, "-m", "houfeng", "guard", "watch", "--interface", "nosuch0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=PATIENCE_S)
    assert (done.returncode, "nosuch0" in done.stderr) == (4, True)
