"""Recordings of eyes judged: files in, findings out; and profiles learned from clean ones."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from houfeng.guard.conduct.document import read_conduct
from houfeng.guard.conduct.learn import Learned, learn
from houfeng.shell.guarding.opening import pieces
from houfeng.shell.guarding.reading import Tell, server_logs, sights
from houfeng.shell.guarding.thinking import Thinking
from houfeng.words.conduct import Conduct
from houfeng.words.errors import DataFault
from houfeng.words.judgement import Judgement
from houfeng.words.network import Observation

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
    thinking = Thinking(conducts, server_logs(paths), tell=tell, observed=observed)
    for sight in sights(paths, tell):
        yield from thinking.handle(sight)
    yield from thinking.end()


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
