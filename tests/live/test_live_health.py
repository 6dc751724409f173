"""The page of health and metrics, over real sockets."""

import asyncio
import json
import re
import socket
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from houfeng.shell.health import server as health_server
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.health.server import LARGEST_REQUEST_BYTES, MOST_CONNECTIONS, HealthServer
from houfeng.shell.health.supervise import Duty, Standing, State, Supervisor
from houfeng.shell.settings.values import Address
from houfeng.words.errors import WorldFault

#: How long a test may hang before it is said to, s.
PATIENCE_S = 30

#: How long a duty may take to stop, s.
STOP_S = 100.0


class Page:
    """A server on a port of its own, with a clock that stands still."""

    def __init__(self):
        self.metrics = Metrics()
        self.now_ns = 10**18
        self.server = HealthServer(self.metrics, clock=lambda: self.now_ns)
        self.port = 0

    def run(self, ask):
        """Serve while a coroutine asks; what it returns."""

        async def main():
            stopping, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
            serving = asyncio.create_task(self.server.serve(Address("127.0.0.1", 0), stopping, listening.set_result))
            self.port = await listening
            try:
                return await asyncio.wait_for(ask(), PATIENCE_S)
            finally:
                stopping.set()
                await serving

        return asyncio.run(main())

    async def get(self, path, method="GET", **headers):
        async with httpx.AsyncClient() as client:
            return await client.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers)

    async def raw(self, sent):
        """What comes back for bytes, up to the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
def page():
    return Page()


# --- what is told -----------------------------------------------------------------------------------------------------


def test_health_is_json_and_its_status_tells_a_watchdog(page):
    async def ask():
        well = await page.get("/health")
        page.metrics.trouble("archive", "the disk is full")
        page.now_ns += 10**10
        return well, await page.get("/health")

    well, ill = page.run(ask)
    assert (well.status_code, ill.status_code) == (200, 503)
    assert well.headers["content-type"] == "application/json"
    assert well.json()["health"] == "ok"
    assert ill.json()["reasons"] == [{"level": "failing", "reason": "archive: the disk is full"}]


def test_metrics_are_what_prometheus_reads(page):
    page.metrics.disk_stands("archive", 10**12)

    async def ask():
        return await page.get("/metrics")

    answer = page.run(ask)
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain")
    assert families["houfeng_disk_left_bytes"].samples[0].value == 10**12


def test_head_tells_the_length_and_nothing_more(page):
    async def ask():
        return await page.raw(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), await page.get("/health")

    head, whole = page.run(ask)
    assert head.endswith(b"\r\n\r\n")
    assert f"Content-Length: {len(whole.content)}\r\n".encode() in head


def test_asking_again_at_once_makes_nothing_anew(page):
    async def ask():
        first = await page.get("/health")
        page.metrics.trouble("archive", "the disk is full")
        again = await page.get("/health")
        page.now_ns += 10**9
        return first, again, await page.get("/health")

    first, again, later = page.run(ask)
    assert first.content == again.content
    assert later.status_code == 503


def test_a_nation_of_stations_is_told_while_others_are_served(page):
    page.metrics.stations_expected(f"XX.S{number:05d}" for number in range(16_000))

    async def ask():
        return await asyncio.gather(*(page.get(path) for path in ("/health", "/metrics") * 4))

    answers = page.run(ask)
    assert {answer.status_code for answer in answers} == {200}
    assert len(answers[0].json()["stations"]) == 16_000
    assert answers[1].text.count("houfeng_station_packets_total{") == 16_000


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /health/../etc HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
        (b"\x00\xff\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: evil.example.org\r\n\r\n", 403),
        (b"GET /" + b"x" * (LARGEST_REQUEST_BYTES + 10), 431),
    ],
)
def test_what_is_not_asked_well_is_refused(page, sent, code):
    answer = page.run(lambda: page.raw(sent))
    assert answer.startswith(f"HTTP/1.1 {code} ".encode())


def test_who_never_finishes_asking_is_told_so_and_cut(page, monkeypatch):
    monkeypatch.setattr(health_server, "REQUEST_S", 0.05)
    assert page.run(lambda: page.raw(b"GET /health HT")).startswith(b"HTTP/1.1 408 ")


def test_who_never_reads_is_cut_and_others_are_served(page, monkeypatch):
    monkeypatch.setattr(health_server, "ANSWER_S", 0.05)
    held_bytes = int(Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2])
    page.metrics.stations_expected(f"XX.S{number:05d}" for number in range(2 * held_bytes // 120))

    async def ask():
        quiet = socket.socket()
        quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        quiet.setblocking(False)
        await asyncio.get_running_loop().sock_connect(quiet, ("127.0.0.1", page.port))
        reader, writer = await asyncio.open_connection(sock=quiet, limit=1024)
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await asyncio.wait([task for task in asyncio.all_tasks() if task.get_coro().__name__ == "_connected"])
        other = await page.get("/")
        got = 0
        with suppress(ConnectionError):
            while piece := await reader.read(2**20):
                got += len(piece)
        writer.close()
        return int(re.search(rb"Content-Length: (\d+)", head)[1]), got, other.status_code

    promised, got, other = page.run(ask)
    assert got < promised
    assert other == 404


def test_more_connections_than_there_is_room_for_are_closed_and_room_comes_back(page):
    async def ask():
        idle = [await asyncio.open_connection("127.0.0.1", page.port) for _ in range(MOST_CONNECTIONS)]
        with pytest.raises(httpx.TransportError):
            await page.get("/health")
        for _, writer in idle:
            writer.close()
        while True:
            with suppress(httpx.TransportError):
                return await page.get("/health")

    assert page.run(ask).status_code == 200


def test_an_address_that_is_taken_is_said_with_what_to_do(page):
    async def ask():
        other = HealthServer(Metrics(), clock=lambda: 0)
        with pytest.raises(WorldFault, match=r"choose another address in health\.listen"):
            await other.serve(Address("127.0.0.1", page.port), asyncio.Event(), lambda _: None)

    page.run(ask)


# --- under a supervisor -----------------------------------------------------------------------------------------------


def test_a_supervised_page_tells_of_a_duty_that_fails_for_ever_and_stops_when_asked():
    metrics = Metrics()
    server = HealthServer(metrics, clock=lambda: 10**18)

    async def main():
        listening, often = asyncio.get_running_loop().create_future(), asyncio.Event()

        def sleep(wait_s):
            return asyncio.sleep(wait_s if wait_s == STOP_S else 0)  # waits for a new start take no time

        def on_state(standing):
            metrics.duty_stands(standing)
            if standing.failures == 10:
                often.set()

        supervisor = Supervisor(clock=lambda: 0, on_state=on_state, sleep=sleep)

        async def broken(_stopping):
            raise RuntimeError("no such luck")

        async def asking(stopping):
            await often.wait()
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"http://127.0.0.1:{await listening}/health")
            supervisor.ask_to_stop()
            await stopping.wait()
            assert answer.status_code == 503
            assert "RuntimeError: no such luck" in json.dumps(answer.json()["reasons"])

        async def page(stopping):
            await server.serve(Address("127.0.0.1", 0), stopping, listening.set_result)

        works = {"health": (page, 9), "broken": (broken, 0), "asking": (asking, 0)}
        duties = [Duty(name, work, rank, STOP_S) for name, (work, rank) in works.items()]
        return await asyncio.wait_for(supervisor.run(duties), PATIENCE_S)

    assert asyncio.run(main()) == ()
    assert metrics.duties["asking"] == Standing("asking", State.ended)
    assert metrics.duties["health"].state is State.ended
