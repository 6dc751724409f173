"""Templates of NetFlow 9 and IPFIX: how the fields of a data set lie, and reading records by them.

RFC 3954 (NetFlow 9), RFC 7011 (IPFIX: 3.2 fields, 3.4.1 templates, 6.2 shortened integers, 7 variable lengths),
RFC 5103 (fields of the reverse direction).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

#: Added to the number of a field that counts the reverse direction.
REVERSE: Final = 0x10000

#: The enterprise number under which RFC 5103 (6.1) puts reverse fields; fields of all others are skipped.
_REVERSE_ENTERPRISE: Final = 29305

#: A length that says: the record itself tells the length (RFC 7011, 7).
_VARIABLE: Final = 0xFFFF

#: More fields than any exporter names: IANA has given out some 500 numbers.
_MOST_FIELDS: Final = 512

_SKIPPED: Final = -1
_UNSIGNED: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}

#: Fields that are bytes: addresses.
_RAW: Final = frozenset({8, 12, 27, 28})

#: What is read, by number (iana.org/assignments/ipfix; RFC 3954, 8): counters 1 2 23 24 85 86 231 232 298 299;
#: protocol, flags and ports 4 6 7 11 180 to 183; addresses; uptimes 21 22; ICMP 32 139 176 to 179; sampling 34 50
#: 305 306; MAC addresses 56 80; IP version 60; instants 150 to 159; start of the exporter 160; who began 239.
_WANTED: Final = frozenset(
    {1, 2, 4, 6, 7, 11, 21, 22, 23, 24, 32, 34, 50, 56, 60, 80, 85, 86, 139, 231, 232, 239, 298, 299, 305, 306}
    | set(range(150, 161))
    | set(range(176, 184))
    | _RAW
    | {REVERSE + number for number in (1, 2, 6, 85, 86)}
)

Values = dict[int, int | bytes]


class Field(NamedTuple):
    """One field of a template: its number, REVERSE added where it is reverse, and its length in bytes."""

    number: int
    length: int


@dataclass(frozen=True, slots=True)
class Template:
    """How records lie.

    options  True if they are about the exporter and not flows
    fields   in their order
    least    bytes that a record has at least, > 0
    packing  of records of fixed length, else None
    names    numbers of what packing yields, in order
    wide     those of them that come as bytes and are numbers
    """

    options: bool
    fields: tuple[Field, ...]
    least: int
    packing: struct.Struct | None
    names: tuple[int, ...]
    wide: tuple[int, ...]

    @property
    def has_addresses(self) -> bool:
        """Whether its records say who talked to whom."""
        lengths = dict(self.fields)
        return (lengths.get(8), lengths.get(12)) == (4, 4) or (lengths.get(27), lengths.get(28)) == (16, 16)


def read_templates(body: bytes, *, ipfix: bool, options: bool) -> Iterator[tuple[int, Template | None]]:
    """Read a template set: number and template; None withdraws it (RFC 7011, 8.1).

    body     the set without its header; padding at its end is left alone
    options  whether it is a set of options templates
    Raises ValueError, after giving what was before, for what is no template.
    """
    at = 0
    while at + 4 <= len(body):
        number, count = struct.unpack_from(">HH", body, at)
        if number == 0 and not any(body[at:]):
            return
        at += 4
        if ipfix and count == 0:
            yield number, None
            continue
        if options and at + 2 > len(body):
            raise ValueError("an options template is cut")
        if options and not ipfix:
            # RFC 3954, 6.1: lengths in bytes of the scope's fields and of the options' fields, four bytes a field.
            option_bytes = struct.unpack_from(">H", body, at)[0]
            count = (count + option_bytes) // 4
        at += 2 if options else 0
        if number < 256 or not 0 < count <= _MOST_FIELDS:
            raise ValueError(f"template {number} of {count} fields")
        fields, at = _fields(body, at, count, ipfix=ipfix)
        yield number, _compiled(fields, options)


def _fields(body: bytes, at: int, count: int, *, ipfix: bool) -> tuple[tuple[Field, ...], int]:
    fields = []
    for _ in range(count):
        if at + 4 > len(body):
            raise ValueError("a template is cut")
        number, length = struct.unpack_from(">HH", body, at)
        at += 4
        if ipfix and number & 0x8000:
            if at + 4 > len(body):
                raise ValueError("a template is cut")
            enterprise = struct.unpack_from(">I", body, at)[0]
            at += 4
            number = REVERSE + (number & 0x7FFF) if enterprise == _REVERSE_ENTERPRISE else _SKIPPED
        fields.append(Field(number if number in _WANTED else _SKIPPED, length))
    return tuple(fields), at


@lru_cache(1024)
def _compiled(fields: tuple[Field, ...], options: bool) -> Template:
    least = sum(1 if field.length == _VARIABLE else field.length for field in fields)
    if least == 0:
        raise ValueError("a template whose records have no bytes")
    names: list[int] = []
    wide: list[int] = []
    codes: list[str] = []
    for field in fields:
        if field.number == _SKIPPED:
            codes.append(f"{field.length}x")
            continue
        names.append(field.number)
        plain = field.number not in _RAW and field.length in _UNSIGNED
        codes.append(_UNSIGNED[field.length] if plain else f"{field.length}s")
        if not plain and field.number not in _RAW:
            wide.append(field.number)
    if any(field.length == _VARIABLE for field in fields):
        packing, wide = None, [name for name in names if name not in _RAW]
    else:
        packing = struct.Struct(">" + "".join(codes))
    return Template(options, fields, least, packing, tuple(names), tuple(wide))


def read_records(template: Template, body: bytes) -> Iterator[Values]:
    """Read the records of a data set: values by field number, integers but for addresses.

    What is too short for another record is padding. Raises ValueError, after giving what was before, where a
    variable length points beyond the set.
    """
    packing = template.packing
    if packing is None:
        yield from _variable(template, body)
        return
    whole = len(body) // packing.size * packing.size
    for values in packing.iter_unpack(body[:whole]):
        yield _numbers(template, dict(zip(template.names, values, strict=True)))


def _variable(template: Template, body: bytes) -> Iterator[Values]:
    at = 0
    while at + template.least <= len(body):
        found: Values = {}
        for number, stated in template.fields:
            length = stated
            if stated == _VARIABLE:
                length, at = _length(body, at)
            value = body[at : at + length]
            at += length
            if at > len(body):
                raise ValueError("a record is cut")
            if number != _SKIPPED:
                found[number] = value
        yield _numbers(template, found)


def _length(body: bytes, at: int) -> tuple[int, int]:
    """A variable length and where its value begins: one byte, or 255 and two bytes."""
    if at + 3 <= len(body) and body[at] == 255:
        return int.from_bytes(body[at + 1 : at + 3], "big"), at + 3
    if at >= len(body):
        raise ValueError("a record is cut")
    return body[at], at + 1


def _numbers(template: Template, values: Values) -> Values:
    for number in template.wide:
        value = values[number]
        if isinstance(value, bytes):
            # No number is longer than 8 bytes; of a longer one the end counts.
            values[number] = int.from_bytes(value[-8:], "big")
    return values
