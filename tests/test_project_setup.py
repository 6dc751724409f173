"""A fresh machine can set Houfeng up: what is pinned, hashed, local and complete."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PINS = (ROOT / "constraints.txt").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def bare(requirement):
    return re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")


def test_pins_name_no_address():
    said = "\n".join(line for line in PINS.splitlines() if not line.startswith("#"))
    for address in ("://", "--index", "--extra-index", "--find-links", "--trusted-host", " @ ", "file:"):
        assert address not in said
    assert re.findall(r"https?:", PINS) == []


def test_every_pin_is_exact_and_hashed():
    requirements = re.split(r"\n(?=[a-z0-9])", "\n".join(line for line in PINS.splitlines() if "#" not in line))
    assert len(requirements) > 80
    for requirement in requirements:
        assert re.match(r"[a-z0-9.-]+==[\w.]+ \\\n +--hash=sha256:[0-9a-f]{64}", requirement.strip()), requirement[:80]


def test_everything_required_is_pinned():
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    wanted += [requirement for group in extras.values() for requirement in group]
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", PINS, re.MULTILINE))
    assert {bare(requirement) for requirement in wanted} - {"houfeng"} <= pinned


def test_what_is_installed_is_what_is_pinned():
    from importlib.metadata import version

    pinned = dict(re.findall(r"^([a-z0-9.-]+)==([\w.]+)", PINS, re.MULTILINE))
    for name in ("numpy", "scipy", "numba", "obspy", "pyocto", "pymseed", "sqlalchemy", "alembic"):
        assert version(name) == pinned[name]


def test_hooks_are_local():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (\S+)", hooks) == ["local"]


def test_the_command_of_continuous_integration_is_the_one_readers_are_told():
    script = (ROOT / ".ci/run").read_text()
    assert script.startswith("#!/usr/bin/env bash")
    assert "set -euo pipefail" in script
    assert "\nmake test\nmake check\n" in script
    assert re.search(r"^make test ", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=False).returncode == 0
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench", "accept"])
def test_every_target_sets_up_first(target):
    assert re.search(rf"^{target}: \$\(READY\)", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("lack", "told"), [("ensurepip", "apt-get install python3-venv"), ("version_info", "Python 3.11 or newer")]
)
def test_a_machine_without_venv_or_with_an_old_python_is_told(tmp_path, lack, told):
    (tmp_path / "python3").write_text(f'#!/bin/sh\ncase "$2" in *{lack}*) exit 1;; esac\nexit 0\n')
    (tmp_path / "python3").chmod(0o755)
    command = ["make", "-C", ROOT, f"PYTHON={tmp_path / 'python3'}", f"READY={tmp_path / 'ready'}", "test"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert told in result.stderr
