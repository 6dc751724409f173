"""kill -9 of any role, and of the broker, at random moments: nothing is lost, nothing is told twice."""

import random

import pytest
from cluster_processes import Processes, kill_at_random
from cluster_rehearsal import CRUST, Rehearsal, cut, make_recording, rehearse
from nats_server import running_broker

from houfeng.shell.archive.archive import Archive
from houfeng.words.samples import Segment


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory) -> Rehearsal:
    path = tmp_path_factory.mktemp("recording") / "made.mseed"
    return rehearse(path, make_recording(path), CRUST)


def archived(folder) -> dict[str, list[tuple[int, int]]]:
    """Spans of samples kept of every channel: start and count."""
    spans: dict[str, list[tuple[int, int]]] = {}
    with Archive(folder / "archive") as archive:
        for source in archive.channels():
            kept: list[Segment] = archive.read(source, 0, 2**62)
            spans[source.nslc] = [(segment.start_ns, len(segment.samples)) for segment in kept]
    return spans


def test_kills_at_random_moments_change_nothing(rehearsal, tmp_path):
    with running_broker() as broker, Processes(broker, 2, rehearsal, tmp_path) as processes:
        struck = kill_at_random(processes, 8, random.Random(2), longest_s=0.7)
        processes.finish()
        assert sum(struck.values()) == 8
        assert processes.published() == rehearsal.alone.picks
        told = processes.told()
    assert told.picks == rehearsal.alone.picks
    assert told.catalogue == rehearsal.alone.catalogue
    spans = archived(tmp_path)
    assert len(spans) == len({packet.station_key for _, packets in rehearsal.slices for packet in packets}) * 3
    assert all(kept == [next(iter(spans.values()))[0]] for kept in spans.values())


def test_every_role_and_the_broker_struck_once_in_turn(rehearsal, tmp_path):
    with running_broker() as broker, Processes(broker, 2, rehearsal, tmp_path) as processes:
        for name in ("intake", "detect 1/2", "associate", "broker", "detect 2/2"):
            assert processes.wait(60.0)
            processes.strike(name)
        processes.finish()
        assert processes.published() == rehearsal.alone.picks
        assert processes.told().catalogue == rehearsal.alone.catalogue


def test_a_cut_of_a_recording_loses_no_record(rehearsal):
    contents = [packet.content for _, packets in rehearsal.slices for packet in packets]
    again = [packet.content for _, packets in cut(b"".join(contents)) for packet in packets]
    assert sorted(contents) == sorted(again)
