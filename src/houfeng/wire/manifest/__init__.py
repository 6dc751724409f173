"""Signed data: what a station says about its records, as bytes, proofs and header-only miniSEED 3 records.

The format is docs/reference/manifest.md. Standard library and cryptography only: a station's agent runs this too.
"""

from houfeng.wire.manifest.body import (
    Line,
    Lines,
    Statement,
    body_of,
    front_of,
    lines_of,
    statement_of,
    written_channel,
)
from houfeng.wire.manifest.carrier import carried, carried_if_any, carry, is_carrier, source_in, source_of, statement_in
from houfeng.wire.manifest.chain import Chain, opening
from houfeng.wire.manifest.head import Names, RecordHead, fields_of, head_of, name_of
from houfeng.wire.manifest.proof import keyed, mac_holds, maced, session_key, signature_holds, signed
from houfeng.wire.manifest.values import Clock, ClockState, Manifest, Name, Opening, Signature

__all__ = [
    "Chain",
    "Clock",
    "ClockState",
    "Line",
    "Lines",
    "Manifest",
    "Name",
    "Names",
    "Opening",
    "RecordHead",
    "Signature",
    "Statement",
    "body_of",
    "carried",
    "carried_if_any",
    "carry",
    "fields_of",
    "front_of",
    "head_of",
    "is_carrier",
    "keyed",
    "lines_of",
    "mac_holds",
    "maced",
    "name_of",
    "opening",
    "session_key",
    "signature_holds",
    "signed",
    "source_in",
    "source_of",
    "statement_in",
    "statement_of",
    "written_channel",
]
