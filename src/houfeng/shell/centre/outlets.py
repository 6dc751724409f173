"""The outlets that the settings ask for."""

from collections.abc import Callable, Mapping
from pathlib import Path

from houfeng.serve.alerts.cap import Issuer
from houfeng.shell.feeds.peers import tls_context
from houfeng.shell.outlets.cap import cap_folder, quakeml_folder
from houfeng.shell.outlets.lines import LinesFile
from houfeng.shell.outlets.outlet import Outlet
from houfeng.shell.outlets.outlets import Outlets, Served
from houfeng.shell.outlets.tls import server_context
from houfeng.shell.seedlink.readers import load_readers
from houfeng.shell.settings.outlets import CapOutlet, FileOutlet, MqttOutlet, QuakemlOutlet, WebSocketOutlet
from houfeng.shell.settings.outlets import Outlet as Told
from houfeng.shell.settings.secrets import secret_of
from houfeng.shell.settings.settings import Settings
from houfeng.words.alert import Alert
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding

#: What remembers which alerts went out, beside the settings file.
STORE_FILE = "outlets.sqlite"


def outlets_of(
    settings: Settings,
    folder: Path,
    *,
    clock: Callable[[], int],
    environment: Mapping[str, str],
    tell: Callable[[Finding], None],
    on_given: Callable[[str, Alert, int], None] = lambda _name, _alert, _given_ns: None,
    on_listening: Callable[[str, int], None] = lambda _name, _port: None,
) -> Outlets:
    """The outlets of a centre, not started yet.

    folder        of the centre
    environment   as os.environ, for passwords
    tell          told what is odd, in the event loop
    on_given      called with an outlet's name, what it let out, and when, ns
    on_listening  called with the name of an outlet that listens, and its port

    Raises WorldFault or DataFault when a file that the settings name will not do, or a library is missing.
    """
    served = [
        Served(told.name, told.audience, _outlet_of(told, settings.centre.name, clock, environment, on_listening))
        for told in settings.outlets
    ]
    return Outlets(served, folder / STORE_FILE, clock=clock, tell=tell, on_given=on_given)


def _outlet_of(
    told: Told,
    centre: str,
    clock: Callable[[], int],
    environment: Mapping[str, str],
    on_listening: Callable[[str, int], None],
) -> Outlet:
    match told:
        case FileOutlet():
            return LinesFile(told.path)
        case CapOutlet():
            issuer = Issuer(told.sender, centre, told.utc_offset_min)
            return cap_folder(told.folder, issuer, told.audience, certificate=told.certificate, key=told.key)
        case QuakemlOutlet():
            return quakeml_folder(told.folder, centre)
        case WebSocketOutlet():
            return _websocket(told, clock, on_listening)
        case MqttOutlet():
            return _mqtt(told, clock, environment)


def _websocket(told: WebSocketOutlet, clock: Callable[[], int], on_listening: Callable[[str, int], None]) -> Outlet:
    try:
        from houfeng.shell.outlets.websocket import WebSocketOutlet as Server  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise _missing("websockets") from error
    assert told.listen is not None
    return Server(
        told.listen.host,
        told.listen.port,
        clock=clock,
        tls=server_context(told.certificate, told.key) if told.certificate and told.key else None,
        readers=load_readers(told.readers) if told.readers else None,
        on_listening=lambda port: on_listening(told.name, port),
    )


def _mqtt(told: MqttOutlet, clock: Callable[[], int], environment: Mapping[str, str]) -> Outlet:
    try:
        from houfeng.shell.outlets.mqtt import MqttOutlet as Publisher  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise _missing("paho-mqtt") from error
    password = secret_of(told.password_file, told.password_env, environment=environment)
    return Publisher(
        told.address.host,
        told.address.port,
        topic=told.topic,
        clock=clock,
        tls=tls_context(told.ca) if told.tls else None,
        user=told.user,
        password=password.get_secret_value() if password else "",
    )


def _missing(library: str) -> WorldFault:
    return WorldFault(library, "is not installed", "pip install 'houfeng[alerts]'")
