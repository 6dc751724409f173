"""The words of a finding, filled with what it is about.

What comes from outside (addresses claimed, names, users) is shown bounded and with nothing a terminal or a page would
act on.
"""

from houfeng.guard.judge.rules import all_rules
from houfeng.words.judgement import Judgement

#: A fact is shown up to so many characters: a name of the DNS has 253, and more is somebody's play.
MOST_SHOWN = 80


def reason_of(judgement: Judgement, language: str = "en") -> str:
    """One sentence that says what was found, "en" or "zh"."""
    filled = {name: plain(value) for name, value in judgement.facts}
    words = all_rules()[judgement.detector].reason[language]
    return words.format(subject=plain(judgement.subject), peer=plain(judgement.peer), **filled)


def refuted_by(judgement: Judgement, language: str = "en") -> str:
    """One sentence that says what would show it to be harmless, "en" or "zh"."""
    filled = {name: plain(value) for name, value in judgement.facts}
    words = all_rules()[judgement.detector].refuted_by[language]
    return words.format(subject=plain(judgement.subject), peer=plain(judgement.peer), **filled)


def plain(text: str) -> str:
    """Text from outside as it can be shown: printable, at most MOST_SHOWN characters, nothing to act on."""
    shown = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text[: MOST_SHOWN + 1])
    return shown if len(shown) <= MOST_SHOWN else shown[: MOST_SHOWN - 1] + "…"
