"""The WebSocket outlet over real sockets: who may listen, what they get, and who is let go."""

import asyncio
import json
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from made_alert import DECLARED_NS, FIRST, news, version
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from houfeng.serve.alerts.lines import write_line
from houfeng.shell.founding.tls import make_certificate
from houfeng.shell.outlets import websocket
from houfeng.shell.outlets.outlet import issue_of
from houfeng.shell.outlets.tls import server_context
from houfeng.shell.outlets.websocket import WebSocketOutlet
from houfeng.shell.seedlink.readers import issue_token, load_readers
from houfeng.words.errors import WorldFault
from houfeng.words.instant import NS_PER_S

#: How long a test may hang before it is said to, s.
PATIENCE_S = 60


@asynccontextmanager
async def serving(earlier=(), clock=lambda: DECLARED_NS, **options):
    """The outlet on a free port, and its address."""
    ports = []
    outlet = WebSocketOutlet("127.0.0.1", 0, clock=clock, on_listening=ports.append, **options)
    await outlet.open(earlier)
    try:
        yield outlet, f"ws{'s' if 'tls' in options else ''}://127.0.0.1:{ports[0]}"
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


def text_of(alert):
    return write_line(news(alert)).decode().removesuffix("\n")


def test_a_client_gets_the_open_alerts_and_then_each_version_as_it_comes():
    other = replace(FIRST, alert_id="another")

    async def steps():
        async with serving([issue_of(news(version(3)))]) as (outlet, address):
            await outlet.give(issue_of(news(other)))
            async with connect(address) as client:
                got = [await client.recv(), await client.recv()]
                await outlet.give(issue_of(news(version(4))))
                got.append(await client.recv())
            async with connect(address) as late:
                got += [await late.recv(), await late.recv()]
        return got

    three, four, elsewhere = text_of(version(3)), text_of(version(4)), text_of(other)
    assert play(steps) == [three, elsewhere, four, four, elsewhere]


def test_what_is_over_is_not_given_to_who_comes_later():
    now_ns = DECLARED_NS

    async def steps():
        nonlocal now_ns
        async with serving(clock=lambda: now_ns) as (outlet, address):
            await outlet.give(issue_of(news(FIRST)))
            now_ns += 3600 * NS_PER_S
            async with connect(address) as client:
                await outlet.give(issue_of(news(version(2))))
                return json.loads(await client.recv())["version"]

    assert play(steps) == 2


def test_a_client_that_does_not_read_is_let_go_and_delays_nobody(monkeypatch):
    monkeypatch.setattr(websocket, "MOST_BEHIND", 8)
    many = replace(FIRST, reason="a long one " * 50_000)

    async def drain(client):
        while True:
            await client.recv()

    async def steps():
        got = []
        async with (
            serving() as (outlet, address),
            connect(address) as quick,
            connect(address, max_queue=1) as slow,
        ):
            await until(lambda: outlet.connected == 2)
            slow.transport.pause_reading()
            while outlet.connected == 2:
                await outlet.give(issue_of(news(replace(many, version=len(got) + 1))))
                got.append(json.loads(await quick.recv())["version"])
            await outlet.give(issue_of(news(version(len(got) + 1))))
            got.append(json.loads(await quick.recv())["version"])
            slow.transport.resume_reading()
            with pytest.raises(ConnectionClosed):
                await drain(slow)
        return got

    got = play(steps)
    assert got == list(range(1, len(got) + 1))


def test_a_client_has_nothing_to_say():
    async def steps():
        async with serving() as (outlet, address):
            for words in ("hello", b"\x00" * 100_000):
                async with connect(address) as client:
                    await client.send(words)
                    with pytest.raises(ConnectionClosed):
                        await client.recv()
            await until(lambda: outlet.connected == 0)

    play(steps)


def test_no_page_in_a_browser_on_this_machine_may_listen():
    async def steps():
        async with serving() as (_, address):
            with pytest.raises(InvalidStatus) as refused:
                await connect(address, origin="https://elsewhere.example")
        return refused.value.response.status_code

    assert play(steps) == 403


def test_one_address_does_not_take_all_places(monkeypatch):
    monkeypatch.setattr(websocket, "MOST_OF_ONE_ADDRESS", 2)

    async def steps():
        async with serving() as (outlet, address):
            async with connect(address), connect(address):
                await until(lambda: outlet.connected == 2)
                with pytest.raises(InvalidStatus) as refused:
                    await connect(address)
            await until(lambda: outlet.connected == 0)
            async with connect(address):
                pass
        return refused.value.response.status_code

    assert play(steps) == 503


