"""Numbers as text files write them."""

import math


def number(text: str) -> float:
    """Read a number, "nan" and "inf" included; 1_000 and the digits of other scripts are none. Raises ValueError."""
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text} is not a number")
    return float(text)


def finite(text: str) -> float:
    """Read a finite number. Raises ValueError."""
    value = number(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a number")
    return value


def is_number(text: str) -> bool:
    """Whether number() reads it."""
    try:
        number(text)
    except ValueError:
        return False
    return True
