"""Every way out together: an alert's version is kept, given to each outlet that serves its audience, and only once."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from houfeng.serve.alerts.news import News
from houfeng.shell.outlets.outlet import Issue, Outlet, issue_of
from houfeng.shell.outlets.store import Store
from houfeng.shell.outlets.teller import OutletHealth, Teller
from houfeng.words.alert import Alert, Expectation
from houfeng.words.errors import HoufengError
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S

#: How long a version waits at most for the disk to have it before it goes out all the same, s.
DISK_S = 0.25

#: How long outlets may take to let out what still waits when the centre ends, s.
STOP_S = 5.0

T = TypeVar("T")

logger = logging.getLogger("houfeng")


@dataclass(frozen=True, slots=True)
class Served:
    """An outlet, what it is called, and which audience it serves."""

    name: str
    audience: str
    outlet: Outlet


class Outlets:
    """Outlets that do not know of each other: one that fails or is slow delays no other, nor who calls publish().

    path      of the file that remembers what went out
    tell      told what is odd, in the event loop
    on_given  called with an outlet's name, what it let out, and when, ns; in the event loop

    Raises WorldFault when the file cannot be opened. Use it as `async with`, or start() and stop().
    """

    def __init__(
        self,
        served: Sequence[Served],
        path: Path,
        *,
        clock: Callable[[], int],
        tell: Callable[[Finding], None],
        on_given: Callable[[str, Alert, int], None] = lambda _name, _alert, _given_ns: None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._tell = tell
        self._on_given = on_given
        self._latest: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._disk = ThreadPoolExecutor(1, "outlets")
        self._store = Store(path)
        self._tellers = [
            Teller(each.name, each.audience, each.outlet, clock=clock, on_given=self._given, tell=tell)
            for each in served
        ]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Recall what went out, let out what did not, and be ready. Raises WorldFault for the file."""
        names = frozenset(teller.name for teller in self._tellers)
        recalled = await self._in_thread(self._store.begin, names, self._clock())
        self._latest = dict(recalled.latest)
        if recalled.strange:
            reason = f"{recalled.strange} versions of alerts in it make no sense: what was not let out is lost"
            self._tell(Finding("outlets-forgetful", reason, file=str(self._path), time_ns=self._clock()))
        for teller in self._tellers:
            teller.recall(recalled.kept)
        self._tasks = [asyncio.create_task(teller.run()) for teller in self._tellers]

    async def publish(self, alert: Alert, expectations: Sequence[Expectation] = ()) -> bool:
        """Let a version out to its audience. Returns as soon as it is kept, at most DISK_S later.

        False when this version, or a later one, went out before: it is not repeated.
        """
        if self._latest.get(alert.alert_id, 0) >= alert.version:
            return False
        self._latest[alert.alert_id] = alert.version
        issue = issue_of(News(alert, tuple(expectations)))
        # Kept first, so that no crash makes it go out twice; but people do not wait for a disk.
        keeping = asyncio.ensure_future(self._in_thread(self._store.keep, issue))
        keeping.add_done_callback(self._kept)
        await asyncio.wait([keeping], timeout=DISK_S)
        for teller in self._tellers:
            teller.offer(issue)
        return True

    def health(self) -> tuple[OutletHealth, ...]:
        """How each is now."""
        return tuple(teller.health() for teller in self._tellers)

    async def idle(self) -> None:
        """Wait until nothing waits in any."""
        await asyncio.gather(*(teller.idle() for teller in self._tellers))

    async def stop(self) -> None:
        """Let out what waits, as far as that is quick, and end. What is left goes out after the next start."""
        if self._tasks:
            _, late = await asyncio.wait([asyncio.ensure_future(self.idle())], timeout=STOP_S)
            for task in (*late, *self._tasks):
                task.cancel()
            await asyncio.gather(*late, *self._tasks, return_exceptions=True)
        await self._in_thread(self._store.close)
        self._disk.shutdown(wait=False)

    async def _given(self, name: str, issue: Issue, given_ns: int) -> None:
        alert = issue.news.alert
        # The last hop of the latency ledger.
        logger.info(
            "outlet %s: alert %s version %d out %.6f s after it was declared",
            name,
            alert.alert_id,
            alert.version,
            (given_ns - alert.declared_ns) / NS_PER_S,
        )
        self._on_given(name, alert, given_ns)
        try:
            await self._in_thread(self._store.given, name, issue, given_ns)
        except HoufengError as fault:
            self._forgetful(fault)

    def _kept(self, keeping: "asyncio.Future[None]") -> None:
        if not keeping.cancelled() and isinstance(fault := keeping.exception(), HoufengError):
            self._forgetful(fault)

    def _forgetful(self, fault: HoufengError) -> None:
        reason = f"after a restart alerts may go out twice: {fault.reason}"
        self._tell(Finding("outlets-forgetful", reason, file=fault.subject, time_ns=self._clock()))

    async def _in_thread(self, call: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, call, *args)
