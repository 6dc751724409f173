"""Gives one outlet what its audience is to hear, in order, and again until it is out or of no more use."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from houfeng.shell.feeds.feed import Backoff, plain
from houfeng.shell.outlets.outlet import Issue, Outlet
from houfeng.shell.outlets.store import Kept
from houfeng.words.errors import PeerFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S

#: Versions that may wait for an outlet. One every second, which is more than there are, fills it in four minutes.
MOST_WAITING = 256

#: How long after an alert is over who was told of it is remembered: it may still be cancelled.
REMEMBERED_NS = 3600 * NS_PER_S

#: How long an outlet that failed is left alone, at first and at most, s: people are waiting.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 10.0

#: How often it is looked at how an outlet is that has nothing to do, s.
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class OutletHealth:
    """How an outlet is.

    trouble  why it does not work, "" when it does
    waiting  versions that wait for it
    given    versions it let out since the start
    dropped  versions it never will
    """

    name: str
    trouble: str
    waiting: int
    given: int
    dropped: int


class Teller:
    """One outlet and its audience.

    audience  only alerts for it are given; who was told of an alert is told of its later versions too, whomever
              they are for, and of its end
    on_given  awaited with every version that is out, and when, ns
    tell      told what is odd
    """

    def __init__(
        self,
        name: str,
        audience: str,
        outlet: Outlet,
        *,
        clock: Callable[[], int],
        on_given: Callable[[str, Issue, int], Awaitable[None]],
        tell: Callable[[Finding], None],
    ) -> None:
        self.name = name
        self._audience = audience
        self._outlet = outlet
        self._clock = clock
        self._on_given = on_given
        self._tell = tell
        self._line: deque[Issue] = deque()
        self._arrived, self._still = asyncio.Event(), asyncio.Event()
        self._still.set()
        self._told: dict[str, Issue] = {}
        self._earlier: tuple[Issue, ...] = ()
        self._backoff = Backoff(random.Random(), FIRST_WAIT_S, LONGEST_WAIT_S)  # noqa: S311  spreads retries
        self._trouble = ""
        self._given = self._dropped = 0

    def recall(self, kept: Iterable[Kept]) -> None:
        """Go on where it was when the centre ended: what was not let out is, as far as it is still of use."""
        now_ns = self._clock()
        for each in kept:
            issue = each.issue
            if self.name in each.given_by:
                self._told[issue.alert_id] = issue
            elif issue.over_ns > now_ns or (self._outlet.lasting and self.name in each.since):
                self.offer(issue)
        waiting = {issue.alert_id for issue in self._line}
        self._earlier = tuple(
            issue for issue in self._told.values() if issue.over_ns > now_ns and issue.alert_id not in waiting
        )

    def offer(self, issue: Issue) -> None:
        """Let this out, if it is for this audience and not known to it yet. Returns at once."""
        alert, told = issue.news.alert, self._told.get(issue.alert_id)
        if told is not None and told.version >= issue.version:
            return
        # Nobody hears that something ended of which they never heard.
        if told is None and (self._audience not in alert.audiences or alert.kind == "cancel"):
            return
        self._told[issue.alert_id] = issue
        if len(self._line) >= MOST_WAITING:
            self._drop(self._line.popleft(), "too many were waiting")
        self._line.append(issue)
        self._still.clear()
        self._arrived.set()

    def health(self) -> OutletHealth:
        """How it is now."""
        return OutletHealth(self.name, self._trouble, len(self._line), self._given, self._dropped)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await self._until(self._open, lambda: False, Exception)
            while True:
                while self._line:
                    await self._let_out(self._line.popleft())
                self._forget()
                self._still.set()
                self._arrived.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._arrived.wait()
                self._look()
        finally:
            await self._outlet.close()

    async def idle(self) -> None:
        """Wait until nothing waits any more."""
        await self._still.wait()

    async def _open(self) -> None:
        await self._outlet.open(self._earlier)

    async def _let_out(self, issue: Issue) -> None:
        try:
            out = await self._until(
                lambda: self._outlet.give(issue), lambda: self._is_vain(issue), WorldFault, PeerFault
            )
        except Exception as error:  # noqa: BLE001  nothing becomes of this version; of the next it must
            self._drop(issue, str(error) or type(error).__name__)
            return
        if out:
            self._given += 1
            await self._on_given(self.name, issue, self._clock())
        else:
            self._drop(issue, self._trouble or "it came too late")

    async def _until(
        self, attempt: Callable[[], Awaitable[None]], hopeless: Callable[[], bool], *passing: type[Exception]
    ) -> bool:
        """Try again until it worked, or until there is no more use in it. Raises what is not passing."""
        while not hopeless():
            try:
                await attempt()
            except passing as fault:
                self._fails(str(fault) or type(fault).__name__)
                await asyncio.sleep(self._backoff.next_s())
            else:
                self._backoff.reset()
                self._trouble = ""
                return True
        return False

    def _is_vain(self, issue: Issue) -> bool:
        """Whether letting it out would help nobody: it is over, or it failed and a later version waits."""
        if self._outlet.lasting:
            return False
        latest = self._told.get(issue.alert_id, issue)
        return issue.over_ns <= self._clock() or (bool(self._trouble) and latest.version > issue.version)

    def _look(self) -> None:
        """Know of trouble before there is an alert."""
        if self._outlet.trouble:
            self._fails(self._outlet.trouble)
        else:
            self._trouble = ""

    def _fails(self, reason: str) -> None:
        """Say so when it begins to, not every time."""
        if not self._trouble:
            self._tell(Finding("outlet-failed", f"outlet {self.name}: {plain(reason)}", time_ns=self._clock()))
        self._trouble = plain(reason)

    def _drop(self, issue: Issue, why: str) -> None:
        self._dropped += 1
        reason = f"outlet {self.name}: version {issue.version} of alert {issue.alert_id} is not let out: {plain(why)}"
        self._tell(Finding("alert-dropped", reason, time_ns=issue.news.alert.declared_ns))

    def _forget(self) -> None:
        """Forget alerts that nothing will be heard of any more."""
        now_ns = self._clock()
        for alert_id in [name for name, issue in self._told.items() if issue.over_ns + REMEMBERED_NS <= now_ns]:
            del self._told[alert_id]
