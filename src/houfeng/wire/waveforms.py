"""Waveform files of any format: which it is, the samples, and the stations it tells of.

Every format is read from bytes in memory. Nothing is unpacked, nothing is opened by a name found in the bytes.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from houfeng.wire import gse, mseed, obspy_waveforms, openeew, shake, strongmotion
from houfeng.wire.decoded import Decoded, Recording, batches_of, keep_finite, sum_up
from houfeng.wire.mseed.recognise import begins_with_record, holds_records
from houfeng.wire.mseed.records import Buffer
from houfeng.words.errors import DataFault
from houfeng.words.station import Station

_MSEED: Final = "mseed"

#: Readers of our own, tried in this order; ObsPy is asked where none of them knows the bytes.
_READERS: Final[dict[str, tuple[Callable[[bytes], bool], Callable[[bytes, str], Recording]]]] = {
    "openeew": (openeew.is_openeew, openeew.read_openeew),
    "shake": (shake.is_shake, shake.read_shake),
    "gse": (gse.is_gse, gse.read_gse),
    **strongmotion.READERS,
}

_KNOWN: Final = "miniSEED, SAC, GSE, K-NET and KiK-net, AH, Reftek 130, Kinemetrics EVT, GCF, ASCII, strong-motion text"

#: First bytes of what is packed, and its name. Packed files are refused: how large they grow is up to their maker.
_PACKED: Final = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7-zip",
    b"Rar!": "rar",
}

#: Where the magic word of a tar archive stands (POSIX.1-1988, ustar).
_TAR_MAGIC: Final = slice(257, 262)


def sniff(data: Buffer, name: str) -> str:
    """Tell the format of a waveform file: "mseed", "openeew", "shake", "csmip", ... or ObsPy's own name, as "SAC".

    data  the whole file, or a map of it; of miniSEED no more than the beginning is touched
    name  what to call it in the error

    Raises DataFault when there is nothing in it, it is packed, or its format is not known.
    """
    if begins_with_record(data):
        return _MSEED
    data = bytes(data)
    _refuse_hopeless(data, name)
    for format_name, (knows, _) in _READERS.items():
        if knows(data):
            return format_name
    known = obspy_waveforms.format_of(data)
    if known:
        return known
    if holds_records(data):  # with something else in front
        return _MSEED
    raise DataFault(name, "is in no waveform format known here", f"known are {_KNOWN}")


def read_waveforms(data: bytes, name: str) -> Decoded:
    """Read the samples of a waveform file of any format sniff() knows.

    data  the whole file
    name  named in findings and errors

    Raises DataFault when nothing at all can be made of the file. Damaged parts of it come back as findings.
    """
    format_name = sniff(data, name)
    if format_name == _MSEED:
        return mseed.decode(data, file=name)
    recording = _record(data, name, format_name)
    batches, findings = [], list(recording.findings)
    for batch in batches_of(recording.segments):
        kept, not_finite = keep_finite(batch, name)
        findings.extend(not_finite)
        if len(kept):
            batches.append(kept)
    return Decoded(tuple(batches), sum_up(findings, name))


def stations_from_waveforms(data: bytes, name: str) -> tuple[Station, ...]:
    """Read the stations a waveform file tells of, with position, orientation and sensitivity where it says them.

    Only formats that describe themselves have any: K-NET and KiK-net, SAC, strong-motion text. Others give none.
    Raises DataFault as read_waveforms() does.
    """
    format_name = sniff(data, name)
    return () if format_name == _MSEED else _record(data, name, format_name).stations


def _record(data: bytes, name: str, format_name: str) -> Recording:
    try:
        if format_name in _READERS:
            return _READERS[format_name][1](data, name)
        return obspy_waveforms.read(data, name, format_name)
    except DataFault:
        raise
    except Exception as error:  # readers of text and ObsPy fail in every way there is
        raise DataFault(name, f"cannot be read as {format_name}: {_plain(error)}") from error


def _plain(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return text or type(error).__name__


def _refuse_hopeless(data: bytes, name: str) -> None:
    if not data:
        raise DataFault(name, "is empty")
    for magic, kind in _PACKED.items():
        if data.startswith(magic):
            raise DataFault(name, f"is packed ({kind})", "unpack it and give the files inside")
    if data[_TAR_MAGIC] == b"ustar":
        raise DataFault(name, "is packed (tar)", "unpack it and give the files inside")
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise DataFault(name, "is a web page, not waveforms", "look at the page: it may say why the data were refused")
    if start.startswith(b"<?xml"):
        raise DataFault(name, "is XML, not waveforms")
    if not np.frombuffer(data, dtype=np.uint8).any():
        raise DataFault(name, "holds nothing but zeros")
