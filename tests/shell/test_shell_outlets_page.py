"""The pages on alerts say what is so: settings are taken, findings and keys are those there are."""

import json
import re
import tomllib
from pathlib import Path

from lxml import etree
from made_alert import news
from pydantic import TypeAdapter

from houfeng.serve.alerts.cap import Issuer, write_cap
from houfeng.serve.alerts.lines import write_line
from houfeng.shell import outlets
from houfeng.shell.outlets import teller, websocket
from houfeng.shell.outlets.outlet import MOST_VOICES
from houfeng.shell.seedlink.bans import BAN_NS, MOST_FAILURES
from houfeng.shell.settings.lists import kinds_of
from houfeng.shell.settings.outlets import Outlet
from houfeng.words.instant import NS_PER_S

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOW_TO = (DOCS / "how-to/alerts.md").read_text()
REFERENCE = (DOCS / "reference/alerts.md").read_text()


def first_cells(text):
    return re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)


def words_in(cells):
    return [word for cell in cells for word in re.findall(r"`([\w-]+)`", cell)]


def test_every_settings_table_shown_is_taken(tmp_path):
    shown = re.findall(r"^```toml\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL)
    tables = [table for block in shown for table in tomllib.loads(block)["outlets"]]
    taken = TypeAdapter(list[Outlet]).validate_python(tables, context={"folder": tmp_path})
    assert {outlet.kind for outlet in taken} == set(kinds_of("outlets"))


def test_the_findings_shown_are_those_there_are():
    sources = [path.read_text() for path in Path(outlets.__file__).parent.glob("*.py")]
    told = {kind for source in sources for kind in re.findall(r'Finding\("([a-z-]+)"', source)}
    assert set(words_in(first_cells(HOW_TO))) == told


def test_the_keys_of_a_line_are_those_it_has_in_their_order():
    section = REFERENCE.split("## A line of JSON")[1].split("\n## ")[0]
    assert words_in(first_cells(section)) == list(json.loads(write_line(news())))


def test_the_parameters_of_cap_are_those_it_has():
    message = etree.fromstring(write_cap(news(), Issuer("w@centre.example", "here"), "public"))
    names = [element.text for element in next(message.iter("{*}info")).iter("{*}valueName")]
    (row,) = re.findall(r"^\| `parameter` \| (.*) \|$", REFERENCE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == names


def test_limits_are_as_they_are_told():
    assert f"those beyond the {MOST_VOICES} that say most" in REFERENCE
    assert (
        f"more than {websocket.MOST_BEHIND} versions behind, or takes longer than {websocket.TAKE_S:g} s" in REFERENCE
    )
    most = f"At most {websocket.MOST_CLIENTS} connect,\nat most {websocket.MOST_OF_ONE_ADDRESS} from one address"
    assert most in REFERENCE
    assert (MOST_FAILURES, BAN_NS) == (5, 300 * NS_PER_S)
    assert (teller.FIRST_WAIT_S, teller.LONGEST_WAIT_S) == (0.25, 10.0)
