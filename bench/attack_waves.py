"""An attack again, as waveforms through the whole path from packets to alerts."""

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from attack_search import Lie, Scene, coalition, pretended
from houfeng.quake.network import network_of
from houfeng.quake.warn.lookout import lookout
from houfeng.quake.warn.policy import Policy
from houfeng.words.alert import Alert
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch
from houfeng.words.station import Inventory
from rows import Row
from warn_network import BASE_NS, LATENCY_S, Province, Shock, province

NAME = "attack"
RATE_HZ = 100
STATIONS, QUIET_S, AFTER_S = 40, 60, 12
NOISE, LOUD = 100.0, 4000.0


def confirmed(policy: Policy, rng: Generator) -> Iterator[Row]:
    """Four to six liars write a P wave into their own noise; everything behind that is real."""
    here = province(STATIONS)
    for f in range(3, policy.limit + 1):
        reached = np.zeros(len(policy.audiences), dtype=int)
        over = dearest = 0
        for where in ("tight", "edge", "one gateway", "over domains"):
            live = np.ones(STATIONS, dtype=np.bool_)
            scene = Scene([], live, 0.0, lambda _a, best: best, lambda _r, _g: None, (where,))  # type: ignore[arg-type]
            rows = coalition(here, scene, f, where, None, rng)  # type: ignore[arg-type]
            middle = here.places[rows].mean(axis=0)
            aim = Shock(float(middle[0]), float(middle[1]), 9e3, float(QUIET_S), 5.5)
            alerts = heard(here, policy, pretended(here, rows, aim, rng), rng)
            reached += [any(each.name in alert.audiences for alert in alerts) for each in policy.audiences]
            over += sum(alert.forgery_cost_stations > f for alert in alerts)
            dearest = max([dearest, *(alert.forgery_cost_stations for alert in alerts)])
        got = "/".join(map(str, reached)) + f" of 4; dearest printed {dearest}; above cost {over}"
        what = f"forge by waveforms, {f} liars: reached " + "/".join(a.name for a in policy.audiences)
        yield Row(NAME, what, "none above its cost", got, over == 0)


def heard(here: Province, policy: Policy, lie: Lie, rng: Generator) -> list[Alert]:
    """Play noise, with a P wave of their own at the liars', through a lookout, second by second."""
    count = len(here.stations)
    seconds = QUIET_S + AFTER_S
    samples = rng.normal(0.0, NOISE, (count, seconds * RATE_HZ))
    for row, onset_s in zip(lie.rows, lie.onset_s, strict=True):
        at = int(onset_s * RATE_HZ)
        time_s = np.arange(samples.shape[1] - at) / RATE_HZ
        samples[row, at:] += LOUD * np.exp(-time_s / 3.0) * np.sin(2 * np.pi * 5.0 * time_s)
    sources = tuple(station.channels[0].source for station in here.stations)
    network = network_of(Inventory(here.stations), sources, BASE_NS)
    inventory = Inventory(here.stations)
    watching = lookout(network, inventory, here.times, policy, BASE_NS, status="test")
    alerts: list[Alert] = []
    counts = samples.round().astype(np.int32)
    for second in range(seconds):
        part = counts[:, second * RATE_HZ : (second + 1) * RATE_HZ]
        batch = PacketBatch(
            sources,
            np.arange(count, dtype=np.int32),
            np.full(count, BASE_NS + second * NS_PER_S),
            np.full(count, float(RATE_HZ)),
            np.arange(count + 1, dtype=np.int64) * RATE_HZ,
            np.ascontiguousarray(part).ravel(),
        )
        alerts += watching.handle(batch, BASE_NS + (second + 1) * NS_PER_S + round(LATENCY_S * NS_PER_S))
    return alerts
