"""Reprocessing on real Dask workers: the same results for any shares, also when workers die under way."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from distributed import Client, LocalCluster

from houfeng.quake.associate.octo import Plan
from houfeng.quake.detect.picker import AicPicker
from houfeng.quake.detect.stage import BEFORE_S
from houfeng.shell.archive.archive import Archive
from houfeng.shell.recordings import open_recordings
from houfeng.shell.replay.replay import Setup, load_picker, replay
from houfeng.shell.reprocess import address as dask_address
from houfeng.shell.reprocess import replay as dask_replay
from houfeng.shell.reprocess.address import LOCAL, check_address, connected, workers_of
from houfeng.shell.reprocess.ears import MOST_AHEAD, ManyEars, strides
from houfeng.shell.reprocess.remote import RemoteShare
from houfeng.shell.reprocess.replay import DaskSetup, Spread, parted, replay_on_dask
from houfeng.shell.reprocess.share import Job, LostShareError, Share, play
from houfeng.twin.hour import make_hour
from houfeng.wire import mseed
from houfeng.wire.inventory import ReadInventory
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.errors import DataFault, OurFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.samples import PacketBatch, Segment, segments_of
from houfeng.words.source import SourceId

NOW_NS = 1_800_000_000 * NS_PER_S
START_NS = 1_700_000_000 * NS_PER_S
MODEL = VelocityModel(
    "test crust", "test", np.array([0.0, 10e3, 35e3]), np.array([5500.0, 6200, 8000]), np.array([3200.0, 3600, 4600])
)
HOUR = make_hour(MODEL, seed=5, start_ns=START_NS, stations=8, duration_s=150)
INVENTORY = ReadInventory(HOUR.stations, ())


@dataclass
class Told:
    """What a replay told, in a form that owes nothing to the order of findings within a slice."""

    catalogue: bytes = b""
    picks: list[Pick] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    samples: dict[SourceId, list[Segment]] = field(default_factory=dict)

    def take(self, value):
        if isinstance(value, Pick):
            self.picks.append(value)
        elif isinstance(value, Finding):
            self.findings.append(repr(value))
        elif isinstance(value, PacketBatch):
            for segment in segments_of(value):
                self.samples.setdefault(segment.source, []).append(segment)

    def done(self, outcome):
        assert outcome.pick_count == len(self.picks)
        self.catalogue = write_quakeml(outcome.quakes)
        self.findings.sort()
        return self

    def archived(self):
        return {
            source: [(piece.start_ns, piece.rate_hz, piece.samples.tolist()) for piece in pieces]
            for source, pieces in sorted(self.samples.items())
        }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files that share stations, one of them with a channel sent twice and a record cut out."""
    folder = tmp_path_factory.mktemp("recording")
    whole = [segment for batch in HOUR.batches for segment in segments_of(batch)]
    records = [mseed.encode([segment]) for segment in whole]
    paths = [folder / name for name in ("a.mseed", "b.mseed", "c.mseed")]
    for number, path in enumerate(paths):
        path.write_bytes(b"".join(records[number::3]))
    with paths[2].open("ab") as file:
        file.write(records[2] + b"\x00" * 512 + records[5])
    content = bytearray(paths[0].read_bytes())
    content[100 * 512 : 101 * 512] = b"\xff" * 512
    content[150 * 512 + 64 + 11] ^= 0x55  # the last sample as Steim has it: found out when it is decoded
    paths[0].write_bytes(content)
    return paths


@pytest.fixture(scope="module")
def recordings(files):
    return open_recordings(files, now_ns=NOW_NS)


@pytest.fixture(scope="module")
def alone(recordings):
    told = Told()
    setup = Setup(recordings, INVENTORY, MODEL, AicPicker())
    return told.done(replay(setup, on_told=told.take, on_progress=lambda *_: None))


