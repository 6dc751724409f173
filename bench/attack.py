"""Attack search: what a coalition of stations can do to warnings at worst, found by trying, beside what was printed.

The stations are those of the twin's province, at the level of what they tell (bench/warn_network.py); the rule is the
real one, and beside it the plain rule of four stations. Exit status 0 when every row passes, else 1.

Usage: python bench/attack.py [--tries N] [--stations N] [--most N] [--only forge|shift|suppress|inflate|pattern|waves]
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from attack_search import Lie, Scene, Where, gateway, plain, pretended, real, search, tried
from attack_waves import confirmed
from houfeng.quake.detect.picker import Picker
from houfeng.quake.warn.policy import Policy
from houfeng.words.alert import Alert
from houfeng.words.earth import distance_m, travelled
from rows import Row
from warn_network import BASE_NS, Doors, Flags, Night, Province, Shock, honest, play, province

NAME = "attack"
RULES: Final = {"real": real, "plain": plain}
#: When liars speak, when true quakes are, and how long after that a try goes on, s.
LIES_S, QUAKE_S, AFTER_S = 8.0, 8.0, 14.0
DEAD_SHARE = 0.03
#: A warning that comes so much later than without liars is as good as none.
TOO_LATE_S = 10.0
ALONE: Final[tuple[Where, ...]] = ("tight", "edge", "around dead stations", "over domains")


def live_of(here: Province, rng: Generator) -> Flags:
    """Which stations' data come: a few are dead, some of them side by side."""
    live = rng.random(len(here.stations)) >= DEAD_SHARE
    hole = int(rng.integers(len(live)))
    live[np.argsort(here.away_m(*here.places[hole]))[: max(2, len(live) // 60)]] = False
    return live


def audience_rank(policy: Policy, alerts: Sequence[Alert]) -> int:
    """How far down the policy's list of audiences alerts reached."""
    names = [audience.name for audience in policy.audiences]
    return max((names.index(name) + 1 for alert in alerts for name in alert.audiences), default=0)


def forging(here: Province, policy: Policy, where: tuple[Where, ...], rng: Generator) -> Scene:
    """Nothing happens but strays: raise an alert, for whom it matters most."""
    live = live_of(here, rng)
    told = honest(here, [], live, (0.0, LIES_S + 6.0), rng)

    def worth(alerts: list[Alert], best: float) -> float:
        cost = max((alert.forgery_cost_stations for alert in alerts), default=0)
        return best + 100.0 * cost + 1000.0 * audience_rank(policy, alerts)

    def aim(rows: NDArray[np.int64], rng: Generator) -> Shock:
        middle = here.places[rows].mean(axis=0)
        east, north = rng.normal(0.0, 15_000.0, 2)
        (latitude,), (longitude,) = travelled(*middle, [east], [north])
        return Shock(float(latitude), float(longitude), rng.uniform(3e3, 3e4), LIES_S - 3.0, rng.uniform(3.0, 7.5))

    return Scene(told, live, LIES_S + 6.0, worth, aim, where)


def true_shock(here: Province, magnitude: float, rng: Generator) -> Shock:
    """A quake inside the network."""
    place = here.places[int(rng.integers(len(here.stations)))]
    (latitude,), (longitude,) = travelled(*place, [rng.normal(0.0, 5e3)], [rng.normal(0.0, 5e3)])
    return Shock(float(latitude), float(longitude), rng.uniform(6e3, 16e3), QUAKE_S, magnitude)


def forged(here: Province, policy: Policy, f: int, tries: int, rng: Generator) -> Iterator[Row]:
    """Raise a false alert with f liars, by both rules."""
    for kind, where in (("one gateway", ("one gateway",)), ("anywhere", ALONE)):
        for name, maker in RULES.items():
            scene = forging(here, policy, where, rng)
            quiet = honest_alerts(here, policy, scene, maker)
            found = search(here, policy, scene, f, tries, maker, rng)
            reached = [
                len({id(lie) for lie, alert in found.seen if each.name in alert.audiences}) for each in policy.audiences
            ]
            most = max((alert.forgery_cost_stations for _, alert in found.seen), default=0)
            over = sum(alert.forgery_cost_stations > f + strays(here, lie, alert) for lie, alert in found.seen)
            got = (
                "/".join(map(str, reached))
                + f" of {tries}; dearest printed {most}; above cost {over}; unprovoked {quiet}"
            )
            what = f"forge, {f} liars, {kind}, {name} rule: tries that reached " + "/".join(
                a.name for a in policy.audiences
            )
            public = sum(
                each.name in alert.audiences
                for lie, alert in found.seen
                for each in policy.audiences
                if each.stations > f + strays(here, lie, alert)
            )
            yield Row(
                NAME, what, "none above its cost" if name == "real" else "-", got, name == "plain" or over + public == 0
            )


def honest_alerts(here: Province, policy: Policy, scene: Scene, maker: Callable[..., Doors]) -> int:
    """How many alerts there would have been without liars."""
    alerts, _, _ = play(here, policy, Night(scene.told, scene.live, scene.until_s), maker)
    return sum(alert.kind == "first" for alert in alerts)


def strays(here: Province, lie: Lie, alert: Alert) -> int:
    """Honest stations that spoke for an alert by a stray onset: misled, so to be counted with the liars."""
    liars = {here.stations[row].key for row in lie.rows}
    return sum(voice.score > 0 and voice.station_key not in liars for voice in alert.voices)


def shifted(here: Province, policy: Policy, f: int, tries: int, rng: Generator) -> Iterator[Row]:
    """Move a true alert with f liars beyond what it prints of a coalition of f."""
    shock, live = true_shock(here, 5.5, rng), live_of(here, rng)
    told = honest(here, [shock], live, (0.0, QUAKE_S + AFTER_S), rng)
    own, _, _ = play(here, policy, Night(told, live, QUAKE_S + AFTER_S), real)

    def off_m(alert: Alert) -> float:
        before = [each for each in own if each.declared_ns <= alert.declared_ns] or own[:1]
        if not before:
            return 0.0
        there = before[-1]
        return float(distance_m(alert.latitude_deg, alert.longitude_deg, there.latitude_deg, there.longitude_deg))

    def held(alert: Alert) -> bool:
        """Whether so few liars cannot have raised it: others are not moved but false, and say so by their cost."""
        return alert.forgery_cost_stations > f

    def worth(alerts: list[Alert], _: float) -> float:
        return max((off_m(alert) - alert.bounds[f - 1].moved_m for alert in alerts if held(alert)), default=-1e6)

    def aim(_: NDArray[np.int64], rng: Generator) -> Shock:
        (latitude,), (longitude,) = travelled(
            shock.latitude_deg, shock.longitude_deg, *rng.normal(0.0, 40_000.0, (2, 1))
        )
        return replace(
            shock, latitude_deg=float(latitude), longitude_deg=float(longitude), time_s=QUAKE_S + rng.normal()
        )

    scene = Scene(
        told,
        live,
        QUAKE_S + AFTER_S,
        worth,
        lambda rows, rng: shock if len(rows) == len(here.stations) else aim(rows, rng),
        ("near the quake",),
    )
    found = search(here, policy, scene, f, tries, real, rng)
    counted = [(off_m(alert), alert.bounds[f - 1].moved_m) for _, alert in found.seen if held(alert)]
    beyond = sum(off > bound for off, bound in counted)
    worst = max(counted, key=lambda pair: pair[0] - pair[1], default=(0.0, 0.0))
    far = max((off for off, _ in counted), default=0.0)
    off_km, bound_km = worst[0] / 1e3, worst[1] / 1e3
    got = f"{far / 1e3:.0f} km; beyond {beyond} of {len(counted)} versions, worst {off_km:.0f} of {bound_km:.0f} km"
    yield Row(NAME, f"shift a true M 5.5, {f} liars: farthest shift", "none beyond the bound", got, beyond == 0)


def suppressed(here: Province, policy: Policy, f: int, tries: int, rng: Generator) -> Iterator[Row]:
    """Keep a true M 5.5 from being told, to operators and to the public, by both rules."""
    shock, live = true_shock(here, 5.5, rng), live_of(here, rng)
    until_s = QUAKE_S + AFTER_S
    told = honest(here, [shock], live, (0.0, until_s), rng)
    for name, maker in RULES.items():
        own, _, _ = play(here, policy, Night(told, live, until_s), maker)
        first_s = first_told(own, policy.audiences[0].name)
        cost = max((alert.forgery_cost_stations for alert in own), default=0)

        def worth(alerts: list[Alert], _: float) -> float:
            late_s = min(first_told(true_ones(alerts, shock), policy.audiences[0].name), until_s)
            sure = max((alert.forgery_cost_stations for alert in true_ones(alerts, shock)), default=0)
            return late_s - 0.1 * sure

        def aim(rows: NDArray[np.int64], rng: Generator) -> Shock | None:
            if len(rows) == len(here.stations):
                return shock
            if rng.random() < 0.4:  # silence
                return None
            (latitude,), (longitude,) = travelled(
                shock.latitude_deg, shock.longitude_deg, *rng.normal(0.0, 60_000.0, (2, 1))
            )
            before_s = rng.choice([0.0, rng.uniform(-6.0, 4.0)])
            return Shock(float(latitude), float(longitude), 1e4, QUAKE_S + before_s, rng.uniform(3.0, 7.0))

        scene = Scene(told, live, until_s, worth, aim, ("near the quake",))
        found = search(here, policy, scene, f, tries, maker, rng)
        late_s = min(first_told(true_ones(found.alerts, shock), policy.audiences[0].name), until_s) - first_s
        gone = late_s >= min(TOO_LATE_S, until_s - first_s)
        got = f"{late_s:+.1f} s" + (", suppressed" if gone else "") + f"; dearest printed without liars {cost}"
        yield Row(
            NAME,
            f"suppress a true M 5.5, {f} liars, {name} rule: first word later by",
            "not suppressed below cost" if name == "real" else "-",
            got,
            name == "plain" or not gone or f >= cost,
        )


def first_told(alerts: Sequence[Alert], audience: str) -> float:
    """When an audience was first told, s."""
    return min(
        ((a.declared_ns - BASE_NS) / 1e9 for a in alerts if audience in a.audiences and a.kind != "cancel"),
        default=np.inf,
    )


def true_ones(alerts: Sequence[Alert], shock: Shock) -> list[Alert]:
    """Alerts of a quake: within 50 km and 10 s."""
    return [
        a
        for a in alerts
        if distance_m(a.latitude_deg, a.longitude_deg, shock.latitude_deg, shock.longitude_deg) < 50_000
        and abs((a.origin_time_ns - BASE_NS) / 1e9 - shock.time_s) < 10
    ]


def inflated(here: Province, policy: Policy, f: int, tries: int, rng: Generator) -> Iterator[Row]:
    """Make the public believe a true M 3.5 to be large enough for them."""
    shock, live = true_shock(here, 3.5, rng), live_of(here, rng)
    told = honest(here, [shock], live, (0.0, QUAKE_S + AFTER_S), rng)
    loudest = policy.audiences[-1]
    own, _, _ = play(here, policy, Night(told, live, QUAKE_S + AFTER_S), real)

    def worth(alerts: list[Alert], _: float) -> float:
        dear = [alert for alert in alerts if alert.forgery_cost_stations >= loudest.stations]
        return max((alert.magnitude for alert in dear), default=0.0) + 10 * any(
            loudest.name in a.audiences for a in alerts
        )

    scene = Scene(
        told, live, QUAKE_S + AFTER_S, worth, lambda _rows, _rng: replace(shock, magnitude=7.0), ("near the quake",)
    )
    found = search(here, policy, scene, f, tries, real, rng)
    reached = {id(lie) for lie, alert in found.seen if loudest.name in alert.audiences}
    printed = max((a.forgery_cost_stations for _, a in found.seen if loudest.name in a.audiences), default=0)
    largest = max((alert.magnitude for alert in own), default=0.0)
    got = f"{len(reached)} of {tries} tries (printed cost up to {printed}); largest without liars M {largest:.1f}"
    honestly = any(loudest.name in alert.audiences for alert in own)
    yield Row(
        NAME, f"inflate a true M 3.5, {f} liars: told to the {loudest.name}", "none", got, not reached or honestly
    )


def pattern(here: Province, policy: Policy, tries: int, rng: Generator) -> Iterator[Row]:
    """2025-12-04: five stations tell of an M 5.9: three behind one failing link, one broken, one noisy."""
    ways: dict[str, tuple[Callable[..., Lie], bool]] = {
        "as failing stations do": (failing, False),
        "perfect times": (pretended, False),
        "as failing stations do, among strays of others": (failing, True),
        "perfect times, among strays of others": (pretended, True),
    }
    for way, (lying, others) in ways.items():
        asked = "none above operators" if others else "none"
        for name, maker in RULES.items():
            reached = np.zeros(len(policy.audiences), dtype=int)
            for _ in range(tries):
                live = live_of(here, rng)
                told = honest(here, [], live, (0.0, LIES_S + 6.0), rng) if others else []
                rows = five(here, live, rng)
                middle = here.places[rows].mean(axis=0)
                aim = Shock(float(middle[0]), float(middle[1]), rng.uniform(4e3, 2e4), LIES_S - 3.0, 5.9)
                scene = Scene(told, live, LIES_S + 6.0, lambda _a, best: best, lambda _r, _g: None, ALONE)
                _, alerts = tried(here, policy, scene, lying(here, rows, aim, rng), maker)
                reached += [any(each.name in alert.audiences for alert in alerts) for each in policy.audiences]
            got = (
                ", ".join(f"{each.name} {count}" for each, count in zip(policy.audiences, reached, strict=True))
                + f" of {tries}"
            )
            wrong = reached[1:] if others else reached
            yield Row(
                NAME, f"2025-12-04 pattern, {way}, {name} rule: told", asked, got, name == "plain" or not wrong.any()
            )


def five(here: Province, live: Flags, rng: Generator) -> NDArray[np.int64]:
    """Neighbours: up to three behind one gateway, first, and two others."""
    seed = int(rng.choice(np.flatnonzero(live)))
    order = [int(row) for row in np.argsort(here.away_m(*here.places[seed])) if live[row]]
    behind = [row for row in order if gateway(here, row) == gateway(here, seed)][:3]
    others = [row for row in order if gateway(here, row) != gateway(here, seed)][: 5 - len(behind)]
    return np.array([*behind, *others])


def failing(here: Province, rows: NDArray[np.int64], aim: Shock, rng: Generator) -> Lie:
    """What they tell as it happens: those behind the link when it comes back, the others when they please; all large.

    The link's stations jump together; broken and noisy ones, once in the seconds about.
    """
    link = gateway(here, int(rows[0]))
    behind = np.array([gateway(here, int(row)) == link for row in rows])
    onset_s = np.where(
        behind, aim.time_s + 3.0 + rng.normal(0.0, 0.1, len(rows)), aim.time_s + rng.uniform(0.0, 6.0, len(rows))
    )
    return Lie(rows, onset_s, here.noise[rows] + rng.uniform(1.0, 4.0, len(rows)))


def smallest(here: Province, policy: Policy, most: int, tries: int, rng: Generator) -> Iterator[Row]:
    """The smallest coalition that does reach each audience, beside what that alert printed."""
    for name, maker in RULES.items():
        said: dict[str, str] = {}
        passed = True
        for f in range(1, most + 1):
            found = search(here, policy, forging(here, policy, ALONE, rng), f, tries, maker, rng)
            for each in policy.audiences:
                hit = [(lie, a) for lie, a in found.seen if each.name in a.audiences]
                if hit and each.name not in said:
                    dearest = max(alert.forgery_cost_stations for _, alert in hit)
                    said[each.name] = f"{f} (printed {dearest})"
                    passed &= any(alert.forgery_cost_stations <= f + strays(here, lie, alert) for lie, alert in hit)
        got = ", ".join(f"{each.name} {said.get(each.name, f'none up to {most}')}" for each in policy.audiences)
        yield Row(
            NAME,
            f"smallest coalition that succeeds, {tries} tries each, {name} rule",
            "≥ printed",
            got,
            name == "plain" or passed,
        )


def rows(tries: int, stations: int, most: int, only: str = "") -> Iterator[Row]:
    """Every row."""
    policy = Policy()
    here = province(stations)
    rng = np.random.default_rng(20251204)
    each_f = range(1, policy.limit + 1)
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "pattern": lambda: pattern(here, policy, max(4, tries // 5), rng),
        "forge": lambda: (row for f in each_f for row in forged(here, policy, f, tries, rng)),
        "shift": lambda: (row for f in each_f for row in shifted(here, policy, f, tries, rng)),
        "suppress": lambda: (row for f in each_f for row in suppressed(here, policy, f, tries, rng)),
        "inflate": lambda: (row for f in each_f for row in inflated(here, policy, f, tries, rng)),
        "smallest": lambda: smallest(here, policy, most, tries, rng),
        "waves": lambda: confirmed(policy, rng),
    }
    for part, make in parts.items():
        if only in {"", part}:
            yield from make()


def check(_: Picker, label: str) -> Iterator[Row]:
    """Attacks on the real code and on the plain rule, a hundred tries each; attack.py by itself does a thousand."""
    for row in rows(tries=100, stations=150, most=12):
        yield replace(row, name=f"{row.name}{label}")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--stations", type=int, default=300)
    parser.add_argument("--most", type=int, default=12)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    table = Table("figure", "asked", "got", "pass")
    passed = True
    for row in rows(args.tries, args.stations, args.most, args.only):
        print(f"{'pass' if row.passed else 'FAIL'} | {row.what} | {row.got}", file=sys.stderr, flush=True)
        table.add_row(row.what, row.asked, row.got, "[green]yes[/]" if row.passed else "[bold red]NO[/]")
        passed &= row.passed
    Console(width=160).print(table)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
