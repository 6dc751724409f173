"""One verb of a sentence, as its table tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One verb: module:name of the function or class that does it, the words it takes and gives, and its question.

    What a stage hands to a judge it is given counts as given; what it wraps in a record counts by the record's fields.
    """

    verb: str
    door: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    question: str
