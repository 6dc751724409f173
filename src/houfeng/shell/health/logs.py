"""What a running centre says on its error stream: one line each, no secrets, nothing that steers a terminal."""

import json
import logging
import re
import sys
from typing import IO, Literal

from houfeng.words.finding import Finding
from houfeng.words.instant import format_instant

#: The logger above all of Houfeng's.
NAME = "houfeng"

#: A message longer than this, in characters, is cut: one line from outside must not fill the disk.
LONGEST = 4096

#: A word shorter than this is not hidden: it would tear holes into every line.
SHORTEST_SECRET = 4

HIDDEN = "***"

#: Where secrets stand even when nobody said which they are: user:password@ in addresses, logins, bearers.
_TELLING = re.compile(
    r"(?P<address>://[^\s/:@]*:)[^\s@]+(?=@)"
    r"|(?P<login>\bAUTH\s+(?:USERPASS\s+\S+|JWT)\s+|\bAuthorization:\s*\S+\s+|\bBearer\s+)\S+"
    r"|(?P<named>\b(?:password|passwd|token|secret)\s*[=:]\s*)\S+",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Text on one line, with all escaped that is not to be seen: a terminal or a reader of lines may obey it."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


class Redactor:
    """Hides secrets: those it was told, and those that stand where secrets stand."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def hide(self, secret: str) -> None:
        """From now on, show *** wherever this stands. Words too short to be secrets are left alone."""
        if len(secret) >= SHORTEST_SECRET:
            # Longest first, so that no part of one shows beside another that it holds.
            self._secrets = tuple(sorted({*self._secrets, secret}, key=lambda text: (-len(text), text)))

    def __call__(self, text: str) -> str:
        """The text with *** for every secret."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _TELLING.sub(lambda found: f"{found['address'] or found['login'] or found['named']}{HIDDEN}", text)


class Lines(logging.Formatter):
    """Log records as lines for people, or as JSON lines."""

    def __init__(self, form: Literal["lines", "json"], redactor: Redactor) -> None:
        super().__init__()
        self._json = form == "json"
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """One record, on one line; of a fault nobody foresaw, its trace on the lines below."""
        told = {
            "time": format_instant(round(record.created * 1e6) * 1000),
            "level": record.levelname.lower(),
            "from": plain(record.name),
            "message": self._clean(_message(record)),
        }
        trace = [self._clean(line) for line in self._trace(record)]
        if self._json:
            return json.dumps(told | ({"trace": trace} if trace else {}), ensure_ascii=False)
        head = f"{told['time']} {told['level']:<7} {told['message']}"
        return "\n".join([head, *(f"    | {line}" for line in trace)])

    def _trace(self, record: logging.LogRecord) -> list[str]:
        return self.formatException(record.exc_info).splitlines() if record.exc_info else []

    def _clean(self, text: str) -> str:
        # Hidden before it is cut, so that no half of a secret is left; escaped last, so that no secret is missed.
        hidden = self._redactor(text)
        return plain(hidden if len(hidden) <= LONGEST else f"{hidden[:LONGEST]}... {len(hidden)} characters")


def start_logging(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["lines", "json"],
    redactor: Redactor,
    stream: IO[str] | None = None,
) -> logging.Logger:
    """Say from now on what is of this level and graver; called again, with another level or form.

    stream  the error stream when left out

    Libraries are heard from warnings on. Returns Houfeng's logger; the handler is the root's, and its only one.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(Lines(form, redactor))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logger = logging.getLogger(NAME)
    logger.setLevel(level.upper())
    # A handler that fails prints what it was given, secrets and all.
    logging.raiseExceptions = False
    return logger


def log_finding(logger: logging.Logger, finding: Finding) -> None:
    """Say a finding as a warning."""
    where = " ".join(word for word in (finding.station, finding.file) if word)
    logger.warning("%s: %s%s", finding.kind, f"{where}: " if where else "", finding.reason)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit: said as they are, rather than lost
        return f"{record.msg} {record.args}"
