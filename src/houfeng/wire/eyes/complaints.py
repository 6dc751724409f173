"""What is odd about a file, told as it is read: the first of every kind one by one, the rest as a number at its end."""

from houfeng.wire.decoded import TOLD
from houfeng.words.finding import Finding


class Complaints:
    """The complaints about one file."""

    __slots__ = ("_counts", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: dict[str, int] = {}

    def tell(self, kind: str, reason: str) -> list[Finding]:
        """Complain: a finding, or none when TOLD of its kind were told already.

        reason  one sentence, with the place in the file
        """
        count = self._counts.get(kind, 0) + 1
        self._counts[kind] = count
        return [Finding(kind, reason, self._name)] if count <= TOLD else []

    def count(self, kind: str, more: int) -> None:
        """Count some more of a kind without telling."""
        self._counts[kind] = self._counts.get(kind, 0) + more

    def told_all(self, kind: str) -> bool:
        """Whether more of a kind are only counted."""
        return self._counts.get(kind, 0) >= TOLD

    def end(self) -> list[Finding]:
        """How many more of each kind there were."""
        return [
            Finding(kind, f"the same {count - TOLD} more times", self._name)
            for kind, count in self._counts.items()
            if count > TOLD
        ]
