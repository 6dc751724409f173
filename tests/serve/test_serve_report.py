"""The report: whole in one file, in both languages, and nothing from outside becomes markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import houfeng
from houfeng.serve.report import LANGUAGES, Finds, Story, report_page
from houfeng.serve.report.notes import PHRASES, note
from houfeng.serve.report.page import Exposed
from houfeng.serve.report.texts import TEXTS
from houfeng.words.quake import Arrival, Ellipse, Magnitude, Origin, Pick, Quake, StationMagnitude
from houfeng.words.shaking import StationShaking
from houfeng.words.source import SourceId

NAN = float("nan")
SOURCE = SourceId("XX", "A", "", "HHZ")
ORIGIN = Origin(
    time_ns=1_500_000_000_000_000_000,
    latitude_deg=-30.6,
    longitude_deg=114.3,
    depth_m=8000.0,
    covariance_m2=np.diag([1e6, 2e6, 4e6]),
    time_uncertainty_s=0.1,
    depth_uncertainty_m=2000.0,
    ellipses=(Ellipse(0.68, 1500.0, 1000.0, 30.0), Ellipse(0.95, 2500.0, 1600.0, 30.0)),
    gap_deg=90.0,
    rms_s=0.08,
    nearest_m=4000.0,
    station_count=12,
    quality="B",
    model="iasp91",
    arrivals=(Arrival(Pick(SOURCE, "P", 1, 0.05), 0.01, 9e3, 12.0, 95.0, 1.0),),
    notes=("depth poorly resolved",),
)
MAGNITUDES = (
    Magnitude("Mw", 4.51, 0.2, "relation one", (StationMagnitude((), "XX.A", 4.5, 9e3),)),
    Magnitude("ML", 4.7, 0.3, "relation two", (StationMagnitude((), "XX.B", 4.9, 9e3, "clipped, flat"),)),
)
QUAKE = Quake("q1", 1, ORIGIN, MAGNITUDES, (), ("a note",))
SHAKEN = StationShaking(
    "XX.A", "00", 30.0, 114.0, 9e3, 1.5, 0.1, 0.01, 2.0, 1.0, NAN, 0.4, 7.0, 6.1, 4.6, 5.9, (), "clipped, flat"
)
PIXEL = b"\x89PNG\r\n\x1a\n"
STORY = Story(
    quake=QUAKE,
    quakes=(QUAKE, replace(QUAKE, quake_id="q2", magnitudes=())),
    shaking=(SHAKEN,),
    map_notes=("a note of the map",),
    pictures=dict.fromkeys(("map", "shaking_map", "attenuation", "record_section", "residuals", "magnitudes"), PIXEL),
    exposed=(Exposed("Wuhan", 12_326_500, 5.2, 5.0), Exposed("elsewhere", 0, NAN, NAN)),
    people={5: 12_326_500},
    finds=(Finds("gap", 3, "XX.A..HHZ", "6.900 s without samples"),),
    made_by="houfeng 1.2.3",
)


class _Page(HTMLParser):
    VOID = frozenset({"meta", "img", "link", "br", "hr", "input"})

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.open, self.said = [], [], [], []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data.strip())

    @property
    def words(self):
        return " ".join(word for word in self.said if word)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("story", [STORY, Story(None, ()), Story(QUAKE, (QUAKE,))], ids=["full", "no quake", "bare"])
def test_a_page_is_well_formed_and_needs_nothing_else(story, language):
    page = _Page(report_page(story, language=language))
    assert page.open == []
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert page.tags.count("img") == len(story.pictures)


def test_it_tells_what_where_how_sure_how_hard_and_what_was_refused():
    words = _Page(report_page(STORY)).words
    assert "Mw 4.5 · 30.600° S, 114.300° E" in words
    for said in ("8.0 ± 2.0 km", "1.5 by 1.0 km", "XX.A 00", "150.00", "5.9", "Wuhan", "12326500", "clipped, flat"):
        assert said in words
    for said in ("a note", "a note of the map", "depth poorly resolved", "6.900 s without samples", "houfeng 1.2.3"):
        assert said in words
    assert "no magnitude" in words  # the other quake


def test_chinese_pages_are_chinese():
    page = report_page(STORY, language="zh").decode()
    assert '<html lang="zh-CN">' in page
    assert "南纬 30.600°，东经 114.300°" in page
    assert "自动处理结果" in page
    assert "How sure" not in page


def test_every_text_exists_in_every_language():
    assert all(len(said) == len(LANGUAGES) and all(said) for said in TEXTS.values())


def test_nothing_from_outside_becomes_markup():
    evil = '<script>alert("x")</script><img src=x onerror=y>'
    quake = replace(
        QUAKE,
        notes=(evil,),
        origin=replace(ORIGIN, model=evil, quality=evil, notes=(evil,)),
        magnitudes=(Magnitude(evil, 4.0, 0.1, evil, (StationMagnitude((), evil, 4.0, 1.0, evil),)),),
    )
    story = replace(
        STORY,
        quake=quake,
        quakes=(quake,),
        shaking=(replace(SHAKEN, station_key=evil, location=evil, refused=evil),),
        map_notes=(evil,),
        exposed=(Exposed(evil, 1, 1.0, 1.0),),
        finds=(Finds(evil, 1, evil, evil),),
        made_by=evil,
    )
    page = _Page(report_page(story))
    assert "script" not in page.tags
    assert page.tags.count("img") == len(story.pictures)
    assert page.words.count("<script>") >= 14


def _pieces(form):
    """The fixed pieces of a phrase's form, long enough to know it by."""
    plain = re.sub(r"\(\?:[^)]*\)|\([^()]*(?:\([^()]*\))*[^()]*\)|\\b|\w\?|\\[A-Z]\+", "\0", form)
    return [piece.strip(" ,;:") for piece in plain.split("\0") if len(piece.strip(" ,;:")) > 5]


def _sources():
    root = Path(houfeng.__file__).parent
    text = "".join(path.read_text() for folder in ("quake", "shell") for path in sorted((root / folder).rglob("*.py")))
    return re.sub(r'"\s*\n\s*f?"', "", text)


@pytest.mark.parametrize("form", [form for form, _ in PHRASES])
def test_phrases_known_in_chinese_are_phrases_the_stages_say(form):
    said = _sources()
    assert all(piece in said for piece in _pieces(form)), _pieces(form)


def test_notes_are_said_in_chinese_around_names_and_numbers():
    assert note("not sized, no record from P to S: XX.A", language="zh") == "未定震级，P 至 S 之间无记录: XX.A"
    assert note("-0.9 from the median of all stations", language="zh") == "偏离各台中位数 -0.9"
    assert note("something new", language="zh") == "something new"
    assert note("no data", language="en") == "no data"
