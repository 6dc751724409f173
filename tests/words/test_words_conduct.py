"""A conduct is legal once it is built."""

import pytest

from houfeng.words.conduct import Allowed, Conduct, Envelope, Host, Window
from houfeng.words.instant import parse_instant
from houfeng.words.received import Received

GOOD = {"client": ("10.0.0.1",), "server": ("10.0.0.0/8", "fd00::1"), "protocol": "tcp", "server_port": 22}


def test_a_conversation_is_named_by_what_it_begins_with():
    assert Allowed(**GOOD).rhythm == "rare"
    assert Allowed(("10.0.0.1",), ("10.0.0.2",), "47", 0).protocol == "47"
    assert Allowed(("10.0.0.1",), ("10.0.0.2",), "icmp", 8).server_port == 8


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"client": ()}, "a client and a server"),
        ({"client": ("10.0.0.1/8",)}, "host bits"),
        ({"client": ("10.0.0.1/32x",)}, "10.0.0.1/32x"),
        ({"client": ("fd00:0::1",)}, "is written fd00::1"),
        ({"server_port": 0}, "no conversation begun on 0"),
        ({"server_port": 65_536}, "no conversation begun on 65536"),
        ({"protocol": "6", "server_port": 0}, "6 has no conversation"),
        ({"protocol": "047", "server_port": 0}, "047 has no conversation"),
        ({"protocol": "icmp", "server_port": 8}, "icmp does not go from or to fd00::1"),
        ({"protocol": "icmp", "server_port": 0, "server": ("10.0.0.9",)}, "icmp has no conversation begun on 0"),
        ({"rhythm": "always"}, "none of the rhythms"),
        ({"rhythm": "every"}, "every_s belongs"),
        ({"every_s": 3.0}, "every_s belongs"),
        ({"rhythm": "window"}, "windows belong"),
        ({"windows": (Window(0, 60),)}, "windows belong"),
    ],
)
def test_what_no_filter_could_hold_is_refused(change, why):
    with pytest.raises(ValueError, match=why):
        Allowed(**{**GOOD, **change})


@pytest.mark.parametrize("mac", ["02:00:00:00:00:0G", "02:00:00:00:00:AA", "020000000001", ""])
def test_a_mac_address_is_lower_case_with_colons(mac):
    with pytest.raises(ValueError, match="no MAC address"):
        Host("h", (), (mac,))


def test_addresses_are_written_one_way():
    with pytest.raises(ValueError, match="is written fd00::1"):
        Host("h", ("FD00::1",))
    with pytest.raises(ValueError, match="none of the roles"):
        Host("h", (), (), "boss")
    with pytest.raises(ValueError, match="chatter"):
        Conduct("c", chatter=("gossip",))


def test_a_window_is_of_the_week_in_utc():
    night = Window(7200, 14_400, (0,))
    assert night.holds(parse_instant("2026-11-23T02:00:00Z"))
    assert not night.holds(parse_instant("2026-11-23T04:00:00Z"))
    assert not night.holds(parse_instant("2026-11-24T02:00:00Z"))
    assert night.holds(parse_instant("1969-12-29T03:00:00Z"))
    for wrong in ((60, 60, (0,)), (0, 86_401, (0,)), (0, 60, ()), (0, 60, (1, 0)), (0, 60, (7,))):
        with pytest.raises(ValueError, match=r"window|days"):
            Window(*wrong)


def test_an_envelope_and_a_count_have_an_order():
    for wrong in ((2, 1, 3), (-1, 0, 1), (0, 1, float("inf")), (0, float("nan"), 1)):
        with pytest.raises(ValueError, match="from low over expected to high"):
            Envelope(*wrong)
    with pytest.raises(ValueError, match="packets per second"):
        Envelope(0, 1, 2, -1)
    with pytest.raises(ValueError, match="no count"):
        Received("X.Y", 2, 1, 0)


def test_hosts_are_found_by_their_role():
    hosts = (Host("a", ("10.0.0.1", "fd00::1"), role="time"), Host("b", ("10.0.0.2",)))
    assert Conduct("c", hosts).addresses("time") == ("10.0.0.1", "fd00::1")
