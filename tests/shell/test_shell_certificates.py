"""Certificates: told 14 days before they end, on each of the last three days, and when they have."""

import asyncio
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_certificates import made

from houfeng.shell.centre.certificates import certificates_of
from houfeng.shell.founding.founding import Answers, found
from houfeng.shell.health.certificates import EVERY_S, Certificates, Watcher, watch_certificates
from houfeng.shell.health.health import DAY_NS, Level, judge
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.settings.settings import read_settings
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S

END = dt.datetime(2030, 5, 1, tzinfo=dt.UTC)
END_NS = round(END.timestamp()) * NS_PER_S


@pytest.fixture
def chain(tmp_path):
    path = tmp_path / "chain.pem"
    path.write_bytes(made(END)[0])
    return Certificates("seedlink", path, trust=False)


def looked(watcher, files, now_ns, metrics=None):
    return list(watcher.look(files, metrics or Metrics(), now_ns))


def test_of_a_chain_the_first_to_end_counts_and_of_authorities_the_last(tmp_path):
    path = tmp_path / "some.pem"
    path.write_bytes(made(END + dt.timedelta(days=1), END, END + dt.timedelta(days=2))[0])
    assert Certificates("seedlink", path, trust=False).end_ns() == END_NS
    assert Certificates("feeds.north", path, trust=True).end_ns() == END_NS + 2 * DAY_NS


def test_a_year_of_looks_tells_five_times(chain):
    watcher, told = Watcher(), []
    for hour in range(-365 * 24, 10 * 24):
        told += [(hour, finding) for finding in looked(watcher, (chain,), END_NS + hour * DAY_NS // 24)]
    assert [hour for hour, _ in told] == [-14 * 24, -3 * 24, -2 * 24, -24, 0]
    assert {finding.kind for _, finding in told} == {"certificate-ends"}
    assert [finding.reason.split(";")[0] for _, finding in told] == [
        "seedlink: the certificate runs out in 14 days",
        "seedlink: the certificate runs out in 3 days",
        "seedlink: the certificate runs out in 2 days",
        "seedlink: the certificate runs out in 24 hours",
        "seedlink: the certificate has run out",
    ]


@given(st.lists(st.integers(-20 * DAY_NS, 5 * DAY_NS), max_size=20))
def test_nothing_is_told_twice_while_time_goes_on(tmp_path_factory, offsets_ns):
    path = tmp_path_factory.getbasetemp() / "chain.pem"
    if not path.exists():
        path.write_bytes(made(END)[0])
    chain, watcher, told = Certificates("seedlink", path, trust=False), Watcher(), []
    for offset_ns in sorted(offsets_ns):
        told += looked(watcher, (chain,), END_NS + offset_ns)
        if offset_ns >= -14 * DAY_NS:
            assert told
    assert len({finding.reason for finding in told}) == len(told) <= 5


def test_a_new_certificate_ends_the_alarm_and_has_its_own(chain):
    watcher, metrics = Watcher(), Metrics()
    assert len(looked(watcher, (chain,), END_NS, metrics)) == 1
    assert judge(metrics, now_ns=END_NS, begun_ns=END_NS).level is Level.failing
    chain.path.write_bytes(made(END + dt.timedelta(days=90))[0])
    assert looked(watcher, (chain,), END_NS, metrics) == []
    assert judge(metrics, now_ns=END_NS, begun_ns=END_NS).level is Level.ok
    assert len(looked(watcher, (chain,), END_NS + 80 * DAY_NS, metrics)) == 1
    health = judge(metrics, now_ns=END_NS + 80 * DAY_NS, begun_ns=END_NS + 80 * DAY_NS)
    assert health.level is Level.degraded
    assert [reason.text for reason in health.reasons] == ["the certificate of seedlink runs out in 10.0 days"]
    assert health.document["certificate_left_s"] == {"seedlink": 864_000.0}


@pytest.mark.parametrize("content", [b"", b"no", b"\xff" * 1000, b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_holds_none_is_refused_and_stops_no_other(chain, tmp_path, content):
    bad = Certificates("feeds.bad", tmp_path / "bad.pem", trust=True)
    bad.path.write_bytes(content)
    with pytest.raises(DataFault, match="no certificates"):
        bad.end_ns()
    missing = Certificates("feeds.gone", tmp_path / "gone.pem", trust=True)
    (told,) = looked(Watcher(), (bad, missing, chain), END_NS)
    assert told.file == str(chain.path)


def test_settings_name_what_is_shown_and_what_is_trusted(tmp_path):
    folder = tmp_path / "centre"
    found(folder, Answers("north"), now_ns=0)
    feed = '\n[[feeds]]\nname = "a"\nkind = "seedlink"\naddress = "127.0.0.1:1"\ntls = true\nca = "ca.pem"\n'
    (folder / "centre.toml").write_text((folder / "centre.toml").read_text() + feed)
    (folder / "ca.pem").write_bytes(made(END)[0])
    named = certificates_of(read_settings(folder / "centre.toml"))
    assert [(each.part, each.path.name, each.trust) for each in named] == [
        ("seedlink", "certificate.pem", False),
        ("feeds.a", "ca.pem", True),
    ]
    assert looked(Watcher(), named, 0) == []


class Enough(Exception):
    """Ends a watch that goes on for ever."""


def test_the_watch_looks_again_and_again_at_what_is_named_then(chain):
    told, slept, times_ns = [], [], iter((END_NS - DAY_NS, END_NS))

    async def sleep(wait_s):
        slept.append(wait_s)
        if len(slept) == 2:
            raise Enough

    async def main():
        await watch_certificates(
            lambda: (chain,), Metrics(), tell=told.append, clock=lambda: next(times_ns), sleep=sleep
        )

    with pytest.raises(Enough):
        asyncio.run(main())
    assert slept == [EVERY_S, EVERY_S]
    assert len(told) == 2
