"""What can go wrong, sorted by whose fault it is.

Bad data met in bulk comes back as Findings; these exceptions are for what stops the work at hand.
"""


class HoufengError(Exception):
    """Base of every error Houfeng raises on purpose.

    subject  the file, station or setting concerned
    reason   what happened, one sentence without the subject
    remedy   what to do next, or "" when there is nothing to do
    """

    def __init__(self, subject: str, reason: str, remedy: str = "") -> None:
        super().__init__(subject, reason, remedy)
        self.subject = subject
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.subject}: {self.reason}"
        return f"{text} ({self.remedy})" if self.remedy else text


class OurFault(HoufengError):
    """An invariant of Houfeng itself was broken."""


class PeerFault(HoufengError):
    """A remote party broke its protocol."""


class DataFault(HoufengError):
    """The bytes or numbers given do not mean what they should."""


class OutOfRange(DataFault):
    """A value lies outside the range its relation was made for."""


class WorldFault(HoufengError):
    """The world refused: a missing file, a full disk, a dead database, a wrong option."""
