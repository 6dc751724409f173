"""Files of eyes as pieces of bytes, unpacked where they are packed.

What is inside a packed file may be far larger than the file: unpacking goes on in bounded pieces, and stops at a bound
and says so.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding

#: Read at once, and unpacked at once.
CHUNK_BYTES: Final = 1 << 20

#: A packed file may hold this many times its size: logs pack 10 to 30 times, and 1,000 is what nothing but zeros does.
MOST_RATIO: Final = 200
#: What any packed file may hold, however small it is.
LEAST_UNPACKED_BYTES: Final = 64 << 20


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self.eof = False
        self.rest = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield self._stream.decompress(data, CHUNK_BYTES)
            data = self._stream.unconsumed_tail
        self.eof, self.rest = self._stream.eof, self._stream.unused_data


class _Other:
    def __init__(self, stream: "bz2.BZ2Decompressor | lzma.LZMADecompressor") -> None:
        self._stream = stream
        self.eof = False
        self.rest = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data, CHUNK_BYTES)
        while not self._stream.eof and not self._stream.needs_input:
            yield self._stream.decompress(b"", CHUNK_BYTES)
        self.eof, self.rest = self._stream.eof, self._stream.unused_data


_PACKED: Final[Mapping[bytes, Callable[[], _Gzip | _Other]]] = {
    b"\x1f\x8b": _Gzip,
    b"BZh": lambda: _Other(bz2.BZ2Decompressor()),
    b"\xfd7zXZ": lambda: _Other(lzma.LZMADecompressor(memlimit=256 << 20)),
}


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so is packed in a way that is read."""
    return head.startswith(tuple(_PACKED))


def pieces(path: Path) -> Iterator[bytes | Finding]:
    """The bytes of a file, in pieces; what is odd about its packing as findings.

    Raises WorldFault when it cannot be opened or read; DataFault when it is packed in a way that is not read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(6)
            file.seek(0)
            if head[:4] == b"\x28\xb5\x2f\xfd":
                raise DataFault(str(path), "packed with zstd, which is not read", "unpack it first: zstd -d")
            start = next((start for name, start in _PACKED.items() if head.startswith(name)), None)
            chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
            yield from chunks if start is None else _unpacked(chunks, start, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WorldFault(str(path), f"cannot be read: {reason}", "check the path and its permissions") from error


def _unpacked(chunks: Iterator[bytes], start: Callable[[], _Gzip | _Other], path: Path) -> Iterator[bytes | Finding]:
    most = max(LEAST_UNPACKED_BYTES, MOST_RATIO * path.stat().st_size)
    given = 0
    try:
        for unpacked in _members(chunks, start):
            given += len(unpacked)
            if given > most:
                reason = f"it unpacks to more than {MOST_RATIO} times its size; read up to {most >> 20} MiB"
                yield Finding("unpacks-too-large", reason, file=str(path))
                return
            yield unpacked
    except (EOFError, lzma.LZMAError, zlib.error, OSError, ValueError) as error:
        yield Finding("broken-packing", f"packed data break after {given} bytes: {str(error)[:80]}", file=str(path))


def _members(chunks: Iterator[bytes], start: Callable[[], _Gzip | _Other]) -> Iterator[bytes]:
    """What packed files joined end to end hold, as logrotate makes them. Raises EOFError when the last is cut."""
    unpacker, inside = start(), False
    for chunk in chunks:
        data = chunk
        while data:
            yield from unpacker.unpack(data)
            data, inside = b"", not unpacker.eof
            if unpacker.eof:
                data, unpacker = unpacker.rest.lstrip(b"\0"), start()
    if inside:
        raise EOFError("they are cut")
