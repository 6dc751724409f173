"""A case: the security findings that are one incident, with its versions."""

from dataclasses import dataclass

from houfeng.words.judgement import Judgement


@dataclass(frozen=True, slots=True)
class Case:
    """One incident, as far as it is known.

    case_id     number given when it was opened, from 1
    version     1, and one more with every finding that joins it
    judgements  its findings, in the order in which they were said
    """

    case_id: int
    version: int
    judgements: tuple[Judgement, ...]

    @property
    def parties(self) -> tuple[str, ...]:
        """Everybody accused in it, each once, the first first."""
        return tuple(dict.fromkeys(judgement.subject for judgement in self.judgements))

    @property
    def stations(self) -> tuple[str, ...]:
        """The stations concerned, each once, the first first."""
        return tuple(dict.fromkeys(judgement.station for judgement in self.judgements if judgement.station))
