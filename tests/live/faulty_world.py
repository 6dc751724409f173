"""What the world does to a running centre: processes that die, disks that fill up, wires that lose packets."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from running_centre import kill

from houfeng.shell.archive.archive import Archive
from houfeng.shell.journal.journal import Journal

HERE = Path(__file__).parent
LIMIT_S = 60

#: Both ends of a wire; nobody outside the test sees them.
SOURCE_END, CENTRE_END = "10.17.0.1", "10.17.0.2"


class _Obedient:
    """A process that takes commands on its standard input and answers on its standard output."""

    def __init__(self, script: str, arguments: Sequence[object], within: Sequence[str]) -> None:
        self._command = [*within, sys.executable, str(HERE / script), *map(str, arguments)]
        self.begin()

    def begin(self) -> None:
        """Start it, or start it anew."""
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, command: str) -> str:
        """Give a command; its answer."""
        self.tell(command)
        return self.answer()

    def tell(self, command: str) -> None:
        """Give a command that has no answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """The next line it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended with {self.process.wait()}"
        return line

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


class HeldCentre(_Obedient):
    """A centre in a process of its own, see held_centre.py.

    within  command in front of it, such as nsenter
    """

    def __init__(self, folder: Path, within: Sequence[str] = ()) -> None:
        super().__init__("held_centre.py", [folder], within)

    def status(self) -> dict:
        """How it is."""
        return json.loads(self.ask("status"))

    def until(self, fits: Callable[[dict], bool]) -> dict:
        """How it is once that fits."""
        until_s = time.monotonic() + LIMIT_S
        while not fits(status := self.status()):
            assert time.monotonic() < until_s, status
            time.sleep(0.05)
        return status

    def until_reached(self, number: int) -> dict:
        """How it is once the source's packet of this number is in its journal."""
        return self.until(lambda status: status["reached"] >= number)

    def finish(self) -> None:
        """Let it tell what is left, and end in order."""
        self.tell("finish")
        self.ended()

    def ended(self) -> None:
        """Wait for its end, in order."""
        assert json.loads(self.answer()) == {"cut_short": []}
        assert self.process.wait(LIMIT_S) == 0


class RingSource(_Obedient):
    """A SeedLink server in a process of its own, see ring_source.py. Begun anew it has the same port and ring."""

    def __init__(self, folder: Path, packets, host: str = "127.0.0.1", within: Sequence[str] = ()) -> None:
        with Journal(folder / "recording", keep_bytes=1 << 30) as journal:
            journal.append(packets)
        self.port = free_port()
        super().__init__("ring_source.py", [folder / "ring", folder / "recording", host, self.port], within)

    def begin(self) -> None:
        """Start it, or start it anew; it listens then."""
        super().begin()
        assert int(self.answer()) == self.port

    def grow(self, count: int) -> int:
        """Serve the first so many packets of its recording; the number of the last one."""
        return int(self.ask(str(count)))


def strike(victim: str, centre: HeldCentre, source: RingSource) -> None:
    """Kill one of them with signal 9; what nobody else begins again is begun again."""
    match victim:
        case "engine":
            pid = centre.status()["engine"]
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    kill(pid)
        case "centre":
            centre.kill()
            centre.begin()
        case "source":
            source.kill()
            source.begin()


class StrangeServer:
    """A server on this machine that treats whoever connects as it likes, in a thread for each.

    treat  called with the connection
    """

    def __init__(self, treat: Callable[[socket.socket], None]) -> None:
        self._treat = treat
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.met = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.met += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._treat(connection)
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


class Space:
    """Namespaces of a test's own, as long as a process in them lives; its mounts and its network are nobody else's.

    Only root can have some: without, a test is skipped, saying so; in CI it fails.
    """

    def __init__(self, kind: str) -> None:
        if os.geteuid() != 0:
            message = f"a {kind} namespace needs root"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        self._kind = kind
        holder = ["unshare", f"--{kind}", "sh", "-c", "echo there; exec cat"]
        self._holder = subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "there\n"
        self.pid = self._holder.pid

    @property
    def within(self) -> tuple[str, ...]:
        """What to put in front of a command that is to run there."""
        return ("nsenter", "--target", str(self.pid), f"--{self._kind}", "--")

    def run(self, *words: object) -> None:
        """Run a command there."""
        subprocess.run([*self.within, *map(str, words)], check=True, capture_output=True)

    def seen(self, path: Path) -> Path:
        """A path as it is seen there."""
        return Path(f"/proc/{self.pid}/root{path}")

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait()
        self._holder.stdout.close()


class FullDisk:
    """A small disk at a folder, in a space, of which so much is left."""

    def __init__(self, space: Space, folder: Path, left_bytes: int) -> None:
        folder.mkdir(exist_ok=True)
        space.run("mount", "-t", "tmpfs", "-o", "size=16m", "none", folder)
        self._rest = space.seen(folder) / "rest"
        self._rest.write_bytes(bytes((16 << 20) - left_bytes))

    def make_room(self) -> None:
        """Take away what fills it."""
        self._rest.unlink()


