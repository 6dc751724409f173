"""What a SeedLink server sends, version 3 and 4: lines of text, and packets with records in them.

Source: SeedLink 4.0, FDSN, "Packet format"; version 3 as SeisComP and libslink speak it.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final

from houfeng.wire.eyes.stream_names import HEAD_BYTES, channel_of_record

#: Version 3: SL, six hexadecimal digits of a sequence or INFO, then a record of 512 bytes, always.
_HEADER_3: Final = re.compile(rb"SL(?:[0-9A-Fa-f]{6}|INFO[ *]{2})")
_HEADER_3_BYTES: Final = 8
_RECORD_3_BYTES: Final = 512

#: Version 4: SE, format and subformat, length of the payload, sequence, length of the station id.
_HEADER_4: Final = struct.Struct("<2s2sIQB")

#: Longest payload believed: the longest record, LONGEST_3 of wire/mseed/layout.py, and what INFO says of a nation.
_MOST_PAYLOAD: Final = 64 << 20

#: Longest line of text; CAT has one a station, HELLO two.
_MOST_LINE: Final = 4096

#: Bytes searched for a packet before giving up: many times the longest record in use.
_MOST_SEARCHED: Final = 1 << 20

#: Begin of a packet with a record, wherever it stands.
_ANYWHERE: Final = re.compile(rb"SL[0-9A-Fa-f]{6}|SE[23][A-Z]")


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text without its end."""

    line: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A packet that is to hold a record, complete. Answers to INFO are left out.

    channel      that its record names, "" when what it holds is no record
    count_bytes  of the record
    """

    channel: str
    count_bytes: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """The bytes are of no SeedLink server."""


class ServerSide:
    """Bytes of a server in, lines and packets out. Bytes split anywhere give the same.

    Lengths are not believed beyond skipping: at most a header and one line are kept.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._left = 0
        self._packet: Record | None = None
        self._searching = False
        self._searched = 0

    def lost(self) -> None:
        """Bytes are missing: from now on look for the next packet."""
        self._held.clear()
        self._left, self._packet = 0, None
        self._searching, self._searched = True, 0

    def take(self, data: bytes) -> list[Text | Record | Nothing]:
        """More came."""
        out: list[Text | Record | Nothing] = []
        self._held += data
        while self._step(out):
            pass
        return out

    def _step(self, out: list[Text | Record | Nothing]) -> bool:
        """Cut the next thing off what is held; whether there was enough for it."""
        held = self._held
        if self._left:
            here = min(self._left, len(held))
            del held[:here]
            self._left -= here
            if self._left:
                return False
        if self._packet is not None:
            out.append(self._packet)
            self._packet = None
        if not held:
            return False
        if self._searching:
            return self._search(out)
        if held[:2] == b"SL":
            return self._begin_3()
        if held[:2] == b"SE":
            return self._begin_4()
        return self._text(out)

    def _text(self, out: list[Text | Record | Nothing]) -> bool:
        held = self._held
        if b"END".startswith(held[:3]):
            # The end of a dial-up session has no line end of its own.
            if len(held) < 3:
                return False
            del held[:3]
            out.append(Text(b"END"))
            return True
        end = held.find(b"\n", 0, _MOST_LINE)
        if end < 0:
            if len(held) <= _MOST_LINE:
                return False
            return self._adrift()
        out.append(Text(bytes(held[:end]).rstrip(b"\r")))
        del held[: end + 1]
        return True

    def _begin_3(self) -> bool:
        held = self._held
        if len(held) < _HEADER_3_BYTES:
            return False
        if _HEADER_3.match(held) is None:
            return self._adrift()
        return self._begin(_HEADER_3_BYTES, _RECORD_3_BYTES, named=held[2:6] != b"INFO")

    def _begin_4(self) -> bool:
        held = self._held
        if len(held) < _HEADER_4.size:
            return False
        _, format_, length, _, name_bytes = _HEADER_4.unpack_from(held)
        if length > _MOST_PAYLOAD:
            return self._adrift()
        return self._begin(_HEADER_4.size + name_bytes, length, named=format_[:1] in {b"2", b"3"})

    def _begin(self, header_bytes: int, payload_bytes: int, *, named: bool) -> bool:
        """A packet begins: wait for the head of its record, then skip to its end."""
        held = self._held
        head_bytes = min(payload_bytes, HEAD_BYTES)
        if len(held) < header_bytes + head_bytes:
            return False
        if named:
            head = bytes(held[header_bytes : header_bytes + head_bytes])
            self._packet = Record(channel_of_record(head), payload_bytes)
        self._left = header_bytes + payload_bytes
        return True

    def _adrift(self) -> bool:
        """What is held is nothing a server sends: look for a packet behind its first byte."""
        del self._held[:1]
        self._searching, self._searched = True, 0
        return True

    def _search(self, out: list[Text | Record | Nothing]) -> bool:
        """Look for a packet with a record in it, at which to go on."""
        held = self._held
        # What is kept could be the beginning of a header.
        at = max(len(held) - _HEADER_4.size, 0)
        for match in _ANYWHERE.finditer(bytes(held)):
            whole = self._begins_at(match.start())
            if whole is None:
                at = match.start()
                break
            if whole:
                del held[: match.start()]
                self._searching = False
                return True
        self._searched += at
        del held[:at]
        if self._searched > _MOST_SEARCHED:
            out.append(Nothing())
        return False

    def _begins_at(self, at: int) -> bool | None:
        """Whether a packet begins there, None when more is needed to tell."""
        held = self._held
        header_bytes = _HEADER_3_BYTES
        if held[at + 1 : at + 2] == b"E":
            if len(held) < at + _HEADER_4.size:
                return None
            header_bytes = _HEADER_4.size + held[at + _HEADER_4.size - 1]
        if len(held) < at + header_bytes + HEAD_BYTES:
            return None
        return channel_of_record(bytes(held[at + header_bytes : at + header_bytes + HEAD_BYTES])) != ""
