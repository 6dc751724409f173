"""The page on settings has every key with its default, and no other."""

import re
from pathlib import Path

from houfeng.shell.settings.lists import LISTS, kinds_of
from houfeng.shell.settings.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/settings.md"


def told():
    """Key, default and meaning of each row, by the heading above it."""
    parts = re.split(r"^##+ `(.*)`$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", text, re.MULTILINE)
        for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }


def rows(model):
    return [(key, default(field), field.description) for key, field in model.model_fields.items() if key != "kind"]


def default(field):
    if field.is_required():
        return "required"
    if field.default in {None, (), ""}:
        return "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


def test_every_key_stands_on_the_page_as_the_program_knows_it():
    known = {f"[{name}]": rows(field.annotation) for name, field in Settings.model_fields.items() if name not in LISTS}
    kinds = {f'kind = "{kind}"': rows(model) for part in LISTS for kind, model in kinds_of(part).items()}
    assert told() == {**known, **{f"[[{part}]]": [] for part in LISTS}, **kinds}
