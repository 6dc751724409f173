"""What a centre is told in its centre.toml: read once, checked whole, never changed in place."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, model_validator

from houfeng.quake.acquire.pace import PATIENCE_NS, SLICE_NS
from houfeng.shell.settings.faults import fault_of
from houfeng.shell.settings.feeds import Feed
from houfeng.shell.settings.lists import LISTS
from houfeng.shell.settings.outlets import Outlet
from houfeng.shell.settings.values import (
    Beside,
    Listed,
    ListenAddress,
    Name,
    Pattern,
    Section,
    Variable,
    folder_of,
    refuse,
    stay_home,
)
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.instant import NS_PER_S

#: The settings file of a centre, in its folder.
FILE_NAME = "centre.toml"

#: Thousands of feeds fit; a larger file is not a settings file.
LARGEST_FILE_BYTES = 4 * 2**20


def _catalogue_url(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    path = value.removeprefix("sqlite:///")
    if "://" not in path:
        if not path or "?" in path or "\0" in path:
            refuse("is no file for a catalogue", 'write a file name, such as "catalogue.sqlite"')
        return f"sqlite:///{folder_of(info) / path}"
    try:
        parts = urlsplit(value)
        known = parts.scheme in {"postgresql", "postgres"} and bool(parts.path.strip("/"))
    except ValueError:
        known = False
    # The text itself is not shown: it may hold a password.
    if not known:
        refuse("is no database address", "write a file name, or postgresql://USER@HOST/DATABASE")
    if parts.password is not None or any("pass" in key.lower() for key, _ in parse_qsl(parts.query)):
        refuse("holds a password", "take it out, and name a password_file or password_env instead")
    return value


class CentreSettings(Section):
    """The centre itself."""

    name: Name = Field(description="name of the centre, for reports, keys and logs")
    language: Literal["en", "zh"] = Field("en", description="language of reports: en or zh")


class StationsSettings(Section):
    """What is known of the ground and of the stations on it. Read again when a file changes."""

    inventory: Listed[Pattern] = Field((), description="station metadata: files, folders, globs")
    model: Beside | None = Field(None, description="velocity model, CSV; iasp91 when left out")
    domains: Beside | None = Field(None, description="CSV with columns station, domain: which can fail or lie together")


class JournalSettings(Section):
    """Every record as it came, kept for a while; the SeedLink server reads from it."""

    folder: Beside = Field(Path("journal"), validate_default=True, description="folder of the journal")
    keep_gb: float = Field(10.0, gt=0, le=1e6, description="how much of the disk it may fill, GB")


class ArchiveSettings(Section):
    """The waveform archive."""

    folder: Beside = Field(Path("archive"), validate_default=True, description="folder of the SDS tree")


class CatalogueSettings(Section):
    """The catalogue of quakes."""

    url: Annotated[str, BeforeValidator(_catalogue_url)] = Field(
        "catalogue.sqlite", validate_default=True, description="SQLite file, or postgresql://USER@HOST/DATABASE"
    )
    password_file: Beside | None = Field(None, description="file that holds the database password, mode 0600")
    password_env: Variable | None = Field(None, description="environment variable that holds the database password")

    @model_validator(mode="after")
    def _password_has_one_place(self) -> Self:
        if self.password_file and self.password_env:
            refuse("has two passwords", "keep one of password_file and password_env")
        if (self.password_file or self.password_env) and self.url.startswith("sqlite:"):
            refuse("has a password for SQLite, which takes none", "leave password_file and password_env out")
        return self


class SeedLinkSettings(Section):
    """The SeedLink server, from which others read."""

    listen: ListenAddress = Field(
        "127.0.0.1:18000", validate_default=True, description='address without encryption; "" for none'
    )
    tls_listen: ListenAddress = Field(None, description='address with TLS; "" for none')
    beyond_loopback: bool = Field(False, description="allow other machines to connect")
    certificate: Beside | None = Field(None, description="certificate chain shown over TLS, PEM")
    key: Beside | None = Field(None, description="private key of the certificate, PEM, mode 0600")
    readers: Beside | None = Field(None, description="file of who may read what")

    @model_validator(mode="after")
    def _server_is_whole(self) -> Self:
        stay_home(self.beyond_loopback, self.listen, self.tls_listen)
        if self.tls_listen and not (self.certificate and self.key):
            refuse("listens with TLS but has no certificate or key", "name certificate and key, or clear tls_listen")
        if self.beyond_loopback and not self.readers:
            refuse("would let every machine read everything", "name a readers file")
        return self


class KeysSettings(Section):
    """The keys of the centre and of the stations that sign."""

    folder: Beside = Field(Path("keys"), validate_default=True, description="folder of keys, mode 0700")


class PaceSettings(Section):
    """How time is cut."""

    slice_s: float = Field(SLICE_NS / NS_PER_S, ge=0.1, le=60, description="how much data time is heard at once, s")
    patience_s: float = Field(
        PATIENCE_NS / NS_PER_S, ge=0, le=600, description="how long those behind are waited for, in data time, s"
    )


class PickerSettings(Section):
    """How onsets are found."""

    name: Literal["classical", "phasenet"] = Field("classical", description="classical or phasenet")
    weights: Beside | None = Field(None, description="PhaseNet weights, ONNX; never downloaded")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="SHA-256 the weights must have; the published file's when left out"
    )

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if self.name == "phasenet" and self.weights is None:
            refuse("has no weights", "set weights to the file; they are never downloaded")
        return self


class WarnSettings(Section):
    """Warning: alerts, and to whom they may go."""

    enabled: bool = Field(True, description="look out for quakes while packets come")
    status: Literal["test", "exercise", "actual"] = Field(
        "test", description="what alerts say they are: test, exercise or actual"
    )
    policy: Beside | None = Field(None, description="TOML of what to warn whom; the packaged one when left out")
    places: Beside | None = Field(None, description="CSV of places to say what to expect: name, latitude, longitude")
    trust: Beside | None = Field(None, description="file that the guard adds its trust in stations to; it is followed")


class HealthSettings(Section):
    """The page of health and metrics."""

    listen: ListenAddress = Field(
        "127.0.0.1:8080", validate_default=True, description='address of /health and /metrics; "" for none'
    )
    beyond_loopback: bool = Field(False, description="allow other machines to connect")

    @model_validator(mode="after")
    def _stays_home(self) -> Self:
        stay_home(self.beyond_loopback, self.listen)
        return self


def _broker(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value:
        return None
    # The text itself is not shown: it may hold a password.
    if "@" in value:
        refuse("holds a name or password", "take it out, and name a credentials file")
    try:
        parts = [urlsplit(address.strip()) for address in value.split(",")]
        whole = all(part.scheme in {"nats", "tls"} and part.hostname and part.port and not part.path for part in parts)
    except ValueError:
        whole = False
    if not whole:
        refuse("is no address of a broker", "write nats://HOST:PORT or tls://HOST:PORT")
    return value


class ClusterSettings(Section):
    """The broker over which the roles of a centre on several machines talk: houfeng run --role."""

    broker: Annotated[str | None, BeforeValidator(_broker)] = Field(
        None, description="NATS, nats://HOST:PORT or tls://HOST:PORT; several with commas between them"
    )
    ca_file: Beside | None = Field(None, description="certificates to trust, PEM; the system's when left out")
    credentials: Beside | None = Field(None, description="file that holds USER:PASSWORD, mode 0600")
    unprotected: bool = Field(False, description="allow a broker on another machine without TLS or credentials")
    shards: int = Field(1, ge=1, le=512, description="how many shares the stations are divided into")
    record_gb: float = Field(4.0, gt=0, le=1e6, description="room at the broker for records not done with, GB")
    heard_gb: float = Field(0.5, gt=0, le=1e6, description="room at the broker for what was heard in them, GB")


class LogSettings(Section):
    """What is said on the error stream."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least that is said: debug, info, warning or error"
    )
    form: Literal["lines", "json"] = Field("lines", description="lines, for people, or json, for programs")


