"""The report's own words in every language it is written in. A test holds the languages against each other."""

from typing import Final, get_args

from houfeng.serve.figures.labels import Language

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

#: key: (English, Chinese)
TEXTS: Final[dict[str, tuple[str, str]]] = {
    "html lang": ("en", "zh-CN"),
    "title": ("Earthquake report", "地震报告"),
    "no quake": ("No earthquake was found in this recording.", "在这段记录中没有发现地震。"),
    "automatic": (
        "Automatic result, not reviewed by a person.",
        "自动处理结果，未经人工复核。",
    ),
    "no magnitude": ("no magnitude", "无震级"),
    "what": ("What and where", "基本参数"),
    "time": ("Origin time (UTC)", "发震时刻（协调世界时）"),
    "epicentre": ("Epicentre", "震中"),
    "depth": ("Depth", "震源深度"),
    "north": ("N", "北纬"),
    "south": ("S", "南纬"),
    "east": ("E", "东经"),
    "west": ("W", "西经"),
    "magnitude": ("Magnitude", "震级"),
    "kind of source": ("Kind of source", "震源性质"),
    "explosion-like": ("explosion-like", "类似爆炸"),
    "earthquake-like": ("earthquake-like", "类似天然地震"),
    "not discriminable": ("cannot be told from these records", "据现有记录无法判别"),
    "log ratio": ("log-likelihood ratio", "对数似然比"),
    "how sure": ("How sure", "可靠程度"),
    "quality": ("Quality", "定位质量"),
    "quality A": ("well surrounded, depth known", "台站包围好，深度可靠"),
    "quality B": ("good", "较好"),
    "quality C": ("usable with care", "谨慎使用"),
    "quality D": ("poor: the place may be far off", "较差：位置可能偏差较大"),
    "ellipse": ("epicentre within", "震中误差椭圆"),
    "by": ("by", "乘"),
    "time within": ("Origin time within", "发震时刻误差"),
    "gap": ("Largest gap between stations", "最大空隙角"),
    "rms": ("Scatter of arrival times", "走时残差均方根"),
    "stations used": ("Stations used", "使用台站数"),
    "nearest": ("Nearest station", "最近台站震中距"),
    "velocity model": ("Velocity model", "速度模型"),
    "map": ("Map", "震中图"),
    "shaking": ("How hard it shook", "震动强度"),
    "shaking map": ("Map of instrumental intensity", "仪器地震烈度图"),
    "map made of": (
        (
            "Between stations the map is a ground-motion model drawn towards what the stations measured; "
            "the small panel shows how unsure it is."
        ),
        "台站之间的数值由地震动模型给出，并以台站实测值校正；小图为其不确定度。",
    ),
    "no shaking map": ("No map of shaking could be made", "无法绘制震动图"),
    "attenuation": ("Peak acceleration over distance", "峰值加速度随距离的变化"),
    "strongest": ("Stations that shook hardest", "震动最强的台站"),
    "all in": ("All values are in shaking.csv.", "全部数值见 shaking.csv。"),
    "station": ("Station", "台站"),
    "distance": ("Distance, km", "震中距（千米）"),
    "pga": ("PGA, cm/s²", "峰值加速度（厘米/秒²）"),
    "pgv": ("PGV, cm/s", "峰值速度（厘米/秒）"),
    "csis": ("CSIS", "中国烈度"),
    "jma": ("JMA", "JMA 震度"),
    "mmi": ("MMI", "MMI"),
    "scales": (
        "MMI: Modified Mercalli (Worden et al. 2012). CSIS: GB/T 17742-2020. JMA: Japan Meteorological Agency 1996.",
        "MMI：修订麦卡利烈度（Worden 等 2012）。中国烈度：GB/T 17742-2020。JMA 震度：日本气象厅 1996。",
    ),
    "people": ("Places and people", "受影响地点与人口"),
    "place": ("Place", "地点"),
    "population": ("Population", "人口"),
    "magnitudes": ("Magnitudes by station", "各台震级"),
    "scale": ("Scale", "震级标度"),
    "value": ("Value", "数值"),
    "relation": ("Relation", "计算关系"),
    "counted": ("Stations", "台站数"),
    "preferred": ("preferred", "首选"),
    "not converted": (
        "Scales are not converted into one another (GB 17740-2017).",
        "各标度之间不作换算（GB 17740-2017）。",
    ),
    "section": ("Record section", "记录剖面"),
    "residuals": ("Arrival times against the location", "走时残差"),
    "refused": ("What was refused, and why", "未采用的数据及原因"),
    "nothing refused": ("Nothing was refused.", "没有舍弃任何数据。"),
    "for magnitude": ("for magnitude", "震级计算"),
    "for shaking": ("for shaking", "震动计算"),
    "notes": ("Notes", "说明"),
    "odd": ("Odd things in the data", "数据中的异常"),
    "kind": ("Kind", "类别"),
    "count": ("Count", "次数"),
    "example": ("First one", "首例"),
    "odd all": ("All are in findings.jsonl.", "全部见 findings.jsonl。"),
    "nothing odd": ("Nothing odd was met.", "未见异常。"),
    "others": ("Other earthquakes in the recording", "记录中的其他地震"),
    "picks": ("Picks", "震相数"),
    "made by": ("Made by", "生成程序"),
    "not official": (
        "This page says what the records show. It is not an official announcement.",
        "本页仅反映记录所示，不是官方发布。",
    ),
    "more": ("more", "另有"),
    "km": ("km", "千米"),
    "m": ("m", "米"),
    "s": ("s", "秒"),
}


def text(key: str, language: Language) -> str:
    """The report's word for something in a language."""
    return TEXTS[key][LANGUAGES.index(language)]
