"""What stages say of their work, in the reader's language: they speak English, phrase by phrase known by its form."""

import re
from typing import Final

from houfeng.serve.figures.labels import Language

_N: Final = r"([-+]?\d+(?:\.\d+)?)"

#: Phrases of the stages and the same in Chinese, longest first where one begins another.
PHRASES: Final = (
    # locate
    (r"default velocity model (\S+): no local model was given", r"采用默认速度模型 \1：未提供本地模型"),
    (r"not located with, no coordinates: ", "未参与定位（无坐标）："),
    (rf"left out: {_N} less sure picks of a station and phase already there", r"舍去同台同震相的次要拾取 \1 个"),
    (rf"outside the network: no station in {_N} degrees of azimuth", r"位于台网之外：\1 度方位内无台站"),
    ("depth at the top of the search", "深度位于搜索范围上界"),
    ("depth at the bottom of the search", "深度位于搜索范围下界"),
    ("depth poorly resolved", "深度约束差"),
    ("several places explain the picks nearly as well", "另有位置几乎同样符合到时"),
    (
        rf"residuals are {_N} times as large as the picks and the model promise",
        r"残差为拾取与模型预期的 \1 倍",
    ),
    (rf"{_N} arrivals? disagrees? with the others", r"\1 个到时与其余不符"),
    # size
    ("not sized, ", "未定震级，"),
    ("no Mw, ", "无矩震级，"),
    ("no response for any channel", "所有通道均无仪器响应"),
    ("no response", "无仪器响应"),
    ("its plateau lies lower than noise lets see", "谱平台低于噪声可见范围"),
    (rf"Mw is not preferred: stations {_N}, scatter {_N}", r"矩震级未作首选：\1 个台站，离散 \2"),
    (rf"is a lower bound: it saturates above {_N}", r"为下限：\1 以上饱和"),
    (rf"is a lower bound: integrated without motion slower than {_N} s", r"为下限：积分时去除周期长于 \1 秒的运动"),
    ("no MS: ", "无面波震级："),
    (r"looks like an explosion, but from an origin of quality (\w)", r"类似爆炸，但定位质量为 \1"),
    (rf"{_N} samples a second are too few", r"每秒 \1 个样点过少"),
    ("no record from P to S", "P 至 S 之间无记录"),
    ("starts too close to P to know its noise", "记录起点距 P 太近，噪声不明"),
    ("a sample is not a number", "含非数值样点"),
    ("does not rise above its noise", "信号未超出噪声"),
    ("does not move", "记录无变化"),
    ("ends while the shaking still grows", "震动仍在增强时记录中断"),
    ("it reaches the 24-bit limit", "达到 24 位满量程"),
    ("its swings are cut off flat", "波峰被削平"),
    ("clipped, ", "限幅，"),
    ("no data", "无数据"),
    (
        rf"ML is made for the crust; at {_N} km it tends to be too large",
        r"近震震级适用于地壳；深度 \1 千米时往往偏大",
    ),
    (rf"ML is at least {_N}: all {_N} stations that could say are clipped", r"近震震级至少 \1：可用的 \2 个台站均限幅"),
    (
        "ML from vertical components only, for which its relation was not made",
        "近震震级仅由垂直向得出，其关系式并非为此而定",
    ),
    (rf"{_N} from the median of all stations", r"偏离各台中位数 \1"),
    ("not a number", "非数值"),
    (rf"and {_N} more", r"等另 \1 个"),
    # shake
    ("no magnitude, so no map of shaking", "无震级，故无震动图"),
    ("no horizontal component", "无水平分量"),
    (rf"farther than {_N} km", r"距离超过 \1 千米"),
    (rf"beyond the {_N} nearest", r"仅取最近的 \1 个"),
    (rf"{_N} stations left out for other reasons", r"因其他原因舍去 \1 个台站"),
    (rf"{_N} stations left out: ", r"舍去 \1 个台站："),
    ("nobody said where they stand", "位置不明"),
    ("at latitude 0, longitude 0", "坐标为零"),
    ("; larger horizontal by ", "；较大水平分量据 "),
    (r"; faulting (\w+), attenuation (\w+)", r"；断层类型 \1，衰减 \2"),
    (
        "no rupture given: distances are means over ruptures of usual length at the epicentre",
        "未给出破裂面：距离取震中处通常长度破裂的平均值",
    ),
    (
        rf"ground not known: Vs30 {_N} m/s everywhere, its spread added to sigma",
        r"场地不明：各处 Vs30 取 \1 米/秒，其离散计入不确定度",
    ),
    (rf"ground by place; Vs30 taken within {_N} to {_N} m/s", r"场地逐点给出；Vs30 限于 \1 至 \2 米/秒"),
    (
        rf"magnitude {_N} lies outside the {_N} to {_N} of the relation",
        r"震级 \1 超出关系式的适用范围 \2 至 \3",
    ),
    (
        (
            rf"a source {_N} km deep lies below the crust the relation was made for: "
            "expect less near the epicentre and more far away"
        ),
        r"震源深 \1 千米，低于关系式所适用的地壳：震中附近应偏低，远处应偏高",
    ),
    (
        rf"{_N} times (?:as strong as|what) the relation expects, from {_N} stations",
        r"为关系式预期的 \1 倍（\2 个台站）",
    ),
    ("the relation alone, no station tells", "仅有关系式，无台站数据"),
    ("left out as outliers ", "作为离群值舍去 "),
    (r"\berratum\b", "勘误"),
)

_COMPILED: Final = tuple(
    (re.compile(rf"(?<![A-Za-z]){form}(?![A-Za-z])" if form[-1].isalpha() else form), said) for form, said in PHRASES
)


def note(said: str, *, language: Language) -> str:
    """A note in a language; phrases that are not known stay as they are."""
    if language == "en":
        return said
    for form, chinese in _COMPILED:
        said = form.sub(chinese, said)
    return said
