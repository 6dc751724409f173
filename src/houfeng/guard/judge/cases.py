"""Correlation: one intrusion is one case.

Findings join where one accused party is in both, where a station is in both, or where the second accuses whom the
first names as a victim: an intruder's way in is followed by what the machine he took does next. Two parties that
attack the same victim are two cases: they need not know of each other.
"""

from collections import OrderedDict
from typing import Final

from houfeng.words.case import Case
from houfeng.words.instant import DAY_NS
from houfeng.words.judgement import Judgement

#: A case that nothing joins for so long is over: a duty crew looks at findings daily, and a week holds a weekend.
OVER_AFTER_NS: Final = 7 * DAY_NS

#: Cases that are open at once: a centre with more has one problem, not thousands; the oldest is over then.
MOST_OPEN: Final = 1000

#: Findings a case keeps; of a case with more the first half tells how it began and the last how it goes on.
MOST_KEPT: Final = 1000


class Cases:
    """Puts findings into cases, with two doors.

    A finding that needs nobody ("info") opens no case and joins none.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[int, Case] = OrderedDict()
        self._last_ns: dict[int, int] = {}
        self._next = 1

    def handle(self, judgement: Judgement) -> list[Case]:
        """A finding was said: the case it opened or joined, in its new version, if it did."""
        if judgement.severity == "info":
            return []
        joined = [case for case in self._open.values() if _belongs(judgement, case)]
        kept = [one for case in joined for one in case.judgements]
        kept.sort(key=lambda one: one.time_ns)
        kept.append(judgement)
        if len(kept) > MOST_KEPT:
            kept = kept[: MOST_KEPT // 2] + kept[-MOST_KEPT // 2 :]
        for case in joined:
            del self._open[case.case_id], self._last_ns[case.case_id]
        case_id = joined[0].case_id if joined else self._next
        self._next += not joined
        case = Case(case_id, 1 + max((one.version for one in joined), default=0), tuple(kept))
        self._open[case_id] = case
        self._last_ns[case_id] = judgement.until_ns
        if len(self._open) > MOST_OPEN:
            oldest, _ = self._open.popitem(last=False)
            del self._last_ns[oldest]
        return [case]

    def elapse(self, now_ns: int) -> list[Case]:
        """Time passed: cases that nothing joined for long are over."""
        over = [case_id for case_id, last_ns in self._last_ns.items() if now_ns - last_ns > OVER_AFTER_NS]
        for case_id in over:
            del self._open[case_id], self._last_ns[case_id]
        return []


def _belongs(judgement: Judgement, case: Case) -> bool:
    for one in case.judgements:
        if judgement.subject == one.subject or (judgement.station and judgement.station == one.station):
            return True
        if judgement.subject == one.peer and judgement.time_ns >= one.time_ns:
            return True
    return False
