"""A role under watch: its work, and beside it the page that says how it is."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from houfeng.shell.health.disks import watch_disks
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.health.server import HealthServer
from houfeng.shell.health.supervise import Duty, Standing, State, Supervisor, until_stopped
from houfeng.shell.settings.values import Address

#: Order in which duties stop: who asks how the role is can do so up to the end.
WORK, PAGE = range(2)

#: How long a role may take to put down what it holds, s.
STOP_S = 90.0

logger = logging.getLogger("houfeng")


async def watched(
    work: Coroutine[Any, Any, None],
    *,
    name: str,
    metrics: Metrics,
    folders: Mapping[str, Path],
    page: Address | None,
    on_ready: Callable[[str, int], None],
) -> None:
    """Run a role until its work ends, or until a signal ends it in order.

    name      of the role
    metrics   what the work counts in
    folders   whose disks are looked at, by what they are called
    page      address of /health and /metrics; None for none
    on_ready  called with "health" and the port listened on

    Raises what the work raised: it is for the service manager to try again.
    """
    failures: list[BaseException] = []
    supervisor = Supervisor(clock=time.monotonic_ns, on_state=partial(_stands, metrics))

    async def role() -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  raised again below, once the page has ended
            failures.append(error)
        supervisor.ask_to_stop()

    duties = [
        Duty(name, until_stopped(role), WORK, stop_s=STOP_S),
        Duty("disks", until_stopped(partial(watch_disks, folders, metrics)), WORK),
    ]
    if page is not None:
        server = HealthServer(metrics, clock=time.time_ns)

        async def serve(stopping: asyncio.Event) -> None:
            await server.serve(page, stopping, lambda port: on_ready("health", port))

        duties.append(Duty("health", serve, PAGE))
    for late in await supervisor.run(duties):
        logger.warning("%s had to be cut short", late)
    if failures:
        raise failures[0]


def _stands(metrics: Metrics, standing: Standing) -> None:
    metrics.duty_stands(standing)
    if standing.state is State.waiting:
        logger.warning("%s failed: %s", standing.name, standing.reason)
