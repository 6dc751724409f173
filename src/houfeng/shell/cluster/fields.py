"""Numbers and texts as bytes and back, no length believed before it is checked."""

import struct

from houfeng.words.errors import DataFault

#: Every message begins with this; another one is refused rather than guessed at.
VERSION = 1

_U8, _U16, _U32 = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<I")
_I64, _F64 = struct.Struct("<q"), struct.Struct("<d")


def u8(value: int) -> bytes:
    """One byte."""
    return _U8.pack(value)


def u16(value: int) -> bytes:
    """Two bytes, little-endian, like all that follow."""
    return _U16.pack(value)


def u32(value: int) -> bytes:
    """Four bytes."""
    return _U32.pack(value)


def i64(value: int) -> bytes:
    """Eight bytes, signed."""
    return _I64.pack(value)


def f64(value: float) -> bytes:
    """Eight bytes, IEEE 754, exact."""
    return _F64.pack(value)


def text(value: str) -> bytes:
    """UTF-8 behind its length; what is beyond 65,535 bytes is cut off."""
    content = value.encode("utf-8", "replace")[:0xFFFF]
    return _U16.pack(len(content)) + content


def blob(value: bytes) -> bytes:
    """Bytes behind their length."""
    return _U32.pack(len(value)) + value


class Fields:
    """Bytes read field by field. Raises DataFault naming the subject when they are not what was announced."""

    def __init__(self, data: bytes, subject: str) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._subject = subject
        if self.u8() != VERSION:
            raise self.fault("is of another version", "run the same release of Houfeng in all roles")

    def fault(self, reason: str, remedy: str = "") -> DataFault:
        """What is wrong with these bytes."""
        return DataFault(self._subject, reason, remedy)

    def u8(self) -> int:
        """One byte."""
        return int(_U8.unpack(self._take(1))[0])

    def u16(self) -> int:
        """Two bytes."""
        return int(_U16.unpack(self._take(2))[0])

    def u32(self) -> int:
        """Four bytes."""
        return int(_U32.unpack(self._take(4))[0])

    def i64(self) -> int:
        """Eight bytes, signed."""
        return int(_I64.unpack(self._take(8))[0])

    def f64(self) -> float:
        """Eight bytes, IEEE 754."""
        return float(_F64.unpack(self._take(8))[0])

    def text(self) -> str:
        """UTF-8 behind its length."""
        return bytes(self._take(self.u16())).decode("utf-8", "replace")

    def blob(self) -> bytes:
        """Bytes behind their length."""
        return bytes(self._take(self.u32()))

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def _take(self, count: int) -> memoryview:
        if count > self.left:
            raise self.fault("ends before it should")
        self._at += count
        return self._data[self._at - count : self._at]
