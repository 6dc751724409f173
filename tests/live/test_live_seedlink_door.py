"""Connections over TLS that never shake hands: they cost places of their own, and nobody else's."""

import asyncio
import contextlib
import socket
import ssl

import pytest
from seedlink_peers import certificate, run, world

from houfeng.shell.seedlink import door
from houfeng.shell.seedlink.door import Door
from houfeng.shell.seedlink.server import Limits, room_for_connections


def silent(port, address, count, lines):
    """Connections that say nothing, from an address of this machine."""
    return [
        lines.enter_context(socket.create_connection(("127.0.0.1", port), source_address=(address, 0)))
        for _ in range(count)
    ]


async def greeted(port, trusted, address="127.0.0.1"):
    """What an honest client from an address is greeted with."""
    context = ssl.create_default_context(cafile=trusted)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost", local_addr=(address, 0)
    )
    writer.write(b"HELLO\r\n")
    line = await reader.readline()
    writer.close()
    return line


async def closed(connection):
    """Wait for the other side to close."""
    connection.setblocking(False)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.get_running_loop().sock_recv(connection, 1) == b""


def test_one_address_that_never_shakes_hands_takes_no_more_than_its_places(tmp_path):
    context, trusted = certificate(tmp_path)

    async def scene():
        with contextlib.ExitStack() as lines:
            async with world(tmp_path, tls=context, limits=Limits(of_one_address=5)) as here:
                port = here.server.addresses[1][1]
                connections = silent(port, "127.0.0.3", 9, lines)
                for each in connections[5:]:
                    await closed(each)
                assert (await greeted(port, trusted)).startswith(b"SeedLink")
                connections[0].close()
                assert (await greeted(port, trusted)).startswith(b"SeedLink")

    run(scene())


def test_many_addresses_that_never_shake_hands_make_room_for_one_that_does(tmp_path, monkeypatch):
    monkeypatch.setattr(door, "MOST_SHAKING", 10)
    context, trusted = certificate(tmp_path)

    async def scene():
        with contextlib.ExitStack() as lines:
            async with world(tmp_path, tls=context, limits=Limits(of_one_address=5)) as here:
                port = here.server.addresses[1][1]
                connections = [silent(port, f"127.0.1.{number}", 1, lines)[0] for number in range(1, 31)]
                for each in connections[:20]:
                    await closed(each)
                for _ in range(3):
                    assert (await greeted(port, trusted)).startswith(b"SeedLink")

    run(scene())


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(70_000)])
def test_what_is_no_handshake_is_closed_and_forgotten(tmp_path, said):
    context, trusted = certificate(tmp_path)

    async def scene():
        listening = Door(context, asyncio.Protocol, of_one_address=5)
        await listening.open("127.0.0.1", 0)
        try:
            reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
            writer.write(said)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            while listening.shaking:  # noqa: ASYNC110  it does not say when it has forgotten
                await asyncio.sleep(0)
        finally:
            listening.close()

    assert trusted.exists()
    run(scene())


def test_connections_leave_the_journal_its_files():
    assert 1 <= room_for_connections() < 1 << 31
