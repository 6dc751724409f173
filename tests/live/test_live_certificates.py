"""A new certificate is shown without a restart: connections that stand keep theirs."""

import asyncio
import datetime as dt
import ssl

import pytest
from faulty_world import HeldCentre
from made_certificates import write_made
from running_centre import make_centre
from seedlink_peers import run, world
from short_recording import make_short

from houfeng.shell.seedlink.shown import Shown
from houfeng.words.errors import DataFault


def soon(days):
    return dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=days)


async def connected(port, name=None):
    """A connection over TLS, whoever it is with, that has greeted; and the certificate it was shown."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anyone, server_hostname=name or "")
    writer.write(b"HELLO\r\n")
    assert (await reader.readline()).startswith(b"SeedLink")
    await reader.readline()
    return reader, writer, writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


@pytest.mark.parametrize("name", [None, "localhost"], ids=["unnamed", "named"])
def test_new_connections_see_the_new_one_and_old_ones_stay(tmp_path, name):
    paths = tmp_path / "certificate.pem", tmp_path / "tls.pem"
    first = write_made(*paths, soon(100))
    shown = Shown(*paths)

    async def scene():
        async with world(tmp_path, tls=shown.context) as here:
            port = here.server.addresses[1][1]
            reader, writer, seen = await connected(port, name)
            assert seen == first
            second = write_made(*paths, soon(200))
            shown.change(*paths)
            _, other, seen = await connected(port, name)
            assert seen == second != first
            paths[0].write_bytes(b"no")
            with pytest.raises(DataFault, match="cannot be used for TLS"):
                shown.change(*paths)
            _, third, seen = await connected(port, name)
            assert seen == second
            writer.write(b"HELLO\r\n")
            assert (await reader.readline()).startswith(b"SeedLink")
            for each in (writer, other, third):
                each.close()

    run(scene())


def test_a_centre_says_that_its_certificate_ends_and_takes_up_the_next(tmp_path):
    short = make_short(tmp_path)
    listen = {'tls_listen = "127.0.0.1:18500"': 'tls_listen = "127.0.0.1:0"'}
    folder = make_centre(tmp_path / "centre", short, 9, **listen)
    (key,), (certificate,) = folder.rglob("tls.pem"), folder.rglob("certificate.pem")
    first = write_made(certificate, key, soon(2.5))
    with HeldCentre(folder) as centre:
        status = centre.until(lambda status: "seedlink_tls" in status["ports"] and in_words(status))
        assert "the certificate of seedlink runs out in 2." in in_words(status)[0]
        port = status["ports"]["seedlink_tls"]
        assert seen(port) == first
        second = write_made(certificate, key, soon(300))
        centre.until(lambda _: seen(port) == second)


def in_words(status):
    return [reason for reason in status["reasons"] if "certificate" in reason]


def seen(port):
    async def look():
        _, writer, shown = await connected(port)
        writer.close()
        return shown

    return asyncio.run(look())
