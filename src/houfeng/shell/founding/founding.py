"""Founding a centre: a folder with settings, keys, a certificate and an empty catalogue, ready to run."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from houfeng.shell.catalogue.catalogue import Catalogue, url_of
from houfeng.shell.founding.answers import Answers, feed_of
from houfeng.shell.founding.text import READERS, settings_text
from houfeng.shell.founding.tls import make_certificate
from houfeng.shell.keys.files import write_private, write_whole
from houfeng.shell.keys.keys import (
    AGREEMENT_KEY,
    AGREEMENT_PUBLIC,
    ENROLLED,
    SIGNING_KEY,
    make_centre_key,
    public_of,
    write_centre_public,
)
from houfeng.shell.recordings import find_files
from houfeng.shell.replay.replay import load_inventory
from houfeng.shell.settings.settings import FILE_NAME, parse_settings
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding

#: In the folder of the centre, in the order they are put there: the settings last, for they say that all is there.
_MADE = ("archive", "journal", "keys", "stations", "catalogue.sqlite", "certificate.pem", "readers.toml", FILE_NAME)


@dataclass(frozen=True, slots=True)
class Founded:
    """A new centre.

    made        what was made in its folder, folders with / behind them
    stations    how many stations its metadata knows
    findings    what was odd about the metadata
    next_steps  what to do now, a line each
    """

    folder: Path
    made: tuple[str, ...]
    stations: int
    findings: tuple[Finding, ...]
    next_steps: tuple[str, ...]


def found(folder: Path, answers: Answers, *, now_ns: int) -> Founded:
    """Make a working centre in a folder, which may exist and hold other things.

    now_ns  the present, for the certificate

    Nothing is ever written over, and nothing is written before all answers will do. Raises WorldFault when something
    of a centre is there already or the disk refuses, DataFault when an answer will not do.
    """
    taken = [name for name in _MADE if (folder / name).exists()]
    if taken:
        raise WorldFault(str(folder / taken[-1]), "is there already", "found the centre in another folder")
    inventory = load_inventory(answers.stations)
    if answers.stations and not inventory.stations:
        reason = inventory.findings[0].reason if inventory.findings else "names no station"
        raise DataFault(", ".join(answers.stations), f"no station metadata in it: {reason}", "see houfeng info FILE")
    feed = feed_of(answers.feed, folder)
    copied = list(_outside(answers.stations, folder))
    named = [*(["stations"] if copied else []), *_inside(answers.stations, folder)]
    try:
        text = settings_text(answers, named, feed)
    except UnicodeEncodeError as error:
        raise DataFault(repr(error.object), "is a file name that is not UTF-8", "rename the file") from error
    parse_settings(text, folder / FILE_NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".founding-", dir=folder) as aside:
            _make(Path(aside), answers.name, copied, text, now_ns)
            made = tuple(_settle(Path(aside), folder))
    except OSError as error:
        raise WorldFault(str(folder), error.strerror or str(error), "check the path and the disk") from error
    return Founded(folder, made, len(inventory.stations), inventory.findings, _next_steps(folder, answers))


def _make(aside: Path, name: str, copied: list[Path], settings: bytes, now_ns: int) -> None:
    """Make everything in a folder that nobody looks at yet."""
    for data in ("archive", "journal"):
        (aside / data).mkdir()
    keys = aside / "keys"
    keys.mkdir(mode=0o700)
    (keys / ENROLLED).mkdir(mode=0o700)
    agreement = make_centre_key(keys / AGREEMENT_KEY)
    write_centre_public(keys / AGREEMENT_PUBLIC, public_of(agreement))
    write_private(keys / SIGNING_KEY, Ed25519PrivateKey.generate())
    make_certificate(aside / "certificate.pem", keys / "tls.pem", name=name, now_ns=now_ns)
    if copied:
        (aside / "stations").mkdir()
    for number, source in enumerate(copied, start=1):
        target = aside / "stations" / source.name
        shutil.copyfile(source, target if not target.exists() else target.with_name(f"{number}-{source.name}"))
    Catalogue(url_of(str(aside / "catalogue.sqlite"))).close()
    write_whole(aside / "readers.toml", READERS.encode(), secret=True, replace=False)
    write_whole(aside / FILE_NAME, settings, secret=False, replace=False)


def _settle(aside: Path, folder: Path) -> Iterator[str]:
    """Put what was made where it belongs; a name that somebody has taken meanwhile is left alone."""
    for name in _MADE:
        source, target = aside / name, folder / name
        if source.is_dir():
            target.mkdir()  # fails when it exists
            source.rename(target)  # and takes its place, being empty
            yield f"{name}/"
        elif source.exists():
            target.hardlink_to(source)  # fails when it exists
            yield name


def _outside(patterns: tuple[str, ...], folder: Path) -> Iterator[Path]:
    """Metadata files that do not lie in the centre's folder: copied, so that the centre stands alone."""
    home = folder.resolve()
    for pattern in patterns:
        for path in find_files([pattern]):
            if not path.resolve().is_relative_to(home):
                yield path


def _inside(patterns: tuple[str, ...], folder: Path) -> Iterator[str]:
    """Metadata files that do: named as they are, from the centre's folder."""
    home = folder.resolve()
    for pattern in patterns:
        for path in find_files([pattern]):
            if path.resolve().is_relative_to(home):
                yield str(path.resolve().relative_to(home))


def _next_steps(folder: Path, answers: Answers) -> tuple[str, ...]:
    steps = [f"houfeng run {folder}", "look at http://127.0.0.1:8080/health while it runs"]
    if not answers.feed:
        steps.insert(0, f"name a feed in {folder / FILE_NAME}: the file says how")
    if not answers.stations:
        steps.insert(0, f"name station metadata in {folder / FILE_NAME}: without it nothing can be located")
    return tuple(steps)
