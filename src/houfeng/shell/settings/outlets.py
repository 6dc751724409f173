"""Where alerts go out: one [[outlets]] table of the settings for each outlet."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from houfeng.shell.settings.values import (
    Beside,
    ListenAddress,
    Login,
    Name,
    PeerAddress,
    Section,
    refuse,
    stay_home,
)


def _sender(value: Any) -> Any:
    # CAP 1.2, section 3.2.1: no spaces, commas or restricted characters.
    if isinstance(value, str) and not (value.isprintable() and value and not set(value) & set(" ,<&")):
        refuse("is no sender of CAP messages", "write a domain name or an e-mail address of yours")
    return value


def _topic(value: Any) -> Any:
    # MQTT 5.0, section 4.7: + and # are for those who subscribe; $ is the broker's own.
    if isinstance(value, str) and (
        not value.isprintable() or value.startswith(("/", "$")) or not all(value.split("/")) or set(value) & set("+#")
    ):
        refuse("is no topic to publish under", 'write words with / between them, such as "houfeng/alerts"')
    return value


class _Named(Section):
    """An outlet, by its name, and whom it serves."""

    name: Name = Field(description="what the outlet is called in findings, metrics and logs")
    audience: Name = Field(description="whom it serves: only alerts for this audience of the policy go out")


class _Signed(Section):
    """What alerts are signed with."""

    certificate: Beside = Field(description="certificate of the key that signs, PEM")
    key: Beside = Field(description="key that signs, on the curve P-256, PEM, mode 0600")


class FileOutlet(_Named):
    """A file, one line of JSON for each version of an alert."""

    kind: Literal["file"]
    path: Beside = Field(description="the file, such as alerts.jsonl")


class CapOutlet(_Signed, _Named):
    """A folder of signed CAP 1.2 messages, one file for each version of an alert."""

    kind: Literal["cap"]
    folder: Beside = Field(description="the folder")
    sender: Annotated[str, BeforeValidator(_sender)] = Field(
        max_length=200, description="who warns, unique in the world: a domain name or an e-mail address"
    )
    utc_offset_min: int = Field(
        0, ge=-720, le=840, description="by how much people's clocks are ahead of UTC, minutes: 480 in China"
    )


class QuakemlOutlet(_Named):
    """A folder of QuakeML 1.2, one file for each version of an alert."""

    kind: Literal["quakeml"]
    folder: Beside = Field(description="the folder")


class WebSocketOutlet(_Named):
    """A WebSocket server: open alerts to whoever connects, and every version as it comes, as JSON."""

    kind: Literal["websocket"]
    listen: ListenAddress = Field("127.0.0.1:8090", validate_default=True, description="address to listen on")
    beyond_loopback: bool = Field(False, description="allow other machines to connect")
    certificate: Beside | None = Field(None, description="certificate chain shown over TLS, PEM; no TLS when left out")
    key: Beside | None = Field(None, description="private key of the certificate, PEM, mode 0600")
    readers: Beside | None = Field(None, description="file of who may connect, by token")

    @model_validator(mode="after")
    def _server_is_whole(self) -> Self:
        if self.listen is None:
            refuse("listens nowhere", "give listen an address, or take the outlet out")
        stay_home(self.beyond_loopback, self.listen)
        if bool(self.certificate) != bool(self.key):
            refuse("has half of what TLS needs", "name both certificate and key, or neither")
        if not self.listen.is_loopback and not (self.readers and self.certificate):
            refuse("would let every machine listen, or send tokens unencrypted", "name readers, certificate and key")
        return self


class MqttOutlet(Login, _Named):
    """An MQTT 5 broker: a retained message for each open alert, as JSON."""

    kind: Literal["mqtt"]
    address: PeerAddress = Field(description="the broker, host:port")
    tls: bool = Field(False, description="encrypt, and check who the broker is")
    ca: Beside | None = Field(None, description="certificates to trust, PEM; the system's when left out")
    topic: Annotated[str, BeforeValidator(_topic)] = Field(
        "houfeng/alerts", max_length=200, description="what the topics of alerts begin with"
    )

    @model_validator(mode="after")
    def _broker_is_known(self) -> Self:
        if not self.tls and not self.address.is_loopback:
            refuse("would let anybody on the way change alerts", "set tls = true")
        if self.ca and not self.tls:
            refuse("has certificates to trust but no tls", "set tls = true")
        return self


Outlet = Annotated[
    FileOutlet | CapOutlet | QuakemlOutlet | WebSocketOutlet | MqttOutlet,
    Field(discriminator="kind"),
]