@pytest.fixture(scope="module")
def cluster():
    """Two workers, each a process of its own, on loopback."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as running:
        yield running


def on_dask(recordings, spread, on_progress=lambda *_: None):
    told = Told()
    setup = DaskSetup(recordings, INVENTORY, MODEL, partial(load_picker, "classical", None, None), NOW_NS)
    return told.done(replay_on_dask(setup, spread, on_told=told.take, on_progress=on_progress))


# --- the same results -------------------------------------------------------------------------------------------------


def test_there_is_something_to_compare(alone):
    assert alone.catalogue.count(b"<event ") >= 3
    assert len(alone.picks) > 30
    assert any("gap" in finding for finding in alone.findings)
    assert any("duplicate" in finding for finding in alone.findings)
    assert any("bad-payload" in finding for finding in alone.findings)


@pytest.mark.parametrize("shares", [1, 2, 8])
def test_shares_tell_what_one_process_tells(recordings, alone, cluster, shares):
    told = on_dask(recordings, Spread(cluster.scheduler_address, shares, samples=True))
    assert told.catalogue == alone.catalogue
    assert told.picks == alone.picks
    assert told.findings == alone.findings
    assert told.archived() == alone.archived()


def test_samples_stay_on_the_workers_unless_they_are_wanted(recordings, alone, cluster):
    told = on_dask(recordings, Spread(cluster.scheduler_address))
    assert told.samples == {}
    assert told.catalogue == alone.catalogue


def test_an_archive_filled_from_workers_is_the_one_filled_here(recordings, alone, cluster, tmp_path):
    told = on_dask(recordings, Spread(cluster.scheduler_address, 2, samples=True))
    for name, samples in (("here", alone.samples), ("workers", told.samples)):
        with Archive(tmp_path / name) as archive:
            for source in sorted(samples):
                for segment in samples[source]:
                    archive.append(batch_of(segment))
    here, there = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.D.*")}
        for name in ("here", "workers")
    )
    assert here == there != {}


def batch_of(segment):
    count = len(segment.samples)
    return PacketBatch(
        (segment.source,), np.zeros(1, np.int32), np.array([segment.start_ns]), np.array([segment.rate_hz]),
        np.array([0, count]), segment.samples,
    )  # fmt: skip


def test_files_are_called_as_they_were_given(files, alone, cluster, monkeypatch):
    monkeypatch.chdir(files[0].parent)
    relative = open_recordings([path.relative_to(files[0].parent) for path in files], now_ns=NOW_NS)
    told = on_dask(relative, Spread(cluster.scheduler_address, 2))
    assert told.findings == sorted(finding.replace(f"{files[0].parent}/", "") for finding in alone.findings)


def test_workers_that_had_gone_ahead_begin_anew_and_tell_the_same(recordings, alone, cluster, monkeypatch):
    went_back = []
    go_back = RemoteShare.go_back
    monkeypatch.setattr(RemoteShare, "go_back", lambda self, passed: (went_back.append(passed), go_back(self, passed)))
    monkeypatch.setattr(
        dask_replay, "strides", lambda numbers, *_: [numbers[k : k + 7] for k in range(0, len(numbers), 7)]
    )
    told = on_dask(recordings, Spread(cluster.scheduler_address, 2))
    assert went_back
    assert (told.catalogue, told.picks, told.findings) == (alone.catalogue, alone.picks, alone.findings)


def test_a_cluster_of_our_own_shows_certificates_and_stays_on_this_machine(recordings, alone):
    seen = []

    def look(*_):
        if not seen:
            client = Client.current()
            seen.extend([client.scheduler.address, *workers_of(client)])
            assert client.security.require_encryption

    told = on_dask(recordings, Spread(LOCAL, 2), look)
    assert len(seen) == 3
    assert all(address.startswith("tls://127.0.0.1:") for address in seen)
    assert (told.catalogue, told.picks, told.findings) == (alone.catalogue, alone.picks, alone.findings)


# --- what breaks under way --------------------------------------------------------------------------------------------


def test_a_killed_worker_changes_nothing(recordings, alone, cluster):
    killed = []

    def kill(_now_ns, share, picks, _quakes):
        if not killed and share > 0.5 and picks:
            client = Client.current()
            pids = client.run(os.getpid)
            killed.append(pids[min(pids)])
            os.kill(killed[0], signal.SIGKILL)

    told = on_dask(recordings, Spread(cluster.scheduler_address, 4), kill)
    assert killed
    with Client(cluster) as client:
        assert killed[0] not in client.run(os.getpid).values()
    assert (told.catalogue, told.picks, told.findings) == (alone.catalogue, alone.picks, alone.findings)


def test_every_worker_killed_one_after_another_changes_nothing(recordings, alone, cluster):
    killed = []

    def kill(_now_ns, share, _picks, _quakes):
        if share > 0.25 * (len(killed) + 1) and len(killed) < 3:
            pids = sorted(Client.current().run(os.getpid).values())
            fresh = [pid for pid in pids if pid not in killed]
            killed.append(fresh[0])
            os.kill(fresh[0], signal.SIGKILL)

    told = on_dask(recordings, Spread(cluster.scheduler_address, 2), kill)
    assert len(killed) == 3
    assert (told.catalogue, told.picks, told.findings) == (alone.catalogue, alone.picks, alone.findings)


def test_a_worker_killed_while_it_listens_is_waited_for_elsewhere(files, recordings, cluster):
    sizes = {path: path.stat().st_size for path in files}
    job = Job(sizes, NOW_NS, HOUR.stations, recordings.channels, START_NS, MODEL, AicPicker, samples=False)
    keys = parted(recordings.channels, 1)[0]
    numbers = recordings.slice_numbers().tolist()
    expected = Share(job, keys).advance(numbers)
    with Client(cluster, direct_to_workers=True) as client:
        share = RemoteShare(client, job, keys, workers_of(client)[0])
        share.start("address")
        pid = client.run(os.getpid)[share.finish()]
        share.start("advance", numbers)
        os.kill(pid, signal.SIGKILL)
        assert share.finish() == expected
        assert share.times_lost >= 1
    assert any(isinstance(caught, Pick) for step in expected for caught in step.caught)


@pytest.fixture
def scheduler():
    """A scheduler and a worker as processes of their own: their addresses and the scheduler's process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "dask"]
    first = subprocess.Popen([*dask, "scheduler", "--host", address, "--no-dashboard", "--no-show"], **quiet)
    second = subprocess.Popen(
        [*dask, "worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--death-timeout", "60"],
        **quiet,
    )
    try:
        with Client(address, timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
        yield address, first
    finally:
        for process in (second, first):
            process.terminate()
            process.wait(timeout=60)


def test_a_lost_scheduler_is_said(recordings, scheduler):
    address, process = scheduler

    def kill(_now_ns, share, _picks, _quakes):
        if share > 0.3 and process.poll() is None:
            process.kill()
            process.wait(timeout=60)

    with pytest.raises(WorldFault, match="scheduler was lost"):
        on_dask(recordings, Spread(address), kill)


def test_recordings_that_a_worker_cannot_read_are_named(files, recordings, cluster, tmp_path):
    for path, size, why in ((tmp_path / "elsewhere", 5, "cannot read it"), (files[0], 5, "another file of this name")):
        job = Job({path: size}, NOW_NS, HOUR.stations, recordings.channels, START_NS, MODEL, AicPicker, samples=False)
        with Client(cluster, direct_to_workers=True) as client:
            share = RemoteShare(client, job, ["XX.AAA"], workers_of(client)[0])
            share.start("advance", [0])
            with pytest.raises(WorldFault, match=why) as told:
                share.finish()
        assert told.value.subject == str(path)
        assert "every worker sees them" in told.value.remedy


def test_nobody_at_the_address_is_said(monkeypatch):
    monkeypatch.setattr(dask_address, "CONNECT_S", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(WorldFault, match=address), connected(address):
            pass


def test_no_samples_at_all_is_said_before_anybody_is_asked():
    with pytest.raises(DataFault, match="no readable samples"):
        on_dask(open_recordings([], now_ns=NOW_NS), Spread("tcp://127.0.0.1:1"))


# --- whom to trust ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["local", "tls://dask.example.org:8786", "tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"],
)
def test_addresses_on_this_machine_or_with_certificates_are_taken(address):
    check_address(address)


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.1:8786", "tcp://dask.example.org:8786", "tcp://[::]:8786", "tcp://localhost.evil.org:1"]
)
def test_plain_pickles_from_another_machine_are_refused_unless_asked_for(address):
    with pytest.raises(WorldFault, match="pickles"):
        check_address(address)
    check_address(address, plain_allowed=True)


