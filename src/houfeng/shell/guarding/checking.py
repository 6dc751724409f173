"""Recordings of eyes judged: files in, findings out; and profiles learned from clean ones."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from houfeng.guard.conduct.document import read_conduct
from houfeng.guard.conduct.learn import Learned, learn
from houfeng.guard.judge.judging import Judging
from houfeng.guard.observe.observing import Observing
from houfeng.shell.guarding.opening import pieces
from houfeng.shell.guarding.reading import Tell, server_logs, sights
from houfeng.wire.eyes.frames import FrameBatch
from houfeng.wire.eyes.rate_table import RateBatch
from houfeng.words.conduct import Conduct
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Observation, time_of

#: Judges are told of time so often, in the time of what is observed.
_TICK_NS: Final = NS_PER_S

#: A profile is a page or two; a larger file is something else.
_MOST_PROFILE_BYTES: Final = 4 << 20


def check(
    paths: Sequence[Path],
    conducts: Sequence[Conduct] = (),
    *,
    tell: Tell,
    observed: Callable[[Observation], None] = lambda _: None,
) -> Iterator[Judgement]:
    """Judge what files of eyes tell, in order of time.

    paths     files of any eye
    conducts  what the stations in them may do
    tell      called with what is odd about the files themselves
    observed  called with every observation, in the order in which it is judged

    Raises DataFault when no file could be read.
    """
    observing, judging = Observing(), Judging(conducts, server_logs(paths))
    now_ns = 0

    def hear(seen: Observation | Finding) -> Iterator[Judgement]:
        nonlocal now_ns
        if isinstance(seen, Finding):
            tell(seen)
            return
        at_ns = time_of(seen)
        if at_ns - now_ns >= _TICK_NS:
            now_ns = at_ns
            yield from judging.elapse(now_ns)
        observed(seen)
        yield from judging.handle(seen)

    for sight in sights(paths, tell):
        if isinstance(sight, FrameBatch | RateBatch):
            yield from judging.frames(sight)
        for seen in observing.handle(sight):
            yield from hear(seen)
    for seen in observing.end():
        yield from hear(seen)
    yield from judging.end(now_ns)


def learned_from(paths: Sequence[Path], *, name: str, tell: Tell) -> Learned:
    """A conduct profile learned from files of clean days, or the reasons why these are none.

    name  of the profile: NET.STA, or what the site is called

    Raises DataFault when no file could be read.
    """
    observations: list[Observation] = []
    judgements = list(check(paths, tell=tell, observed=observations.append))
    return learn(observations, judgements, name=name)


def profile_of(path: Path, tell: Tell) -> Conduct:
    """The conduct profile in a file: TOML, or a table of conversations.

    Raises DataFault when it is none, WorldFault when it cannot be read.
    """
    data = b""
    for piece in pieces(path):
        if isinstance(piece, bytes):
            data += piece
        if len(data) > _MOST_PROFILE_BYTES:
            raise DataFault(str(path), f"more than {_MOST_PROFILE_BYTES >> 20} MiB are no profile", "")
    conduct, findings = read_conduct(data, str(path))
    for finding in findings:
        tell(finding)
    if conduct is None:
        reason = findings[0].reason if findings else "it is no conduct profile"
        raise DataFault(str(path), reason, "see docs/reference/conduct.md")
    return conduct
