"""Patterns of stations and streams: ? is one character, * any number. Standard library only.

Sources: SeedLink 4.0, "Pattern matching" and SELECT; the selectors of SeedLink 3, LLCCC.T.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

_STATION = re.compile(r"[A-Za-z0-9_?*-]{1,64}")
_STREAM = re.compile(r"(!?)([A-Za-z0-9_?*-]{1,64})(?:\.([A-Za-z0-9?*]{1,8}))?(?::([A-Za-z0-9_-]{1,32}))?")
_SELECTOR_3 = re.compile(r"(!?)(?:([A-Za-z0-9?-]{2})?([A-Za-z0-9?*]{3})|(\*))?(?:\.([DECOTL?*]))?")
_CHANNEL = re.compile(r"[A-Za-z0-9?]_[A-Za-z0-9?]_[A-Za-z0-9?]")
_TYPE_3 = re.compile(r"(!?)([DECOTL])")


@dataclass(frozen=True, slots=True)
class Selector:
    """Streams wanted, or with excludes those not wanted.

    stream  pattern of the stream id LOC_B_S_SS
    format  pattern that format and subformat must begin with, such as 2D
    """

    stream: str
    format: str = "*"
    excludes: bool = False

    def __str__(self) -> str:
        return f"{'!' * self.excludes}{self.stream}" + (f".{self.format}" if self.format != "*" else "")


def station_pattern(text: str) -> str:
    """A pattern of station ids NET_STA, as it is. Raises ValueError when it holds anything else."""
    if not _STATION.fullmatch(text):
        raise ValueError("a station has letters, digits, - and _, and ? or * for any")
    return text


def selector_of_v4(text: str) -> Selector:
    """Read one pattern of a version 4 SELECT, [!]STREAM[.FORMAT][:FILTER]. B_S_SS alone means any location.

    Raises ValueError when it is none, LookupError for a filter other than native, which is the only one there is:
    records pass as they are, since repacking would break what vouches for them.
    """
    match = _STREAM.fullmatch(text)
    if match is None or (match[1] and match[4]):
        raise ValueError("a selector is [!]STREAM[.FORMAT][:FILTER]")
    if match[4] not in (None, "native"):
        raise LookupError("the only filter is native")
    # No stream id is so short: people leave the location out, as the examples of client programs do.
    stream = f"*_{match[2]}" if _CHANNEL.fullmatch(match[2]) else match[2]
    return Selector(stream, match[3] or "*", excludes=bool(match[1]))


def selector_of_v3(text: str) -> Selector:
    """Read a version 3 selector: [!][LL]CCC[.T], * for every channel, or a type alone.

    -- for LL is the empty location. Raises ValueError for all else.
    """
    match = _TYPE_3.fullmatch(text)
    if match:
        return Selector("*", f"?{match[2]}", excludes=bool(match[1]))
    match = _SELECTOR_3.fullmatch(text)
    if match is None or not (match[3] or match[4] or match[5]):
        raise ValueError("a selector is [!][LL]CCC[.T]")
    location = "*" if match[2] is None else match[2].strip("-")
    stream = f"{location}_{'_'.join(match[3])}" if match[3] and "*" not in match[3] else "*"
    return Selector(stream, f"?{match[5]}" if match[5] else "*", excludes=bool(match[1]))


@lru_cache(maxsize=4096)
def matcher(pattern: str) -> Callable[[str], object]:
    """A test whether a text is what a pattern describes, whole; in time linear in both."""
    return re.compile(translate(pattern), re.ASCII).match


def selects(selectors: Iterable[Selector], stream_id: str, format_: str) -> bool:
    """Whether a stream is wanted: some selector takes it, or there is none that takes, and none excludes it."""
    taken, any_takes = False, False
    for selector in selectors:
        hit = matcher(selector.stream)(stream_id) and matcher(f"{selector.format}*")(format_)
        if selector.excludes:
            if hit:
                return False
        else:
            any_takes = True
            taken = taken or bool(hit)
    return taken or not any_takes
