"""Pack the agent into one file, houfeng-agent.pyz: exactly the modules that it imports, found by reading them."""

import ast
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import houfeng
from houfeng.shell.keys.files import write_whole
from houfeng.words.errors import OurFault

_START = "houfeng.shell.agent.__main__"
_MAIN = b"import sys\n\nfrom houfeng.shell.agent.__main__ import main\n\nsys.exit(main())\n"
_SHEBANG = b"#!/usr/bin/env python3\n"

#: Besides the standard library and Houfeng itself.
_ALLOWED = frozenset({"cryptography", "houfeng"})

#: The same modules give the same bytes, whenever they are packed: zip cannot say an earlier date.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_pyz(path: Path) -> None:
    """Write the agent as one file that `python3 FILE` runs, where `cryptography` is installed.

    Raises OurFault when it needs anything else, WorldFault when the disk refuses.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        files = {f"{module.replace('.', '/')}{ending}": file for module, (file, ending) in modules().items()}
        for name, data in sorted({"__main__.py": _MAIN, **{name: p.read_bytes() for name, p in files.items()}}.items()):
            packed.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    write_whole(path, _SHEBANG + content.getvalue(), secret=False, replace=True)


def modules() -> dict[str, tuple[Path, str]]:
    """Every module of Houfeng the agent needs: its file, and what follows the module's path in the package.

    Raises OurFault when one imports at its top what a station's computer does not have.
    """
    found: dict[str, tuple[Path, str]] = {}
    waiting = [_START]
    while waiting:
        name = waiting.pop()
        place = _file_of(name)
        if name in found or place is None:
            continue
        found[name] = place
        waiting += [name.rpartition(".")[0]] if "." in name else []
        waiting += _imports(name, place[0])
    return found


def _file_of(name: str) -> tuple[Path, str] | None:
    """The file of a module or package, None when the name is of something inside a module."""
    root = Path(houfeng.__file__).parent.parent / name.replace(".", "/")
    if root.is_dir():
        return root / "__init__.py", "/__init__.py"
    file = root.with_name(f"{root.name}.py")
    return (file, ".py") if file.is_file() else None


def _imports(name: str, file: Path) -> Iterator[str]:
    """The modules of Houfeng that a module imports, at its top or within a function."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        root = targets[0].partition(".")[0]
        # Within a function an import is of something that only some need, and is told when it is missing.
        if id(node) in top and root not in _ALLOWED and root not in sys.stdlib_module_names:
            raise OurFault(name, f"imports {root}, which a station's computer does not have")
        if root == "houfeng":
            yield from targets
