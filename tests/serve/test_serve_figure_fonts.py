"""No empty boxes: Chinese where there is a font for it, else English; what no font has is a question mark."""

import warnings
from dataclasses import replace

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager
from test_serve_figures import scene
from test_serve_shaking_map_figure import fading

from houfeng.serve.figures import (
    attenuation_figure,
    magnitudes_figure,
    quake_map,
    record_section,
    residuals,
    shaking_map_figure,
)
from houfeng.serve.figures.fonts import CHINESE, LATIN, drawable, families
from houfeng.serve.figures.labels import FELT, LABELS, label, spoken
from houfeng.serve.figures.style import plain

CHINESE_WORDS = [pair[1] for pair in (*LABELS.values(), *FELT["mmi"], *FELT["csis"])]


def forget():
    families.cache_clear()
    drawable.cache_clear()
    fontManager._findfont_cached.cache_clear()


@pytest.fixture
def no_chinese(monkeypatch):
    """A system without any Chinese font."""
    monkeypatch.setattr(fontManager, "ttflist", [one for one in fontManager.ttflist if one.name not in CHINESE])
    forget()
    yield
    monkeypatch.undo()
    forget()


def font_with(characters, path):
    """A font in which each of these characters is a filled square."""
    names = {ord(char): f"u{ord(char):X}" for char in characters}
    pen = TTGlyphPen(None)
    for at, place in enumerate([(50, 0), (50, 800), (850, 800), (850, 0)]):
        (pen.lineTo if at else pen.moveTo)(place)
    pen.closePath()
    square = pen.glyph()
    glyphs = [".notdef", *names.values()]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(glyphs)
    builder.setupCharacterMap(names)
    builder.setupGlyf(dict.fromkeys(glyphs, square))
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (900, 50)))
    builder.setupHorizontalHeader(ascent=900, descent=-200)
    builder.setupNameTable({"familyName": CHINESE[0], "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=900, usWinAscent=900, usWinDescent=200)
    builder.setupPost()
    builder.save(path)


@pytest.fixture
def chinese(no_chinese, monkeypatch, tmp_path):
    """A system with one Chinese font that has just the characters of the labels."""
    assert no_chinese is None
    path = tmp_path / "chinese.ttf"
    font_with({char for word in CHINESE_WORDS for char in word}, path)
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(path)
    forget()
    yield
    forget()


def pictures(language):
    quake, stations, segments, predicted = scene(4)
    told = fading(30.6, 114.3, rows=31)
    return {
        "section": record_section(quake, segments, predicted, stations=stations, language=language),
        "map": quake_map(quake, stations.values(), language=language),
        "residuals": residuals(quake, language=language),
        "magnitudes": magnitudes_figure(quake, language=language),
        "mmi": shaking_map_figure(*told, language=language),
        "attenuation": attenuation_figure(told[0], told[2], told[1], language=language),
        "csis": shaking_map_figure(*told, language=language, scale="csis"),
    }


@pytest.mark.usefixtures("no_chinese")
def test_without_a_font_chinese_pictures_are_the_english_ones():
    assert families() == (LATIN,)
    assert spoken("zh") == "en"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pictures("zh") == pictures("en")


@pytest.mark.usefixtures("chinese")
def test_with_a_font_every_character_is_drawn_from_it():
    assert families() == (LATIN, CHINESE[0])
    assert spoken("zh") == "zh"
    with warnings.catch_warnings():
        # matplotlib warns of every glyph it has not got
        warnings.simplefilter("error")
        zh, en = pictures("zh"), pictures("en")
    assert [name for name in zh if zh[name] == en[name]] == []


@pytest.mark.usefixtures("chinese")
def test_a_font_that_lacks_one_character_is_not_enough(monkeypatch):
    monkeypatch.setitem(LABELS, "map of dragons", ("map of dragons", "龘"))
    assert spoken("zh") == "en"


@pytest.mark.usefixtures("no_chinese")
def test_words_from_outside_that_no_font_has_are_question_marks():
    assert plain("震中 A\U000e0041") == "?? A?"
    quake, shaking, stations = fading(30.6, 114.3, rows=15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shaking_map_figure(quake, replace(shaking, notes=("模型：未知", "\u202e\ue000")), stations)


@pytest.mark.parametrize("key", LABELS)
def test_every_word_has_both_languages(key):
    english, chinese_word = LABELS[key]
    assert english
    assert english.isascii() or all(char in "²σ" for char in english if not char.isascii())
    assert any("\u4e00" <= char <= "\u9fff" for char in chinese_word)


def test_a_language_nobody_speaks_is_english():
    assert spoken("tlh") == "en"
    assert label("depth", "tlh") == label("depth", "en")
