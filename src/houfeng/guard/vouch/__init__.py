"""Vouching: which records are a station's own, by what it signed, before they count.

Beside the stage for a running centre stands what a third party needs: an hour verified from records and a public key.
"""

from houfeng.guard.vouch.memory import Memory, memory_bytes, memory_of
from houfeng.guard.vouch.offline import Report, Second, verify_offline
from houfeng.guard.vouch.stage import KINDS, Vouch

__all__ = [
    "KINDS",
    "Memory",
    "Report",
    "Second",
    "Vouch",
    "memory_bytes",
    "memory_of",
    "verify_offline",
]
