"""The roles of a cluster, each a process that runs in a centre's folder until it is told to stop."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from houfeng.quake.hearing import Portrait
from houfeng.quake.network import network_of
from houfeng.shell.catalogue.catalogue import url_of
from houfeng.shell.centre.centre import Centre as MachineCentre
from houfeng.shell.centre.thinking import TOLD_FILE, knowledge_of
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.cluster.asof import await_asof
from houfeng.shell.cluster.associate import Told, run_associate
from houfeng.shell.cluster.broker import connected
from houfeng.shell.cluster.broker_settings import broker_of, check_shard, room_bytes
from houfeng.shell.cluster.detect import run_detect
from houfeng.shell.cluster.feeding import Feeder
from houfeng.shell.cluster.log import Rival
from houfeng.shell.cluster.shard import PREFIX, Shard, shard_of
from houfeng.shell.cluster.share import Centre
from houfeng.shell.cluster.watched import watched
from houfeng.shell.health.logs import Redactor, log_finding, start_logging
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.replay.replay import told
from houfeng.shell.settings.secrets import catalogue_url
from houfeng.shell.settings.settings import FILE_NAME, Settings, read_settings
from houfeng.shell.settings.values import Address
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS
from houfeng.words.source import SourceId

#: Takes what is listened for, and the port.
OnReady = Callable[[str, int], None]

logger = logging.getLogger("houfeng")


def intake_centre(folder: Path, *, idle_s: float | None, page: Address | None, on_ready: OnReady) -> MachineCentre:
    """A centre that gives what arrives to a broker instead of hearing it. page and on_ready as detect()."""
    broker_of(read_settings(folder / FILE_NAME).cluster)  # say at once when there is none

    def end(rival: Rival) -> None:
        centre.give_up(rival)

    feeding = partial(Feeder, on_rival=end)
    centre = MachineCentre(folder, idle_s=idle_s, health_listen=page, on_ready=on_ready, thinking=feeding)
    return centre


def detect(folder: Path, shard: Shard, *, until_end: bool, page: Address | None, on_ready: OnReady) -> None:
    """Hear a share of the stations until a signal; with until_end, until intake has said that no more will come.

    page      address of /health and /metrics; None for that of the settings
    on_ready  called with "health" and the port listened on
    """
    settings = _begun(folder)
    check_shard(settings.cluster, shard)
    broker = broker_of(settings.cluster)
    metrics = Metrics()
    folders = {"archive": settings.archive.folder}

    def say_finding(finding: Finding) -> None:
        metrics.finding_told(finding)
        _say_finding(finding)

    async def work() -> None:
        agreed = await _agreed(settings, "detect", metrics)
        keys = {station.key for station in agreed.inventory.stations}
        metrics.stations_expected(key for key in keys if shard_of(key, shard.count) == shard)
        await run_detect(
            broker,
            shard,
            agreed,
            archive=settings.archive.folder,
            say=_say,
            on_finding=say_finding,
            metrics=metrics,
            most_bytes=room_bytes(settings.cluster.heard_gb),
            until_end=until_end,
        )

    _run(work, f"detect {shard}", metrics, folders, page or settings.health.listen, on_ready)


def associate(folder: Path, *, until_end: bool, page: Address | None, on_ready: OnReady) -> None:
    """Make quakes of what all shares heard, until as detect(); page and on_ready, too."""
    settings = _begun(folder)
    broker = broker_of(settings.cluster)
    metrics = Metrics()
    url = url_of(catalogue_url(settings.catalogue, environment=os.environ))
    with ToldStore(folder / TOLD_FILE) as store:
        keeper = _Keeper(store)

        async def work() -> None:
            await run_associate(
                broker,
                settings.cluster.shards,
                await _agreed(settings, "associate", metrics),
                catalogue_url=url,
                say=_say,
                on_told=keeper.tell,
                on_all_told=keeper.keep,
                metrics=metrics,
                until_end=until_end,
            )

        _run(work, "associate", metrics, {"centre": folder}, page or settings.health.listen, on_ready)


class _Keeper:
    """Keeps what associate tells: a slice with its instant, so that none is kept twice."""

    def __init__(self, store: ToldStore) -> None:
        self._store = store
        self._kept_ns = EARLIEST_NS if store.progress is None else int(store.progress)
        self._waiting: list[Told] = []

    def tell(self, value: Told) -> None:
        self._waiting.append(value)

    def keep(self, now_ns: int) -> None:
        """All of a slice was told."""
        values, self._waiting = self._waiting, []
        if now_ns <= self._kept_ns:
            return
        for value in told(values):
            self._store.tell(value)
            if isinstance(value, Portrait):
                logger.info("quake %s", value.quake.quake_id)
            elif isinstance(value, Finding):
                log_finding(logger, value)
        self._store.commit(str(now_ns).encode())
        self._kept_ns = now_ns


def _begun(folder: Path) -> Settings:
    settings = read_settings(folder / FILE_NAME)
    start_logging(settings.log.level, settings.log.form, Redactor())
    return settings


async def _agreed(settings: Settings, role: str, metrics: Metrics) -> Centre:
    """What all roles know alike: the settings of each, and the instant that intake has told."""
    known, findings = await asyncio.to_thread(knowledge_of, settings)
    for finding in findings:
        metrics.finding_told(finding)
        _say_finding(finding)
    trouble = partial(metrics.trouble, "broker")
    async with connected(broker_of(settings.cluster), f"{PREFIX} {role}", _say, trouble) as client:
        asof_ns = await await_asof(client, _say)
    stations = [SourceId(each.network, each.code, "", "") for each in known.inventory.at(asof_ns)]
    network = network_of(known.inventory, stations, asof_ns)
    return Centre(known.inventory, network, known.model, known.picker, known.notes)


def _run(
    work: Callable[[], Coroutine[Any, Any, None]],
    name: str,
    metrics: Metrics,
    folders: Mapping[str, Path],
    page: Address | None,
    on_ready: OnReady,
) -> None:
    watch = watched(work(), name=name, metrics=metrics, folders=folders, page=page, on_ready=on_ready)
    asyncio.run(watch)


def _say(text: str) -> None:
    logger.info("%s", text)


def _say_finding(finding: Finding) -> None:
    log_finding(logger, finding)
