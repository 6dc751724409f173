"""All outlets of a centre at once, as its settings ask for them; and a centre that is killed while it warns."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from made_alert import DECLARED_NS, EXPECTATIONS, FIRST, certified, news, version
from mosquitto_server import Mosquitto
from publishing_centre import VERSIONS
from test_live_outlets_mqtt import Subscriber
from websockets.asyncio.client import connect

from houfeng.serve.alerts.cap import reference_of
from houfeng.serve.alerts.lines import write_line
from houfeng.serve.alerts.signature import verify_cap
from houfeng.shell.centre.outlets import outlets_of
from houfeng.shell.outlets.cap import load_signer
from houfeng.shell.settings.files import check_files
from houfeng.shell.settings.settings import read_settings

#: How long a test may hang before it is said to, s.
PATIENCE_S = 60

FOLDERS = """
[centre]
name = "here"

[[outlets]]
name = "lines"
kind = "file"
audience = "operators"
path = "out/alerts.jsonl"

[[outlets]]
name = "cap"
kind = "cap"
audience = "public"
folder = "out/cap"
sender = "warning@centre.example"
certificate = "alerts.crt"
key = "alerts.key"
"""

NETWORK = """
[[outlets]]
name = "quakeml"
kind = "quakeml"
audience = "operators"
folder = "out/quakeml"

[[outlets]]
name = "web"
kind = "websocket"
audience = "public"
listen = "127.0.0.1:0"

[[outlets]]
name = "broker"
kind = "mqtt"
audience = "public"
address = "127.0.0.1:{port}"
"""


def settled(folder, text):
    key, certificate = certified()
    (folder / "alerts.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "alerts.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "alerts.key").chmod(0o600)
    (folder / "centre.toml").write_text(text)
    settings = read_settings(folder / "centre.toml")
    check_files(settings, environment={})
    return settings


def test_an_exercise_goes_out_everywhere_and_nowhere_for_real(tmp_path):
    alerts = [replace(alert, status="exercise") for alert in (FIRST, version(2), version(3, "cancel"))]

    async def steps(settings):
        ports, given, findings = {}, [], []
        outlets = outlets_of(
            settings,
            tmp_path,
            clock=lambda: DECLARED_NS,
            environment={},
            tell=findings.append,
            on_given=lambda name, alert, _: given.append((name, alert.version)),
            on_listening=ports.__setitem__,
        )
        async with asyncio.timeout(PATIENCE_S), outlets:
            while "web" not in ports:  # noqa: ASYNC110  it listens when it does
                await asyncio.sleep(0.001)
            async with connect(f"ws://127.0.0.1:{ports['web']}") as client:
                for alert in alerts:
                    await outlets.publish(alert, EXPECTATIONS)
                heard = [await client.recv() for _ in alerts]
                await outlets.idle()
        assert findings == []
        return heard, given

    with Mosquitto(tmp_path) as broker, Subscriber(broker.port) as subscriber:
        settings = settled(tmp_path, FOLDERS + NETWORK.format(port=broker.port))
        heard, given = asyncio.run(steps(settings))
        published = [subscriber.next().payload.decode() for _ in alerts]
    lines = [write_line(news(alert)).decode() for alert in alerts]
    assert heard == published == [line.removesuffix("\n") for line in lines]
    assert (tmp_path / "out/alerts.jsonl").read_text() == "".join(lines)
    assert {json.loads(line)["status"] for line in lines} == {"exercise"}
    for name in ("lines", "cap", "quakeml", "web", "broker"):
        assert [number for outlet, number in given if outlet == name] == [1, 2, 3]
    messages = [path.read_bytes() for path in sorted((tmp_path / "out/cap").iterdir())]
    assert [etree.fromstring(message).findtext("{*}status") for message in messages] == ["Exercise"] * 3
    for path in (tmp_path / "out/quakeml").iterdir():
        assert "EXERCISE, NOT REAL" in path.read_text()


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_it_loses_no_version_and_repeats_none(tmp_path, seed):
    settled(tmp_path, FOLDERS)
    chance = random.Random(seed)
    command = [sys.executable, Path(__file__).with_name("publishing_centre.py"), tmp_path]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "shell")}
    for stop_at in [*sorted(chance.sample(range(1, VERSIONS), 2)), None]:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if stop_at is not None and line.strip() == str(stop_at):
                    time.sleep(chance.uniform(0, 0.01))  # so that it hits anywhere in what comes next
                    process.kill()
                    break
                assert line.strip() == "end" or line.strip().isdecimal()
    told = [json.loads(line)["version"] for line in (tmp_path / "out/alerts.jsonl").read_text().splitlines()]
    assert told == list(range(1, VERSIONS + 1))
    _, certificate = load_signer(tmp_path / "alerts.crt", tmp_path / "alerts.key")
    references = []
    for number in range(1, VERSIONS + 1):
        message = (tmp_path / f"out/cap/{FIRST.alert_id}.{number}.xml").read_bytes()
        root = etree.fromstring(verify_cap(message, [certificate], at_ns=DECLARED_NS))
        assert (root.findtext("{*}references") or "").split() == references
        references.append(reference_of(message))
    assert len(list((tmp_path / "out/cap").iterdir())) == VERSIONS
