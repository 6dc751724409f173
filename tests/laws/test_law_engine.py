"""What a centre tells follows from its journal: read in any pieces, with any crashes, it is what a replay tells."""

from random import Random

import pytest
from journalled import Room, packets_of, replayed
from short_recording import make_short


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return make_short(tmp_path_factory.mktemp("short"))


@pytest.fixture(scope="module")
def packets(short):
    return packets_of(short)


@pytest.fixture(scope="module")
def asked(short, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replayed")
    return replayed(short, folder / "results", folder / "archive")


def differing(told, asked, names):
    return sorted(name for name in names if told.get(name) != asked.get(name))


def test_a_journal_tells_what_a_replay_by_arrival_tells(short, packets, asked, tmp_path):
    room = Room(tmp_path, short, packets)
    told = room.finish()
    room.close()
    assert len(asked) > 10
    assert differing(told, asked, told.keys() | asked.keys()) == []


@pytest.mark.parametrize("seed", range(5))
def test_crashes_and_pieces_leave_no_trace(seed, short, packets, asked, tmp_path):
    random = Random(seed)
    room = Room(tmp_path, short, packets)
    for stop in sorted(random.randrange(len(packets)) for _ in range(3)):
        room.run(until=stop, most=random.choice([7, 100, 700]))
        room.crash()
        room.start()
    assert differing(room.finish(), asked, ("picks", "findings", "catalogue")) == []
    room.close()
