"""What an agent is told in its agent.toml: read once, checked whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from houfeng.shell.agent.clock import SOURCES
from houfeng.shell.agent.digitiser import Digitiser, Wanted
from houfeng.shell.agent.tables import Address, Table, read_table
from houfeng.words.assurance import SIGNED_TIERS, Place

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Where the keys are.

    identity    private Ed25519 key
    previous    private key it takes over from, None when none
    passphrase  file with the passphrase of both, None when they have none
    centre      public X25519 key of the centre
    place       where the identity is kept
    """

    identity: Path
    previous: Path | None
    passphrase: Path | None
    centre: Path
    place: Place


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Where the centre reads.

    listen       without encryption, this machine only; None for none
    tls_listen   with TLS, None for none
    certificate  chain shown over TLS, PEM
    key          its private key, PEM, mode 0600
    readers      who may read what: readers.toml; None for everybody on this machine
    centre       name of the reader whose resumption acknowledges what was before, "" without readers
    """

    listen: Address | None
    tls_listen: Address | None
    certificate: Path | None
    key: Path | None
    readers: Path | None
    centre: str


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Everything an agent is told; either digitiser or files is there.

    stations    NET.STA of each it signs for
    folder      its journal and notes
    keep_bytes  what the journal may take
    files       folder of miniSEED files
    clock       name of the source of the clock's status
    """

    stations: tuple[str, ...]
    folder: Path
    keep_bytes: int
    digitiser: Digitiser | None
    files: Path | None
    keys: KeySettings
    clock: str
    serve: ServeSettings


def read_settings(path: Path) -> AgentSettings:
    """Read and check an agent.toml. Paths in it are taken from its folder.

    Raises WorldFault naming the file and the key.
    """
    top = read_table(path)
    stations = top.stations("stations")
    settings = AgentSettings(
        stations,
        top.file("folder", "state"),
        top.number("keep_mib", 1024, 16, 1 << 24) * _MIB,
        _digitiser(top, stations),
        _files(top),
        _keys(top),
        _clock(top),
        _serve(top),
    )
    if (settings.digitiser is None) == (settings.files is None):
        raise top.fault("digitiser", "or files must be there, and not both", "write [digitiser] or [files]")
    top.finish()
    return settings


def _digitiser(top: Table, stations: tuple[str, ...]) -> Digitiser | None:
    table = top.table("digitiser")
    if table is None:
        return None
    address = table.address("address")
    selectors = table.selectors("select")
    table.finish()
    wanted = tuple(Wanted(station, selectors) for station in stations)
    # Another digitiser counts otherwise: what is known of one must not be asked of the other.
    return Digitiser(f"digitiser {address}", address.host, address.port, wanted)


def _files(top: Table) -> Path | None:
    table = top.table("files")
    if table is None:
        return None
    folder = table.file("folder")
    table.finish()
    return folder


def _keys(top: Table) -> KeySettings:
    table = top.table("keys")
    if table is None:
        raise top.fault("keys", "is missing", "write [keys] with centre")
    keys = KeySettings(
        table.file("identity", "identity.pem"),
        table.optional_file("previous"),
        table.optional_file("passphrase_file"),
        table.file("centre"),
        cast("Place", table.choice("place", "gateway", tuple(SIGNED_TIERS))),
    )
    table.finish()
    return keys


def _clock(top: Table) -> str:
    table = top.table("clock")
    if table is None:
        return "kernel"
    source = table.choice("source", "kernel", tuple(SOURCES))
    table.finish()
    return source


def _serve(top: Table) -> ServeSettings:
    table = top.table("serve")
    if table is None:
        return ServeSettings(Address("127.0.0.1", 18000), None, None, None, None, "")
    listen, tls = table.optional_address("listen"), table.optional_address("tls_listen")
    beyond = table.take("beyond_loopback", bool, default=False)
    certificate, key = table.optional_file("certificate"), table.optional_file("key")
    readers, centre = table.optional_file("readers"), table.take("centre", str, "")
    if listen is None and tls is None:
        raise table.fault("listen", "or tls_listen must be there", "a centre must be able to read")
    if listen is not None and not listen.is_loopback:
        raise table.fault("listen", "would send records and passwords in the clear", "use tls_listen beyond 127.0.0.1")
    if tls is not None and (certificate is None or key is None):
        raise table.fault("tls_listen", "needs certificate and key")
    if tls is not None and not tls.is_loopback and not (beyond and readers):
        remedy = "set beyond_loopback = true and name a readers file if that is meant"
        raise table.fault("tls_listen", "can be reached from other machines", remedy)
    if bool(readers) != bool(centre):
        raise table.fault("centre", "and readers belong together", "name the reader that the centre logs in as")
    table.finish()
    return ServeSettings(listen, tls, certificate, key, readers, centre)
