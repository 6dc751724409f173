"""The smallest pieces of XML that we write: text, tags, numbers, identifiers of QuakeML."""

import math
import re

_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
#: What XML 1.0 cannot carry at all (section 2.2), and surrogates.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ODD = re.compile(r"[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def writable(content: str) -> str:
    """Text with a replacement character for each that XML cannot carry. For writers that escape by themselves."""
    return _UNWRITABLE.sub("\ufffd", content)


def text(content: str) -> str:
    """Text as it stands between tags or in an attribute."""
    if _ODD.search(content) is None:
        return content
    return "".join(_MARKUP.get(letter, letter) for letter in writable(content))


def tag(name: str, *content: str) -> str:
    """An element around what there is; nothing at all when there is nothing."""
    inside = "".join(content)
    return f"<{name}>{inside}</{name}>" if inside else ""


def number(value: float, decimals: int) -> str:
    """Fixed decimals without trailing zeros; "" when not finite. Minus zero is zero."""
    if not math.isfinite(value):
        return ""
    digits = f"{value:.{decimals}f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def quantity(name: str, value: str, uncertainty: str = "") -> str:
    """A QuakeML quantity, nothing without a value."""
    return f"<{name}>{tag('value', value)}{tag('uncertainty', uncertainty)}</{name}>" if value else ""


def comment(content: str) -> str:
    """A QuakeML comment."""
    return tag("comment", tag("text", text(content)))


def escaped_id(content: str) -> str:
    """Any text as part of a QuakeML identifier, one to one: what is not allowed becomes ~hex~."""
    return re.sub(r"[^A-Za-z0-9_.+\-]", lambda match: f"~{ord(match[0]):x}~", content)