def test_who_connects_and_asks_for_nothing_takes_a_place_too(monkeypatch):
    monkeypatch.setattr(websocket, "MOST_CLIENTS", 3)

    async def steps():
        async with serving() as (outlet, address):
            port = int(address.rpartition(":")[2])
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            with pytest.raises((OSError, InvalidHandshake)):
                await connect(address)
            for _, writer in silent:
                writer.close()
                await writer.wait_closed()
            await until(lambda: outlet._begun == 0)
            async with connect(address):
                await until(lambda: outlet.connected == 1)

    play(steps)


@pytest.mark.parametrize("noise", [b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"x" * 100_000, b""])
def test_whatever_is_sent_instead_of_a_handshake_harms_nobody(noise):
    async def steps():
        async with serving() as (outlet, address):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
            writer.write(noise)
            writer.write_eof()
            await asyncio.gather(reader.read(), return_exceptions=True)
            writer.close()
            async with connect(address) as client:
                await until(lambda: outlet.connected == 1)
                await outlet.give(issue_of(news()))
                return await client.recv()

    assert play(steps) == text_of(FIRST)


def test_an_address_that_is_taken_is_said():
    async def steps():
        async with serving() as (_, address):
            taken = WebSocketOutlet("127.0.0.1", int(address.rpartition(":")[2]), clock=lambda: DECLARED_NS)
            with pytest.raises(WorldFault, match="cannot listen"):
                await taken.open(())
            await taken.close()

    play(steps)


# Tokens.


def readers_file(folder):
    """A readers.toml with one account, and the key that signs its tokens."""
    key = Ed25519PrivateKey.generate()
    (folder / "tokens.pub").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )
    path = folder / "readers.toml"
    path.write_text('[tokens]\nalgorithm = "EdDSA"\nkey_file = "tokens.pub"\n[readers.anna]\nstations = ["*"]\n')
    path.chmod(0o600)
    return load_readers(path), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


async def status_of(address, **headers):
    try:
        async with connect(address, additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_with_readers_a_good_token_is_needed(tmp_path):
    readers, key = readers_file(tmp_path)
    later_ns, stranger = DECLARED_NS + 3600 * NS_PER_S, Ed25519PrivateKey.generate()
    good = issue_token("anna", later_ns, key, "EdDSA")
    forged = issue_token(
        "anna", later_ns, stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "EdDSA"
    )
    bad = [
        {},
        {"Authorization": f"Bearer {issue_token('anna', DECLARED_NS, key, 'EdDSA')}"},
        {"Authorization": f"Bearer {issue_token('bob', later_ns, key, 'EdDSA')}"},
        {"Authorization": f"Bearer {forged}"},
        {"Authorization": f"Basic {good}"},
    ]

    async def steps():
        statuses = []
        for headers in bad:
            async with serving(readers=readers) as (_, address):
                statuses.append(await status_of(address, **headers))
        async with serving(readers=readers) as (_, address):
            statuses.append(await status_of(address, Authorization=f"Bearer {good}", Origin="https://centre.example"))
        return statuses

    assert play(steps) == [401] * len(bad) + [101]


def test_who_guesses_tokens_has_to_wait(tmp_path):
    readers, key = readers_file(tmp_path)
    good = issue_token("anna", DECLARED_NS + 3600 * NS_PER_S, key, "EdDSA")
    now_ns = DECLARED_NS

    async def steps():
        nonlocal now_ns
        async with serving(readers=readers, clock=lambda: now_ns) as (_, address):
            guessed = [await status_of(address, Authorization=f"Bearer {good[:-4]}AAAA") for _ in range(5)]
            banned = await status_of(address, Authorization=f"Bearer {good}")
            now_ns += 301 * NS_PER_S
            return {*guessed}, banned, await status_of(address, Authorization=f"Bearer {good}")

    assert play(steps) == ({401}, 401, 101)


def test_over_tls_the_client_knows_who_warns(tmp_path):
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
    make_certificate(certificate, key, name="centre", now_ns=time.time_ns())
    trusting = ssl.create_default_context(cafile=certificate)

    async def steps():
        async with serving(tls=server_context(certificate, key)) as (outlet, address):
            async with connect(address, ssl=trusting) as client:
                await until(lambda: outlet.connected == 1)
                await outlet.give(issue_of(news()))
                got = await client.recv()
            with pytest.raises(ssl.SSLError):
                await connect(address, ssl=ssl.create_default_context())
        return got

    assert play(steps) == text_of(FIRST)
