"""The dataselect feed against a small HTTP server on loopback."""

import asyncio
import random
from urllib.parse import parse_qs, urlsplit

import pytest
from feed_peers import START_NS, Certificates, Listener, record, serving

from houfeng.shell.feeds import dataselect
from houfeng.shell.feeds.dataselect import Dataselect
from houfeng.shell.feeds.peers import Login, Stations
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import NO_SEQUENCE
from houfeng.words.samples import Gap
from houfeng.words.source import SourceId

HOUR_NS = 3600 * NS_PER_S
SOURCE = SourceId("XX", "A", "", "HHZ")


def gap(begin_s=0, end_s=10, source=SOURCE):
    return Gap(source, START_NS + begin_s * NS_PER_S, START_NS + end_s * NS_PER_S)


def answering(*answers, asked=None, headers=None):
    """A service that gives these answers in turn, (status, body), the last one again and again."""
    turns = list(answers)

    async def handle(reader, writer):
        while True:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            if asked is not None:
                asked.append(request)
            answer = turns.pop(0) if len(turns) > 1 else turns[0]
            if answer is None:
                return
            status, body = answer
            more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).get(status, ()))
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)
            await writer.drain()

    return handle


def fill(handle, gaps, until, **settings):
    async def run():
        heard = Listener()
        tls = settings.pop("server_tls", None)
        async with serving(handle, tls=tls) as port:
            url = f"http{'s' if tls else ''}://127.0.0.1:{port}/fdsnws/dataselect/1"
            source = Dataselect("gaps", url, clock=lambda: 7, chance=random.Random(1), sleep=heard.sleep, **settings)
            assert all(source.ask(each) for each in gaps)
            await heard.listen(source, until)
        return heard, source

    return asyncio.run(run())


def having(count):
    return lambda heard: len(heard.packets) >= count


def telling(count):
    return lambda heard: len(heard.findings) >= count


def test_a_gap_is_asked_for_and_its_records_brought():
    asked = []
    content = record(second=0) + record(second=1)
    heard, source = fill(answering((200, content), asked=asked), [gap(0, 2)], having(2))
    assert [packet.content for packet in heard.packets] == [record(second=0), record(second=1)]
    assert heard.brought == [("XX.A", NO_SEQUENCE)] * 2
    assert {packet.feed for packet in heard.packets} == {"gaps"}
    (request,) = asked
    path = request.split()[1]
    assert urlsplit(path).path == "/fdsnws/dataselect/1/query"
    assert {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()} == {
        "network": "XX",
        "station": "A",
        "location": "--",
        "channel": "HHZ",
        "starttime": "2024-01-01T00:00:00.000000",
        "endtime": "2024-01-01T00:00:02.000000",
        "format": "miniseed",
        "nodata": "204",
    }
    assert not source.secured


def test_a_long_gap_is_asked_for_in_pieces_with_pauses():
    asked = []
    bodies = [(200, record(second=3600 * hour)) for hour in range(3)]
    heard, _ = fill(answering(*bodies, asked=asked), [gap(0, 3 * 3600)], having(3), pause_s=5.0)
    starts = [parse_qs(urlsplit(request.split()[1]).query)["starttime"][0][11:13] for request in asked]
    assert starts == ["00", "01", "02"]
    assert heard.waits_s[:2] == [5.0, 5.0]


def test_a_service_that_has_nothing_is_not_asked_again():
    asked = []
    handle = answering((204, b""), (404, b"none"), (200, record()), asked=asked)
    heard, _source = fill(handle, [gap(), gap(), gap()], having(1))
    assert len(asked) == 3
    assert heard.findings == []


@pytest.mark.parametrize("failure", [(500, b""), (503, b""), (429, b""), None], ids=["500", "503", "429", "hang-up"])
def test_a_failing_service_is_asked_again_after_a_wait(failure):
    heard, source = fill(answering(failure, failure, (200, record())), [gap()], having(1))
    assert len(heard.packets) == 1
    assert all(0.5 * 2**tried <= wait_s <= 2**tried for tried, wait_s in enumerate(heard.waits_s[:2]))
    assert source.health().last_error


def test_a_service_that_asks_for_rest_gets_it_within_reason():
    headers = {503: [("Retry-After", "120")], 429: [("Retry-After", "99999999")]}
    handle = answering((503, b""), (429, b""), (200, record()), headers=headers)
    heard, _ = fill(handle, [gap()], having(1))
    assert heard.waits_s[:2] == [120.0, 3600.0]


def test_a_piece_that_is_never_given_is_said_once_and_left():
    heard, _source = fill(answering((400, b"no")), [gap(), gap(10, 20)], lambda heard: len(heard.waits_s) >= 12)
    assert heard.kinds == [("gap-unfilled", "XX.A")]
    assert "400" in heard.findings[0].reason


def test_a_service_that_is_down_is_asked_for_ever():
    heard, _source = fill(answering(None), [gap()], lambda heard: len(heard.waits_s) >= 20)
    assert heard.findings == []


@pytest.mark.parametrize(
    ("odd", "kind"),
    [
        (record("XX.B"), "station-mismatch"),
        (record(channel="BHZ"), "channel-unasked"),
        (record(second=5000), "time-unasked"),
        (b"<html>welcome</html>" * 9, "bad-record"),
        (record()[:300], "bad-record"),
    ],
    ids=["station", "channel", "time", "html", "half"],
)
def test_what_was_not_asked_for_is_dropped_and_said(odd, kind):
    heard, _ = fill(answering((200, odd), (200, record())), [gap(), gap()], having(1))
    assert [packet.content for packet in heard.packets] == [record()]
    assert heard.kinds == [(kind, "XX.A")]


def test_an_endless_answer_is_cut_short(monkeypatch):
    monkeypatch.setattr(dataselect, "_MOST_BYTES", 1000)
    heard, _ = fill(answering((200, record() * 3), (200, record())), [gap(), gap()], having(1))
    assert len(heard.packets) == 1


def test_the_login_is_a_digest_and_never_shown(tmp_path):
    certificates, asked = Certificates(tmp_path), []
    challenge = {401: [("WWW-Authenticate", 'Digest realm="FDSN", nonce="abc", qop="auth"')]}
    handle = answering((401, b""), (200, record()), asked=asked, headers=challenge)
    _heard, source = fill(
        handle,
        [gap()],
        having(1),
        server_tls=certificates.context(),
        ca=certificates.ca,
        login=Login("reader", "let-me-in"),
    )
    assert source.secured
    assert asked[1].split()[1].startswith("/fdsnws/dataselect/1/queryauth?")
    assert 'username="reader"' in asked[1]
    assert not any("let-me-in" in text for text in [*asked, repr(source), source.health().last_error])


def test_gaps_of_other_stations_and_too_many_are_declined(monkeypatch):
    monkeypatch.setattr(dataselect, "MOST_GAPS", 2)
    source = Dataselect(
        "gaps", "http://127.0.0.1:1", clock=lambda: 7, chance=random.Random(1), stations=Stations(("XX.*",))
    )
    assert not source.ask(gap(source=SourceId("YY", "A", "", "HHZ")))
    assert [source.ask(gap()) for _ in range(3)] == [True, True, False]
    assert source.waiting == 2
