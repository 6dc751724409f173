"""Golden data are the bytes that docs/golden.md registers."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINE = re.compile(r"^### (\w+)\n.*?^- `ORIGIN\.md`: `([0-9a-f]{64})`", re.MULTILINE | re.DOTALL)
REGISTER = dict(LINE.findall((ROOT / "docs/golden.md").read_text()))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_sets_are_registered():
    assert len(REGISTER) >= 17


@pytest.mark.parametrize("name", sorted(REGISTER))
def test_every_byte_of_a_set_is_the_registered_one(houfeng_data, name):
    folder = houfeng_data / name
    assert sha256(folder / "ORIGIN.md") == REGISTER[name]
    listed = re.findall(r"^([0-9a-f]{64})  +(\d+)  +(\S.*)$", (folder / "ORIGIN.md").read_text(), re.MULTILINE)
    assert listed
    for digest, size, path in listed:
        assert (folder / path).stat().st_size == int(size)
        assert sha256(folder / path) == digest
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"ORIGIN.md"}
    assert present == {path for _, _, path in listed}


def test_no_test_reads_a_set_that_is_not_registered():
    sources = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    used = {name for path in sources for name in re.findall(r"houfeng_data\s*/\s*\(?[\"']([a-z]\w+)", path.read_text())}
    assert used <= REGISTER.keys()
