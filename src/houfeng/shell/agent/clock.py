"""What the station's computer knows of its own clock: whether it follows a reference, and how closely.

Two sources: the kernel (adjtimex, which every time program steers) and chrony's own account of itself.
"""

import ctypes
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

_NS_PER_US = 1_000
_NS_PER_S = 1_000_000_000

#: STA_UNSYNC of <sys/timex.h>: nobody steers the clock, or nobody has for long.
_STA_UNSYNC = 0x0040

#: TIME_ERROR of <sys/timex.h>, what adjtimex answers when the clock is not to be trusted.
_TIME_ERROR = 5

#: chronyc answers at once or not at all.
_CHRONYC_LIMIT_S = 2.0

#: Fields of `chronyc -c tracking` (chronyc(1)): offset of the system clock, root delay, root dispersion, leap status.
_OFFSET, _DELAY, _DISPERSION, _LEAP = 4, 10, 11, 13


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What a clock's keeper says of it.

    synchronised  whether it follows a reference; None when nobody can say
    error_ns      most it may be wrong by, None when nobody can say
    """

    synchronised: bool | None
    error_ns: int | None


UNKNOWN = ClockReading(None, None)

ClockSource = Callable[[], ClockReading]


class _Timeval(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """struct timex of the C library, adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        # What follows is not read; it is room for what the kernel writes.
        ("rest", ctypes.c_long * 32),
    )


def of_kernel() -> ClockReading:
    """Ask the kernel, which changes nothing. UNKNOWN where the C library has no adjtimex."""
    ask = getattr(ctypes.CDLL(None), "adjtimex", None)
    if ask is None:
        return UNKNOWN
    timex = _Timex()
    state = int(ask(ctypes.byref(timex)))
    if state < 0:
        return UNKNOWN
    synchronised = state != _TIME_ERROR and not timex.status & _STA_UNSYNC
    return ClockReading(synchronised, int(timex.maxerror) * _NS_PER_US if synchronised else None)


def of_chrony() -> ClockReading:
    """Ask the chrony daemon beside us. UNKNOWN when there is none or it says nothing that can be read."""
    command = ("chronyc", "-n", "-c", "tracking")
    try:
        told = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, check=True, timeout=_CHRONYC_LIMIT_S, env={"PATH": os.defpath, "LC_ALL": "C"}
        )
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return reading_of_tracking(told.stdout.decode("ascii", "replace"))


def reading_of_tracking(text: str) -> ClockReading:
    """Read what `chronyc -c tracking` says. UNKNOWN when it cannot be read."""
    fields = text.strip().split(",")
    try:
        # chrony's own bound on the error: offset + dispersion + half the delay (chrony FAQ, "maximum error").
        error_s = abs(float(fields[_OFFSET])) + float(fields[_DISPERSION]) + float(fields[_DELAY]) / 2
        error_ns = round(error_s * _NS_PER_S)
        leap = fields[_LEAP]
    except (IndexError, ValueError, OverflowError):
        return UNKNOWN
    synchronised = leap in {"Normal", "Insert second", "Delete second"}
    return ClockReading(synchronised, error_ns if synchronised else None)


def nobody() -> ClockReading:
    """Say nothing: for a station whose clock nobody keeps."""
    return UNKNOWN


#: What the settings may name.
SOURCES: dict[str, ClockSource] = {"kernel": of_kernel, "chrony": of_chrony, "none": nobody}
