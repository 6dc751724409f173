"""A security finding as one line of JSON, always the same keys in the same order."""

import hashlib
import json

from houfeng.guard.judge.rules import all_rules
from houfeng.serve.judgements.wording import plain, reason_of, refuted_by
from houfeng.words.instant import format_instant
from houfeng.words.judgement import Judgement

#: Hexadecimal digits of a finding's name: 48 bits, so that a million findings share none but by a chance of 1 in 500.
_ID_DIGITS = 12


def write_line(judgement: Judgement, language: str = "en") -> bytes:
    """The line, with its end.

    language  "en" or "zh", of reason and refuted_by
    """
    told = {
        "time": format_instant(judgement.time_ns),
        "until": format_instant(judgement.until_ns),
        "detector": judgement.detector,
        "subject": plain(judgement.subject),
        "peer": plain(judgement.peer),
        "station": judgement.station,
        "severity": judgement.severity,
        "probability": round(judgement.probability, 4),
        "technique": all_rules()[judgement.detector].technique,
        "reason": reason_of(judgement, language),
        "evidence": [{"eye": plain(seen.eye), "line": seen.line} for seen in judgement.evidence],
        "refuted_by": refuted_by(judgement, language),
        "facts": {name: plain(value) for name, value in judgement.facts},
        "id": finding_id(judgement),
    }
    return json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def finding_id(judgement: Judgement) -> str:
    """A name for the finding that follows from it alone: the same finding has the same name wherever it is made."""
    what = (judgement.detector, judgement.time_ns, judgement.until_ns, judgement.subject, judgement.peer)
    return hashlib.sha256(repr((*what, judgement.station)).encode()).hexdigest()[:_ID_DIGITS]
