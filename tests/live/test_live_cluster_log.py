"""A log at a real broker: in order, once, whatever happens to broker and writers."""

import asyncio

import pytest
from cluster_rehearsal import ROOM_BYTES, cut, given, make_recording
from nats_server import NatsServer, running_broker

from houfeng.shell.cluster.broker import Broker, connected
from houfeng.shell.cluster.intake import run_intake
from houfeng.shell.cluster.log import LogWriter, bounds, cut_off, make_log, read_entry
from houfeng.shell.cluster.log_reader import LogReader
from houfeng.shell.cluster.record_frames import decode_packets
from houfeng.shell.cluster.shard import shards
from houfeng.words.errors import WorldFault
from houfeng.words.packet import Packet

NAME, SUBJECT = "HOUFENG-TEST", "houfeng.test"


@pytest.fixture
def broker():
    with running_broker() as server:
        yield server


def numbered(begin: int, end: int, size: int = 20) -> list[tuple[str, bytes]]:
    return [(SUBJECT, str(number).encode().rjust(size)) for number in range(begin, end)]


def with_log(server: NatsServer, work, most_bytes: int = ROOM_BYTES):
    """Run work(client, say) with a log there; gives what was said."""
    said: list[str] = []

    async def run() -> None:
        async with connected(Broker(server.address), "test", said.append) as client:
            await make_log(client, NAME, [SUBJECT], most_bytes, said.append)
            await work(client, said.append)

    asyncio.run(run())
    return said


async def first_entries(client, say, count: int, first: int | None = None) -> list[bytes]:
    got = []
    async for entry in LogReader(client, NAME, "reader", say, first).entries():
        got.append(entry.content.strip())
        if len(got) == count:
            break
    return got


def test_what_is_appended_is_read_in_order_once(broker):
    async def work(client, say):
        writer = LogWriter(client, NAME, say)
        await writer.open()
        assert await writer.append(numbered(0, 2500)) == 2500
        assert await writer.append(numbered(2500, 2600)) == 2600
        assert await first_entries(client, say, 2600) == [str(number).encode() for number in range(2600)]
        assert await first_entries(client, say, 2, first=2599) == [b"2598", b"2599"]

    with_log(broker, work)


def test_a_reader_waits_for_what_is_written_later(broker):
    async def work(client, say):
        writer = LogWriter(client, NAME, say)
        await writer.open()
        reading = asyncio.create_task(first_entries(client, say, 300))
        for begin in range(0, 300, 10):
            await writer.append(numbered(begin, begin + 10))
        assert await reading == [str(number).encode() for number in range(300)]

    with_log(broker, work)


def test_a_broker_killed_while_it_is_written_to_and_read_from(broker):
    async def work(client, say):
        writer = LogWriter(client, NAME, say)
        await writer.open()
        reading = asyncio.create_task(first_entries(client, say, 6000))
        for round_ in range(3):
            writing = asyncio.create_task(writer.append(numbered(2000 * round_, 2000 * (round_ + 1))))
            while (await bounds(client, NAME, say))[1] == 2000 * round_ and not writing.done():
                pass  # asking takes its time
            broker.kill()
            broker.start()
            await writing
        assert await reading == [str(number).encode() for number in range(6000)]

    said = with_log(broker, work)
    assert any("gone" in line for line in said)
    assert any("back" in line for line in said)


def test_a_successor_goes_on_where_the_log_ends(broker):
    async def work(client, say):
        first = LogWriter(client, NAME, say)
        await first.open()
        await first.append(numbered(0, 10))
        second = LogWriter(client, NAME, say)
        await second.open()
        assert second.last == 10
        await second.append(numbered(10, 20))
        with pytest.raises(WorldFault, match="another process writes"):
            await first.append([(SUBJECT, b"from the dead")])
        assert await first_entries(client, say, 20) == [str(number).encode() for number in range(20)]

    with_log(broker, work)


def test_a_full_log_makes_the_writer_wait_until_it_is_cut_off(broker):
    async def work(client, say):
        writer = LogWriter(client, NAME, say)
        await writer.open()
        full = asyncio.Event()

        def hear(text: str) -> None:
            say(text)
            if "maximum bytes" in text:
                full.set()

        writer = LogWriter(client, NAME, hear)
        await writer.open()
        writing = asyncio.create_task(writer.append(numbered(0, 100, size=2000)))
        await asyncio.wait_for(full.wait(), 30)
        _, last = await bounds(client, NAME, say)
        assert 0 < last < 100
        assert not writing.done()
        kept = [(await read_entry(client, NAME, sequence, say)).content.strip() for sequence in range(1, last + 1)]
        assert kept == [str(number).encode() for number in range(last)]
        while not writing.done():
            await cut_off(client, NAME, (await bounds(client, NAME, say))[1], say)
        assert await writing == 100

    said = with_log(broker, work, most_bytes=100_000)
    assert any("going on" in line for line in said)


def test_messages_removed_by_hand_are_noticed(broker):
    async def work(client, say):
        writer = LogWriter(client, NAME, say)
        await writer.open()
        await writer.append(numbered(0, 50))
        await cut_off(client, NAME, 40, say)
        with pytest.raises(WorldFault, match="messages 10 to 39 are missing"):
            await first_entries(client, say, 20, first=10)

    with_log(broker, work)


# --- intake, which must not double what it gives again --------------------------------------------------------------


async def records(server: NatsServer, count: int) -> list[Packet]:
    """Every packet in the logs of so many shares."""
    found = []
    async with connected(Broker(server.address), "test", print) as client:
        for shard in shards(count):
            first, last = await bounds(client, shard.record_stream, print)
            for sequence in range(first, last + 1):
                entry = await read_entry(client, shard.record_stream, sequence, print)
                if entry.subject != shard.clock_subject:
                    found += decode_packets(entry.content, entry.subject)
    return found


def put(server: NatsServer, slices, count: int = 3) -> list[int]:
    kept: list[int] = []
    asyncio.run(
        run_intake(Broker(server.address), count, given(slices), say=print, on_kept=kept.append, most_bytes=ROOM_BYTES)
    )
    return kept


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "made.mseed"
    make_recording(path)
    return cut(path.read_bytes())


def in_order(packets) -> list[Packet]:
    return sorted(packets, key=lambda packet: packet.sequence)


def test_slices_given_again_are_not_doubled(broker, slices):
    everything = in_order(packet for _, packets in slices for packet in packets)
    assert put(broker, slices[:4]) == [now_ns for now_ns, _ in slices[:4]]
    put(broker, slices[2:])
    put(broker, slices)
    assert in_order(asyncio.run(records(broker, 3))) == everything


def test_slices_cut_otherwise_after_a_crash_lose_and_double_nothing(broker, slices):
    """Before the crash the second slice took what afterwards comes with the third, and the other way round."""
    (one, first), (two, second), (three, third) = slices[:3]
    everything = in_order([*first, *second, *third])
    put(broker, [(one, first), (two, [*second[: len(second) // 2], *third[:5]])])
    put(broker, [(two, second[: len(second) // 3]), (three, [*second[len(second) // 3 :], *third])])
    assert in_order(asyncio.run(records(broker, 3))) == everything


def test_another_count_of_shares_is_refused_while_records_lie_there(broker, slices):
    put(broker, slices[:2], count=3)
    with pytest.raises(WorldFault, match="shared out otherwise"):
        put(broker, slices[2:], count=2)
