"""The guard live: files that grow, interfaces and flow exporters, judged in the order in which they tell."""

import asyncio
import secrets
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from houfeng.guard.judge.cases import Cases
from houfeng.guard.judge.trust import Trusting
from houfeng.guard.observe.joining import Joining
from houfeng.guard.observe.observing import Sight
from houfeng.serve.judgements import write_case, write_line, write_odd, write_trust
from houfeng.shell.guarding.collector import Collector
from houfeng.shell.guarding.following import Following
from houfeng.shell.guarding.history import FlowHistory
from houfeng.shell.guarding.interface import Interface
from houfeng.shell.guarding.reading import OneWay
from houfeng.shell.guarding.telling import Telling
from houfeng.shell.guarding.thinking import Thinking
from houfeng.shell.settings.values import Address
from houfeng.words.conduct import Conduct
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow, Observation

#: Judges are told of time once a second: none of them counts in less.
_TICK_S: Final = 1.0
#: Files are looked at so often, and for no more than a twentieth of the time, however many there are.
_LOOK_S: Final = 0.1
_LOOK_SHARE: Final = 20
#: A connection that was closed, broken off or never answered is over after this: a lost segment is sent again after
#: 1, 2 and 4 s (RFC 6298), and most judges speak of a conversation when it is over.
_OVER_IDLE_NS: Final = 10 * NS_PER_S
#: Trust and cases change with time in hours: once a minute is often.
_SLOW_TICK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Eyes:
    """What is watched.

    paths        files and folders, followed
    interfaces   names of interfaces; promiscuous: whether what is not for this machine is seen too
    collectors   addresses that exporters of flows send to
    """

    paths: Sequence[Path] = ()
    interfaces: Sequence[str] = ()
    collectors: Sequence[Address] = ()
    promiscuous: bool = False


class Watching:
    """Watches until it is stopped.

    eyes      what is watched
    conducts  what the stations may do
    domains   what stations can lie together with: domain to its stations
    telling   where lines go
    history   where conversations are kept, None for nowhere
    language  of findings, "en" or "zh"

    Raises WorldFault when an interface or address cannot be listened on.
    """

    def __init__(
        self,
        eyes: Eyes,
        conducts: Sequence[Conduct] = (),
        *,
        domains: Mapping[str, tuple[str, ...]],
        telling: Telling,
        history: FlowHistory | None = None,
        language: str = "en",
    ) -> None:
        self._telling = telling
        self._history = history
        self._language = language
        self._cases, self._trusting = Cases(), Trusting(domains)
        self._joining = Joining()
        # Who sends us frames must not know how to aim them at one place of a table.
        salt = secrets.randbits(62)
        self._thinking = Thinking(
            conducts, tell=self._odd, observed=self._observed, salt=salt, over_idle_ns=_OVER_IDLE_NS
        )
        self._following = Following(eyes.paths, self._odd)
        self._live: list[Interface | Collector] = []
        for name in eyes.interfaces:
            self._live.append(Interface(name, promiscuous=eyes.promiscuous))
        for address in eyes.collectors:
            self._live.append(Collector(address))
        self._heard_s = time.monotonic()
        self._slow_s = self._heard_s
        self._failed: Exception | None = None
        self._behind = False

    async def run(self) -> None:
        """Watch until SIGTERM or SIGINT. Raises WorldFault when the output refuses."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        for eye in self._live:
            loop.add_reader(eye.fileno(), self._take, eye, stopped)
        following = asyncio.create_task(self._follow())
        ticking = asyncio.create_task(self._tick())
        try:
            ends = [following, ticking, asyncio.create_task(stopped.wait())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in ends:
                task.cancel()
            for result in await asyncio.gather(*ends, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result
            if self._failed is not None:
                raise self._failed
        finally:
            for eye in self._live:
                loop.remove_reader(eye.fileno())
        self._end()

    def _take(self, eye: "_Live", stopped: asyncio.Event) -> None:
        try:
            self._hear(eye.take())
        except Exception as error:  # noqa: BLE001  run() raises it: asyncio would only print it
            self._failed = error
            stopped.set()

    async def _follow(self) -> None:
        while True:
            begun_s = time.monotonic()
            self._following.look()
            pause_s = max(_LOOK_S, _LOOK_SHARE * (time.monotonic() - begun_s))
            while (told := self._following.read()) is not None:
                self._hear(told)
                self._behind = True
                await asyncio.sleep(0)  # sockets get their turn
            self._behind = False
            await asyncio.sleep(pause_s)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._elapse(time.time_ns())

    def _elapse(self, wall_ns: int) -> None:
        for eye in self._live:
            self._hear(eye.lost())
        self._hear(self._joining.elapse(wall_ns))
        # Judges live in the time of what they are told. Where that is old, as in files of yesterday, they get older
        # with it by the second and are not thrown to today; it is never later than now, whatever a log says. While
        # there is more in the files, time is what they say.
        now_s = time.monotonic()
        if self._thinking.now_ns and not self._behind:
            now_ns = self._thinking.now_ns + int((now_s - self._heard_s) * NS_PER_S)
            self._heard_s = now_s
            self._judged(self._thinking.elapse(min(now_ns, wall_ns)))
        if now_s - self._slow_s >= _SLOW_TICK_S:
            self._slow_s = now_s
            self._cases.elapse(self._thinking.now_ns)
            for trust in self._trusting.elapse(self._thinking.now_ns):
                self._telling.say(write_trust(trust))
        if self._history is not None:
            self._history.elapse(wall_ns)
        self._telling.flush()

    def _hear(self, told: Iterable[Sight | OneWay | Finding]) -> None:
        for one in told:
            if isinstance(one, Finding):
                self._odd(one)
            elif isinstance(one, OneWay):
                for flow in one.flows:
                    self._think(self._joining.handle(flow))
            else:
                self._think([one])
        self._telling.flush()

    def _think(self, sights: Iterable[Sight]) -> None:
        for sight in sights:
            before_ns = self._thinking.now_ns
            self._judged(self._thinking.handle(sight, time.time_ns()))
            if self._thinking.now_ns != before_ns:
                self._heard_s = time.monotonic()

    def _judged(self, found: Iterable[Judgement]) -> None:
        for judgement in found:
            self._telling.say(write_line(judgement, self._language))
            for case in self._cases.handle(judgement):
                self._telling.say(write_case(case))
            for trust in self._trusting.handle(judgement):
                self._telling.say(write_trust(trust))

    def _observed(self, seen: Observation) -> None:
        if self._history is not None and isinstance(seen, Flow) and not seen.ongoing:
            self._history.handle(seen)

    def _odd(self, finding: Finding) -> None:
        self._telling.say(write_odd(finding, time.time_ns()))

    def _end(self) -> None:
        """Stop in order: what waits anywhere is told."""
        self._hear(self._following.end())
        for eye in self._live:
            self._hear(eye.end())
        self._hear(self._joining.end())
        self._judged(self._thinking.end())
        if self._history is not None:
            self._history.close()
        self._telling.close()


_Live = Interface | Collector
