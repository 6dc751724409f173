"""The roles of a cluster as people start them, each in a folder of its own, for the tests."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import nats_server
from running_centre import make_centre

from houfeng.shell.catalogue.catalogue import Catalogue, url_of
from houfeng.shell.centre.thinking import TOLD_FILE
from houfeng.shell.centre.told import ToldStore
from houfeng.wire.quakeml import write_quakeml

LIMIT_S = 120
PASSWORD = "not-this-one"
ROLES = {
    "intake": ("--role", "intake"),
    "detect 1/2": ("--role", "detect", "--shard", "1/2"),
    "detect 2/2": ("--role", "detect", "--shard", "2/2"),
    "associate": ("--role", "associate"),
}
#: FDSN station service, format=text, level=channel.
HEADER = (
    "#Network|Station|Location|Channel|Latitude|Longitude|Elevation|Depth|Azimuth|Dip|SensorDescription|Scale"
    "|ScaleFreq|ScaleUnits|SampleRate|StartTime|EndTime"
)
CLUSTER = """[cluster]
broker = "{address}"
ca_file = "broker.pem"
credentials = "login"
shards = 2
record_gb = 0.1
heard_gb = 0.1

[log]"""


def channel_line(source, station):
    direction = {"E": "90.0|0.0", "N": "0.0|0.0", "Z": "0.0|-90.0"}[source.channel[-1]]
    place = f"{station.latitude_deg}|{station.longitude_deg}|{station.elevation_m}|0.0"
    name = f"{source.network}|{source.station}|{source.location}|{source.channel}"
    return f"{name}|{place}|{direction}|made up|4.0E8|1.0|M/S|100.0|2020-01-01T00:00:00|"


def with_channels(made):
    """The same with every channel named beforehand: slices are let go of as soon as all have got past them."""
    channels = sorted({source for batch in made.hour.batches for source in batch.channels})
    places = {station.key: station for station in made.hour.stations}
    path = made.stations.with_name("channels.txt")
    path.write_text("\n".join([HEADER, *(channel_line(source, places[source.station_key]) for source in channels)]))
    return replace(made, stations=path)


@contextmanager
def guarded_broker(folder):
    """Over TLS, and it lets each role do what the guide says it needs, and nothing else."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "cluster.md").read_text()
    shown = page[page.index("authorization {") :].split("```")[0].replace('"..."', f'"{PASSWORD}"')
    _, options = nats_server.with_tls(folder)
    with nats_server.running_broker(f"{options}\n{shown}") as server:
        yield server


class Roles:
    """A process for each role; what they say goes to files beside their folders."""

    def __init__(self, folder, *, idle_s):
        """idle_s  for intake, None: never; the others end when they have heard all."""
        self._folder, self._idle_s = folder, idle_s
        self._running = {}

    def __enter__(self):
        for name in ROLES:
            self.start(name, 1 if name != "intake" else self._idle_s)
        return self

    def __exit__(self, *error):
        for process in self._running.values():
            process.kill()
            process.wait()

    def start(self, name, idle_s):
        ending = () if idle_s is None else ("--until-idle", str(idle_s))
        options = (*ROLES[name], "--health", "127.0.0.1:0", *ending)
        command = [sys.executable, "-m", "houfeng", "run", str(self._folder / name.split()[0]), *options]
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command, stderr=log, stdout=log, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}
            )

    def strike(self, name, idle_s):
        """kill -9, and start again."""
        assert self._running[name].poll() is None, self.said(name)
        self._running[name].kill()
        self._running[name].wait()
        self.start(name, idle_s)

    def get_past(self, told_ns):
        """Wait until associate has told a later slice; which one."""
        self.until(lambda: self._told_ns() > told_ns)
        return self._told_ns()

    def until_said(self, name, words):
        """Wait until a role has said something."""
        self.until(lambda: words in self.said(name))

    def until(self, happened):
        """Wait until something has happened."""
        until_s = time.monotonic() + LIMIT_S
        while not happened():
            assert time.monotonic() < until_s, {each: self.said(each)[-500:] for each in ROLES}
            time.sleep(0.05)

    def page(self, name, path):
        """A page of a role's, where its log says it is."""
        self.until_said(name, "health listens on port")
        port = re.findall(r"health listens on port (\d+)", self.said(name))[-1]
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=LIMIT_S)

    def stop(self):
        """Ask all to end, and wait until they have."""
        for process in self._running.values():
            process.terminate()
        self.finish()

    def _told_ns(self):
        path = self._folder / "associate" / TOLD_FILE
        if not path.exists():
            return 0
        with closing(sqlite3.connect(path)) as connection:
            try:
                rows = connection.execute("SELECT content FROM progress").fetchall()
            except sqlite3.OperationalError:
                return 0  # it is just being made
        return int(rows[0][0]) if rows else 0

    def finish(self):
        """Wait until all have ended by themselves."""
        until_s = time.monotonic() + LIMIT_S
        for name, process in self._running.items():
            try:
                code = process.wait(max(1.0, until_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise AssertionError({each: self.said(each)[-2000:] for each in ROLES}) from None
            assert code == 0, self.said(name)

    def said(self, name):
        return self._log(name).read_text()

    def _log(self, name):
        return self._folder.with_name(name.replace("/", "of"))


def make_cluster(folder, short, source, broker, **changes):
    """A centre's folder for each role, as if each were a machine of its own.

    changes  to the settings of associate: new text for old
    """
    for role in ("intake", "detect", "associate"):
        # Two roles of one folder cannot both have the port of its settings: the command line names another.
        page = {'[health]\nlisten = "127.0.0.1:0"': f'[health]\nlisten = "127.0.0.1:{source.port}"'}
        cluster = {"[log]": CLUSTER.format(address=broker.address), **page}
        make_centre(folder / role, short, source.port, **cluster, **(changes if role == "associate" else {}))
        login = folder / role / "login"
        shutil.copy(folder.parent / "broker.pem", folder / role)
        login.write_text(f"{role}:{PASSWORD}")
        login.chmod(0o600)
    return folder


def told(folder, url=""):
    """What a cluster has told, and every file of its archive by name. url: of the catalogue, when not in folder."""
    with ToldStore(folder / "associate" / TOLD_FILE) as store:
        picks, findings = b"".join(store.picks()), b"".join(sorted(store.findings()))
    with Catalogue(url or url_of(str(folder / "associate" / "catalogue.sqlite"))) as catalogue:
        quakes = catalogue.query()
        assert all(len(catalogue.versions(quake.quake_id)) == 1 for quake in quakes)
    files = {path.name: path.read_bytes() for path in sorted((folder / "detect" / "archive").rglob("*.D.*"))}
    return {"picks": picks, "findings": findings, "catalogue": write_quakeml(quakes), **files}


def by_file(asked):
    """What one process told, with the files of its archive by name."""
    return {name.rpartition("/")[2]: content for name, content in asked.items()}
