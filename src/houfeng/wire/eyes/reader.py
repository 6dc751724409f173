"""What every reader of an eye's file is: fed with bytes as they come, it gives what they say."""

from collections.abc import Iterable
from typing import Protocol

from houfeng.words.finding import Finding
from houfeng.words.network import Observation


class EyeReader(Protocol):
    """A reader of one file, in order, in pieces of any size, so that growing files can be followed.

    records  how many records were read so far, those left out not counted
    """

    records: int

    def read(self, data: bytes) -> Iterable[Observation | Finding]:
        """More of the file came."""
        ...

    def end(self) -> Iterable[Observation | Finding]:
        """No more will come: what was waiting is given or complained of."""
        ...