class LateDisk(FullDisk):
    """A disk at a folder, in a space, that takes every write and says only later that it has no room to keep it.

    It lies in a file on a small disk of which so much is left, as thinly provisioned disks do.
    """

    def __init__(self, space: Space, folder: Path, left_bytes: int) -> None:
        if not Path("/dev/loop-control").exists():
            message = "a disk in a file needs loop devices"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        below = folder.with_name(f"{folder.name}.below")
        super().__init__(space, below, left_bytes + (1 << 20))
        disk = below / "disk"
        space.run("truncate", "--size", "64M", disk)
        # Without a journal of its own it goes on after the error, as any other file system would whose data it is of.
        space.run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard", disk)
        folder.mkdir(exist_ok=True)
        space.run("mount", "-o", "loop", disk, folder)
        status = os.statvfs(space.seen(below))
        with self._rest.open("ab") as rest:
            rest.write(bytes(max(0, status.f_bavail * status.f_frsize - left_bytes)))


class Wire:
    """Two spaces joined by a wire that can lose packets."""

    def __init__(self) -> None:
        self.source, self.centre = Space("net"), Space("net")

    def __enter__(self):
        self.source.run(
            "ip", "link", "add", "name", "end", "type", "veth", "peer", "name", "end", "netns", self.centre.pid
        )
        for space, address in ((self.source, SOURCE_END), (self.centre, CENTRE_END)):
            space.run(*f"ip address add {address}/24 dev end".split())
            for link in ("lo", "end"):
                space.run(*f"ip link set {link} up".split())
            space.run("nft", "add table inet wire; add chain inet wire in { type filter hook input priority 0; }")
        return self

    def cut(self) -> None:
        """Nothing comes through any more, either way."""
        for space in (self.source, self.centre):
            space.run("nft", "add rule inet wire in iif end counter drop")

    def lose(self, percent: int) -> None:
        """From now on so many of a hundred packets on their way to the centre are lost."""
        chance = f"numgen random mod 100 < {percent}"
        self.centre.run("nft", f"add rule inet wire in iif end {chance} counter drop")

    def mend(self) -> None:
        """Everything comes through again."""
        for space in (self.source, self.centre):
            space.run("nft", "flush chain inet wire in")

    def lost(self) -> int:
        """Packets lost on the way to the centre, until the wire is mended."""
        listed = subprocess.run(
            [*self.centre.within, "nft", "--json", "list", "chain", "inet", "wire", "in"],
            check=True,
            capture_output=True,
        )
        rules = [item["rule"]["expr"] for item in json.loads(listed.stdout)["nftables"] if "rule" in item]
        return sum(part["counter"]["packets"] for rule in rules for part in rule if "counter" in part)

    def __exit__(self, *error: object) -> None:
        self.centre.__exit__()
        self.source.__exit__()


_CHANNEL = """<Channel code="{code}" locationCode="{location}"><Latitude>{lat}</Latitude><Longitude>{lon}</Longitude>\
<Elevation>{high}</Elevation><Depth>0</Depth><Azimuth>{azimuth}</Azimuth><Dip>{dip}</Dip><SampleRate>{rate}</SampleRate>\
<Response><InstrumentSensitivity><Value>{value}</Value><Frequency>1</Frequency><InputUnits><Name>m/s</Name></InputUnits>\
<OutputUnits><Name>counts</Name></OutputUnits></InstrumentSensitivity></Response></Channel>"""


def write_stations(path: Path, stations) -> Path:
    """Stations as StationXML: of their channels a station list says nothing, and a centre waits for those it knows."""
    told = ['<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.2"><Source>made</Source>']
    told += ["<Created>2024-01-01T00:00:00Z</Created>", f'<Network code="{stations[0].network}">']
    for one in stations:
        place = {"lat": one.latitude_deg, "lon": one.longitude_deg, "high": one.elevation_m}
        told += [f'<Station code="{one.code}"><Latitude>{place["lat"]}</Latitude><Longitude>{place["lon"]}</Longitude>']
        told += [f"<Elevation>{one.elevation_m}</Elevation><Site><Name>{one.code}</Name></Site>"]
        told += [
            _CHANNEL.format(
                code=channel.source.channel,
                location=channel.source.location,
                azimuth=channel.azimuth_deg,
                dip=channel.dip_deg,
                rate=channel.rate_hz,
                value=channel.response.sensitivity,
                **place,
            )
            for channel in one.channels
        ]
        told += ["</Station>"]
    path.write_text("".join([*told, "</Network></FDSNStationXML>"]), encoding="utf-8")
    return path


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def kept_samples(archive: Path) -> dict[str, list[tuple[int, int, str]]]:
    """What an archive holds of every channel: start, count and a fingerprint of the samples of each stretch."""
    with Archive(archive) as opened:
        return {
            source.nslc: [
                (each.start_ns, len(each.samples), sha256(each.samples.tobytes()).hexdigest())
                for each in opened.read(source, 0, 2**62)
            ]
            for source in opened.channels()
        }


def journalled(folder: Path) -> list[bytes]:
    """The records in a centre's journal, in order."""
    with Journal(folder / "journal", keep_bytes=1 << 30) as journal:
        return [packet.content for _, packet in journal.read(0, most=1 << 20) if packet.station_key]
