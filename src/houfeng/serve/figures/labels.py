"""Words on the pictures, in one table: a language is added by adding its column."""

from typing import Final, Literal

from houfeng.serve.figures.fonts import drawable
from houfeng.words.quake import Phase

Language = Literal["en", "zh"]

#: key: (English, Chinese)
LABELS: Final[dict[str, tuple[str, str]]] = {
    "no magnitude": ("no magnitude", "无震级"),
    "depth": ("depth", "深度"),
    "quality": ("quality", "质量"),
    "stations": ("stations", "个台站"),
    "gap": ("gap", "空隙角"),
    "epicentre within": ("epicentre within", "震中误差"),
    "P pick": ("P pick", "P 震相"),
    "S pick": ("S pick", "S 震相"),
    "P expected": ("P expected", "P 理论到时"),
    "S expected": ("S expected", "S 理论到时"),
    "not used": ("not used", "未使用"),
    "time": ("Seconds after origin", "发震后时间（秒）"),
    "band": ("band-pass", "带通"),
    "no waveforms": ("no waveforms", "无波形"),
    "more": ("more not shown", "个未显示"),
    "epicentre": ("Epicentre", "震中"),
    "68": ("68 % confidence", "68 % 置信"),
    "95": ("95 % confidence", "95 % 置信"),
    "used": ("Station used", "使用的台站"),
    "unused": ("Station not used", "未使用的台站"),
    "depth axis": ("Depth, km", "深度（千米）"),
    "outside": ("outside the map", "个在图外"),
    "residual": ("Observed - predicted, s", "残差（秒）"),
    "distance": ("Epicentral distance, km", "震中距（千米）"),
    "hypocentral": ("Hypocentral distance, km", "震源距（千米）"),
    "azimuth": ("Azimuth from epicentre, degrees", "方位角（度）"),
    "outlier": ("outlier", "剔除"),
    "rms": ("rms", "残差均方根"),
    "no arrivals": ("no arrivals", "无到时"),
    "beyond": ("beyond the axis", "超出坐标轴"),
    "west-east": ("west-east section", "东西向剖面"),
    "mmi": ("Instrumental intensity, Modified Mercalli (MMI)", "仪器地震烈度，修订麦卡利（MMI）"),
    "csis": ("Instrumental intensity, China scale (CSIS)", "仪器地震烈度，中国地震烈度表（CSIS）"),
    "class": ("Intensity", "烈度"),
    "felt": ("Felt as", "感觉"),
    "pga % g": ("Peak acceleration, % g", "峰值加速度（% g）"),
    "pgv cm/s": ("Peak velocity, cm/s", "峰值速度（厘米/秒）"),
    "pga m/s2": ("Peak acceleration, m/s²", "峰值加速度（米/秒²）"),
    "pgv m/s": ("Peak velocity, m/s", "峰值速度（米/秒）"),
    "middle": ("Peaks: middle of each class.", "峰值为各烈度中值。"),
    "station intensity": ("Station, in the colour of its own intensity", "台站，颜色为其实测烈度"),
    "refused": ("Station left out, or without intensity", "未采用或无烈度的台站"),
    "over water": ("Over water the colours are paler", "水域颜色较浅"),
    "sigma": ("Uncertainty (1 σ), intensity units", "不确定度（1 σ，度）"),
    "largest": ("largest on this map", "图内最大"),
    "no shaking": ("no map of shaking", "无震动图"),
    "not official": (
        "Automatic estimate from instruments and a ground-motion model, not an official intensity report.",
        "由仪器记录与地震动模型自动估计，并非官方烈度报告。",
    ),
    "made how": ("How it was made", "说明"),
    "earth": (
        "Coasts and borders: Natural Earth; no position is taken.",
        "海岸线与界线：Natural Earth，不代表任何立场。",
    ),
    "network value": ("network", "台网"),
    "map at distance": ("Map at that distance, and 1 σ", "图上同距离均值与 1 σ"),
    "counts": ("Station counted", "采用的台站"),
    "left out": ("Station left out", "未采用的台站"),
}

#: How each class is felt, lowest first: after the descriptions of USGS for MMI (Wald et al. 1999,
#: doi:10.1193/1.1586058) and of GB/T 17742-2020 for CSIS.
FELT: Final[dict[Literal["mmi", "csis"], tuple[tuple[str, str], ...]]] = {
    "mmi": (
        ("not felt", "无感"),
        ("weak", "微弱"),
        ("weak", "弱"),
        ("light", "轻"),
        ("moderate", "中等"),
        ("strong", "强"),
        ("very strong", "很强"),
        ("severe", "严重"),
        ("violent", "猛烈"),
        ("extreme", "极端"),
    ),
    "csis": (
        ("not felt", "无感"),
        ("by very few", "个别有感"),
        ("by few", "少数有感"),
        ("by many", "多数有感"),
        ("by nearly all", "普遍有感"),
        ("unsteady", "站立不稳"),
        ("all run out", "惊逃户外"),
        ("hard to walk", "行走困难"),
        ("people fall", "行人摔倒"),
        ("people tossed", "有抛起感"),
        ("devastating", "大多毁坏"),
        ("land changed", "山河改观"),
    ),
}

_COLUMN: Final[dict[Language, int]] = {"en": 0, "zh": 1}


def spoken(language: Language) -> Language:
    """The language itself where its characters can be drawn here, else English."""
    column = _COLUMN.get(language, 0)
    words = [pair[column] for pair in (*LABELS.values(), *FELT["mmi"], *FELT["csis"])]
    return language if column and {ord(char) for word in words for char in word} <= drawable() else "en"


def label(key: str, language: Language) -> str:
    """The word of a picture in a language, or in English where there is no font for that."""
    return LABELS[key][_COLUMN[spoken(language)]]


def felt(scale: Literal["mmi", "csis"], number: int, language: Language) -> str:
    """How intensity `number`, 1 or more, is felt."""
    return FELT[scale][number - 1][_COLUMN[spoken(language)]]


def pick_label(phase: Phase, language: Language) -> str:
    """What a pick of this phase is called."""
    return label("P pick" if phase == "P" else "S pick", language)


def expected_label(phase: Phase, language: Language) -> str:
    """What the predicted arrival of this phase is called."""
    return label("P expected" if phase == "P" else "S expected", language)
