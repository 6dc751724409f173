"""The bench: every judge hears every observation, and one cause is told once."""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from houfeng.guard.judge.calling import Calling
from houfeng.guard.judge.flooding import Flooding
from houfeng.guard.judge.guessing import Guessing
from houfeng.guard.judge.hosts import is_local
from houfeng.guard.judge.lasting import lasting_unknown, odd_service
from houfeng.guard.judge.names import Names
from houfeng.guard.judge.periodicity import Beacon
from houfeng.guard.judge.probing import Probing
from houfeng.guard.judge.recent import Shelf
from houfeng.guard.judge.scanning import Scanning
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Flow, Observation

#: The same cause within so long is told once: two eyes at one wire differ by a flow engine's idle timeout at most.
SAME_CAUSE_NS: Final = 120 * NS_PER_S

#: Causes remembered.
_CAUSES: Final = 4096

_GRAVITY: Final[dict[Severity, int]] = {"info": 0, "low": 1, "medium": 2, "high": 3}


class Judge(Protocol):
    """A stage that judges observations."""

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        ...

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed."""
        ...


class Bench:
    """Several judges as one.

    judges  each hears every observation, in this order

    A judgement of the same detector, subject, peer, station and port as one told less than two minutes before is left
    out unless it is graver. What comes from one observation is ordered: by time, the graver first.
    """

    def __init__(self, judges: Iterable[Judge]) -> None:
        self._judges = tuple(judges)
        self._told: Shelf[tuple[str, ...], list[Judgement]] = Shelf(_CAUSES, list)

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        return self._new([found for judge in self._judges for found in judge.handle(observation)])

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed."""
        return self._new([found for judge in self._judges for found in judge.elapse(now_ns)])

    def _new(self, found: list[Judgement]) -> list[Judgement]:
        if not found:
            return found
        found.sort(key=lambda one: (one.time_ns, -_GRAVITY[one.severity], one.detector, one.subject, one.peer))
        return [one for one in found if self._is_new(one)]

    def _is_new(self, judgement: Judgement) -> bool:
        before = self._told.of(cause_of(judgement))
        same = before and abs(judgement.time_ns - before[0].until_ns) <= SAME_CAUSE_NS
        if same and _GRAVITY[judgement.severity] <= _GRAVITY[before[0].severity]:
            return False
        before[:] = [judgement]
        return True


def cause_of(judgement: Judgement) -> tuple[str, ...]:
    """What makes two judgements one finding: detector, subject, peer, station, and the port if it has one."""
    port = dict(judgement.facts).get("port", "")
    return judgement.detector, judgement.subject, judgement.peer, judgement.station, port


def intrinsic_judges(
    ours: Callable[[str], bool] = is_local, allowed: Callable[[Flow], bool] | None = None
) -> tuple[Judge, ...]:
    """The standard set of judges on what is seen on the wire and in logs.

    ours     whether an address is one of ours; by default whether it is none of the internet's
    allowed  whether a flow is what its station may do, None without a profile: then nobody is judged for keeping
             time or lasting long, since a healthy station does both
    """
    by_themselves = Scanning(ours), Guessing(ours), Names(), Probing(ours), Flooding(ours)
    if allowed is None:
        return *by_themselves, Calling(ours), odd_service(ours)
    return *by_themselves, Calling(ours, allowed), Beacon(allowed, ours), lasting_unknown(allowed, ours)
