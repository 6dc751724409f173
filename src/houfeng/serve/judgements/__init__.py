"""Security findings for people and programs: their words in English and Chinese, lines of JSON."""

from houfeng.serve.judgements.lines import finding_id, write_line
from houfeng.serve.judgements.told import write_case, write_odd
from houfeng.serve.judgements.trust_lines import read_trust, write_trust
from houfeng.serve.judgements.wording import reason_of, refuted_by

__all__ = [
    "finding_id", "read_trust", "reason_of", "refuted_by", "write_case", "write_line", "write_odd", "write_trust",
]  # fmt: skip
