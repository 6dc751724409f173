"""The judge of one host: what it says of itself now, against what it said when it was known to be good."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import Final

from houfeng.guard.judge.deviation import Deviation, Told, brief, gathered
from houfeng.guard.judge.host_files import file_deviations, is_upgrade
from houfeng.guard.judge.host_parts import part_deviations, untold_parts
from houfeng.guard.judge.rules import rules_of
from houfeng.words.host import PARTS, HostReport
from houfeng.words.instant import NS_PER_S, format_instant, seconds_to_ns
from houfeng.words.judgement import Judgement
from houfeng.words.network import Seen

#: The detectors of this judge.
DETECTORS: Final = tuple(rules_of("host"))


class HostJudge:
    """Holds reports of one host against its baseline, with two doors.

    baseline  the report that was signed off; a host changes when it is taken anew
    every_s   how often the host is due to report, None where nobody said

    What differs is told when it is first reported, and again when it came back after it was gone.
    """

    def __init__(self, baseline: HostReport, every_s: float | None = None) -> None:
        self._baseline = self._last = baseline
        self._every_s = every_s
        self._told: frozenset[tuple[str, str, str]] = frozenset()
        self._is_missing = False
        self._rules = rules_of("host")

    def handle(self, report: HostReport) -> list[Judgement]:
        """A report came, in order of time. One of another host is not its matter."""
        if (report.station, report.host) != (self._baseline.station, self._baseline.host):
            return []
        # What a report leaves out is as it was: else leaving it out once would have everything told again.
        untold = {part: getattr(self._last, part) for part in PARTS if getattr(report, part) is None}
        whole = replace(report, **untold)
        # An upgrade excuses what changed with it, not what changes after it.
        upgraded = is_upgrade(self._last.files, whole.files)
        found = [*untold_parts(self._baseline, report), *self._older(report)]
        found += part_deviations(self._baseline, whole, upgraded=upgraded)
        if self._baseline.files is not None and whole.files is not None:
            found += file_deviations(self._baseline.files, whole.files, upgraded=upgraded)
        new = [one for one in found if one.cause not in self._told]
        self._told = frozenset(one.cause for one in found)
        self._last, self._is_missing = whole, False
        return [self._judgement(told, report) for told in self._gathered(new)]

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed, by the centre's clock."""
        rule = self._rules["report-missing"]
        silent_ns = now_ns - self._last.time_ns
        if (
            self._every_s is None
            or self._is_missing
            or silent_ns < seconds_to_ns(rule.limits["missed"] * self._every_s)
        ):
            return []
        self._is_missing = True
        facts = ("item", f"{silent_ns // NS_PER_S} s"), ("how", f"{self._every_s:g} s")
        return [
            Judgement(
                detector="report-missing",
                time_ns=now_ns,
                until_ns=now_ns,
                subject=self._baseline.host,
                peer="",
                severity="low",
                probability=rule.limits["probability"],
                facts=facts,
                station=self._baseline.station,
            )
        ]

    def _older(self, report: HostReport) -> Iterable[Deviation]:
        """Clocks that went back since the last report: the host's own, and when it says it started."""
        limits = self._rules["report-older"].limits
        for what, now_ns, before_ns in (
            ("clock", report.clock_ns, self._last.clock_ns),
            ("start", report.boot_ns, self._last.boot_ns),
        ):
            if now_ns is not None and before_ns is not None and now_ns < before_ns - seconds_to_ns(limits["margin_s"]):
                how = f"{format_instant(now_ns, 0)} after {format_instant(before_ns, 0)}"
                yield Deviation("report-older", what, how, "medium", limits["probability"])

    def _gathered(self, new: list[Deviation]) -> Iterable[Told]:
        new.sort(key=lambda one: one.detector)
        for detector, of_one in groupby(new, key=lambda one: one.detector):
            yield from gathered(of_one, int(self._rules[detector].limits["each"]))

    def _judgement(self, told: Told, report: HostReport) -> Judgement:
        one = told.first
        return Judgement(
            detector=one.detector,
            time_ns=report.time_ns,
            until_ns=report.time_ns,
            subject=report.host,
            # What differs stands here too, since it is what tells two findings of one report apart.
            peer=brief(one.item),
            severity=one.severity,
            probability=one.probability,
            facts=(("item", told.items), ("how", told.hows), ("count", str(told.count))),
            evidence=(Seen(f"{report.host} {format_instant(report.time_ns, 0)}"),),
            station=report.station,
        )
