"""Strong-motion text formats: acceleration with a header that says where and when.

All are given as float64 in m/s2, so that the sensitivity of every channel is 1.
"""

from collections.abc import Callable
from typing import Final

from houfeng.wire.decoded import Recording
from houfeng.wire.strongmotion import csmip, cwb, gns, jma

#: By name: whether bytes are in that format, and its reader.
READERS: Final[dict[str, tuple[Callable[[bytes], bool], Callable[[bytes, str], Recording]]]] = {
    "csmip": (csmip.is_csmip, csmip.read_csmip),
    "gns": (gns.is_gns, gns.read_gns),
    "cwb": (cwb.is_cwb, cwb.read_cwb),
    "jma": (jma.is_jma, jma.read_jma),
}
