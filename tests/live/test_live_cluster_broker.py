"""The way to the broker: nobody in between learns a password, and no broker talks us onto another machine."""

import asyncio
import json
from contextlib import suppress

import pytest
from nats_server import running_broker, with_tls

from houfeng.shell.cluster.broker import Broker, connected
from houfeng.words.errors import WorldFault

PASSWORD = "do-not-show-me"


@pytest.fixture
def login(tmp_path):
    path = tmp_path / "login"
    path.write_text(f"houfeng:{PASSWORD}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def broker():
    with running_broker() as server:
        yield server


def test_a_broker_that_refuses_us_is_a_fault_of_the_world():
    with running_broker("authorization { user: somebody, password: else }") as server:

        async def work() -> None:
            async with connected(Broker(server.address), "test", print):
                pytest.fail("it let us in")

        with pytest.raises(WorldFault, match="refuses to let us in"):
            asyncio.run(work())


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(WorldFault) as caught:
        Broker(f"nats://me:{PASSWORD}@127.0.0.1:4222")
    assert PASSWORD not in str(caught.value)


def test_tls_and_a_password_let_us_in_and_nothing_less_does(tmp_path, login):
    pem, options = with_tls(tmp_path)

    async def work(broker: Broker) -> bool:
        async with connected(broker, "test", print) as client:
            return client.is_connected

    with running_broker(f"{options}\nauthorization {{ user: houfeng, password: {PASSWORD} }}") as server:
        broker = Broker(server.address, ca_file=pem, credentials=login)
        assert asyncio.run(work(broker))
        assert PASSWORD not in repr(broker)
        login.write_text("houfeng:wrong\n")
        with pytest.raises(WorldFault, match="refuses to let us in"):
            asyncio.run(work(broker))
    login.chmod(0o644)
    with pytest.raises(WorldFault, match="login"):
        asyncio.run(work(broker))


def test_a_broker_whose_certificate_nobody_we_trust_has_signed_hears_no_password(tmp_path, login):
    _, options = with_tls(tmp_path)
    (tmp_path / "other").mkdir()
    other, _ = with_tls(tmp_path / "other")
    said: list[str] = []

    async def work() -> None:
        doubted = asyncio.Event()

        def say(text: str) -> None:
            said.append(text)
            doubted.set()

        broker = Broker(server.address, ca_file=other, credentials=login)
        await refused(broker, say, doubted)

    with running_broker(options) as server:
        asyncio.run(work())
    assert "certificate" in said[0].lower()


@pytest.mark.parametrize(
    ("address", "has_login", "reason"),
    [
        ("nats://192.0.2.1:4222", True, "unencrypted"),
        ("nats://192.0.2.1:4222", False, "unencrypted"),
        ("nats://127.0.0.1:4222, nats://192.0.2.1:4222", True, "unencrypted"),
        ("tls://192.0.2.1:4222", False, "needs no credentials"),
        ("tls://192.0.2.1:4222, nats://127.0.0.1:4222", True, "some of it is encrypted"),
        ("nats://broker.example.org:4222", False, "unencrypted"),
    ],
)
def test_another_machine_needs_tls_and_credentials(login, address, has_login, reason):
    with pytest.raises(WorldFault, match=reason):
        Broker(address, credentials=login if has_login else None)


def test_only_who_says_so_talks_to_another_machine_unprotected(login):
    assert not Broker("nats://192.0.2.1:4222", unprotected=True).encrypted
    assert Broker("tls://192.0.2.1:4222", unprotected=True).encrypted
    assert Broker("nats://127.0.0.2:4222", credentials=login).credentials == login
    with pytest.raises(WorldFault, match="a password would travel unencrypted"):
        Broker("nats://192.0.2.1:4222", credentials=login, unprotected=True)


class Impostor:
    """Answers in the broker's place, in the clear, with whatever it likes to say of itself."""

    def __init__(self, **told: object) -> None:
        self._told = {"server_id": "x", "version": "2.9.10", "max_payload": 2**20, "headers": True, **told}
        self.heard = b""
        self.asked = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    async def _answer(self, reader, writer) -> None:
        writer.write(b"INFO " + json.dumps(self._told).encode() + b"\r\n")
        with suppress(OSError):
            while line := await reader.readline():
                self.heard += line
                if line.startswith(b"PING"):
                    writer.write(b"PONG\r\n")
        writer.close()
        self.asked.set()


async def refused(broker: Broker, say, doubted: asyncio.Event) -> None:
    """Try to connect until something is doubted; it must never come to a connection."""

    async def enter() -> None:
        async with connected(broker, "test", say):
            pytest.fail("it connected")

    entering = asyncio.create_task(enter())
    async with asyncio.timeout(60):
        await doubted.wait()
    entering.cancel()
    with suppress(asyncio.CancelledError):
        await entering


def test_downgrade_a_broker_that_offers_no_tls_hears_no_password(tmp_path, login):
    pem, _ = with_tls(tmp_path)
    said: list[str] = []

    async def work() -> bytes:
        async with Impostor(tls_required=False, auth_required=True) as impostor:
            address = f"nats://127.0.0.1:{impostor.port}"
            await refused(Broker(address, ca_file=pem, credentials=login), said.append, impostor.asked)
            return impostor.heard

    assert asyncio.run(work()) == b""
    assert "offers no TLS" in said[0]


def test_diversion_addresses_a_broker_names_are_not_tried():
    """A broker tells of others of its cluster; those are as far as anybody likes, and the way there is anybody's."""

    async def work() -> list[str]:
        async with Impostor(connect_urls=["192.0.2.1:4222"]) as impostor:
            where = f"nats://127.0.0.1:{impostor.port}"
            async with connected(Broker(where), "test", print) as client:
                return [server.geturl() for server in (*client.servers, *client.discovered_servers)]

    (server,) = asyncio.run(work())
    assert "192.0.2.1" not in server


def test_a_role_waits_for_a_broker_that_is_not_there_yet(broker):
    broker.kill()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 1:
            broker.start()

    async def work() -> None:
        async with connected(Broker(broker.address), "test", say) as client:
            assert client.is_connected

    asyncio.run(work())
    assert said[0].startswith("no broker at nats://127.0.0.1")
