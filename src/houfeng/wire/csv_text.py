"""Write tables as CSV that no spreadsheet takes for a program."""

import csv
import io
from collections.abc import Iterable, Sequence


def write_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """Write rows, a line each, the header being the first. Reading gives numbers back exactly."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8")


def harmless(text: str) -> str:
    """Free text on one line, with an apostrophe before what a spreadsheet would take for a formula."""
    one_line = " ".join(text.splitlines())
    return f"'{one_line}" if one_line.startswith(("=", "+", "-", "@", "'", "\t")) else one_line
