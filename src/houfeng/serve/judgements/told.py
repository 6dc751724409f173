"""What the live guard says beside findings and trust, as lines of JSON: cases, and what is odd about its eyes."""

import json
from typing import Any

from houfeng.serve.judgements.lines import finding_id
from houfeng.serve.judgements.wording import plain
from houfeng.words.case import Case
from houfeng.words.finding import Finding
from houfeng.words.instant import format_instant


def write_case(case: Case) -> bytes:
    """A case in its new version, with the name of the finding that made it so."""
    latest = case.judgements[-1]
    return _line(
        {
            "case": case.case_id,
            "version": case.version,
            "time": format_instant(latest.time_ns),
            "findings": len(case.judgements),
            "parties": [plain(party) for party in case.parties],
            "stations": list(case.stations),
            "finding": finding_id(latest),
        }
    )


def write_odd(finding: Finding, now_ns: int) -> bytes:
    """What is odd about an eye, with the keys of findings.jsonl.

    now_ns  stands for its time where it has none
    """
    return _line(
        {
            "kind": finding.kind,
            "file": finding.file,
            "station": finding.station,
            "time": format_instant(now_ns if finding.time_ns is None else finding.time_ns),
            "reason": finding.reason,
        }
    )


def _line(told: dict[str, Any]) -> bytes:
    # In ASCII: a file's name may be no text at all.
    return json.dumps(told, allow_nan=False, separators=(",", ":")).encode() + b"\n"
