"""Telemetry days with logged attacks: what an allow-list with bindings finds alone, and what all judges find.

Learned from one clean day and asked as a user asks, through the same door as `houfeng guard check`. What master and
outstation say to each other is declared besides: it is allowed, and hidden from this port by the switch as long as
nobody meddles, so that a rule "any TCP at all" would find attacks without seeing anything wrong with them.

An attack is found when a finding lies between 5 s before its logged start and 5 s after its end. A minute is false when
a finding in it touches no attack stretched to 120 s after its end, where the attacker tidies up.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from houfeng.guard.judge.rules import rules_of
from houfeng.quake.detect.picker import Picker
from houfeng.shell.guarding.checking import check, learned_from
from houfeng.words.conduct import Allowed, Conduct
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from rows import DATA, Row, at_least, at_most, rows_of

BEFORE_S, AFTER_S, TIDY_S = 5.0, 5.0, 120.0
MINUTE_NS = 60 * NS_PER_S
DECLARED = Allowed(("192.168.10.221",), ("192.168.10.222",), "tcp", 20000, "DNP3")
ALLOW_LIST = frozenset(rules_of("newcomers"))


@dataclass(frozen=True, slots=True)
class Attack:
    """One logged attack."""

    name: str
    start_s: float
    end_s: float
    in_session: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One recorded day judged; traces is the number of minutes with traces of the attacker outside the log."""

    name: str
    attacks: tuple[Attack, ...]
    traces: int
    alone: list[Judgement]
    all: list[Judgement]


def telemetry(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_dnp3_qut_*: every day, every attack by name, and what only the session itself shows."""
    for folder in sorted(DATA.glob("net_dnp3_qut_*")):
        truth = rows_of(folder / "truth" / "days.csv")
        clean = next(row["day"] for row in truth if row["attacks_logged"] == "0")
        learned = learned_from([_table(folder, clean)], name="XX.SUB", tell=lambda _: None)
        if learned.conduct is None:
            yield Row(folder.name, "learned from a clean day", "yes", "; ".join(learned.doubts), passed=False)
            continue
        conduct = replace(learned.conduct, allowed=(*learned.conduct.allowed, DECLARED))
        days = [_judged(folder, row, conduct) for row in truth]
        for day in days:
            yield from _rows(f"{folder.name}/{day.name}", day)
        yield from _names(folder.name, days)


def _table(folder: Path, day: str) -> Path:
    return folder / day / f"packets_{day}.csv.gz"


def _judged(folder: Path, truth: dict[str, str], conduct: Conduct) -> Day:
    day = truth["day"]
    path = folder / day / f"attacks_{day}.csv"
    attacks = tuple(
        Attack(row["attack"], float(row["start_utc_s"]), float(row["end_utc_s"]), _inside(row))
        for row in (rows_of(path) if path.exists() else ())
    )
    found = list(check([_table(folder, day)], [conduct], tell=lambda _: None))
    alone = [one for one in found if one.detector in ALLOW_LIST]
    return Day(day, attacks, int(truth["minutes_with_odd_rows_outside"]), alone, found)


def _inside(row: dict[str, str]) -> bool:
    return row["rows_attacker_host"] == row["rows_spoofed_binding"] == "0"


def _rows(where: str, day: Day) -> Iterator[Row]:
    alone, every = len(found(day, day.alone)), len(found(day, day.all))
    if day.attacks:
        yield Row(where, "attacks found by allow-list and bindings alone", "-", f"{alone} of {len(day.attacks)}", True)
        yield at_least(where, f"attacks found by all judges, of {len(day.attacks)}", every, len(day.attacks), "{:.0f}")
    yield at_most(where, "false minutes, allow-list and bindings", false_minutes(day, day.alone), day.traces, "{:.0f}")
    yield at_most(where, "false minutes, all judges", false_minutes(day, day.all), day.traces, "{:.0f}")
    for attack in day.attacks:
        if attack.in_session:
            by = Counter(one.detector for one in hits(attack, day.all))
            yield Row(where, f"in session only: {attack.name}", "found", ", ".join(sorted(by)) or "missed", bool(by))


def _names(label: str, days: list[Day]) -> Iterator[Row]:
    logged = Counter(attack.name for day in days for attack in day.attacks)
    alone = Counter(attack.name for day in days for attack in found(day, day.alone))
    every = Counter(attack.name for day in days for attack in found(day, day.all))
    for name in sorted(logged):
        got = f"{alone[name]}, {every[name]}"
        yield Row(label, f"{name}: by allow-list and bindings, by all, of {logged[name]}", "-", got, passed=True)


def hits(attack: Attack, judgements: Iterable[Judgement]) -> list[Judgement]:
    """The findings that find an attack."""
    begin_s, end_s = attack.start_s - BEFORE_S, attack.end_s + AFTER_S
    return [one for one in judgements if begin_s <= one.time_ns / NS_PER_S <= end_s]


def found(day: Day, judgements: list[Judgement]) -> list[Attack]:
    """The attacks of a day that some finding finds."""
    return [attack for attack in day.attacks if hits(attack, judgements)]


def false_minutes(day: Day, judgements: Iterable[Judgement]) -> int:
    """Minutes with a finding that touches no attack."""
    spans = [(attack.start_s - BEFORE_S, attack.end_s + TIDY_S) for attack in day.attacks]
    return len({
        one.time_ns // MINUTE_NS
        for one in judgements
        if not any(begin_s <= one.time_ns / NS_PER_S <= end_s for begin_s, end_s in spans)
    })  # fmt: skip