@pytest.mark.parametrize(
    "address", ["", "dask", "tls://", "tls://host", "ucx://127.0.0.1:1", "tcp://127.0.0.1:x", "tcp://[x"]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(WorldFault, match="local"):
        check_address(address, plain_allowed=True)


def test_tls_without_certificates_is_said():
    with pytest.raises(WorldFault, match="certificates"), connected("tls://127.0.0.1:1"):
        pass


# --- the parts, without a cluster -------------------------------------------------------------------------------------


def test_every_station_is_in_one_share_and_shares_are_alike(recordings):
    keys = sorted({source.station_key for source in recordings.channels})
    for shares in (1, 3, 8, 50):
        parts = parted(recordings.channels, shares)
        assert sorted(key for part in parts for key in part) == keys
        sizes = [len(part) for part in parts]
        assert min(sizes) >= 1
        assert max(sizes) - min(sizes) <= 1


def test_shares_of_recordings_are_the_whole(recordings):
    parts = parted(recordings.channels, 3)
    for number, _, _ in play(recordings):
        assert number in recordings.slice_numbers()
    whole = sorted(pieces(recordings))
    assert sorted(piece for part in parts for piece in pieces(recordings.only(part))) == whole != []
    for part in parts:
        assert {source.station_key for source in recordings.only(part).channels} == set(part)
        assert set(recordings.files_of(part)) <= set(recordings.files_of({key for part in parts for key in part}))
    assert recordings.files_of(["XX.NOBODY"]) == ()


def pieces(recordings):
    return [
        (number, segment.source, segment.start_ns, segment.samples.tobytes())
        for number, batches, _ in play(recordings)
        for batch in batches
        for segment in segments_of(batch)
    ]


def test_shares_of_files_of_another_format_are_the_whole(houfeng_data):
    folder = houfeng_data / "knet_aomori_2018" / "waveforms"
    recordings = open_recordings(sorted(folder.iterdir())[:9], now_ns=NOW_NS)
    parts = parted(recordings.channels, 2)
    assert len(parts) == 2
    assert sorted(piece for part in parts for piece in pieces(recordings.only(part))) == sorted(pieces(recordings))


def test_a_share_that_is_not_where_it_should_be_is_lost(files, recordings):
    sizes = {path: path.stat().st_size for path in files}
    job = Job(sizes, NOW_NS, HOUR.stations, recordings.channels, START_NS, MODEL, AicPicker, samples=False)
    share = Share(job, parted(recordings.channels, 1)[0])
    numbers = recordings.slice_numbers().tolist()
    assert len(share.ask(0, "advance", numbers[:3])) == 3
    with pytest.raises(LostShareError, match="3 slices gone through, not 2"):
        share.ask(2, "listening", START_NS)
    with pytest.raises(OurFault):
        share.ask(3, "listening", "now")


def test_ears_on_workers_take_no_packets():
    with pytest.raises(OurFault):
        ManyEars([], []).handle(batch_of(Segment(SourceId("XX", "A", "", "HHZ"), 0, 1.0, np.zeros(1, np.int32))))


@pytest.mark.parametrize("step_s", [10.0, 33.0, 300.0])
def test_only_the_last_slice_of_a_group_can_bring_up_a_question(step_s):
    plan = Plan(crossing_s=2 * step_s, step_s=step_s, tolerance_s=1.0, margin_km=1.0, node_km=1.0)
    numbers = [*range(1000), *range(5000, 5400)]
    now_ns = [number * 10 * NS_PER_S for number in numbers]
    wait_ns = 60 * NS_PER_S
    groups = strides(numbers, now_ns, wait_ns, plan)
    assert [number for group in groups for number in group] == numbers
    assert max(map(len, groups)) <= MOST_AHEAD
    assert (max(map(len, groups)) > 1) == (step_s > 10 + BEFORE_S)
    last = {group[-1] for group in groups}

    def due(now_ns):
        """The last step of the search whose picks are all there."""
        return (now_ns - wait_ns - round(3 * step_s * NS_PER_S)) // round(step_s * NS_PER_S)

    for before, after in pairwise(numbers):
        if due(before * 10 * NS_PER_S) != due(after * 10 * NS_PER_S):
            assert after in last
    assert max(map(len, strides(numbers, now_ns, wait_ns, None))) == MOST_AHEAD
