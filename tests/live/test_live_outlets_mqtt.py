"""The MQTT outlet and a real broker: retained until over, confirmed, sent once it is back, never repeated."""

import asyncio
import json
import queue
import ssl
import subprocess
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from made_alert import DECLARED_NS, FIRST, after, news, version
from mosquitto_server import Mosquitto, program
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from houfeng.serve.alerts.lines import write_line
from houfeng.shell.founding.tls import make_certificate
from houfeng.shell.outlets import mqtt
from houfeng.shell.outlets.mqtt import MqttOutlet
from houfeng.shell.outlets.outlet import issue_of
from houfeng.shell.outlets.outlets import Outlets, Served
from houfeng.words.errors import PeerFault, WorldFault
from houfeng.words.instant import NS_PER_S

#: How long a test may hang before it is said to, s.
PATIENCE_S = 60

SECRET = "correct-horse-battery"


class Subscriber:
    """Somebody who listens to everything below a topic, in a thread of paho's."""

    def __init__(self, port, topic="houfeng/alerts/#", *, user="", password=""):
        self.messages = queue.Queue()
        self._subscribed = queue.Queue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        if user:
            self._client.username_pw_set(user, password)
        self._client.on_message = lambda _client, _data, message: self.messages.put(message)
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(topic, qos=1)
        self._subscribed.get(timeout=PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._client.disconnect()
        self._client.loop_stop()

    def next(self):
        return self.messages.get(timeout=PATIENCE_S)

    def nothing_waits(self):
        """Whether nothing comes before a message of our own."""
        self._client.publish("houfeng/alerts/end", b"end", qos=1)
        return self.next().topic == "houfeng/alerts/end"


@asynccontextmanager
async def publishing(port, clock=lambda: DECLARED_NS, **options):
    outlet = MqttOutlet("127.0.0.1", port, topic="houfeng/alerts", clock=clock, **options)
    await outlet.open(())
    try:
        yield outlet
    finally:
        await outlet.close()


def play(steps):
    async def main():
        async with asyncio.timeout(PATIENCE_S):
            return await steps()

    return asyncio.run(main())


async def until(true):
    while not true():  # noqa: ASYNC110  whoever makes it so does not know that it is waited for
        await asyncio.sleep(0.001)


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as running:
        yield running


def test_each_version_comes_as_its_line_and_the_last_is_retained_until_the_alert_is_over(broker):
    other = replace(FIRST, alert_id="an/other +#")

    async def steps():
        async with publishing(broker.port) as outlet:
            for alert in (FIRST, version(2), other):
                await outlet.give(issue_of(news(alert)))

    with Subscriber(broker.port) as here:
        play(steps)
        got = [here.next() for _ in range(3)]
    assert [message.payload + b"\n" for message in got] == [
        write_line(news(alert)) for alert in (FIRST, version(2), other)
    ]
    assert [message.topic for message in got] == [
        "houfeng/alerts/20260512T062801-1",
        "houfeng/alerts/20260512T062801-1",
        "houfeng/alerts/an~2f~other~20~~2b~~23~",
    ]
    assert {message.qos for message in got} == {1}
    with Subscriber(broker.port) as late:
        retained = {message.topic: message for message in (late.next(), late.next())}
        assert late.nothing_waits()
    message = retained["houfeng/alerts/20260512T062801-1"]
    assert message.retain
    assert json.loads(message.payload)["version"] == 2
    assert message.properties.ContentType == "application/json"
    # Chongqing shakes last, 98 s after the origin, for two minutes.
    left_s = (after(98.0) - DECLARED_NS) / NS_PER_S + 120
    assert left_s - PATIENCE_S < message.properties.MessageExpiryInterval <= left_s + 1


def test_a_cancellation_takes_the_place_of_the_alert(broker):
    async def steps():
        async with publishing(broker.port) as outlet:
            for alert in (FIRST, version(2, "cancel")):
                await outlet.give(issue_of(news(alert)))

    play(steps)
    with Subscriber(broker.port) as late:
        assert json.loads(late.next().payload)["kind"] == "cancel"
        assert late.nothing_waits()


def test_what_is_over_is_gone_from_the_broker(broker):
    now_ns = issue_of(news()).over_ns - NS_PER_S

    async def steps():
        async with publishing(broker.port, clock=lambda: now_ns) as outlet:
            await outlet.give(issue_of(news()))

    play(steps)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with Subscriber(broker.port) as late:
            if late.nothing_waits():
                return
    pytest.fail("the broker still has it")


def test_a_broker_that_was_away_gets_it_when_it_is_back(broker, monkeypatch):
    monkeypatch.setattr(mqtt, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(mqtt, "LONGEST_WAIT_S", 0.05)

    async def steps():
        async with publishing(broker.port) as outlet:
            await outlet.give(issue_of(news()))
            await asyncio.to_thread(broker.stop)
            await until(lambda: outlet.trouble)
            reason = outlet.trouble
            giving = asyncio.create_task(outlet.give(issue_of(news(version(2)))))
            await asyncio.to_thread(broker.start)
            with Subscriber(broker.port) as here:
                await giving
                got = await asyncio.to_thread(here.next)
                quiet = await asyncio.to_thread(here.nothing_waits)
            await until(lambda: outlet.connected)
            return reason, json.loads(got.payload)["version"], quiet

    reason, number, quiet = play(steps)
    assert f"MQTT broker 127.0.0.1:{broker.port}" in reason
    assert (number, quiet) == (2, True)


def test_nobody_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(mqtt, "ANSWER_S", 0.2)
    port = Mosquitto(tmp_path).port  # not started

    async def steps():
        async with publishing(port) as outlet:
            with pytest.raises(WorldFault, match="cannot be reached"):
                await outlet.give(issue_of(news()))

    play(steps)


def test_a_broker_that_never_answers_is_let_go(monkeypatch):
    monkeypatch.setattr(mqtt, "ANSWER_S", 0.2)

    async def steps():
        silent = await asyncio.start_server(lambda reader, _writer: reader.read(), "127.0.0.1", 0)
        async with silent, publishing(silent.sockets[0].getsockname()[1]) as outlet:
            await until(lambda: "does not answer" in outlet.trouble)

    play(steps)


def test_whatever_answers_instead_of_a_broker_harms_nobody(monkeypatch):
    monkeypatch.setattr(mqtt, "ANSWER_S", 0.2)
    said = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\xff\xff\xff\xff\x7f",
        b"\x00" * 4096,
        b"\x20\x03\x00\x00\x00\x40\x00",
    ]

    async def steps():
        async def answer(_reader, writer):
            writer.write(said.pop() if said else b"")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        monkeypatch.setattr(mqtt, "FIRST_WAIT_S", 0.0)
        monkeypatch.setattr(mqtt, "LONGEST_WAIT_S", 0.0)
        async with server, publishing(server.sockets[0].getsockname()[1]) as outlet:
            await until(lambda: not said)
            await until(lambda: outlet.trouble)
            with pytest.raises(WorldFault):
                await outlet.give(issue_of(news()))

    play(steps)


# Logins and rights.


def passwords(folder):
    """The lines of a broker that knows a centre, which may publish below houfeng/alerts, and a watcher."""
    path, rights = folder / "passwords", folder / "rights"
    path.touch(mode=0o600)
    for user in ("centre", "watcher"):
        subprocess.run([program("mosquitto_passwd"), "-b", path, user, SECRET], check=True)
    rights.write_text("user centre\ntopic write houfeng/alerts/#\nuser watcher\ntopic readwrite houfeng/#\n")
    return f"password_file {path}\nacl_file {rights}"


def test_with_user_and_password_it_is_let_in_and_without_it_is_said_and_the_password_is_not(tmp_path):
    async def steps(user, password):
        async with publishing(broker.port, user=user, password=password) as outlet:
            await until(lambda: outlet.connected or "refuses us" in outlet.trouble)
            if not outlet.trouble:
                await outlet.give(issue_of(news()))
            return outlet.trouble

    with Mosquitto(tmp_path, f"allow_anonymous false\n{passwords(tmp_path)}") as broker:
        assert play(lambda: steps("centre", SECRET)) == ""
        refused = [play(lambda: steps("centre", f"{SECRET}x")), play(lambda: steps("", ""))]
        with Subscriber(broker.port, user="watcher", password=SECRET) as here:
            assert json.loads(here.next().payload)["version"] == 1
    assert all("refuses us" in trouble for trouble in refused)
    assert not any(SECRET in trouble for trouble in refused)


def test_what_the_broker_does_not_let_us_publish_does_not_count_as_out(tmp_path):
    async def steps():
        options = {"user": "centre", "password": SECRET, "topic": "houfeng/elsewhere", "clock": lambda: DECLARED_NS}
        outlet = MqttOutlet("127.0.0.1", broker.port, **options)
        await outlet.open(())
        try:
            with pytest.raises(PeerFault, match="refuses what is published"):
                await outlet.give(issue_of(news()))
        finally:
            await outlet.close()

    with Mosquitto(tmp_path, f"allow_anonymous false\n{passwords(tmp_path)}") as broker:
        play(steps)


def test_over_tls_it_knows_the_broker(tmp_path):
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    make_certificate(certificate, key, name="broker", now_ns=time.time_ns())
    lines = f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}"

    async def steps(context):
        async with publishing(broker.port, tls=context) as outlet:
            await until(lambda: outlet.connected or "cannot be reached" in outlet.trouble)
            if not outlet.trouble:
                await outlet.give(issue_of(news()))
            return outlet.trouble

    with Mosquitto(tmp_path, lines) as broker:
        assert play(lambda: steps(ssl.create_default_context(cafile=certificate))) == ""
        assert "certificate" in play(lambda: steps(ssl.create_default_context()))


# With all that is around it.


def test_after_a_restart_of_the_centre_nothing_is_published_again(tmp_path, broker):
    async def steps(*alerts):
        outlet = MqttOutlet("127.0.0.1", broker.port, topic="houfeng/alerts", clock=lambda: DECLARED_NS)
        served = [Served("broker", "public", outlet)]
        findings = []
        async with Outlets(
            served, tmp_path / "outlets.sqlite", clock=lambda: DECLARED_NS, tell=findings.append
        ) as outlets:
            for alert in alerts:
                await outlets.publish(alert)
            await outlets.idle()
        return findings

    with Subscriber(broker.port) as here:
        assert play(lambda: steps(FIRST, version(2))) == []
        assert play(lambda: steps(FIRST, version(2), version(3))) == []
        got = [json.loads(here.next().payload)["version"] for _ in range(3)]
        assert got == [1, 2, 3]
        assert here.nothing_waits()
