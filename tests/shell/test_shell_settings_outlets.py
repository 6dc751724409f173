"""The [[outlets]] of the settings: what they may say, and what is refused before anything rests on it."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from made_alert import certified

from houfeng.shell.settings.files import check_files, files_of
from houfeng.shell.settings.outlets import MqttOutlet, WebSocketOutlet
from houfeng.shell.settings.settings import parse_settings
from houfeng.words.errors import DataFault, WorldFault

FILE = 'name = "lines"\nkind = "file"\naudience = "operators"\npath = "alerts.jsonl"\n'
CAP = (
    'name = "cap"\nkind = "cap"\naudience = "public"\nfolder = "cap"\nsender = "w@centre.example"\n'
    'certificate = "alerts.crt"\nkey = "alerts.key"\nutc_offset_min = 480\n'
)
WEBSOCKET = 'name = "web"\nkind = "websocket"\naudience = "public"\n'
MQTT = 'name = "mqtt"\nkind = "mqtt"\naudience = "public"\naddress = "127.0.0.1:1883"\n'
QUAKEML = 'name = "quakeml"\nkind = "quakeml"\naudience = "operators"\nfolder = "quakeml"\n'


def parsed(folder, *tables):
    text = '[centre]\nname = "here"\n' + "".join(f"[[outlets]]\n{table}" for table in tables)
    return parse_settings(text.encode(), folder / "centre.toml")


def signing_files(folder):
    key, certificate = certified()
    (folder / "alerts.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "alerts.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "alerts.key").chmod(0o600)


def test_every_kind_is_read(tmp_path):
    settings = parsed(tmp_path, FILE, CAP, WEBSOCKET, MQTT, QUAKEML)
    assert [outlet.kind for outlet in settings.outlets] == ["file", "cap", "websocket", "mqtt", "quakeml"]
    assert settings.outlets[0].path == tmp_path / "alerts.jsonl"
    websocket, mqtt = settings.outlets[2:4]
    assert isinstance(websocket, WebSocketOutlet)
    assert isinstance(mqtt, MqttOutlet)
    assert websocket.listen is not None
    assert websocket.listen.is_loopback
    assert (mqtt.topic, mqtt.tls, mqtt.user) == ("houfeng/alerts", False, "")


def test_without_any_there_is_none(tmp_path):
    assert parsed(tmp_path).outlets == ()


@pytest.mark.parametrize(
    ("table", "key", "reason"),
    [
        (FILE.replace('"file"', '"fax"'), "outlets.lines", "without a kind"),
        (FILE.replace('audience = "operators"\n', ""), "outlets.lines.audience", "is missing"),
        (FILE.replace("operators", "no one"), "outlets.lines.audience", "is no name"),
        (FILE + "folder = 'x'\n", "outlets.lines.folder", "is not known here"),
        (CAP.replace("w@centre.example", "The Centre"), "outlets.cap.sender", "is no sender"),
        (CAP.replace("w@centre.example", "a,b"), "outlets.cap.sender", "is no sender"),
        (CAP.replace('key = "alerts.key"\n', ""), "outlets.cap.key", "is missing"),
        (CAP.replace("480", "900"), "outlets.cap.utc_offset_min", "less than or equal to 840"),
        (WEBSOCKET + 'listen = ""\n', "outlets.web", "listens nowhere"),
        (WEBSOCKET + 'listen = "0.0.0.0:8090"\n', "outlets.web", "other machines can reach"),
        (WEBSOCKET + 'listen = "0.0.0.0:8090"\nbeyond_loopback = true\n', "outlets.web", "every machine"),
        (
            WEBSOCKET + 'listen = "0.0.0.0:8090"\nbeyond_loopback = true\nreaders = "readers.toml"\n',
            "outlets.web",
            "unencrypted",
        ),
        (WEBSOCKET + 'certificate = "tls.pem"\n', "outlets.web", "half of what TLS needs"),
        (MQTT.replace("127.0.0.1", "broker.example"), "outlets.mqtt", "anybody on the way"),
        (MQTT + 'ca = "ca.pem"\n', "outlets.mqtt", "no tls"),
        (MQTT + 'user = "centre"\n', "outlets.mqtt", "half a login"),
        (MQTT + 'password = "correct-horse"\n', "outlets.mqtt.password", "is not known here"),
        (MQTT + 'topic = "a/#"\n', "outlets.mqtt.topic", "is no topic"),
        (MQTT + 'topic = "/a"\n', "outlets.mqtt.topic", "is no topic"),
        (MQTT + 'topic = "$SYS/a"\n', "outlets.mqtt.topic", "is no topic"),
    ],
)
def test_what_will_not_do_is_refused_by_its_key(tmp_path, table, key, reason):
    with pytest.raises(DataFault) as fault:
        parsed(tmp_path, table)
    assert fault.value.subject == f"{tmp_path / 'centre.toml'}: {key}"
    assert reason in fault.value.reason
    assert fault.value.remedy
    assert "correct-horse" not in str(fault.value)


def test_two_are_not_called_the_same_nor_write_the_same(tmp_path):
    with pytest.raises(DataFault, match="two outlets are called lines"):
        parsed(tmp_path, FILE, QUAKEML.replace('"quakeml"\nkind', '"lines"\nkind'))
    with pytest.raises(DataFault, match="two outlets write to"):
        parsed(tmp_path, FILE, FILE.replace('"lines"', '"others"'))
    with pytest.raises(DataFault, match="two outlets write to"):
        parsed(tmp_path, CAP, QUAKEML.replace('folder = "quakeml"', 'folder = "cap"'))


def test_a_broker_elsewhere_may_be_used_over_tls(tmp_path):
    (outlet,) = parsed(tmp_path, MQTT.replace("127.0.0.1", "broker.example") + "tls = true\n").outlets
    assert str(outlet.address) == "broker.example:1883"


def test_the_files_they_name_are_tried_before_anything_rests_on_them(tmp_path):
    settings = parsed(tmp_path, CAP)
    with pytest.raises(WorldFault, match="alerts"):
        check_files(settings, environment={})
    signing_files(tmp_path)
    check_files(settings, environment={})
    assert files_of(settings)["outlets.cap"] == (tmp_path / "alerts.crt", tmp_path / "alerts.key")
    (tmp_path / "alerts.crt").write_bytes(certified("other")[1].public_bytes(Encoding.PEM))
    with pytest.raises(DataFault, match="not of the key"):
        check_files(settings, environment={})


def test_a_password_is_looked_for_where_it_is_said_to_be(tmp_path):
    named = parsed(tmp_path, MQTT + 'user = "centre"\npassword_env = "MQTT_PASSWORD"\n')
    with pytest.raises(WorldFault, match="MQTT_PASSWORD"):
        check_files(named, environment={})
    check_files(named, environment={"MQTT_PASSWORD": "correct-horse"})
    in_file = parsed(tmp_path, MQTT + 'user = "centre"\npassword_file = "secret"\n')
    (tmp_path / "secret").write_text("correct-horse\n")
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(WorldFault, match="others may open it"):
        check_files(in_file, environment={})
