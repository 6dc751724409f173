"""Which characters can be drawn here: DejaVu Sans comes with matplotlib, a Chinese font is the system's if at all."""

from functools import cache
from typing import Final

from matplotlib.font_manager import findfont, fontManager
from matplotlib.ft2font import FT2Font

LATIN: Final = "DejaVu Sans"

#: Families with simplified Chinese that systems commonly have, the best drawn first.
CHINESE: Final = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Noto Sans CJK JP",
    "Droid Sans Fallback",
    "SimHei",
    "Heiti SC",
)


@cache
def families() -> tuple[str, ...]:
    """The families text is drawn with, each one for what those before it lack."""
    installed = {entry.name for entry in fontManager.ttflist}
    return (LATIN, *[family for family in CHINESE if family in installed][:1])


@cache
def drawable() -> frozenset[int]:
    """Code points for which there is a glyph; anything else would come out as an empty box."""
    return frozenset().union(*(FT2Font(findfont(family)).get_charmap() for family in families()))
