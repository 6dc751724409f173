"""A running centre: feeds, journal, thinking, SeedLink server, health, and their settings while they change."""

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from houfeng.serve.alerts.news import News
from houfeng.shell.centre import certificates
from houfeng.shell.centre.feeds import feed_of
from houfeng.shell.centre.gate import Intake, Thinker, Thinking
from houfeng.shell.centre.outlets import outlets_of
from houfeng.shell.centre.reload import Watch, changes
from houfeng.shell.centre.sessions import SessionLog
from houfeng.shell.centre.thinking import Heard, secured_feeds
from houfeng.shell.centre.trusting import follow
from houfeng.shell.centre.vigil import look_out
from houfeng.shell.feeds.dataselect import Dataselect
from houfeng.shell.feeds.feed import Feed
from houfeng.shell.health.disks import watch_disks
from houfeng.shell.health.logs import Redactor, log_finding, start_logging
from houfeng.shell.health.metrics import FeedState, Metrics, OutletCount
from houfeng.shell.health.server import HealthServer
from houfeng.shell.health.supervise import Duty, Standing, State, Supervisor, until_stopped
from houfeng.shell.journal.journal import Journal
from houfeng.shell.outlets.outlets import Outlets
from houfeng.shell.seedlink.readers import Readers, load_readers
from houfeng.shell.seedlink.server import Listen, SeedlinkServer
from houfeng.shell.seedlink.shown import Shown
from houfeng.shell.settings.settings import FILE_NAME, Settings
from houfeng.shell.settings.values import Address
from houfeng.wire.seedlink.notes import Note
from houfeng.words.errors import HoufengError
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet

#: Order in which duties stop: no more comes in; what came is written; it is thought over; who reads and asks goes last.
FEEDS, INTAKE, ENGINE, SERVERS = range(4)

#: Settings that the engine thinks with: when they change, it begins anew.
THOUGHT_WITH = frozenset({"stations", "pace", "picker", "keys", "catalogue", "archive"})

#: Settings that the vigil looks out with, likewise.
WATCHED_WITH = frozenset({"stations", "keys", "warn"})

#: How often it is looked at how feeds are, and whether all is idle, s.
LOOK_S = 1.0

_GB = 10**9

logger = logging.getLogger("houfeng")


