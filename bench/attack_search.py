"""A searcher that controls some stations: it chooses which and what they tell, and climbs to what fools most."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.likelihood import SCORE, About
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.stage import Warn
from houfeng.quake.warn.testimony import Testimony
from houfeng.words.alert import Alert
from plain_rule import PlainRule
from warn_network import Doors, Flags, Night, Province, Reals, Shock, Shown, Told, play

#: What liars tell is in the next record: an attacker need not wait for one to fill.
LIAR_LAG_S: Final = 0.7
#: Of the tries of one search so many go by between fresh starts.
RESTART_EVERY: Final = 25

Where = Literal["tight", "edge", "around dead stations", "one gateway", "over domains", "near the quake"]


class Watched(Warn):
    """The real stage, with the best score that any search of it saw."""

    best = 0.0

    def _search(self, shown: object, about: About, *how: float) -> Reals:
        judged = super()._search(shown, about, *how)  # type: ignore[arg-type]
        self.best = max(self.best, float(judged[0, SCORE]))
        return judged


def real(testimony: Testimony, times: TravelTimes, policy: Policy, shown: Shown) -> Doors:
    """The real rule."""
    return Watched(testimony, times, policy, measured=shown)


def plain(testimony: Testimony, times: TravelTimes, policy: Policy, shown: Shown) -> Doors:
    """The plain one."""
    return PlainRule(testimony, times, policy, shown)


@dataclass(frozen=True, slots=True)
class Lie:
    """What a coalition tells: onsets, NaN for silence, and log10 m of displacement, [f] each."""

    rows: NDArray[np.int64]
    onset_s: Reals
    pd: Reals

    def told(self) -> Iterator[Told]:
        """As it reaches the centre."""
        for row, onset_s, pd in zip(self.rows.tolist(), self.onset_s.tolist(), self.pd.tolist(), strict=True):
            if np.isfinite(onset_s):
                yield Told(onset_s + LIAR_LAG_S, row, onset_s, pd)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the honest do, and how a try is judged.

    told     by all stations if none lies; what liars would have told is left out
    live     whose data come
    until_s  when a try ends
    worth    how far a try went, from its alerts and the best score seen: more is better for the liars
    aim      a quake that liars may pretend at the start of a search, given the stations
    where    how coalitions are chosen
    """

    told: Sequence[Told]
    live: Flags
    until_s: float
    worth: Callable[[list[Alert], float], float]
    aim: Callable[[NDArray[np.int64], Generator], Shock | None]
    where: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The best a search came to; every alert of every try."""

    worth: float
    lie: Lie
    alerts: list[Alert]
    seen: list[tuple[Lie, Alert]]


def coalition(
    here: Province, scene: Scene, f: int, where: Where, middle: Shock | None, rng: Generator
) -> NDArray[np.int64]:
    """Stations to control."""
    places, live = here.places, np.flatnonzero(scene.live)
    centre = places[live].mean(axis=0)
    if where == "edge":
        far = np.argsort(-here.away_m(*centre)[live])[: max(3, len(live) // 8)]
        seed = int(rng.choice(live[far]))
    elif where == "around dead stations" and not scene.live.all():
        dead = int(rng.choice(np.flatnonzero(~scene.live)))
        return live[np.argsort(here.away_m(*places[dead])[live])[:f]]
    elif where == "near the quake" and middle is not None:
        nearest = live[np.argsort(here.away_m(middle.latitude_deg, middle.longitude_deg)[live])[: f + 4]]
        return np.sort(rng.choice(nearest, f, replace=False)) if rng.random() < 0.5 else nearest[:f]
    else:
        seed = int(rng.choice(live))
    order = live[np.argsort(here.away_m(*places[seed])[live])]
    if where == "one gateway":
        mine = gateway(here, seed)
        order = np.array(sorted(order, key=lambda row: gateway(here, int(row)) != mine))
    if where == "over domains":
        picked: list[int] = []
        for row in order:
            if all(gateway(here, int(row)) != gateway(here, each) for each in picked):
                picked.append(int(row))
        order = np.array([*picked, *(row for row in order if row not in picked)])
    return np.sort(order[:f])


def gateway(here: Province, row: int) -> str:
    """A station's gateway."""
    return next((name for name in here.stations[row].domains if name.startswith("gateway:")), "")


