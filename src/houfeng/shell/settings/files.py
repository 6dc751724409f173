"""The files that settings name: which they are, and whether they will do before anything rests on them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from houfeng.shell.feeds.peers import tls_context
from houfeng.shell.keys.files import read_secret
from houfeng.shell.keys.keys import ENROLLED
from houfeng.shell.outlets.cap import load_signer
from houfeng.shell.outlets.tls import server_context
from houfeng.shell.recordings import find_files, read_bytes
from houfeng.shell.replay.replay import load_model, load_policy
from houfeng.shell.seedlink.readers import load_readers
from houfeng.shell.settings.lists import LISTS
from houfeng.shell.settings.outlets import CapOutlet, WebSocketOutlet
from houfeng.shell.settings.secrets import secret_of
from houfeng.shell.settings.settings import SeedLinkSettings, Settings
from houfeng.shell.settings.values import Section
from houfeng.words.errors import HoufengError

#: Keys of data that come and go by themselves; any other path is of a file that settings are completed by.
_DATA = frozenset({"folder", "path", "trust"})


def parts_of(settings: Settings) -> Iterator[tuple[str, Section]]:
    """Every table by its name, each feed as feeds.NAME and each outlet as outlets.NAME."""
    for name in type(settings).model_fields:
        if name not in LISTS:
            yield name, getattr(settings, name)
    for name in LISTS:
        for each in getattr(settings, name):
            yield f"{name}.{each.name}", each


def files_of(settings: Settings) -> Mapping[str, tuple[Path, ...]]:
    """The files that each table names, directly or by pattern, without folders of data."""
    named = {part: tuple(path for _, path in _paths(section)) for part, section in parts_of(settings)}
    enrolled = sorted((settings.keys.folder / ENROLLED).glob("*.toml"))
    return {**named, "stations": (*named["stations"], *_inventory(settings)), "keys": (*named["keys"], *enrolled)}


def check_files(settings: Settings, *, environment: Mapping[str, str]) -> None:
    """See whether every file and variable that the settings name is there, private where it must be, and readable.

    environment  as os.environ

    Station metadata are for load_stations. Raises WorldFault or DataFault, naming the file or variable.
    """
    for _, section in parts_of(settings):
        for key, path in _paths(section):
            _CHECKS.get(key, read_bytes)(path)
        for key, value in section:
            if key.endswith("_env") and value is not None:
                secret_of(None, value, environment=environment)
        _check_certificate(section)


def _paths(section: Section) -> Iterator[tuple[str, Path]]:
    for key, value in section:
        if isinstance(value, Path) and key not in _DATA:
            yield key, value


def _inventory(settings: Settings) -> Iterator[Path]:
    for pattern in settings.stations.inventory:
        try:
            yield from find_files([pattern])
        except HoufengError:  # nothing there now: said when the metadata are read
            yield Path(pattern)


def _check_certificate(section: Section) -> None:
    if isinstance(section, CapOutlet):
        load_signer(section.certificate, section.key)
    elif isinstance(section, SeedLinkSettings | WebSocketOutlet) and section.certificate and section.key:
        server_context(section.certificate, section.key)


def _check_secret(path: Path) -> None:
    secret_of(path, None, environment={})


#: How the file under a key is tried; any other is only read.
_CHECKS: Mapping[str, Callable[[Path], object]] = {
    "password_file": _check_secret,
    "token_file": _check_secret,
    "key": read_secret,
    "ca": tls_context,
    "readers": load_readers,
    "model": load_model,
    "policy": load_policy,
}
