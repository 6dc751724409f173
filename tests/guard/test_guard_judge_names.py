"""Made-up names and names that carry data."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sights import heard, kinds, lookup, said

from houfeng.guard.judge.names import Names, looks_random, split_name

OURS = "10.0.0.7"


def drawn(lot, letters, alphabet="abcdefghijklmnopqrstuvwxyz"):
    return "".join(lot.choices(alphabet, k=letters))


def made_up(count=60, answer="NXDOMAIN", step_s=1.0):
    lot = random.Random(1)
    return [lookup(n * step_s, OURS, f"{drawn(lot, 7)}.com", answer) for n in range(count)]


def tunnel(count, kind="A", letters=60, domain="t.example.net", step_s=0.2):
    lot = random.Random(2)
    names = (base64.b32encode(lot.randbytes(letters * 5 // 8)).decode().strip("=") for _ in range(count))
    return [lookup(n * step_s, OURS, f"{name[:30]}.{name[30:]}.{domain}", kind=kind) for n, name in enumerate(names)]


def test_names_that_do_not_exist_are_made_up_at_the_twentieth():
    found = heard(Names(), made_up())
    assert kinds(found) == [("made-up-names", OURS, "")]
    assert dict(found[0].facts)["missing"] == "20"
    assert "20 of which do not exist" in said(found[0])[0]


def test_random_names_without_answers_are_made_up():
    lot = random.Random(3)
    names = [lookup(n, OURS, f"{drawn(lot, 16, 'bcdfghjklmnpqrstvwxz12345')}.info", "") for n in range(60)]
    assert [one.detector for one in heard(Names(), names)] == ["made-up-names"]


@pytest.mark.parametrize(
    "harmless",
    [
        made_up(19),
        made_up(60, "NOERROR"),
        made_up(60, "SERVFAIL"),
        made_up(60, step_s=600.0),
        [lookup(n, OURS, f"{n}.2.0.192.zen.spamhaus.org", "NXDOMAIN") for n in range(300)],
        [lookup(n, OURS, f"{n}.2.0.192.in-addr.arpa", "NXDOMAIN", "PTR") for n in range(300)],
        [lookup(n, OURS, f"host{n}.com.office.local", "NXDOMAIN") for n in range(300)],
        [lookup(n, OURS, f"printer{n}.com", "NXDOMAIN", server="224.0.0.251") for n in range(300)],
        [lookup(n, OURS, f"PC{n}.com", "NXDOMAIN", "NB", server="10.0.0.255") for n in range(300)],
        [lookup(n, OURS, f"sender{n}.com", "NXDOMAIN", "MX") for n in range(300)],
        [lookup(n, OURS, f"site{n}.com", "NXDOMAIN" if n % 10 == 0 else "NOERROR") for n in range(400)],
        [lookup(n, OURS, name, "NXDOMAIN") for n, name in enumerate(["", ".", "wpad", "\x00\xff.com", "a..b"] * 60)],
    ],
    ids=[
        "few",
        "there",
        "broken",
        "slow",
        "blacklist",
        "reverse",
        "suffix",
        "mdns",
        "netbios",
        "mail",
        "office",
        "odd",
    ],
)
def test_other_look_ups_are_not(harmless):
    assert heard(Names(), harmless) == []


@pytest.mark.parametrize(("kind", "count"), [("A", 300), ("TXT", 80), ("NULL", 80)])
def test_data_in_names_are_a_tunnel(kind, count):
    found = heard(Names(), tunnel(count, kind))
    assert kinds(found) == [("name-tunnel", OURS, "10.0.0.1")]
    assert dict(found[0].facts)["domain"] == "example.net"
    assert "under example.net" in said(found[0])[0]


@pytest.mark.parametrize(
    "harmless",
    [
        tunnel(40),
        tunnel(300, domain="avqs.mcafee.com"),
        [lookup(n, OURS, f"e{n}.dscb.akamai.example") for n in range(900)],
        [lookup(n, OURS, f"img{n}.cdn.example.net") for n in range(900)],
        tunnel(1)[:1] * 900,
        tunnel(900, kind="SRV"),
        tunnel(300, step_s=60.0),
    ],
    ids=["few", "antivirus", "nobody's", "content network", "one name", "services", "slow"],
)
def test_other_long_or_many_names_are_none(harmless):
    assert heard(Names(), harmless) == []


@pytest.mark.parametrize(
    ("name", "parted"),
    [
        ("www.Example.COM.", ("www", "example.com")),
        ("a.b.example.co.uk", ("ab", "example.co.uk")),
        ("example.cn", ("", "example.cn")),
        ("host.local", ("", "")),
        ("wpad", ("", "")),
        ("a\x07.com", ("", "")),
        (f"{'a' * 64}.com", ("", "")),
    ],
)
def test_names_part_at_the_registered_domain(name, parted):
    assert split_name(name) == parted


def test_random_looks():
    assert all(looks_random(label) for label in ("xkqzvbnrtp", "a8f3k2q9z1", "wvdmqpkztr"))
    assert not any(looks_random(label) for label in ("google", "seismology", "earthquake", "office365", "xn--fiqs8s"))


@given(st.lists(st.tuples(st.text(max_size=300), st.text(max_size=8), st.text(max_size=9)), max_size=60))
def test_no_name_raises(drawn_names):
    heard(Names(), [lookup(n, OURS, *one) for n, one in enumerate(drawn_names)])
