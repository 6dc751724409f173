"""Looks after what runs for long: starts it again when it fails, stops it in order when asked."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from houfeng.words.errors import HoufengError
from houfeng.words.instant import NS_PER_S

#: Waits between one start and the next after failures: doubling from the first to the last, s.
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0

#: Who has run for this long has recovered: the next failure counts as the first again.
RECOVERED_NS = 60 * NS_PER_S

#: How long what was cancelled may take to end, s. Who swallows a cancellation is left behind.
CANCEL_S = 2.0

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class State(StrEnum):
    """How a duty is."""

    running = "running"
    waiting = "waiting"  # failed, and will be started again
    ended = "ended"  # came to its end, or was stopped


#: What is to run: until it is done, or until the event is set and it has put down what it holds.
Work = Callable[[asyncio.Event], Awaitable[None]]


def until_stopped(run: Callable[[], Awaitable[None]]) -> Work:
    """Work of something that runs until it is cancelled, as feeds do: cancelled as soon as the event is set."""

    async def work(stopping: asyncio.Event) -> None:
        task = asyncio.ensure_future(run())
        asked = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            asked.cancel()
            task.cancel()
            await asyncio.wait([task])

    return work


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that runs for long.

    name    what it is called
    work    called with an event; returns at its end, or soon after the event is set
    rank    duties are stopped from the lowest rank to the highest: those of one rank together, and none before all
            of lower ranks have ended
    stop_s  how long it may take to stop; after that it is cancelled
    """

    name: str
    work: Work
    rank: int = 0
    stop_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a duty stands.

    failures  in a row, since it last ran for RECOVERED_NS; total: since the beginning
    reason    of the last failure, "" without any
    """

    name: str
    state: State
    failures: int = 0
    total: int = 0
    reason: str = ""


@dataclass(slots=True)
class _Kept:
    duty: Duty
    standing: Standing
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


def wait_s(failures: int) -> float:
    """How long to wait before the next start, after so many failures in a row, >= 1."""
    return min(FIRST_WAIT_S * 2.0 ** min(failures - 1, 30), LONGEST_WAIT_S)


class Supervisor:
    """Duties, each of which fails alone.

    clock     monotonic time, ns
    sleep     waits so many seconds, as asyncio.sleep
    on_state  told how a duty stands whenever that changes: where failures are said, and counted
    """

    def __init__(
        self,
        *,
        clock: Callable[[], int],
        on_state: Callable[[Standing], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._on_state = on_state
        self._kept: dict[str, _Kept] = {}
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()

    def start(self, duty: Duty) -> None:
        """Begin a duty. Raises ValueError while one of that name runs. Must be called within the event loop."""
        old = self._kept.get(duty.name)
        if old is not None and old.task is not None and not old.task.done():
            raise ValueError(f"{duty.name} runs already")
        kept = self._kept[duty.name] = _Kept(duty, Standing(duty.name, State.running))
        kept.task = asyncio.create_task(self._keep_up(kept), name=duty.name)

    async def stop(self, name: str) -> bool:
        """Stop one duty, and forget it; whether it did so by itself, in time. A name nobody has is stopped already."""
        kept = self._kept.pop(name, None)
        return kept is None or not await self._end([kept])

    def standings(self) -> tuple[Standing, ...]:
        """How each duty stands, in the order of their start."""
        return tuple(kept.standing for kept in self._kept.values())

    @property
    def hurried(self) -> bool:
        """Whether it was asked a second time to stop: then nothing more is worth waiting for, threads included."""
        return self._at_once.is_set()

    def ask_to_stop(self) -> None:
        """Let run() stop what runs, in order; asked again, at once. May be called from a signal handler."""
        if self._asked.is_set():
            self._at_once.set()
        self._asked.set()

    async def run(self, duties: Iterable[Duty], *, signals: Iterable[signal.Signals] = STOP_SIGNALS) -> tuple[str, ...]:
        """Start duties and look after them until one of the signals, or ask_to_stop(), or until all have ended.

        The first signal stops them in the order of their ranks, each within its stop_s, so that the whole takes
        no longer than the largest stop_s of each rank added up. A second signal cancels all that is left.
        Returns the names of those that had to be cancelled.
        """
        loop = asyncio.get_running_loop()
        handled = {number: signal.getsignal(number) for number in signals}
        for number in handled:
            loop.add_signal_handler(number, self.ask_to_stop)
        try:
            for duty in duties:
                self.start(duty)
            asked = asyncio.create_task(self._asked.wait())
            while not self._asked.is_set() and (tasks := self._tasks()):
                done, _ = await asyncio.wait([asked, *tasks], return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if not task.cancelled():
                        task.result()  # raises what on_state raised: the failures of duties end above it
            asked.cancel()
            return await self._stop_in_order()
        finally:
            for number, before in handled.items():
                loop.remove_signal_handler(number)
                signal.signal(number, before)  # as it was: ignored, for one
            await self._cancel(self._kept.values())

    async def _stop_in_order(self) -> tuple[str, ...]:
        late: list[str] = []
        for rank in sorted({kept.duty.rank for kept in self._kept.values()}):
            late += await self._end([kept for kept in self._kept.values() if kept.duty.rank == rank])
        return tuple(late)

    async def _end(self, members: list[_Kept]) -> list[str]:
        """Stop duties together; names of those that had to be cancelled."""
        for kept in members:
            kept.stopping.set()
        return [name for name in await asyncio.gather(*(self._end_one(kept) for kept in members)) if name]

    async def _end_one(self, kept: _Kept) -> str:
        if kept.task is None or kept.task.done():
            return ""
        limit = asyncio.ensure_future(self._sleep(kept.duty.stop_s))
        at_once = asyncio.create_task(self._at_once.wait())
        await asyncio.wait([kept.task, limit, at_once], return_when=asyncio.FIRST_COMPLETED)
        limit.cancel()
        at_once.cancel()
        if kept.task.done():
            return ""
        await self._cancel([kept])
        return kept.duty.name

    async def _cancel(self, members: Iterable[_Kept]) -> None:
        tasks = [kept.task for kept in members if kept.task is not None and not kept.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCEL_S)

    async def _keep_up(self, kept: _Kept) -> None:
        """Run a duty; after each failure wait, and run it again."""
        while True:
            begun_ns = self._clock()
            self._stand(kept, State.running)
            try:
                await kept.duty.work(kept.stopping)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    self._stand(kept, State.ended)
                    raise
                self._failed(kept, "cancelled itself", begun_ns)
            except Exception as error:  # noqa: BLE001  whatever it is, it must not take the others down
                self._failed(kept, _reason(error), begun_ns)
            else:
                self._stand(kept, State.ended)
                return
            if not await self._wait(kept):
                self._stand(kept, State.ended)
                return

    def _failed(self, kept: _Kept, reason: str, begun_ns: int) -> None:
        before = kept.standing
        recovered = self._clock() - begun_ns >= RECOVERED_NS
        failures = 1 if recovered else before.failures + 1
        kept.standing = Standing(kept.duty.name, State.waiting, failures, before.total + 1, reason)
        self._on_state(kept.standing)

    async def _wait(self, kept: _Kept) -> bool:
        """Wait for the next start; whether there is to be one."""
        if kept.stopping.is_set():
            return False
        wait = asyncio.ensure_future(self._sleep(wait_s(kept.standing.failures)))
        stopping = asyncio.create_task(kept.stopping.wait())
        try:
            await asyncio.wait([wait, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            wait.cancel()
            stopping.cancel()
        return not kept.stopping.is_set()

    def _stand(self, kept: _Kept, state: State) -> None:
        before = kept.standing
        kept.standing = Standing(before.name, state, before.failures, before.total, before.reason)
        self._on_state(kept.standing)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [kept.task for kept in self._kept.values() if kept.task is not None and not kept.task.done()]


def _reason(error: Exception) -> str:
    if isinstance(error, ExceptionGroup):
        return "; ".join(dict.fromkeys(_reason(each) for each in error.exceptions))
    return str(error) if isinstance(error, HoufengError) else f"{type(error).__name__}: {error}"
