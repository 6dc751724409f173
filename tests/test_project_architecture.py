"""The core does not touch the world: what docs/ARCHITECTURE.md says is absent is absent."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src/houfeng"
CORE = sorted(path for room in ("words", "wire", "quake", "guard", "twin") for path in (PACKAGE / room).rglob("*.py"))

#: Ways to the disk, the network, the clock, chance, other processes and the environment.
DOORS = {
    "asyncio", "ctypes", "fcntl", "getpass", "glob", "http", "logging", "multiprocessing", "os", "platform",
    "random", "requests", "resource", "secrets", "select", "shutil", "signal", "socket", "sqlalchemy", "sqlite3", "ssl",
    "subprocess", "tempfile", "threading", "time", "typer", "urllib", "uuid",
}  # fmt: skip

#: PyOcto takes travel times only as a file: docs/decisions/0005-travel-times-through-a-scratch-folder.md.
MAY_WRITE = {PACKAGE / "quake/associate/octo.py"}


def name_of(path):
    return str(path.relative_to(PACKAGE))


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


def called(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_no_door_to_the_world_in_the_core(path):
    tree = ast.parse(path.read_text())
    assert set(imported(tree)) & DOORS == set()
    calls = set(called(tree))
    assert calls & {"open", "print", "input", "io.open", "breakpoint"} == set()
    assert not {call for call in calls if call.endswith((".now", ".utcnow", ".today"))}
    assert not {call for call in calls if call.startswith("np.random.") and call != "np.random.default_rng"}
    if path not in MAY_WRITE:
        ways = (
            ".write_text",
            ".write_bytes",
            ".mkdir",
            ".unlink",
            ".touch",
            ".tofile",
            "np.save",
            "np.load",
            "np.memmap",
        )
        assert not {call for call in calls if call.endswith(ways)}


def test_chance_always_has_a_given_seed():
    for path in CORE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("default_rng"):
                assert node.args or node.keywords, path


def test_every_module_says_what_it_is():
    for path in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_no_value_of_the_vocabulary_can_be_changed():
    for path in (PACKAGE / "words").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and path.name != "errors.py":
                decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
                assert "dataclass" in decorators, node.name
                assert "frozen=True" in decorators, node.name
                assert "slots=True" in decorators, node.name
