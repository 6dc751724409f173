"""Where packets come from: one [[feeds]] table of the settings for each feed."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from houfeng.shell.settings.values import (
    Beside,
    Listed,
    Login,
    Name,
    PeerAddress,
    Section,
    Selector,
    StationPattern,
    Variable,
    WebAddress,
    refuse,
)


class _Named(Section):
    """A feed, by its name. A steady one brings packets all the time, so that its silence is odd."""

    steady: ClassVar[bool] = False
    name: Name = Field(description="what the feed is called in findings, metrics and logs")


class _Peer(Login, _Named):
    """A server that is connected to, and how."""

    steady: ClassVar[bool] = True
    address: PeerAddress = Field(description="the server, host:port")
    tls: bool = Field(False, description="encrypt, and check who the server is")
    ca: Beside | None = Field(None, description="certificates to trust, PEM; the system's when left out")
    token_file: Beside | None = Field(None, description="file that holds a JSON Web Token, mode 0600")
    token_env: Variable | None = Field(None, description="environment variable that holds a JSON Web Token")

    @model_validator(mode="after")
    def _peer_is_whole(self) -> Self:
        if (self.token_file or self.token_env) and (self.user or (self.token_file and self.token_env)):
            refuse("has two logins", "keep one of password and token, from one place")
        if (self.user or self.token_file or self.token_env) and not (self.tls or self.address.is_loopback):
            refuse("would send its password or token unencrypted", "set tls = true")
        if self.ca and not self.tls:
            refuse("has certificates to trust but no tls", "set tls = true")
        return self


class SeedLinkFeed(_Peer):
    """A SeedLink server, protocol 3 or 4."""

    kind: Literal["seedlink"]
    begin: Literal["now", "oldest"] = Field(
        "now", description="of stations not heard before: what comes from now on, or, with oldest, all the server has"
    )
    protocol: Literal["auto", 3, 4] = Field("auto", description="SeedLink protocol to speak: auto, 3 or 4")
    stations: Listed[StationPattern] = Field((), description="stations to ask for, NET.STA; all when left out")
    selectors: Listed[Selector] = Field((), description="channels to ask for, as SeedLink's SELECT takes them")

    @model_validator(mode="after")
    def _logs_in_where_it_can(self) -> Self:
        if self.protocol == 3 and (self.user or self.token_file or self.token_env):
            refuse("logs in with protocol 3, which has no logins", 'set protocol = 4, or leave it "auto"')
        return self


class DataLinkFeed(_Peer):
    """A DataLink server, such as ringserver."""

    kind: Literal["datalink"]
    stations: Listed[StationPattern] = Field((), description="stations to ask for, NET.STA; all when left out")


class FolderFeed(_Named):
    """miniSEED files in a folder, taken as if they arrived now; what is added later is read too."""

    kind: Literal["folder"]
    path: Beside = Field(description="the folder, or one file")


class OpenEewFeed(_Named):
    """Packets as OpenEEW keeps them: JSON lines in files, taken as if they arrived now; later lines are read too."""

    kind: Literal["openeew"]
    path: Beside = Field(description="the folder, or one file")


class DataselectFeed(Login, _Named):
    """An FDSN dataselect service, asked later for what the other feeds missed."""

    kind: Literal["dataselect"]
    url: WebAddress = Field(description="the service, up to and without /query")
    ca: Beside | None = Field(None, description="certificates to trust, PEM; the system's when left out")
    stations: Listed[StationPattern] = Field((), description="stations it has, NET.STA; all when left out")

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if self.user and not self.url.startswith("https://"):
            refuse("would send its password unencrypted", "use an https:// address")
        return self


Feed = Annotated[
    SeedLinkFeed | DataLinkFeed | FolderFeed | OpenEewFeed | DataselectFeed,
    Field(discriminator="kind"),
]
