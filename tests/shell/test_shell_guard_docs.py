"""The pages on the guard say what is so: its output, its findings, its profiles, its figures."""

import csv
import dataclasses
import json
import re
import runpy
import shlex
from pathlib import Path
from typing import get_args

import pytest

from houfeng.guard.conduct.document import conduct_of, plain_of, read_conduct
from houfeng.guard.conduct.learn import CLOSED_NS
from houfeng.guard.conduct.learn_doubts import MOST_ASKED, MOST_IN_VAIN
from houfeng.guard.judge.bench import SAME_CAUSE_NS
from houfeng.guard.judge.cases import OVER_AFTER_NS
from houfeng.guard.judge.periodicity import rank
from houfeng.guard.judge.rules import all_rules, rules_of
from houfeng.guard.judge.trust import RECOVERY_NS, SPREAD, WORTH
from houfeng.shell.guarding import reading
from houfeng.shell.guarding.checking import check
from houfeng.wire.eyes import eve_events, zeek_records
from houfeng.words.conduct import Allowed, Conduct, Envelope, Host, Reads, Role
from houfeng.words.errors import DataFault
from houfeng.words.instant import DAY_NS, NS_PER_S
from houfeng.words.judgement import Severity
from houfeng.words.network import Flow

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOW_TO = (DOCS / "how-to/guard.md").read_text()
FINDINGS = (DOCS / "reference/findings.md").read_text()
CONDUCT = (DOCS / "reference/conduct.md").read_text()
EXPLAINED = (DOCS / "explanation/guard.md").read_text()
IN_ONE_LINE = " ".join(EXPLAINED.split())
NETWORKS = (DOCS / "reference/formats.md").read_text().split("## Networks")[1].split("\n## ")[0]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def section(text, title):
    """What stands under a heading, up to the next."""
    return text.split(f"\n{title}\n")[1].split("\n#")[0]


