"""Which stamps of a capture are in line with their neighbours.

Captures are written as frames come in, so their stamps go forward, but for three things that are legitimate in any of
them: frames that changed places (by less than a minute: buffers of a capturing machine are emptied at least every
second), silence (a quiet link says nothing for hours or days), and a clock that was set, which it then stays. What
is damage is a lone stamp: it lies before or far behind the frame before it, and the frame after it takes up where
the one before left off. So no frame is judged without the next; nothing is known of the date of a capture, and a
file whose clock stands in 1970 throughout is in line with itself.

A stamp s between the believed one before, p, and the next, n, is

1. in line when it is near p;
2. out of line when n is near p;
3. in line when n is near s: the end of a silence, or a clock that was set;
4. otherwise, as in captures of a frame now and then, in line when it follows p, unless n follows p but not s.

Two lone stamps next to each other, a day ahead at the most, or at the very end of the file, cannot be told from
silence and are believed.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.words.instant import DAY_NS

#: Stamps this near to each other are neighbours, whichever comes first.
NEAR_NS: Final = 60_000_000_000
#: A silence lasts no longer in one capture: what was said a month later is another one appended to it.
SILENCE_NS: Final = 30 * DAY_NS
#: How many frames without any time a stamp waits for its neighbours, so that nobody can make it wait for ever.
PATIENCE: Final = 64

Instants = NDArray[np.int64]

#: No stamp was believed yet.
NOBODY: Final = -1


@njit(nogil=True, cache=True)
def judge_times(times_ns: Instants, believed_ns: int, last: bool, lone: NDArray[np.bool_]) -> tuple[int, int]:
    """Judge stamps in the order of the file.

    times_ns     negative where there is none, which is left alone
    believed_ns  the last one believed before, NOBODY at the beginning of a file
    last         whether the file ends here
    lone         out, True where a stamp is out of line

    Gives how many could be judged, the rest waits for more to come, and the last one believed.
    """
    count = len(times_ns)
    for i in range(count):
        stamp = times_ns[i]
        lone[i] = False
        if stamp < 0:
            continue
        if believed_ns == NOBODY or not _near(believed_ns, stamp):
            after = _next(times_ns, i + 1)
            wanted = after if believed_ns != NOBODY or after < 0 else _next(times_ns, after + 1)
            if wanted < 0 and not last and count - i <= PATIENCE:
                return i, believed_ns
            lone[i] = not _in_line(times_ns, believed_ns, stamp, after)
        if not lone[i]:
            believed_ns = stamp
    return count, believed_ns


@njit(nogil=True, cache=True)
def _in_line(times_ns: Instants, believed_ns: int, stamp: int, after: int) -> bool:
    if believed_ns == NOBODY:
        return _first_in_line(times_ns, stamp, after)
    follows = _follows(believed_ns, stamp)
    if after < 0:
        return follows
    following = times_ns[after]
    if _near(believed_ns, following):
        return False
    if _near(stamp, following):
        return True
    return follows and (_follows(stamp, following) or not _follows(believed_ns, following))


@njit(nogil=True, cache=True)
def _first_in_line(times_ns: Instants, stamp: int, after: int) -> bool:
    """The first stamp is a lone one when the next two agree with each other and it cannot come before them."""
    if after < 0 or _follows(stamp, times_ns[after]):
        return True
    third = _next(times_ns, after + 1)
    return third < 0 or _follows(stamp, times_ns[third]) or not _near(times_ns[after], times_ns[third])


@njit(nogil=True, cache=True)
def _next(times_ns: Instants, start: int) -> int:
    for k in range(start, len(times_ns)):
        if times_ns[k] >= 0:
            return k
    return -1


@njit(nogil=True, cache=True)
def _near(one_ns: int, other_ns: int) -> bool:
    return abs(one_ns - other_ns) <= NEAR_NS


@njit(nogil=True, cache=True)
def _follows(first_ns: int, second_ns: int) -> bool:
    return -NEAR_NS <= second_ns - first_ns <= SILENCE_NS
