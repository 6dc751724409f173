"""Which format an eye's file has, told by its first bytes."""

import re
from typing import Final

#: First bytes of binary formats. pcap in either byte order, with microseconds or nanoseconds (draft-ietf-opsawg-pcap);
#: pcapng's section header block (draft-ietf-opsawg-pcapng); nfdump's 0xA50C in either order; RFC 1952; bzip2 and xz
#: file formats; RFC 8878.
_MAGICS: Final = (
    (b"\xd4\xc3\xb2\xa1", "pcap"),
    (b"\xa1\xb2\xc3\xd4", "pcap"),
    (b"\x4d\x3c\xb2\xa1", "pcap"),
    (b"\xa1\xb2\x3c\x4d", "pcap"),
    (b"\x0a\x0d\x0d\x0a", "pcapng"),
    (b"\x0c\xa5", "nfdump"),
    (b"\xa5\x0c", "nfdump"),
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_BZIP2: Final = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")

#: What a line of text begins with, or holds when it is JSON. The order matters: Suricata's events may hold any text.
_LINES: Final = (
    ("zeek", re.compile(rb"#(?:separator|fields)[ \t]")),
    ("frame-table", re.compile(rb"t_utc_s,len,eth_src(?:,|$)")),
    ("rate-table", re.compile(rb"second_utc_s,")),
    ("argus", re.compile(rb"StartTime,Dur,Proto,SrcAddr,")),
    ("eve", re.compile(rb'\{(?=.*"timestamp"\s*:)(?=.*"event_type"\s*:)')),
    ("ringserver-log", re.compile(rb'\{(?=.*"log_time"\s*:)(?=.*"service"\s*:)(?=.*"client"\s*:)')),
    ("ringserver-log", re.compile(rb'\{"kind":"[a-z_-]+","time_ns":\d')),  # of Houfeng's own SeedLink server
    ("zeek-json", re.compile(rb'\{(?=.*"ts"\s*:\s*["\d])')),
    # RFC 3164, section 4.1.2, and RFC 5424, section 6, with or without priority; as rsyslog writes both to files.
    (
        "auth-log",
        re.compile(
            rb"(?:<\d{1,3}>)?(?:1 )?(?:[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,24}) "
            rb"[\w.:-]{1,255} [\w./()@-]{1,128}(?:\[\d+\]:|:| \d+ )",
        ),
    ),
)

#: A row of a Zeek log whose header is lost: seconds, then columns.
_ZEEK_ROW: Final = re.compile(rb"\d{1,10}\.\d{6}\t[^\t]+\t")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

#: Lines that are looked at: the first may be torn where a log was rotated, or empty.
_LOOKED_AT: Final = 8

#: How much of a line is looked at. Suricata and Zeek write the telling keys first.
_LINE_BYTES: Final = 4096


def recognise(first_bytes: bytes, name: str) -> str:
    """Tell the format of an eye's file.

    first_bytes  the beginning, or all of it; 4096 bytes are enough
    name         of the file. It decides nothing but one thing: rows without header in what is called .log or .labeled
                 are taken to be Zeek's, whose reader then says what is missing

    Returns "pcap", "pcapng", "zeek", "zeek-json", "eve", "nfdump", "argus", "auth-log", "ringserver-log",
    "frame-table", "rate-table", "gzip", "bzip2", "xz", "zstd", or "" for anything else.
    """
    for magic, format_name in _MAGICS:
        if first_bytes.startswith(magic):
            return format_name
    if _BZIP2.match(first_bytes):
        return "bzip2"
    beginning = first_bytes[: _LOOKED_AT * _LINE_BYTES].removeprefix(_BYTE_ORDER_MARK)
    lines = [line[:_LINE_BYTES].rstrip(b"\r") for line in beginning.split(b"\n", _LOOKED_AT)[:_LOOKED_AT]]
    for line in lines:
        for format_name, begins in _LINES:
            if begins.match(line):
                return format_name
    called_log = name.removesuffix(".labeled").endswith(".log") or name.endswith(".labeled")
    return "zeek" if called_log and _ZEEK_ROW.match(lines[0]) else ""