def rows(text):
    """The rows of a section's tables, without their headings."""
    bodies = re.findall(r"^\|[-|]+\|\n((?:\|.*(?:\n|\Z))+)", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")[1:-1]] for body in bodies for line in body.splitlines()]


def keys(text):
    return [name for row in rows(text) for name in re.findall(r"`(\w+)`", row[0])]


# --- how to -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def example(houfeng, tmp_path, monkeypatch):
    """The worked example's recordings, made, and a way to ask of them what the page asks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (code,) = blocks(HOW_TO, "python")
    script = tmp_path / "make.py"
    script.write_text(code)
    runpy.run_path(str(script))

    def ask(line):
        code, out, err = houfeng(*shlex.split(line)[1:])
        assert code == 0, err
        return "".join(f"{said.rstrip()}\n" for said in (err + out).splitlines())

    return ask


def test_the_worked_example_says_what_the_page_shows(example):
    shown = re.findall(r"^```sh\n(houfeng guard [^\n]*)\n```\n\n```text\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL)
    assert [line.split()[2] for line, _ in shown] == ["check", "learn", "check", "explain", "rank"]
    for line, output in shown:
        assert example(line) == output, line


def test_the_example_of_a_finding_is_the_one_of_the_worked_example(example):
    (shown,) = blocks(FINDINGS, "json")
    (learnt,) = re.findall(r"^houfeng guard learn monday.log .*$", HOW_TO, re.MULTILINE)
    example(learnt)
    lines = example("houfeng guard check tuesday.log --profile conduct.toml --json").splitlines()
    told = next(line for line in lines if '"beacon"' in line)
    assert json.dumps(json.loads(shown), separators=(",", ":")) == told


# --- findings ---------------------------------------------------------------------------------------------------------


def test_the_findings_page_has_every_key_of_a_line_in_order():
    (shown,) = blocks(FINDINGS, "json")
    assert keys(section(FINDINGS, "## A line of JSON"))[: len(json.loads(shown))] == list(json.loads(shown))


def test_the_findings_page_has_every_severity():
    (row,) = (row for row in rows(section(FINDINGS, "## A line of JSON")) if row[0] == "`severity`")
    assert re.findall(r"`(\w+)`", row[1]) == list(get_args(Severity))


def test_the_findings_page_has_every_detector_and_no_other():
    families = (Path(reading.__file__).parents[2] / "guard/judge/rules").glob("*.toml")
    family_of = {name: path.stem for path in families for name in rules_of(path.stem)}
    known = {(name, family_of[name], rule.technique) for name, rule in all_rules().items()}
    told = [(row[0].strip("`"), row[1], row[2]) for row in rows(section(FINDINGS, "## Detectors"))]
    assert set(told) == known
    assert len(told) == len(known)
    assert all(row[3] for row in rows(section(FINDINGS, "## Detectors")))


def test_every_family_is_explained():
    told = {name for row in rows(section(EXPLAINED, "## What each family goes by")) for name in row[0].split(", ")}
    families = {path.stem for path in (Path(reading.__file__).parents[2] / "guard/judge/rules").glob("*.toml")}
    assert told == families


# --- conduct profiles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["toml", "csv"])
def test_the_examples_of_profiles_are_read(language):
    (text,) = blocks(CONDUCT, language)
    conduct, findings = read_conduct(text.encode(), "conduct")
    assert list(findings) == []
    assert conduct is not None
    assert len(conduct.allowed) >= 3
    assert conduct_of(plain_of(conduct)) == conduct


@pytest.mark.parametrize(
    ("title", "kind", "called"),
    [
        ("## The document", Conduct, {"hosts": "host"}),
        ("## `[[host]]`", Host, {}),
        ("## `[[allowed]]`", Allowed, {}),
        ("### `[allowed.client_rate]`, `[allowed.server_rate]`", Envelope, {}),
        ("## `[[reads]]`", Reads, {}),
    ],
)
def test_the_page_has_every_key_of_a_profile_and_says_which_are_required(title, kind, called):
    told = {name: row[1] for row in rows(section(CONDUCT, title)) for name in re.findall(r"`(\w+)`", row[0])}
    fields = {called.get(field.name, field.name): field for field in dataclasses.fields(kind)}
    assert told.keys() == fields.keys()
    required = {name for name, field in fields.items() if field.default is dataclasses.MISSING}
    assert {name for name, default in told.items() if default == "required"} == required


def test_the_page_has_every_role():
    (row,) = (row for row in rows(section(CONDUCT, "## `[[host]]`")) if row[0] == "`role`")
    assert tuple(re.findall(r"`(\w+)`", row[2])) == get_args(Role)


def test_the_page_has_the_columns_of_the_table_of_conversations():
    (text,) = blocks(CONDUCT, "csv")
    header, *_ = csv.reader(text.splitlines())
    assert keys(section(CONDUCT, "## As a table")) == header


def test_a_profile_is_closed_after_as_long_as_the_page_says():
    assert "`closed` is `true` only where half a day" in CONDUCT
    assert CLOSED_NS == DAY_NS // 2


# --- formats ----------------------------------------------------------------------------------------------------------


def test_the_formats_page_names_what_is_read_of_networks():
    (exports,) = (row for row in rows(NETWORKS) if row[0].startswith("NetFlow"))
    assert tuple(map(int, re.findall(r"\d{4}", exports[2]))) == reading.EXPORT_PORTS
    (zeek,) = (row for row in rows(NETWORKS) if row[0] == "Zeek")
    assert set(re.findall(r"`(\w+)`", zeek[2])) == set(zeek_records._LOGS)
    (eve,) = (row for row in rows(NETWORKS) if row[0] == "Suricata EVE")
    assert set(re.findall(r"`(\w+)`", eve[2])) == set(eve_events._MAKERS)


def test_what_is_read_is_what_a_refusal_names(tmp_path):
    (tmp_path / "x").write_text("nothing that anybody knows")
    with pytest.raises(DataFault) as refused:
        list(check([tmp_path / "x"], tell=lambda _: None))
    named = "pcap|pcapng|Zeek|Suricata EVE|nfdump|Argus|auth logs|ringserver|frame tables"
    assert all(name in str(refused.value) and name in NETWORKS for name in named.split("|"))


# --- figures ----------------------------------------------------------------------------------------------------------


def test_the_explanation_has_the_numbers_of_trust_cases_and_learning():
    for words in ("a tenth for `low`", "a half for", "nine tenths for `high`", "halves every eight hours"):
        assert words in IN_ONE_LINE
    assert dict(WORTH) == {"info": 0.0, "low": 0.1, "medium": 0.5, "high": 0.9}
    assert "three tenths of what it loses" in IN_ONE_LINE
    assert SPREAD == 0.3
    assert RECOVERY_NS == 8 * 3600 * NS_PER_S
    assert "A week without anything new" in IN_ONE_LINE
    assert OVER_AFTER_NS == 7 * DAY_NS
    assert "within two minutes" in IN_ONE_LINE
    assert SAME_CAUSE_NS == 120 * NS_PER_S
    assert "more than five hosts or ports" in IN_ONE_LINE
    assert "more than sixteen addresses" in IN_ONE_LINE
    assert (MOST_IN_VAIN, MOST_ASKED) == (5, 16)


def flows_of(path):
    """The conversations of a recording, each once."""
    seen = []
    list(check([path], tell=lambda _: None, observed=seen.append))
    return [one for one in seen if isinstance(one, Flow) and not one.ongoing]


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("net_seedlink_benign/capture.pcap", ["16 s to udp 123 | 0.81", "30 s to tcp 8080 | 0.71"]),
        ("net_benign_day_a/conn.log.labeled", ["900 s to tcp 443 | 0.93", "957 s to tcp 443 | 0.85"]),
    ],
)
def test_the_healthiest_conversations_rank_as_the_page_says(houfeng_data, file, told):
    ranked = rank(flows_of(houfeng_data / file))[:2]
    got = [f"{one.step_s:.0f} s to {one.pair[3]} {one.pair[2]} | {one.score:.2f}" for one in ranked]
    assert got == told
    assert all(f"every {one}" in EXPLAINED for one in told)


def test_a_capture_called_benign_is_found_fault_with_as_the_page_says(houfeng, houfeng_data):
    code, out, _ = houfeng("guard", "check", houfeng_data / "net_synchrophasor_a" / "pmu1100_lan.pcap")
    (shown,) = blocks(EXPLAINED, "text")
    first, second, last = out.splitlines()
    assert (code, f"{first}\n", last) == (0, shown, "2 findings")
    assert "binding-conflict" in second
    assert "74:86:7a:07:28:94" in second
