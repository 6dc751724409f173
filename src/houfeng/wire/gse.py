"""GSE 1.0 and 2.0 waveforms: WID, STA, DAT and CHK lines, integers plain or packed six bits to a character.

Read here and not through ObsPy, whose unpacker (1.5.1) copies lines of any length into 83 bytes.
Source: GSE 2.0, CRP/243 (1995), chapter 5 and annex on compression; GSE 1.0, GSE/CRP/190 (1990).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.decoded import Recording
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

_BEGINNING: Final = re.compile(rb"(?:WID[12] |XW0[12]\s|BEGIN GSE)")

#: A line of packed samples may begin with CHK too, but holds no space.
_CHECK_LINE: Final = re.compile(r"CHK[12]\s+(-?\d+)\s*")

#: Characters in the order of their six-bit values; anything else is no packed sample.
_ALPHABET: Final = b"+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SIX_BITS: Final = np.full(256, -1, dtype=np.int64)
_SIX_BITS[list(_ALPHABET)] = np.arange(64)

#: Of six bits: more to come, and in the first character of a sample the sign.
_MORE, _SIGN = 32, 16

#: Characters of the longest sample: 4 + 6 * 5 bits hold any second difference of 32-bit samples.
_LONGEST: Final = 7

#: Check sums count modulo this.
_CHECK: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class _Header:
    source: SourceId
    start_ns: int
    rate_hz: float
    packing: str
    count: int


def is_gse(data: bytes) -> bool:
    """Whether the bytes begin like a GSE message with waveforms in it."""
    return _BEGINNING.match(data[:20]) is not None and re.search(rb"^WID[12] ", data, re.MULTILINE) is not None


def read_gse(data: bytes, name: str) -> Recording:
    """Read every waveform of a message. What is damaged or fails its check sum is left out, and told."""
    segments: list[Segment] = []
    findings: list[Finding] = []
    for block in re.split(rb"^(?=WID[12] )", data, flags=re.MULTILINE)[1:]:
        try:
            segments.append(_segment(block.decode("ascii").splitlines()))
        except (ValueError, OverflowError) as error:
            title = block[:42].decode("ascii", "replace")
            findings.append(Finding("bad-waveform", f"{title!r} is damaged: {error}", name))
    return Recording(tuple(segments), findings=tuple(findings))


def _segment(lines: list[str]) -> Segment:
    header = _HEADERS[lines[0][:4]](lines)
    begin = next((k for k, line in enumerate(lines) if line.startswith("DAT")), len(lines))
    checks = ((k, _CHECK_LINE.fullmatch(line)) for k, line in enumerate(lines) if k > begin)
    end, check = next((found for found in checks if found[1]), (len(lines), None))
    payload = lines[begin + 1 : end]
    if header.packing in {"CM6", "CMP6"}:
        samples = _unpack("".join(payload))
    elif header.packing in {"INT", "INTV"}:
        samples = np.array(" ".join(payload).split(), dtype=np.int64)
    else:
        raise ValueError(f"packed as {header.packing!r}, which is not read here")
    if not 0 < header.count <= len(samples):
        raise ValueError(f"{header.count} samples are promised, {len(samples)} are there")
    samples = samples[: header.count]
    if np.any(np.abs(samples) >= 2**31):
        raise ValueError("samples beyond 32 bits")
    if check:
        _check(samples, int(check[1]))
    return Segment(header.source, header.start_ns, header.rate_hz, samples.astype(np.int32))


def _header_2(lines: list[str]) -> _Header:
    line = lines[0]
    network = lines[1][5:14].strip() if lines[1:] and lines[1].startswith("STA2") else ""
    return _Header(
        SourceId(network, line[29:34].strip(), line[39:43].strip(), line[35:38].strip().upper()),
        parse_instant(f"{line[5:15].replace('/', '-')}T{line[16:28].strip()}"),
        _rate_hz(line[57:68]),
        line[44:48].strip(),
        int(line[48:56]),
    )


def _header_1(lines: list[str]) -> _Header:
    line = lines[0]
    day, hour, minute, second, millis = (int(line[a:b]) for a, b in ((10, 13), (14, 16), (17, 19), (20, 22), (23, 26)))
    if not (1 <= day <= 366 and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60 and 0 <= millis <= 999):
        raise ValueError("no such time")
    new_year_ns = parse_instant(f"{int(line[5:10]):04}-01-01")
    seconds = ((day - 1) * 24 + hour) * 3600 + minute * 60 + second
    return _Header(
        SourceId("", line[36:42].strip(), "", line[52:54].strip().upper()),
        new_year_ns + seconds * NS_PER_S + millis * NS_PER_S // 1000,
        _rate_hz(line[55:66]),
        line[74:78].strip(),
        int(line[27:35]),
    )


_HEADERS: Final[dict[str, Callable[[list[str]], _Header]]] = {"WID1": _header_1, "WID2": _header_2}


def _rate_hz(text: str) -> float:
    rate_hz = float(text)
    if not 0 < rate_hz <= 1e9:
        raise ValueError(f"a sampling rate of {rate_hz} Hz")
    return rate_hz


def _unpack(text: str) -> NDArray[np.int64]:
    """Samples of second differences packed six bits to a character."""
    bits = _SIX_BITS[np.frombuffer(text.replace(" ", "").encode("ascii"), dtype=np.uint8)]
    if np.any(bits < 0):
        raise ValueError("characters that no packing gives")
    more = (bits & _MORE) != 0
    ends = np.flatnonzero(~more)
    firsts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64) if len(ends) else ends
    length = ends - firsts + 1
    if np.any(length > _LONGEST):
        raise ValueError("a sample of more than 32 bits")
    value = bits[firsts] & (_SIGN - 1)
    for k in range(1, _LONGEST):
        longer = length > k
        value[longer] = value[longer] * _MORE + (bits[firsts[longer] + k] & (_MORE - 1))
    value = np.where(bits[firsts] & _SIGN, -value, value)
    return np.asarray(np.cumsum(np.cumsum(value)), dtype=np.int64)


def _check(samples: NDArray[np.int64], told: int) -> None:
    """Compare with the check sum. The true one drops multiples of 10^8 as they come up, which leaves two candidates."""
    rest = int(samples.sum()) % _CHECK
    if abs(told) not in {rest, (_CHECK - rest) % _CHECK}:
        raise ValueError("its check sum does not match")
