"""The ways to replay: as recordings lie, as they arrived, or with their stations shared between machines."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from houfeng.quake.acquire.pace import PATIENCE_NS
from houfeng.shell.arrivals.arrivals import Arrivals, Latency, open_arrivals
from houfeng.shell.arrivals.paced import ByArrival
from houfeng.shell.recordings import Recordings, open_recordings
from houfeng.shell.replay.replay import (
    OnProgress,
    OnTold,
    Outcome,
    Setup,
    load_inventory,
    load_model,
    load_picker,
    load_policy,
    replay,
)
from houfeng.shell.settings.stations import with_domains
from houfeng.words.errors import WorldFault

Play = Callable[[OnTold, OnProgress], Outcome]


@dataclass(frozen=True, slots=True)
class Way:
    """How to replay.

    by_arrival  in the order in which packets reached the centre
    latency_s   how long records took of which nobody recorded it
    dask        address of a scheduler, None for this process alone
    samples     whether samples are told, for an archive
    domains     table of what stations can fail or lie together with; policy: of what to warn; both with by_arrival
    """

    by_arrival: bool = False
    latency_s: float | None = None
    dask: str | None = None
    samples: bool = False
    domains: Path | None = None
    policy: Path | None = None


def player(
    paths: Sequence[Path],
    way: Way,
    *,
    stations: Sequence[str],
    model: Path | None,
    picker: str,
    weights: Path | None,
    sha256: str | None,
) -> Play:
    """Open recordings and all that is needed to replay them; call what is returned to do so.

    Raises WorldFault for ways that do not go together, and what opening and loading raise.
    """
    if way.dask is not None and way.by_arrival:
        raise WorldFault("--dask", "does not go together with --by-arrival", "leave one of them out")
    if way.latency_s is not None and not way.by_arrival:
        raise WorldFault("--latency", "says something of arrivals only", "add --by-arrival")
    for option, value in (("--domains", way.domains), ("--policy", way.policy)):
        if value is not None and not way.by_arrival:
            raise WorldFault(option, "is for warnings, and a replay warns only by arrival", "add --by-arrival")
    now_ns = time.time_ns()
    inventory, earth = load_inventory(stations), load_model(model)
    if way.domains is not None:
        inventory = with_domains(inventory, way.domains)
    policy = load_policy(way.policy)
    if way.dask is not None:
        from houfeng.shell.reprocess.replay import DaskSetup, Spread, replay_on_dask  # noqa: PLC0415  needs an extra

        chosen = partial(load_picker, picker, None if weights is None else weights.absolute(), sha256)
        chosen()  # what will not do is said here, not by every worker
        recordings = open_recordings(paths, now_ns=now_ns)
        spread = Spread(way.dask, samples=way.samples)
        shared = DaskSetup(recordings, inventory, earth, chosen, now_ns, default_model_used=model is None)
        return lambda on_told, on_progress: replay_on_dask(shared, spread, on_told=on_told, on_progress=on_progress)
    one = load_picker(picker, weights, sha256)
    opened: Recordings | Arrivals
    if way.by_arrival:
        latency = None if way.latency_s is None else Latency(way.latency_s)
        opened = open_arrivals(paths, latency=latency, now_ns=now_ns)
    else:
        opened = open_recordings(paths, now_ns=now_ns)

    def play(on_told: OnTold, on_progress: OnProgress) -> Outcome:
        with opened if isinstance(opened, Arrivals) else nullcontext():
            default = model is None
            if isinstance(opened, Arrivals):
                played = ByArrival(opened, PATIENCE_NS)
                setup = Setup(played, inventory, earth, one, default, arriving=played, policy=policy)
            else:
                setup = Setup(opened, inventory, earth, one, default)
            return replay(setup, on_told=on_told, on_progress=on_progress)

    return play
