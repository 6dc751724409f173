"""Parse XML from outside without letting it do anything: no entities, no network, no files, bounded size."""

from datetime import UTC, datetime
from typing import Any

from lxml import etree

from houfeng.words.errors import DataFault

#: A national network's StationXML with full responses is of the order of 100 MB per network code; beyond this,
#: the tree (about ten times the text) would not fit beside everything else a small machine runs.
LARGEST_BYTES = 256 * 2**20

_REMEDY = "fetch the file again, or ask its author for a well-formed one"


def parse_xml(data: bytes, name: str) -> Any:
    """Parse bytes as XML and return the root element (lxml).

    data  the whole file
    name  what to call it in messages

    Raises DataFault when it is too large, is cut, is not in the encoding it claims, or declares entities.
    Entities are never expanded and nothing outside the bytes is read.
    """
    if len(data) > LARGEST_BYTES:
        raise DataFault(name, f"XML of {len(data)} bytes, more than {LARGEST_BYTES} are refused", "split the file")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise DataFault(name, f"not well-formed XML: {error.msg}", _REMEDY) from error
    except ValueError as error:
        raise DataFault(name, f"not XML: {error}", _REMEDY) from error
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and next(dtd.iterentities(), None) is not None:
        raise DataFault(name, "declares XML entities, which are refused (entity bomb)", "remove the DOCTYPE")
    if next(root.iter(etree.Entity), None) is not None:
        raise DataFault(name, "uses undeclared XML entities, which are refused", "remove the entity references")
    return root


def write_xml(root: Any) -> bytes:
    """Serialise a parsed tree as UTF-8, without any DOCTYPE."""
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def local(element: Any) -> str:
    """Name of an element without its namespace; "" for comments and processing instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Any, tag: str) -> list[Any]:
    """Children of an element with a local name, whatever their namespace."""
    return [child for child in element if local(child) == tag]


def child_text(element: Any, *path: str) -> str | None:
    """Stripped text found by following first children with these local names; None when one is missing or empty."""
    for tag in path:
        element = next((child for child in element if local(child) == tag), None)
        if element is None:
            return None
    text = (element.text or "").strip()
    return text or None


def child_number(element: Any, *path: str) -> float | None:
    """Number found like child_text; None when missing, NaN when it is there but no finite number."""
    text = child_text(element, *path)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if abs(value) < float("inf") else float("nan")


def iso_date(text: str | None) -> datetime | None:
    """Read an ISO 8601 date or date-time, any year 1 to 9999, as UTC; None when absent.

    Raises ValueError for what is none, OverflowError when its time zone leads out of these years.
    """
    if text is None or not text.strip():
        return None
    value = datetime.fromisoformat(text.strip())
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
