"""Messages of the domain name system: what is asked, and how the answer went.

Source: RFC 1035, section 4; response codes and types as IANA lists them.
"""

import struct
from dataclasses import dataclass
from typing import Final

_HEADER: Final = struct.Struct(">HHHHHH")
_QUESTION: Final = struct.Struct(">HH")

#: Longest name, its label lengths included (RFC 1035, section 2.3.4); a longer one is a loop or a lie.
_MOST_NAME_BYTES: Final = 255

_CODES: Final = (
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
    "NOTZONE",
)  # fmt: skip

_KINDS: Final = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 24: "SIG",
    25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 37: "CERT", 39: "DNAME", 43: "DS", 44: "SSHFP",
    46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 99: "SPF", 250: "TSIG",
    251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DnsMessage:
    """One message.

    number  by which an answer names its question
    answer  response code, "" for a question
    name    first name asked for, "" where there is none, "." for the root
    kind    of what is asked for: "A", "TXT", "TYPE65534"
    """

    number: int
    answer: str
    name: str
    kind: str


def read_message(data: bytes) -> DnsMessage:
    """Read a message. Raises ValueError for what is none."""
    if len(data) < _HEADER.size:
        raise ValueError("shorter than a header")
    number, flags, questions, answers, authorities, additions = _HEADER.unpack_from(data)
    is_answer, opcode, code = bool(flags & 0x8000), flags >> 11 & 15, flags & 15
    # Bit 6 is zero (RFC 1035, section 4.1.1); query, status, notify and update are the operations there are.
    if flags & 0x40 or opcode not in {0, 1, 2, 4, 5} or questions > 1 or (not is_answer and not questions):
        raise ValueError("a header that no program sends")
    # Every record takes eleven bytes, of which there are no more than there are.
    if (answers + authorities + additions) * 11 > len(data):
        raise ValueError("more records than can be in it")
    name, kind = "", ""
    if questions:
        name, at = read_name(data, _HEADER.size)
        if at + _QUESTION.size > len(data):
            raise ValueError("a question without an end")
        asked, _ = _QUESTION.unpack_from(data, at)
        kind = _KINDS.get(asked, f"TYPE{asked}")
    answer = (_CODES[code] if code < len(_CODES) else f"RCODE{code}") if is_answer else ""
    return DnsMessage(number, answer, name, kind)


def read_name(data: bytes, at: int) -> tuple[str, int]:
    """Read a name, and where what follows it begins. Raises ValueError for one that does not end or is too long.

    Dots and what cannot be printed in a label are escaped as in RFC 1035, section 5.1.
    """
    labels: list[str] = []
    left = _MOST_NAME_BYTES
    following = -1
    while True:
        if at >= len(data):
            raise ValueError("a name without an end")
        length = data[at]
        if length >= 0xC0:
            if at + 1 >= len(data):
                raise ValueError("a name without an end")
            target = (length & 0x3F) << 8 | data[at + 1]
            following = at + 2 if following < 0 else following
            # A prior occurrence (RFC 1035, section 4.1.4): only backwards, so that no chain is endless.
            if target >= at:
                raise ValueError("a name that points forward")
            at = target
            continue
        if length > 63:
            raise ValueError("a label of a kind that was never used")
        left -= length + 1
        if left < 0 or at + 1 + length > len(data):
            raise ValueError("a name longer than any")
        if not length:
            return ".".join(labels) or ".", following if following >= 0 else at + 1
        labels.append(_label(data[at + 1 : at + 1 + length]))
        at += 1 + length


def _label(raw: bytes) -> str:
    text = raw.decode("latin-1")
    if text.isascii() and text.replace("-", "").replace("_", "").isalnum():
        return text
    return "".join(
        f"\\{letter}" if letter in ".\\" else letter if "!" <= letter <= "~" else f"\\{ord(letter):03d}"
        for letter in text
    )
