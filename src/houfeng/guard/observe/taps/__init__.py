"""Taps on payload: what two ends say to each other, as far as they say it in the clear.

A tap is asked for by the server's port, and that is all a port decides: where one listens. What is heard decides
whether it goes on; a tap that does not recognise its protocol sets done. Other ports can be given the same taps.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from houfeng.guard.observe.tap import TapFactory
from houfeng.guard.observe.taps.acquisition import Acquisition
from houfeng.guard.observe.taps.dns import Dns
from houfeng.guard.observe.taps.ftp import Ftp
from houfeng.guard.observe.taps.telnet import Telnet

__all__ = ["TAPS"]

#: Taps by the server's port as IANA assigns it; 16000 and 18000 as EarthScope's programs use them.
TAPS: Final[Mapping[int, TapFactory]] = MappingProxyType(
    {21: Ftp, 23: Telnet, 53: Dns, 16000: Acquisition, 18000: Acquisition}
)