def pretended(here: Province, rows: NDArray[np.int64], aim: Shock, rng: Generator) -> Lie:
    """P of a quake that is not, as stations would tell of it."""
    p_s, _ = here.travel_s_of(aim, rows)
    pd = here.displacement(aim)[rows] + rng.normal(0.0, 0.1, len(rows))
    return Lie(rows, aim.time_s + p_s + rng.normal(0.0, 0.05, len(rows)), pd)


def mutated(here: Province, scene: Scene, lie: Lie, aim: Shock | None, rng: Generator) -> Lie:
    """A neighbour of a lie: other times, sizes, another station, or silence."""
    onset_s, pd, rows = lie.onset_s.copy(), lie.pd.copy(), lie.rows.copy()
    what = rng.random()
    some = rng.random(len(rows)) < 0.5
    if what < 0.5:
        onset_s[some] += rng.normal(0.0, 10 ** rng.uniform(-1.5, 0.7), int(some.sum()))
    elif what < 0.65:
        pd += rng.normal(0.0, 0.3)
    elif what < 0.8:
        near = here.away_m(*here.places[rows[0]])
        others = [int(row) for row in np.argsort(near)[:30] if scene.live[row] and row not in rows]
        at = int(rng.integers(len(rows)))
        if others:
            rows[at] = int(rng.choice(others))
            if aim is not None:
                return pretended(here, rows, aim, rng)
    elif what < 0.9:
        at = int(rng.integers(len(rows)))
        heard_s = onset_s[np.isfinite(onset_s)]
        onset_s[at] = np.nan if np.isfinite(onset_s[at]) or not len(heard_s) else float(heard_s.mean())
    else:
        onset_s += rng.normal(0.0, 2.0)
    return Lie(rows, onset_s, pd)


def tried(
    here: Province, policy: Policy, scene: Scene, lie: Lie, maker: Callable[..., Doors]
) -> tuple[float, list[Alert]]:
    """One try against a rule: how far it went, and its alerts."""
    liars = set(lie.rows.tolist())
    told = [each for each in scene.told if each.row not in liars]
    told += [each for each in lie.told() if each.arrival_s <= scene.until_s]  # of later the honest are not told of
    alerts, _, doors = play(here, policy, Night(told, scene.live, scene.until_s), maker)
    return scene.worth(alerts, float(getattr(doors, "best", 0.0))), alerts


def search(
    here: Province, policy: Policy, scene: Scene, f: int, tries: int, maker: Callable[..., Doors], rng: Generator
) -> Found:
    """The best of so many tries: fresh starts by every geometry in turn, and steps from the best so far."""
    best: tuple[float, Lie, list[Alert], Shock | None] | None = None
    top: Found | None = None
    seen: list[tuple[Lie, Alert]] = []
    for number in range(tries):
        if best is None or number % RESTART_EVERY == 0:
            where = scene.where[(number // RESTART_EVERY) % len(scene.where)]
            middle = scene.aim(np.arange(len(here.stations)), rng) if where == "near the quake" else None
            rows = coalition(here, scene, f, where, middle, rng)
            aim = scene.aim(rows, rng)
            lie = pretended(here, rows, aim, rng) if aim else Lie(rows, np.full(f, np.nan), np.full(f, np.nan))
            best = None
        else:
            aim = best[3]
            lie = mutated(here, scene, best[1], aim, rng)
        worth, alerts = tried(here, policy, scene, lie, maker)
        seen += [(lie, alert) for alert in alerts]
        if best is None or worth >= best[0]:
            best = worth, lie, alerts, aim
        if top is None or worth > top.worth:
            top = Found(worth, lie, alerts, [])
    assert top is not None
    return replace(top, seen=seen)