class Settings(Section):
    """Everything a centre is told. Paths are absolute; secrets are named, never held."""

    centre: CentreSettings
    stations: StationsSettings
    feeds: Listed[Feed] = Field((), description="where packets come from")
    journal: JournalSettings
    archive: ArchiveSettings
    catalogue: CatalogueSettings
    seedlink: SeedLinkSettings
    keys: KeysSettings
    pace: PaceSettings
    picker: PickerSettings
    warn: WarnSettings
    health: HealthSettings
    cluster: ClusterSettings
    outlets: Listed[Outlet] = Field((), description="where alerts go out")
    log: LogSettings

    @model_validator(mode="before")
    @classmethod
    def _tables_left_out_are_empty(cls, document: Any) -> Any:
        tables: dict[str, object] = {name: {} for name in cls.model_fields if name not in LISTS}
        return tables | document if isinstance(document, dict) else document

    @model_validator(mode="after")
    def _each_of_a_list_has_a_name_of_its_own(self) -> Self:
        for part in LISTS:
            seen: set[str] = set()
            for each in getattr(self, part):
                if each.name in seen:
                    refuse(f"two {part} are called {each.name}", "give each a name of its own")
                seen.add(each.name)
        return self

    @model_validator(mode="after")
    def _no_two_outlets_write_the_same(self) -> Self:
        seen: set[Path] = set()
        for outlet in self.outlets:
            path = outlet.path if outlet.kind == "file" else getattr(outlet, "folder", None)
            if path in seen:
                refuse(f"two outlets write to {path}", "give each its own")
            if path is not None:
                seen.add(path)
        return self


def read_settings(path: Path) -> Settings:
    """Read a settings file.

    path  of the file; relative paths in it are taken from its folder

    Raises WorldFault when the file cannot be read; DataFault, naming file and key, when something in it will not do.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > LARGEST_FILE_BYTES:
            raise DataFault(str(path), f"{size_bytes} bytes are no settings file", "give the folder of a centre")
        content = path.read_bytes()
    except OSError as error:
        remedy = "make a centre with houfeng init" if isinstance(error, FileNotFoundError) else "check its permissions"
        raise WorldFault(str(path), error.strerror or str(error), remedy) from error
    return parse_settings(content, path)


def parse_settings(content: bytes, path: Path) -> Settings:
    """Read settings from the bytes of a file. path, never opened, says where; otherwise as read_settings."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataFault(str(path), f"is no TOML: {error}", "correct that line") from error
    try:
        return Settings.model_validate(document, context={"folder": path.absolute().parent})
    except ValidationError as error:
        # Without the cause, which may show what somebody wrote where a password does not belong.
        raise fault_of(error, Settings, document, path) from None
