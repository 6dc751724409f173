"""Supervision: what fails is started again, alone; what is asked to stop stops in order, in time."""

import asyncio
import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.health.supervise import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    RECOVERED_NS,
    Duty,
    State,
    Supervisor,
    until_stopped,
    wait_s,
)
from houfeng.words.errors import WorldFault

#: How long a test may hang before it is said to, s.
PATIENCE_S = 20


class World:
    """A clock that only sleeping moves, and what was said and slept."""

    def __init__(self):
        self.now_ns = 0
        self.slept = []
        self.said = []
        self.supervisor = Supervisor(clock=lambda: self.now_ns, sleep=self.sleep, on_state=self.said.append)

    async def sleep(self, wait_s):
        self.slept.append(wait_s)
        self.now_ns += round(wait_s * 1e9)
        await asyncio.sleep(0)


def never(_seconds):
    """A wait that no test waits for: the other side must come first."""
    return asyncio.Event().wait()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE_S))


async def until_asked(stopping):
    await stopping.wait()


# --- laws -------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 10_000))
def test_waits_grow_to_a_limit_and_never_shrink(failures):
    assert FIRST_WAIT_S <= wait_s(failures) <= wait_s(failures + 1) <= LONGEST_WAIT_S


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(-2, 2), min_size=1), st.data())
def test_duties_end_by_rank_whatever_the_order_of_their_start(ranks, data):
    order = data.draw(st.permutations(sorted(ranks)))
    ended = []

    def work(name):
        async def until_asked(stopping):
            await stopping.wait()
            ended.append(ranks[name])

        return until_asked

    async def main():
        supervisor = Supervisor(clock=lambda: 0, on_state=lambda _: None, sleep=never)
        asyncio.get_running_loop().call_soon(supervisor.ask_to_stop)
        return await supervisor.run([Duty(name, work(name), ranks[name]) for name in order], signals=())

    assert run(main()) == ()
    assert ended == sorted(ranks.values())


# --- failures ---------------------------------------------------------------------------------------------------------


def test_what_fails_is_started_again_with_longer_waits_and_said():
    world, begun = World(), []

    async def work(_stopping):
        begun.append(world.now_ns)
        if len(begun) < 9:
            raise WorldFault("disk", "is full", "make room")

    assert run(world.supervisor.run([Duty("archive", work)], signals=())) == ()
    assert world.slept == [1, 2, 4, 8, 16, 32, 60, 60]
    failed = [standing for standing in world.said if standing.state is State.waiting]
    assert [standing.failures for standing in failed] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {standing.reason for standing in failed} == {"disk: is full (make room)"}
    assert world.said[-1].state is State.ended


def test_who_ran_long_enough_has_recovered():
    world, begun = World(), []

    async def work(_stopping):
        begun.append(world.now_ns)
        if len(begun) == 4:
            return
        if len(begun) == 3:
            world.now_ns += RECOVERED_NS
        raise RuntimeError("again")

    run(world.supervisor.run([Duty("feed", work)], signals=()))
    assert world.slept == [1, 2, 1]
    assert world.said[-1].total == 3
    assert world.said[-1].reason == "RuntimeError: again"


def test_one_that_fails_for_ever_leaves_the_others_alone():
    world, turns = World(), []

    async def bad(_stopping):
        raise ZeroDivisionError

    async def good(stopping):
        while len(turns) < 1000:
            turns.append(len(turns))
            await asyncio.sleep(0)
        world.supervisor.ask_to_stop()
        await stopping.wait()

    assert run(world.supervisor.run([Duty("bad", bad), Duty("good", good)], signals=())) == ()
    assert sum(standing.name == "bad" and standing.state is State.waiting for standing in world.said) > 10
    assert [standing.state for standing in world.said if standing.name == "good"] == [State.running, State.ended]


