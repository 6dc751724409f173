"""What the two kinds of capture files have in common: walked step by step, as records."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.eyes.frame_kernel import COOKED, COOKED_2, ETHERNET, NULL, RAW, UNREAD

#: The most that is captured of one frame: libpcap's own limit on the snapshot length (MAXIMUM_SNAPLEN).
LARGEST_FRAME_BYTES: Final = 262_144

#: Records given at a time: some megabytes of columns, and enough for a compiled pass to be worth its call.
MOST_RECORDS: Final = 32_768

#: Link types (www.tcpdump.org/linktypes.html) that are read. 12 and 14 are raw IP in files of some BSDs.
_READ: Final = {
    0: NULL, 1: ETHERNET, 12: RAW, 14: RAW, 101: RAW, 108: NULL, 113: COOKED, 228: RAW, 229: RAW, 276: COOKED_2,
}  # fmt: skip
#: Names of others that turn up.
_NAMES: Final = {
    6: "token ring", 9: "PPP", 50: "PPP with HDLC framing", 105: "IEEE 802.11", 127: "IEEE 802.11 radiotap",
    147: "user 0", 189: "USB", 192: "per-packet information", 195: "IEEE 802.15.4", 220: "USB", 239: "NFLOG",
    249: "USBPcap", 253: "netlink", 271: "virtual socket",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Walked:
    """A step through a file.

    records  [n, RECORD_WHOLES] of frame_kernel.py
    at       where the next step begins
    wants    how many bytes must be there from `at` on before the next step; 0 when it can be taken at once
    unread   link types that were announced and are not read
    fault    why nothing behind `at` can be read, "" when it can
    """

    records: NDArray[np.int64]
    at: int
    wants: int
    unread: tuple[int, ...] = ()
    fault: str = ""


class CaptureFile(Protocol):
    """A kind of capture file. It remembers what the file's headers said."""

    def walk(self, data: bytes, at: int, base: int) -> Walked:
        """Take one step.

        data, at  bytes of the file from somewhere on, and where in them to begin
        base      where in the file the data begins
        """
        ...


def link_kind(link_type: int) -> int:
    """How frames of a link type are read: one of the kinds of frame_kernel.py."""
    return _READ.get(link_type, UNREAD)


def link_name(link_type: int) -> str:
    """A link type for people."""
    name = _NAMES.get(link_type)
    return f"{link_type} ({name})" if name else str(link_type)
