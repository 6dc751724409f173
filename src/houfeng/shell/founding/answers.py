"""What a founder is asked: little, and nothing that has no option on the command line."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from houfeng.shell.settings.values import parse_address
from houfeng.words.errors import DataFault

#: SeedLink's registered port for TLS.
_TLS_PORT = 18500


@dataclass(frozen=True, slots=True)
class Answers:
    """What a founder said.

    name      of the centre
    stations  station metadata: files, folders, globs; may be none
    feed      host:port of a SeedLink server, datalink://host:port, https://HOST/fdsnws/dataselect/1, or a folder of
              recordings; "" for none
    """

    name: str
    stations: tuple[str, ...] = ()
    feed: str = ""
    language: Literal["en", "zh"] = "en"


def ask(
    *,
    name: str | None,
    stations: Sequence[str] | None,
    feed: str | None,
    language: Literal["en", "zh"],
    prompt: Callable[[str, str], str],
) -> Answers:
    """Answers, those that are None asked for; an empty one means none.

    prompt  shows a question, and a default when it is not empty; returns what was typed, or the default
    """
    if name is None:
        name = prompt("What is the centre called?", "centre")
    if stations is None:
        said = prompt("Where is the station metadata: a file, folder or glob? Empty for none", "")
        stations = [said]
    if feed is None:
        feed = prompt("Where do packets come from: host:port of a SeedLink server, or a folder? Empty for none", "")
    return Answers(name, tuple(filter(None, stations)), feed, language)


def feed_of(text: str, folder: Path) -> dict[str, object] | None:
    """The table of [[feeds]] that an answer means, None for an empty one.

    folder  of the centre: recordings below it are named from there

    Raises DataFault when it is neither an address nor a folder.
    """
    if not text:
        return None
    path = Path(text)
    if path.is_dir():
        home, whole = folder.resolve(), path.resolve()
        shown = whole.relative_to(home) if whole.is_relative_to(home) else whole
        return {"name": "recordings", "kind": "folder", "path": str(shown)}
    if re.match(r"https?://", text):
        return {"name": "dataselect", "kind": "dataselect", "url": text}
    kind, _, address = text.rpartition("://")
    try:
        port = parse_address(address).port
    except ValueError:
        port = 0
    if not port or kind not in {"", "seedlink", "datalink"}:
        raise DataFault(
            text, "is neither a folder nor the address of a server", "give a folder that exists, or host:port"
        )
    tls: dict[str, object] = {"tls": True} if port == _TLS_PORT else {}
    return {"name": kind or "seedlink", "kind": kind or "seedlink", "address": address, **tls}
