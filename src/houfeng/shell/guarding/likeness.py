"""What a file holds, unpacked, for telling whether it is a copy of another."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from houfeng.shell.guarding.followed import HEAD_BYTES
from houfeng.shell.guarding.opening import pieces


def head_of(path: Path) -> bytes:
    """How what is in a file begins, unpacked."""
    head = b""
    for chunk in pieces(path):
        if isinstance(chunk, bytes):
            head += chunk[:HEAD_BYTES]
        if len(head) >= HEAD_BYTES:
            break
    return head[:HEAD_BYTES]


def hash_up_to(path: Path, lengths: Sequence[int], hashes: dict[int, bytes]) -> Iterator[None]:
    """Hash what is in a file up to each of some lengths that it has, and up to its end, a piece at a time."""
    hashing, done, wanted = hashlib.blake2b(), 0, list(lengths)
    for chunk in pieces(path):
        if not isinstance(chunk, bytes):
            continue
        at = 0
        while wanted and wanted[0] <= done + len(chunk):
            hashing.update(chunk[at : wanted[0] - done])
            at = wanted[0] - done
            hashes[wanted.pop(0)] = hashing.digest()
        hashing.update(chunk[at:])
        done += len(chunk)
        yield
    hashes[done] = hashing.digest()
