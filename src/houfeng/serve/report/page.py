"""The report as one HTML page that needs nothing else: no network, no script, no second file."""

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from houfeng.serve.figures.labels import Language
from houfeng.serve.report.notes import note
from houfeng.serve.report.texts import text
from houfeng.words.instant import format_instant
from houfeng.words.quake import Origin, Quake
from houfeng.words.shaking import StationShaking
from houfeng.words.source import shown

#: Lines of a table a reader on a telephone still reads.
MOST_STATIONS = 20
MOST_QUAKES = 200


@dataclass(frozen=True, slots=True)
class Finds:
    """Findings of one kind: how many, and the first of them."""

    kind: str
    count: int
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exposed:
    """A place, the people there, and how hard it shook."""

    name: str
    population: int
    mmi: float
    csis: float


@dataclass(frozen=True, slots=True)
class Story:
    """All a report tells.

    quake      the largest of the recording, None when there is none
    quakes     all of them, in time order
    shaking    of that quake, by sensor; map_notes: of its map, or why there is none
    pictures   PNG by name: "map", "shaking_map", "attenuation", "record_section", "residuals", "magnitudes"; any may be
               missing
    exposed    places given, strongest first; people: how many there are by class of MMI, highest first
    finds      what was odd about the data
    made_by    program and version
    """

    quake: Quake | None
    quakes: Sequence[Quake]
    shaking: Sequence[StationShaking] = ()
    map_notes: Sequence[str] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    exposed: Sequence[Exposed] = ()
    people: Mapping[int, int] = field(default_factory=dict)
    finds: Sequence[Finds] = ()
    made_by: str = "houfeng"


def report_page(story: Story, *, language: Language = "en") -> bytes:
    """The report in a language, UTF-8 HTML. Whatever came from outside is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "say": partial(note, language=language),
        "png": lambda content: "data:image/png;base64," + b64encode(content).decode("ascii"),
        "number": _number,
        "shown": shown,
        "instant": lambda time_ns: format_instant(time_ns, 1).replace("T", " ").rstrip("Z"),
    }
    template = environment.from_string((files("houfeng.serve.report") / "page.html").read_text("utf-8"))
    strongest = sorted(
        story.shaking, key=lambda one: (bool(one.refused), -_or_least(one.mmi), -_or_least(one.pga_mps2))
    )
    page = template.render(
        story=story,
        quake=story.quake,
        t=partial(text, language=language),
        headline=_headline(story.quake, language),
        place=partial(_place, language=language),
        size=partial(_size, language=language),
        strongest=strongest[:MOST_STATIONS],
        silent=max(len(strongest) - MOST_STATIONS, 0),
        others=[one for one in story.quakes if one is not story.quake][:MOST_QUAKES],
        refusals=_refusals(story, language),
    )
    return page.encode()


def _headline(quake: Quake | None, language: Language) -> str:
    if quake is None:
        return text("no quake", language)
    return f"{_size(quake, language)} · {_place(quake.origin, language)}"


def _size(quake: Quake, language: Language) -> str:
    size = quake.magnitude
    return text("no magnitude", language) if size is None else f"{size.kind} {size.value:.1f}"


def _place(origin: Origin, language: Language) -> str:
    north = text("north" if origin.latitude_deg >= 0 else "south", language)
    east = text("east" if origin.longitude_deg >= 0 else "west", language)
    latitude, longitude = f"{abs(origin.latitude_deg):.3f}°", f"{abs(origin.longitude_deg):.3f}°"
    if language == "zh":
        return f"{north} {latitude}，{east} {longitude}"
    return f"{latitude} {north}, {longitude} {east}"


def _refusals(story: Story, language: Language) -> list[tuple[str, str, str]]:
    """Station, for what it was refused, and why; each once."""
    found: dict[tuple[str, str, str], None] = {}
    if story.quake is not None:
        for magnitude in story.quake.magnitudes:
            for station in magnitude.stations:
                if station.refused:
                    purpose = f"{magnitude.kind} · {text('for magnitude', language)}"
                    found[shown(station.station_key), purpose, note(station.refused, language=language)] = None
    for one in story.shaking:
        if one.refused:
            named = shown(one.station_key) + (f" {one.location}" if one.location else "")
            found[named, text("for shaking", language), note(one.refused, language=language)] = None
    return sorted(found)


def _number(value: float, decimals: int = 1) -> str:
    """A figure for people, an en dash where it is not known."""
    return f"{value:.{decimals}f}" if math.isfinite(value) else "–"


def _or_least(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
