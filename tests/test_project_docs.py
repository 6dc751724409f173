"""The documents say what is so: commands, options, exit codes, files, links, code."""

import ast
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EVERYWHERE = {"--help"}


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def prose(page):
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def first_cells(text):
    """What the first column of a page's tables says."""
    return re.findall(r"^\| (.*?) \|", text, re.MULTILINE)


@pytest.fixture(scope="module")
def commands():
    """Every command of the command line with its options, "" for the program itself."""
    from houfeng.shell.cli.main import app

    return dict(below(typer.main.get_command(app), ""))


def below(command, name):
    """A command and those below it, by their names in full."""
    yield name, options(command)
    for part, each in getattr(command, "commands", {}).items():
        yield from below(each, f"{name} {part}".strip())


def options(command):
    return {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--")
    }


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_reference_has_every_command_and_option_and_no_other(commands):
    page = (ROOT / "docs/reference/cli.md").read_text()
    sections = re.split(r"^## `houfeng ?(.*?)`$", page, flags=re.MULTILINE)[1:]
    told = {
        name: set(re.findall(r"^\| `(--[\w-]+)", text, re.MULTILINE))
        | set(re.findall(r"^\| .*?, `(--[\w-]+)", text, re.MULTILINE))
        for name, text in zip(sections[::2], sections[1::2], strict=True)
    }
    assert told == {name: known - EVERYWHERE for name, known in commands.items()}


def test_commands_shown_anywhere_have_commands_and_options_that_exist(commands):
    shown = [
        (name_of(page), line)
        for page in PAGES
        for block in blocks(page, "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if re.match(r"(\S*/)?houfeng\s", line)
    ]
    assert len(shown) >= 8
    for page, line in shown:
        words = shlex.split(line.split(" #")[0])[1:]
        name = " ".join(words[:2]) if " ".join(words[:2]) in commands else words[0]
        assert name in commands, (page, line)
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        # the agent's options are its own: it also runs where the command line does not
        assert name == "agent" or used <= commands[name] | EVERYWHERE, (page, line)


def test_exit_codes_are_those_of_the_program():
    from houfeng.shell.cli import main as cli

    page = (ROOT / "docs/reference/exit-codes.md").read_text()
    told = {int(cell) for cell in first_cells(page) if cell.isdecimal()}
    known = {value for name, value in vars(cli).items() if name.startswith("EXIT_")}
    assert told == known | {0, 1, 2}


def test_make_targets_shown_exist():
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {target for page in PAGES for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)}
    assert {"demo", "test", "check", "bench", "accept"} <= shown <= targets


def test_the_files_page_names_the_files_and_keys_that_are_written():
    page = (ROOT / "docs/reference/files.md").read_text()
    source = (ROOT / "src/houfeng/shell/replay/results.py").read_text()
    report = (ROOT / "src/houfeng/shell/replay/reporting.py").read_text()
    written = set(re.findall(r'/ "([\w.]+\.\w+)"', source + report))
    assert len(written) >= 10
    assert {name for name in written if f"`{name}`" not in page} == set()
    (keys,) = (
        [key.value for key in node.keys]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Dict) and any(getattr(key, "value", "") == "reason" for key in node.keys)
    )
    assert re.findall(r"^\| `(\w+)` \|", page.split("## `findings.jsonl`")[1].split("\n## ")[0], re.MULTILINE) == keys


@pytest.mark.parametrize(
    ("title", "module"), [("`picks.csv`", "phases"), ("`shaking.csv`", "shaking_csv"), ("The table of", "quakes_csv")]
)
def test_the_files_page_names_the_columns_of_tables(title, module):
    page = (ROOT / "docs/reference/files.md").read_text().split(f"## {title}")[1].split("\n## ")[0]
    told = [name for cell in first_cells(page) for name in re.findall(r"`(\w+)`", cell)]
    assert tuple(told) == import_module(f"houfeng.wire.{module}").COLUMNS


def test_the_formats_page_names_every_waveform_format_and_no_other():
    from houfeng.wire import obspy_waveforms, waveforms

    page = (ROOT / "docs/reference/formats.md").read_text().split("## Waveforms")[1].split("\n## ")[0]
    told = {name for cell in first_cells(page) for name in re.findall(r"`(\w+)`", cell)}
    assert told == {"mseed", *waveforms._READERS, *obspy_waveforms._FORMATS}


# --- links, files, words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    for target in targets:
        if not target.startswith(("https://", "http://")):
            assert (page.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_of_the_project_that_are_named_exist(page):
    for path in re.findall(
        r"`((?:src|tests|bench|docs|words|wire|quake|shell|serve|twin|guard|share)/[\w./-]*)`", prose(page)
    ):
        assert (ROOT / path).exists() or (ROOT / "src/houfeng" / path).exists(), path


def test_every_page_is_in_the_navigation():
    settings = (ROOT / "mkdocs.yml").read_text().split("\nnav:")[1]
    assert set(re.findall(r"[\w/-]+\.md", settings)) == {
        str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")
    }


def test_the_glossary_has_every_word_of_the_vocabulary():
    told = set(first_cells((ROOT / "docs/glossary.md").read_text()))
    words = {
        node.name
        for module in (ROOT / "src/houfeng/words").glob("*.py")
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    assert len(words) >= 20
    assert words - told == set()


def test_the_architecture_page_draws_the_layers_that_are_enforced():
    (drawn,) = re.findall(r"^words <- .*$", (ROOT / "docs/ARCHITECTURE.md").read_text(), re.MULTILINE)
    layers = re.search(r"layers = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL).group(1)
    enforced = [layer.replace("houfeng.", "") for layer in re.findall(r'"(.*?)"', layers)]
    assert [room.strip() for room in drawn.split("<-")] == enforced[::-1]


def test_decisions_are_numbered_dated_and_costed():
    folder = ROOT / "docs/decisions"
    index = (folder / "index.md").read_text()
    pages = sorted(folder.glob("[0-9]*.md"))
    for number, page in enumerate(pages, start=1):
        text = page.read_text()
        assert page.name.startswith(f"{number:04d}-")
        title, date = re.match(rf"# {number}\. (.+)\n\nDate: (\d{{4}}-\d\d-\d\d)\.", text).groups()
        assert f"| {number} | [{title}]({page.name}) | {date} |" in index
        for part in ("**Decision.**", "**Why.**", "**Costs.**"):
            assert part in text
        assert len(text.split()) < 400  # one page


# --- code and site ----------------------------------------------------------------------------------------------------


SELF_CONTAINED = [page for page in PAGES if blocks(page, "python") and page.stem != "catalogue"]


@pytest.mark.parametrize("page", SELF_CONTAINED, ids=name_of)
def test_code_shown_runs(page, tmp_path):
    """The page on the catalogue needs a server: tests/shell/test_shell_catalogue.py runs it."""
    code = "\n".join(blocks(page, "python"))
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_site_loads_nothing_from_elsewhere(tmp_path):
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    quietly = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(build, cwd=ROOT, env=quietly, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= 20
    for page in pages:
        html = page.read_text()
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]*\ssrc="([^"]+)"', html)
        loaded += re.findall(r'<link[^>]*rel="(?:stylesheet|icon|preload|preconnect)"[^>]*href="([^"]+)"', html)
        loaded += re.findall(r'<link[^>]*href="([^"]+)"[^>]*rel="(?:stylesheet|icon|preload|preconnect)"', html)
        assert loaded
        assert [address for address in loaded if "//" in address] == []