class Centre:
    """A centre in its folder.

    clock       the present, ns since 1970
    health_listen  where the page of health is; None for the address of the settings
    idle_s      end by itself, telling what is left as a replay does, once nothing has come for so long; None: never
    on_ready    called with the ports listened on, by name: "seedlink", "seedlink_tls", "health"
    on_heard    called with everything heard
    thinking    makes what takes packets out of the journal: an engine, or what gives them to other machines
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int] = time.time_ns,
        idle_s: float | None = None,
        health_listen: Address | None = None,
        on_ready: Callable[[str, int], None] = lambda _name, _port: None,
        on_heard: Callable[[Heard], None] = lambda _: None,
        thinking: Callable[..., Thinking] = Thinker,
    ) -> None:
        self._sessions = SessionLog(folder)
        self._path = folder / FILE_NAME
        self._watched = Watch(self._path, environment=os.environ)
        first = self._watched.first
        assert first.stations is not None
        self._settings, self._stations = first.settings, first.stations
        self._clock = clock
        self._idle_s = idle_s
        self._health_listen = health_listen or first.settings.health.listen
        self._on_ready = on_ready
        self._on_each_heard = on_heard
        start_logging(self._settings.log.level, self._settings.log.form, Redactor())
        self.metrics = Metrics()
        self.supervisor = Supervisor(clock=time.monotonic_ns, on_state=self._stands)
        keep_bytes = round(self._settings.journal.keep_gb * _GB)
        self._journal = Journal(
            self._settings.journal.folder, segment_bytes=min(64 << 20, keep_bytes // 8), keep_bytes=keep_bytes
        )
        self._server: SeedlinkServer | None = None
        self._shown: Shown | None = None
        self._fillers: dict[str, Dataselect] = {}
        self.intake = Intake(self._journal, self.metrics, on_stored=self._stored, clock=clock)
        self._given_up: HoufengError | None = None
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self.vigil = Thinker(
            self._journal,
            self._path,
            on_heard=self._alerted,
            on_trouble=lambda reason: self.metrics.trouble("vigil", reason),
            body=look_out,
        )
        self.thinker = thinking(
            self._journal,
            self._path,
            on_heard=self._heard,
            on_trouble=lambda reason: self.metrics.trouble("engine", reason),
        )

    async def run(self) -> tuple[str, ...]:
        """Run until a signal or, where that was asked for, until nothing comes any more.

        Returns the names of duties that had to be cut short. Raises what give_up() was told.
        """
        self.metrics.stations_expected({station.key for station in self._stations.stations})
        for finding in self._journal.take_findings():
            self.intake.tell(finding)
        folders = {"journal": self._settings.journal.folder, "archive": self._settings.archive.folder}
        duties = [
            Duty("intake", self.intake.run, INTAKE),
            Duty("engine", self.thinker.run, ENGINE, stop_s=90.0),
            Duty("settings", until_stopped(self._follow), FEEDS),
            Duty("certificates", until_stopped(self._watch_certificates), FEEDS),
            Duty("disks", until_stopped(partial(watch_disks, folders, self.metrics)), FEEDS),
            *(self._feed_duty(self._settings, name) for name in self._feed_names(self._settings)),
        ]
        if self._idle_s is not None:
            duties.append(Duty("end", until_stopped(partial(self._end_when_idle, self._idle_s)), FEEDS))
        if self._settings.seedlink.listen or self._settings.seedlink.tls_listen:
            duties.append(Duty("seedlink", self._serve, SERVERS))
        if self._settings.warn.enabled:
            duties.append(Duty("vigil", self.vigil.run, ENGINE, stop_s=90.0))
            duties.append(Duty("outlets", self._let_out, SERVERS))
            duties.append(Duty("trust", until_stopped(self._follow_trust), FEEDS))
        if self._health_listen is not None:
            duties.append(Duty("health", self._health, SERVERS))
        try:
            late = await self.supervisor.run(duties)
        finally:
            await asyncio.to_thread(self._journal.close)
        if self._given_up is not None:
            raise self._given_up
        return late

    def give_up(self, error: HoufengError) -> None:
        """End, in order, because of something that trying again would make worse."""
        self._given_up = error
        self.supervisor.ask_to_stop()

    def _stored(self, numbers: range, packets: Sequence[Packet]) -> None:
        self.vigil.stored()
        self.thinker.stored()
        if self._server is not None:
            self._server.published(numbers, packets)

    def _heard(self, heard: Heard) -> None:
        now_ns = self._clock()
        self.metrics.trouble("engine", "")
        self.metrics.stage_ran("hear", heard.took_s)
        self.metrics.heard(heard.records_s, heard.picks_s)
        for pick in heard.picks:
            self.metrics.pick_told(pick, now_ns)
        for quake in heard.quakes:
            self.metrics.quake_told(quake, now_ns)
            logger.info("quake %s", quake.quake_id)
        self._found(heard.findings)
        for gap in heard.gaps:
            self.metrics.gap_told(gap)
            for filler in self._fillers.values():
                filler.ask(gap)
        self._on_each_heard(heard)

    def _found(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self.metrics.finding_told(finding)
            log_finding(logger, finding)

    def _alerted(self, heard: Heard) -> None:
        self.metrics.trouble("vigil", "")
        self.metrics.stage_ran("warn", heard.took_s)
        self._found(heard.findings)
        for news in heard.news:
            self.metrics.alert_told(news.alert, self._clock())
            alert = news.alert
            logger.info("alert %s version %d, %s, %s", alert.alert_id, alert.version, alert.kind, alert.status)
            self._news.put_nowait(news)
        self._on_each_heard(heard)

    async def _let_out(self, stopping: asyncio.Event) -> None:
        """Let alerts out until the event is set, and then what still waits."""
        outlets = outlets_of(
            self._settings,
            self._path.parent,
            clock=self._clock,
            environment=os.environ,
            tell=self.intake.tell,
            on_given=lambda _, alert, given_ns: self.metrics.alert_out(alert, given_ns),
            on_listening=self._on_ready,
        )
        async with outlets:
            watching = asyncio.create_task(self._watch_outlets(outlets))
            stopped = asyncio.create_task(stopping.wait())
            while not (stopping.is_set() and self._news.empty()):
                waiting = asyncio.create_task(self._news.get())
                await asyncio.wait([waiting, stopped], return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    news = waiting.result()
                    await outlets.publish(news.alert, news.expectations)
                else:
                    waiting.cancel()
            stopped.cancel()
            watching.cancel()

    async def _watch_outlets(self, outlets: Outlets) -> None:
        """Keep the metrics told of how outlets are."""
        while True:
            for each in outlets.health():
                self.metrics.outlet_stands(each.name, OutletCount(each.given, each.dropped, each.waiting), each.trouble)
            await asyncio.sleep(LOOK_S)

    def _stands(self, standing: Standing) -> None:
        self.metrics.duty_stands(standing)
        if standing.state is State.waiting:
            logger.warning("%s failed: %s", standing.name, standing.reason)

    def _feed_names(self, settings: Settings) -> list[str]:
        return [feed.name for feed in settings.feeds]

    def _feed_duty(self, settings: Settings, name: str) -> Duty:
        told = next(feed for feed in settings.feeds if feed.name == name)

        async def bring() -> None:
            feed = feed_of(
                told,
                clock=self._clock,
                chance=random.Random(),  # noqa: S311  spreads reconnections
                environment=os.environ,
                ledgers=self._settings.journal.folder,
            )
            if isinstance(feed, Dataselect):
                self._fillers[name] = feed
            self.metrics.feed_begun(name, steady=told.steady)
            watching = asyncio.create_task(self._report(feed))
            try:
                await feed.run(self.intake.marks(name), self.intake.deliver, self.intake.tell)
            finally:
                watching.cancel()
                self._fillers.pop(name, None)

        return Duty(f"feed {name}", until_stopped(bring), FEEDS)

    async def _report(self, feed: Feed) -> None:
        """Keep the metrics told of how a feed is."""
        while True:
            health = feed.health()
            state: FeedState = "connected" if health.connected else "connecting"
            self.metrics.feed_stands(feed.name, state, health.last_error)
            await asyncio.sleep(LOOK_S)

    async def _serve(self, stopping: asyncio.Event) -> None:
        told = self._settings.seedlink
        listen = []
        if told.listen:
            listen.append(Listen(told.listen.host, told.listen.port))
        if told.tls_listen:
            assert told.certificate is not None
            assert told.key is not None
            self._shown = Shown(told.certificate, told.key)
            listen.append(Listen(told.tls_listen.host, told.tls_listen.port, self._shown.context))
        server = SeedlinkServer(
            self._journal,
            load_readers(told.readers) if told.readers else Readers.everything_open(),
            tell=self._session_said,
            listen=listen,
            organisation=self._settings.centre.name,
            software=f"Houfeng/{version('houfeng')}",
            clock=self._clock,
        )
        async with server:
            self._server = server
            for name, (_, port) in zip(
                [name for name, where in (("seedlink", told.listen), ("seedlink_tls", told.tls_listen)) if where],
                server.addresses,
                strict=True,
            ):
                self._on_ready(name, port)
            counting = asyncio.create_task(self._count_readers(server))
            try:
                await stopping.wait()
            finally:
                self._server = None
                counting.cancel()

    async def _follow_trust(self) -> None:
        path = self._settings.warn.trust
        if path is None:
            await asyncio.Event().wait()  # until it is stopped
        else:
            await follow(path, self.intake.deliver, self.intake.tell, clock=self._clock)

    async def _watch_certificates(self) -> None:
        await certificates.watch(lambda: self._settings, self.metrics, tell=self.intake.tell, clock=self._clock)

    async def _count_readers(self, server: SeedlinkServer) -> None:
        while True:
            self.metrics.readers_stand(server.connected)
            await asyncio.sleep(LOOK_S)

    def _session_said(self, said: Note | Finding) -> None:
        """Note what readers do, and tell what is odd. A full disk costs lines of the log, not readers."""
        if isinstance(said, Finding):
            self.intake.tell(said)
            return
        try:
            self._sessions.add(said)
            self.metrics.trouble("session log", "")
        except OSError as error:
            self.metrics.trouble("session log", error.strerror or str(error))

    async def _health(self, stopping: asyncio.Event) -> None:
        address = self._health_listen
        assert address is not None
        server = HealthServer(self.metrics, clock=self._clock)
        await server.serve(address, stopping, lambda port: self._on_ready("health", port))

    async def _end_when_idle(self, idle_s: float) -> None:
        """Once nothing comes any more, tell what is left and end."""
        begun_ns = self._clock()
        while True:
            since_ns = self.intake.last_arrival_ns or begun_ns
            looked = self.vigil.idle or not self._settings.warn.enabled
            if self.thinker.idle and looked and self._clock() - since_ns > idle_s * NS_PER_S:
                self.thinker.finish()
                await asyncio.to_thread(self._engine_ended)
                self.supervisor.ask_to_stop()
                return
            await asyncio.sleep(LOOK_S)

    def _engine_ended(self) -> None:
        while self.thinker.running:
            time.sleep(0.05)

    async def _follow(self) -> None:
        async for change in changes(self._watched, on_finding=self.intake.tell):
            before, self._settings = self._settings, change.settings
            for part in sorted(change.changed):
                await self._renew(part, before)
            if self._settings.warn.enabled and change.changed & WATCHED_WITH:
                await self.supervisor.stop("vigil")
                self.supervisor.start(Duty("vigil", self.vigil.run, ENGINE, stop_s=90.0))
                await self.supervisor.stop("trust")
                self.supervisor.start(Duty("trust", until_stopped(self._follow_trust), FEEDS))
            if change.changed & THOUGHT_WITH or secured_feeds(before) != secured_feeds(self._settings):
                await self.supervisor.stop("engine")
                self.supervisor.start(Duty("engine", self.thinker.run, ENGINE, stop_s=90.0))
            if change.stations is not None:
                self.metrics.stations_expected({station.key for station in change.stations.stations})

    def _renew_server(self, server: SeedlinkServer) -> None:
        """Let others read, and show another certificate, from now on."""
        told = self._settings.seedlink
        try:
            if told.readers:
                server.change_readers(load_readers(told.readers))
            if self._shown is not None and told.certificate is not None and told.key is not None:
                self._shown.change(told.certificate, told.key)
        except HoufengError as fault:  # changed again since it was found to be good: the next look sees it
            self.intake.tell(Finding("settings-refused", str(fault), str(self._path)))

    async def _renew(self, part: str, before: Settings) -> None:
        """Take up one changed part of the settings."""
        if part.startswith("feeds."):
            name = part.removeprefix("feeds.")
            await self.supervisor.stop(f"feed {name}")
            if name in self._feed_names(self._settings):
                self.supervisor.start(self._feed_duty(self._settings, name))
            else:
                self.metrics.feed_removed(name)
        elif part == "seedlink" and self._server is not None:
            self._renew_server(self._server)
        name = part.partition(".")[0]
        if name in {"journal", "health", "log", "outlets"} or (
            part == "seedlink" and before.seedlink != self._settings.seedlink
        ):
            finding = Finding("restart-needed", f"the new [{name}] counts from the next start on", str(self._path))
            self.intake.tell(finding)
