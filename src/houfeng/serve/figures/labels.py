"""Words on the pictures, in one table: a language is added by adding its column."""

from typing import Literal

from houfeng.words.quake import Phase

Language = Literal["en"]

LABELS: dict[Language, dict[str, str]] = {
    "en": {
        "no magnitude": "no magnitude",
        "depth": "depth",
        "quality": "quality",
        "stations": "stations",
        "gap": "gap",
        "epicentre within": "epicentre within",
        "P pick": "P pick",
        "S pick": "S pick",
        "P expected": "P expected",
        "S expected": "S expected",
        "not used": "not used",
        "time": "Seconds after origin",
        "band": "band-pass",
        "no waveforms": "no waveforms",
        "more": "more not shown",
        "epicentre": "Epicentre",
        "68": "68 % confidence",
        "95": "95 % confidence",
        "used": "Station used",
        "unused": "Station not used",
        "depth axis": "Depth, km",
        "outside": "outside the map",
        "residual": "Observed - predicted, s",
        "distance": "Epicentral distance, km",
        "azimuth": "Azimuth from epicentre, degrees",
        "outlier": "outlier",
        "rms": "rms",
        "no arrivals": "no arrivals",
        "beyond": "beyond the axis",
        "west-east": "west-east section",
    },
}


def label(key: str, language: Language) -> str:
    """The word of a picture in a language."""
    return LABELS[language][key]


def pick_label(phase: Phase, language: Language) -> str:
    """What a pick of this phase is called."""
    return label("P pick" if phase == "P" else "S pick", language)


def expected_label(phase: Phase, language: Language) -> str:
    """What the predicted arrival of this phase is called."""
    return label("P expected" if phase == "P" else "S expected", language)
