"""Outlets together: who is told what, once, in order, whatever becomes of one of them or of the centre."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from made_alert import DECLARED_NS, EXPECTATIONS, FIRST, version

from houfeng.serve.alerts.lines import read_line, write_line
from houfeng.serve.alerts.news import News, over_ns
from houfeng.shell.outlets import teller
from houfeng.shell.outlets.lines import LinesFile
from houfeng.shell.outlets.outlets import Outlets, Served
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.instant import DAY_NS, NS_PER_S

#: How long a test may hang before it is said to, s.
PATIENCE_S = 60


class Ear:
    """An outlet that remembers what it was given; it can be made to fail, and to hang."""

    def __init__(self, *, lasting=False):
        self.lasting = lasting
        self.trouble = ""
        self.heard = []
        self.earlier = None
        self.failures = 0
        self.poison, self.poisoned = 0, DataFault("ear", "hurts")
        self.free = asyncio.Event()
        self.free.set()
        self.asked = asyncio.Event()

    async def open(self, earlier):
        self.earlier = [(issue.alert_id, issue.version) for issue in earlier]

    async def give(self, issue):
        self.asked.set()
        await self.free.wait()
        if issue.version == self.poison:
            raise self.poisoned
        if self.failures:
            self.failures -= 1
            raise WorldFault("ear", "is deaf")
        self.heard.append(issue.version)

    async def close(self):
        pass


class World:
    """A folder, a clock, and what was told."""

    def __init__(self, folder):
        self.path = folder / "outlets.sqlite"
        self.now_ns = DECLARED_NS
        self.findings = []
        self.given = []

    def outlets(self, **served):
        """Outlets by name, each with its audience."""
        return Outlets(
            [Served(name, audience, outlet) for name, (audience, outlet) in served.items()],
            self.path,
            clock=lambda: self.now_ns,
            tell=self.findings.append,
            on_given=lambda name, alert, given_ns: self.given.append((name, alert.version, given_ns)),
        )

    def kinds(self):
        return [finding.kind for finding in self.findings]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def quick(monkeypatch):
    """Failed outlets are asked again at once."""
    monkeypatch.setattr(teller, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(teller, "LONGEST_WAIT_S", 0.0)


def play(steps):
    async def main():
        async with asyncio.timeout(PATIENCE_S):
            return await steps()

    return asyncio.run(main())


async def until(true):
    """Let everything else in the loop go on until something is so."""
    while not true():  # noqa: ASYNC110  whoever makes it so does not know that it is waited for
        await asyncio.sleep(0)


async def crash(outlets):
    """Nobody says goodbye."""
    for task in outlets._tasks:
        task.cancel()
    await asyncio.gather(*outlets._tasks, return_exceptions=True)
    outlets._disk.shutdown(wait=True)


def test_every_version_goes_out_once_and_in_order(world):
    async def steps():
        ear = Ear()
        async with world.outlets(ear=("public", ear)) as outlets:
            said = [await outlets.publish(alert) for alert in (FIRST, version(2), version(2), FIRST, version(4))]
            late = await outlets.publish(version(3))
            await outlets.idle()
        return said, late, ear.heard

    assert play(steps) == ([True, True, False, False, True], False, [1, 2, 4])
    assert world.given == [("ear", number, DECLARED_NS) for number in (1, 2, 4)]


def test_an_outlet_hears_what_is_for_its_audience_and_then_how_it_ends(world):
    async def steps():
        ears = {name: Ear() for name in ("operators", "public", "engineers")}
        async with world.outlets(**{name: (name, ear) for name, ear in ears.items()}) as outlets:
            await outlets.publish(replace(FIRST, audiences=("operators",)))
            await outlets.publish(version(2, audiences=("operators", "public")))
            await outlets.publish(version(3, audiences=("operators",)))
            await outlets.publish(version(4, "cancel", audiences=("operators", "engineers")))
            await outlets.idle()
        return {name: ear.heard for name, ear in ears.items()}

    # Who was told is told what became of it; who was not is not told that it is nothing.
    assert play(steps) == {"operators": [1, 2, 3, 4], "public": [2, 3, 4], "engineers": []}


def test_who_was_told_hears_of_a_cancellation_long_after_the_shaking(world):
    async def steps():
        ear = Ear()
        async with world.outlets(ear=("public", ear)) as outlets:
            await outlets.publish(FIRST)
            await outlets.idle()
            world.now_ns += 1000 * NS_PER_S
            await outlets.publish(replace(version(2, "cancel"), declared_ns=world.now_ns, audiences=()))
            await outlets.idle()
        return ear.heard

    assert play(steps) == [1, 2]


def test_an_outlet_that_hangs_holds_up_no_other_nor_the_centre(world, monkeypatch):
    monkeypatch.setattr(teller, "MOST_WAITING", 8)

    async def steps():
        hung, well = Ear(), Ear()
        hung.free.clear()
        outlets = world.outlets(hung=("public", hung), well=("public", well))
        await outlets.start()
        for number in range(1, 31):
            await outlets.publish(version(number))
        await hung.asked.wait()
        await until(lambda: well.heard[-1:] == [30])
        standing = {health.name: health for health in outlets.health()}
        hung.free.set()
        await outlets.idle()
        await outlets.stop()
        return hung.heard, standing

    heard, standing = play(steps)
    # What does not fit is dropped, the oldest first, and said.
    assert standing["hung"].dropped == 30 - 1 - 8
    assert heard == [1, *range(23, 31)]
    assert world.kinds() == ["alert-dropped"] * standing["hung"].dropped
    assert standing["well"].dropped == 0


@pytest.mark.usefixtures("quick")
def test_an_outlet_that_fails_is_asked_again_and_it_is_said_once(world):
    async def steps():
        ear = Ear(lasting=True)
        ear.failures = 5
        async with world.outlets(ear=("public", ear)) as outlets:
            await outlets.publish(FIRST)
            await outlets.publish(version(2))
            await outlets.idle()
            return ear.heard, outlets.health()[0].trouble

    assert play(steps) == ([1, 2], "")
    assert world.kinds() == ["outlet-failed"]


@pytest.mark.parametrize("poisoned", [DataFault("ear", "hurts"), ZeroDivisionError(), AssertionError("ours")])
def test_a_version_that_is_past_help_holds_up_no_other(world, poisoned):
    async def steps():
        ear = Ear(lasting=True)
        ear.poison, ear.poisoned = 2, poisoned
        async with world.outlets(ear=("public", ear)) as outlets:
            for alert in (FIRST, version(2), version(3)):
                await outlets.publish(alert)
            await outlets.idle()
        return ear.heard

    assert play(steps) == [1, 3]
    assert world.kinds() == ["alert-dropped"]


@pytest.mark.usefixtures("quick")
def test_what_failed_and_is_superseded_is_left_out_but_not_by_a_record(world):
    async def steps():
        ears = {"quick": Ear(), "record": Ear(lasting=True)}
        for ear in ears.values():
            ear.failures = 1
            ear.free.clear()
        async with world.outlets(**{name: ("public", ear) for name, ear in ears.items()}) as outlets:
            await outlets.publish(FIRST)
            for ear in ears.values():
                await ear.asked.wait()
            await outlets.publish(version(2))
            for ear in ears.values():
                ear.free.set()
            await outlets.idle()
        return {name: ear.heard for name, ear in ears.items()}

    assert play(steps) == {"quick": [2], "record": [1, 2]}


@pytest.mark.usefixtures("quick")
def test_nobody_is_warned_of_what_is_over(world):
    async def steps():
        ears = {"quick": Ear(), "record": Ear(lasting=True)}
        world.now_ns = over_ns(News(FIRST)) + 1
        async with world.outlets(**{name: ("public", ear) for name, ear in ears.items()}) as outlets:
            await outlets.publish(FIRST)
            await outlets.idle()
        return {name: ear.heard for name, ear in ears.items()}

    assert play(steps) == {"quick": [], "record": [1]}
    assert world.kinds() == ["alert-dropped"]


def test_after_a_restart_nothing_is_repeated_and_what_was_not_let_out_is(world):
    async def first():
        well, hung = Ear(), Ear()
        outlets = world.outlets(well=("public", well), hung=("public", hung))
        await outlets.start()
        await outlets.publish(FIRST, EXPECTATIONS)
        await outlets.idle()
        hung.free.clear()
        await outlets.publish(version(2), EXPECTATIONS)
        await outlets._tellers[0].idle()
        await crash(outlets)
        return well.heard, hung.heard

    async def second():
        well, hung, new = Ear(), Ear(), Ear()
        async with world.outlets(well=("public", well), hung=("public", hung), new=("public", new)) as outlets:
            again = [await outlets.publish(alert) for alert in (FIRST, version(2))]
            await outlets.idle()
            await outlets.publish(version(3))
            await outlets.idle()
        return again, well, hung, new

    assert play(first) == ([1, 2], [1])
    again, well, hung, new = play(second)
    assert again == [False, False]
    assert (well.heard, hung.heard) == ([3], [2, 3])
    assert new.heard == [1, 2, 3]  # it is open: whoever is new is told of it
    assert (well.earlier, hung.earlier) == ([(FIRST.alert_id, 2)], [])


def test_an_outlet_that_is_new_does_not_hear_of_old_alerts_but_a_record_that_was_there_does(world):
    async def first():
        record = Ear(lasting=True)
        record.failures = 10**6
        outlets = world.outlets(record=("public", record))
        await outlets.start()
        await outlets.publish(FIRST)
        await record.asked.wait()
        await crash(outlets)

    async def second():
        ears = {"record": Ear(lasting=True), "other": Ear(lasting=True), "quick": Ear()}
        world.now_ns += DAY_NS
        async with world.outlets(**{name: ("public", ear) for name, ear in ears.items()}) as outlets:
            await outlets.idle()
        return {name: ear.heard for name, ear in ears.items()}

    play(first)
    assert play(second) == {"record": [1], "other": [], "quick": []}


def test_what_is_very_old_is_forgotten(world):
    async def steps():
        ear = Ear()
        async with world.outlets(ear=("public", ear)) as outlets:
            await outlets.publish(FIRST)
            await outlets.idle()
        world.now_ns += 40 * DAY_NS
        async with world.outlets(ear=("public", ear)) as outlets:
            return await outlets.publish(FIRST)

    assert play(steps) is True


def test_people_are_warned_even_when_the_disk_is_full(world, monkeypatch):
    from houfeng.shell.outlets.store import Store

    def refuse(*_):
        raise WorldFault("outlets.sqlite", "database or disk is full")

    async def steps():
        ear = Ear()
        async with world.outlets(ear=("public", ear)) as outlets:
            monkeypatch.setattr(Store, "keep", refuse)
            monkeypatch.setattr(Store, "given", refuse)
            await outlets.publish(FIRST)
            await outlets.idle()
        return ear.heard

    assert play(steps) == [1]
    assert set(world.kinds()) == {"outlets-forgetful"}


@pytest.mark.parametrize("content", [b"no database at all, but as long as one would be" * 99, b"\x00" * 5000])
def test_a_damaged_memory_is_said_and_not_taken_for_an_empty_one(world, content):
    world.path.write_bytes(content)
    with pytest.raises(WorldFault, match=r"outlets\.sqlite"):
        world.outlets()


def test_a_line_of_the_memory_that_makes_no_sense_is_said_and_its_version_not_repeated(world):
    async def nothing():
        async with world.outlets():
            pass

    async def steps():
        ear = Ear()
        async with world.outlets(ear=("public", ear)) as outlets:
            said = [await outlets.publish(alert) for alert in (FIRST, version(2))]
            await outlets.idle()
        return said, ear.heard

    play(nothing)
    with sqlite3.connect(world.path) as connection:
        connection.execute("INSERT INTO version VALUES (1, ?, 1, ?, '{}')", (FIRST.alert_id, DECLARED_NS))
    connection.close()
    assert play(steps) == ([False, True], [2])
    assert world.kinds() == ["outlets-forgetful"]


def test_a_memory_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorldFault):
        World(tmp_path / "file" / "folder").outlets()


def test_trouble_is_known_before_there_is_an_alert(world, monkeypatch):
    monkeypatch.setattr(teller, "LOOK_S", 0.0)

    async def steps():
        ear = Ear()
        ear.trouble = "nobody answers"
        async with world.outlets(ear=("public", ear)) as outlets:
            await until(lambda: world.findings)
            before = outlets.health()[0].trouble
            ear.trouble = ""
            await until(lambda: not outlets.health()[0].trouble)
        return before

    assert play(steps) == "nobody answers"
    assert world.kinds() == ["outlet-failed"]


# The file.


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def written(world, path, *alerts):
    async def steps():
        async with world.outlets(file=("public", LinesFile(path))) as outlets:
            for alert in alerts:
                await outlets.publish(alert, EXPECTATIONS)
            await outlets.idle()

    play(steps)
    return lines_of(path)


def test_the_file_has_one_line_for_each_version(world, tmp_path):
    path = tmp_path / "out" / "alerts.jsonl"
    alerts = (FIRST, version(2), version(3, "cancel"))
    assert written(world, path, *alerts) == [write_line(News(alert, EXPECTATIONS)) for alert in alerts]
    assert [read_line(line).alert.kind for line in lines_of(path)] == ["first", "update", "cancel"]


@pytest.mark.parametrize("torn", [0, 1, 100, 900])
def test_a_torn_last_line_is_cut_off_and_nothing_is_repeated(world, tmp_path, torn):
    path = tmp_path / "alerts.jsonl"
    whole = written(world, path, FIRST)
    path.write_bytes(whole[0] + write_line(News(version(2), EXPECTATIONS))[:torn])
    world.path.unlink()  # the file itself knows what it has
    assert written(world, path, FIRST, version(2)) == [*whole, write_line(News(version(2), EXPECTATIONS))]


def test_lines_that_others_wrote_are_left_alone(world, tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"# mine\n[]\nnull\n\xff\xfe\n")
    assert written(world, path, FIRST)[:4] == [b"# mine\n", b"[]\n", b"null\n", b"\xff\xfe\n"]
    assert len(lines_of(path)) == 5


def test_two_do_not_write_one_file(tmp_path):
    async def steps():
        one, other = (LinesFile(tmp_path / "alerts.jsonl") for _ in range(2))
        await one.open(())
        try:
            with pytest.raises(WorldFault, match="another program"):
                await other.open(())
        finally:
            await one.close()
            await other.close()

    play(steps)


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_said_and_holds_up_nobody_else(world):
    async def steps():
        ear = Ear()
        outlets = world.outlets(file=("public", LinesFile(Path("/dev/full"))), ear=("public", ear))
        await outlets.start()
        await outlets.publish(FIRST)
        await until(lambda: ear.heard and world.findings)
        await crash(outlets)
        return ear.heard

    assert play(steps) == [1]
    assert world.kinds() == ["outlet-failed"]
