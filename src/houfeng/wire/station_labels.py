"""Which station a label in a pick file means, when it is not written as NET.STA."""

import re
from collections.abc import Iterable

#: NET_STA_LOC as real-time systems write it: AK_RC01_--, NP_8040_D0; the location may be missing.
_JOINED = re.compile(r"([A-Z0-9]{1,2})_([A-Z0-9]{1,5})(?:_([A-Z0-9]{2}|--))?")


def match_station_label(key: str, known: Iterable[str]) -> str | None:
    """Find the station a key means among those known; None rather than a guess.

    key    NET.STA as a pick has it; either part may hold the whole label (".AK_RC01_--") or be empty (".RC01")
    known  keys of the inventory, of the same forms

    Tried in order, each only counting when exactly one station answers: the same key; the same label with
    NET_STA_LOC taken apart; the same letters and digits once separators are dropped; the same station code where one
    of the two has no network.
    """
    keys = list(dict.fromkeys(known))
    if key in keys:
        return key
    for form in (_taken_apart, _squeezed):
        alike = [other for other in keys if form(other) == form(key)]
        if len(alike) == 1:
            return alike[0]
    network, _, code = key.partition(".")
    alike = [other for other in keys if other.partition(".")[2] == code and not (network and other.partition(".")[0])]
    return alike[0] if len(alike) == 1 else None


def _taken_apart(key: str) -> str:
    network, _, code = key.partition(".")
    match = _JOINED.fullmatch(code)
    return f"{match[1]}.{match[2]}" if match and network in ("", match[1]) else key


def _squeezed(key: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", key.upper())