def test_a_duty_that_cancels_itself_has_failed():
    world, begun = World(), []

    async def work(_stopping):
        begun.append(None)
        if len(begun) == 1:
            raise asyncio.CancelledError

    run(world.supervisor.run([Duty("odd", work)], signals=()))
    assert [standing.reason for standing in world.said if standing.state is State.waiting] == ["cancelled itself"]


def test_faults_of_tasks_together_are_told_each_by_its_own_reason():
    world = World()

    async def work(_stopping):
        if not world.slept:
            raise ExceptionGroup("of tasks", [WorldFault("disk", "is full"), ExceptionGroup("", [ValueError("odd")])])

    run(world.supervisor.run([Duty("archive", work)], signals=()))
    assert world.said[-1].reason == "disk: is full; ValueError: odd"


def test_a_fault_in_what_is_told_of_duties_is_not_kept_quiet():
    def refuse(_standing):
        raise ValueError("cannot be told")

    supervisor = Supervisor(clock=lambda: 0, on_state=refuse, sleep=never)
    with pytest.raises(ValueError, match="cannot be told"):
        run(supervisor.run([Duty("any", until_asked)], signals=()))


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_who_does_not_stop_in_time_is_cancelled_and_named():
    world, cancelled = World(), []

    async def deaf(_stopping):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("deaf")
            raise

    async def main():
        asyncio.get_running_loop().call_soon(world.supervisor.ask_to_stop)
        return await world.supervisor.run([Duty("deaf", deaf, stop_s=7.0), Duty("good", until_asked)], signals=())

    assert run(main()) == ("deaf",)
    assert cancelled == ["deaf"]
    assert 7.0 in world.slept


def test_who_waits_for_a_new_start_stops_at_once():
    begun = []

    async def main():
        supervisor = Supervisor(clock=lambda: 0, on_state=lambda _: None, sleep=never)

        async def work(_stopping):
            begun.append(None)
            asyncio.get_running_loop().call_soon(supervisor.ask_to_stop)
            raise RuntimeError

        return await supervisor.run([Duty("failing", work)], signals=())

    assert run(main()) == ()
    assert len(begun) == 1


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_gently_and_a_second_one_at_once(number, before):
    steps = []

    async def main():
        supervisor = Supervisor(clock=lambda: 0, on_state=lambda _: None, sleep=never)

        async def slow(stopping):
            os.kill(os.getpid(), number)
            await stopping.wait()
            steps.append("asked")
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()

        late = await supervisor.run([Duty("slow", slow), Duty("later", until_asked, rank=1)], signals=[number])
        return late, supervisor.hurried

    handler = signal.signal(number, before)
    try:
        late, hurried = run(main())
        assert signal.getsignal(number) is before
    finally:
        signal.signal(number, handler)
    assert late[0] == "slow"
    assert hurried
    assert steps == ["asked"]


def test_one_duty_can_be_stopped_and_started_anew_while_the_others_run():
    world, begun = World(), []

    async def main():
        async def work(stopping):
            begun.append(None)
            await stopping.wait()

        async def steward(stopping):
            await asyncio.sleep(0)
            with pytest.raises(ValueError, match="runs already"):
                world.supervisor.start(Duty("feed", work))
            assert await world.supervisor.stop("feed")
            assert await world.supervisor.stop("nobody")
            assert [standing.name for standing in world.supervisor.standings()] == ["steward"]
            world.supervisor.start(Duty("feed", work))
            await asyncio.sleep(0)
            world.supervisor.ask_to_stop()
            await stopping.wait()

        return await world.supervisor.run([Duty("feed", work), Duty("steward", steward)], signals=())

    assert run(main()) == ()
    assert len(begun) == 2


def test_what_runs_until_cancelled_is_cancelled_when_asked_and_its_faults_come_through():
    cleaned = []

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    async def broken():
        raise ValueError("broken")

    async def main():
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_soon(stopping.set)
        await until_stopped(endless)(stopping)
        with pytest.raises(ValueError, match="broken"):
            await until_stopped(broken)(asyncio.Event())

    run(main())
    assert cleaned == [True]
