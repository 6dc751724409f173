"""docs/how-to/feeds.md says what is so: its settings are taken, and its findings are those there are."""

import re
import tomllib
from pathlib import Path

from pydantic import TypeAdapter

from houfeng.shell import feeds
from houfeng.shell.settings.feeds import Feed

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/feeds.md"
SOURCES = [path.read_text() for path in Path(feeds.__file__).parent.glob("*.py")]

#: Told by what the OpenEEW feed asks, in shell/arrivals/devices.py.
OF_DEVICES = {"clock-offset", "wrong-rate"}


def test_every_settings_table_shown_is_taken(tmp_path):
    shown = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    tables = [table for block in shown for table in tomllib.loads(block)["feeds"]]
    taken = TypeAdapter(list[Feed]).validate_python(tables, context={"folder": tmp_path})
    assert {feed.kind for feed in taken} == {"seedlink", "datalink", "folder", "openeew", "dataselect"}


def test_the_findings_shown_are_those_there_are():
    cells = re.findall(r"^\| (`[^|]*`) \|", PAGE.read_text(), re.MULTILINE)
    shown = {kind for cell in cells for kind in re.findall(r"`([a-z-]+)`", cell)}
    told = {
        kind
        for source in SOURCES
        for kind in re.findall(r'(?:say\(\s*tell,\s*|Finding\(\s*|append\(\(\s*)"([a-z-]+)"', source)
    }
    assert shown == told | OF_DEVICES
