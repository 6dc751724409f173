"""The conduct profile: its document, its MUD files, its packet filter and its detector say the same."""

import ipaddress
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import nft_reader
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.guard.conduct.allows import Detector
from houfeng.guard.conduct.document import read_conduct, window_of, write_conduct
from houfeng.guard.conduct.mud import mud_of, read_mud
from houfeng.guard.conduct.nft import nft_rules
from houfeng.words.conduct import Allowed, Conduct, Envelope, Host, Reads, Window
from houfeng.words.instant import parse_instant
from houfeng.words.network import Binding, Flow, Seen

MONDAY_NS = parse_instant("2026-11-23T00:00:00Z")
STATION, CENTRE, ROUTER = "02:71:01:00:00:10", "02:71:01:00:00:20", "02:71:01:00:00:01"
URL = "https://centre.example/mud/station.json"


def flow(client, server, protocol="tcp", port=18000, start_ns=MONDAY_NS, **more):
    return Flow(Seen("t"), start_ns, start_ns, client, 40000, server, port, protocol, 1, 0, 60, 0, **more)


def binding(address, mac, how="ip"):
    return Binding(Seen("t"), MONDAY_NS, address, mac, how)


# What the law draws from: few addresses and networks that overlap, so that most draws touch.

V4 = ["10.71.1.2", "10.71.1.10", "10.71.9.5", "10.71.9.20", "192.0.2.7"]
V6 = ["fd00::2", "fd00::10", "fd00:9::20", "fe80::5"]
NETS = ["10.71.9.0/24", "10.71.0.0/16", "fd00:9::/64", "0.0.0.0/0", "::/0"]
MACS = [STATION, CENTRE, ROUTER, "02:00:00:00:00:66"]
PORTS = {"tcp": [22, 18000], "udp": [53, 123], "icmp": [8, 13], "icmp6": [128], "47": [0], "2": [0]}
OF = {"icmp": 4, "icmp6": 6}


@st.composite
def services(draw):
    protocol = draw(st.sampled_from(list(PORTS)))
    return protocol, draw(st.sampled_from(PORTS[protocol]))


@st.composite
def windows(draw):
    start_s = draw(st.integers(0, 86_399))
    end_s = draw(st.integers(start_s + 1, 86_400))
    return Window(start_s, end_s, tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1)))))


@st.composite
def envelopes(draw):
    return Envelope(*sorted(draw(st.tuples(*[st.floats(0, 1e9)] * 3))), draw(st.floats(0, 1e6)))


@st.composite
def conversations(draw):
    protocol, port = draw(services())
    places = [p for p in V4 + V6 + NETS if OF.get(protocol) in (None, ipaddress.ip_network(p).version)]
    sides = st.lists(st.sampled_from(places), min_size=1, max_size=3, unique=True).map(tuple)
    rhythm = draw(st.sampled_from(["continuous", "every", "rare", "window"]))
    return Allowed(
        client=draw(sides),
        server=draw(sides),
        protocol=protocol,
        server_port=port,
        service=draw(st.text(max_size=40)),
        rhythm=rhythm,
        every_s=draw(st.floats(0.001, 1e6)) if rhythm == "every" else 0.0,
        windows=tuple(draw(st.lists(windows(), min_size=1, max_size=2))) if rhythm == "window" else (),
        client_rate=draw(st.none() | envelopes()),
        server_rate=draw(st.none() | envelopes()),
    )


@st.composite
def conducts(draw):
    addresses = draw(st.lists(st.sampled_from(V4 + V6), unique=True, max_size=8))
    hosts = tuple(
        Host(
            f"host {k}",
            tuple(addresses[2 * k : 2 * k + 2]),
            tuple(sorted(draw(st.sets(st.sampled_from(MACS[:3]), max_size=2)))),
            draw(st.sampled_from(["station", "router", "time", "other"])),
        )
        for k in range((len(addresses) + 1) // 2)
    )
    return Conduct(
        name=draw(st.text(max_size=20)),
        hosts=hosts,
        allowed=tuple(draw(st.lists(conversations(), max_size=6))),
        chatter=tuple(draw(st.sets(st.sampled_from(["arp", "nd", "igmp", "mld", "lldp"])))),
        reads=tuple(Reads(a, ("NC.*.*.HHZ",)) for a in addresses[:1]),
        closed=draw(st.booleans()),
    )


@st.composite
def flows(draw, conduct):
    """Anything, or what comes near one of the allowed conversations: its service between hosts of either side."""
    start_ns = MONDAY_NS + draw(st.integers(0, 7 * 86_400 - 1)) * 10**9
    if conduct.allowed and draw(st.booleans()):
        near = draw(st.sampled_from(conduct.allowed))
        ends = [
            draw(st.sampled_from([p for p in V4 + V6 if inside(p, side)] or V4)) for side in (near.client, near.server)
        ]
        if draw(st.integers(0, 3)) == 0:
            ends.reverse()
        return flow(*ends, near.protocol, near.server_port, start_ns)
    protocol, port = draw(services())
    if protocol == "icmp6":
        port = draw(st.sampled_from([128, 133, 135, 137, 143]))
    version = OF.get(protocol) or draw(st.sampled_from([4, 6]))
    extra = ["224.0.0.251", "0.0.0.0", "169.254.1.1"] if version == 4 else ["ff02::1", "::", "fe80::9"]
    places = st.sampled_from((V4 if version == 4 else V6) + extra)
    return flow(draw(places), draw(places), protocol, port, start_ns)


def inside(address, side):
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(net) for net in side)


def packet_of(value, mac=STATION):
    return {
        "saddr": value.client,
        "daddr": value.server,
        "protocol": value.protocol,
        "sport": value.client_port,
        "dport": value.server_port,
        "type": value.server_port,
        "time_ns": value.start_ns,
        # Neighbour discovery and group membership are not tracked: nf_conntrack_proto_icmpv6.c, noct_valid_new.
        "state": "untracked" if value.protocol == "icmp6" and value.server_port != 128 else "new",
        "mac": mac,
    }


@settings(max_examples=120, deadline=None)
@given(st.data(), conducts())
def test_detector_filter_and_mud_file_agree(data, conduct):
    detector = Detector(conduct)
    rules = nft_reader.read(nft_rules(conduct))["inet"]
    back = {}
    for host in conduct.hosts:
        read, findings = read_mud(mud_of(conduct, host, url=URL, made_ns=MONDAY_NS), "m")
        assert findings == []
        back |= dict.fromkeys(host.addresses, Detector(read))
    for each in data.draw(st.lists(flows(conduct), min_size=10, max_size=20)):
        said = detector.allows(each)
        # Names of different families never meet.
        if ipaddress.ip_address(each.client).version != ipaddress.ip_address(each.server).version:
            assert not said
            continue
        for hook in ("input", "forward", "output"):
            assert (nft_reader.verdict(rules, hook, packet_of(each)) == "accept") == said
        if each.client != each.server:
            for address in {each.client, each.server} & set(back):
                assert back[address].allows(each) == said


@settings(max_examples=120, deadline=None)
@given(conducts(), st.lists(st.tuples(st.sampled_from(V4 + V6 + ["192.0.2.9", "0.0.0.0", "fe80::9", "10.71.1.66"]),
                                      st.sampled_from(MACS)), min_size=1, max_size=20))  # fmt: skip
def test_detector_and_filter_agree_on_bindings(conduct, several):
    detector, tables = Detector(conduct), nft_reader.read(nft_rules(conduct))
    for address, mac in several:
        packet = {**packet_of(flow(address, address, "tcp", 1)), "mac": mac}
        if "binding" in tables["inet"]["chains"]:
            said = nft_reader.verdict(tables["inet"], "binding", packet) == "accept"
            assert said == detector.binding_ok(binding(address, mac))
        else:
            assert detector.binding_ok(binding(address, mac))
        if "arp" in tables and "arp" in conduct.chatter and ":" not in address:
            said = nft_reader.verdict(tables["arp"], "input", packet) == "accept"
            assert said == detector.binding_ok(binding(address, mac, "arp"))


@settings(max_examples=100, deadline=None)
@given(conducts())
def test_a_document_read_back_is_the_same_conduct(conduct):
    assert read_conduct(write_conduct(conduct), "c") == (conduct, [])


@settings(max_examples=50, deadline=None)
@given(conducts())
def test_a_mud_file_carries_rates_rhythms_and_bindings(conduct):
    for host in conduct.hosts:
        read, _ = read_mud(mud_of(conduct, host, url=URL, made_ns=MONDAY_NS), "m")
        assert read.hosts == conduct.hosts
        known = {(a.rhythm, a.every_s, a.client_rate, a.server_rate) for a in conduct.allowed}
        assert {(a.rhythm, a.every_s, a.client_rate, a.server_rate) for a in read.allowed} <= known


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_garbage_is_refused_and_never_raises(data):
    for reader in (read_conduct, read_mud):
        read, findings = reader(data, "garbage")
        assert read is not None or [finding.kind for finding in findings] == ["profile-refused"]


def test_a_conversation_that_runs_when_the_rules_are_loaded_goes_on():
    rules = nft_reader.read(nft_rules(a_conduct()))["inet"]
    back = {**packet_of(flow("10.71.1.10", "10.71.9.20", port=50_000)), "sport": 18000, "middle": True}
    assert nft_reader.verdict(rules, "forward", back) == "accept"
    for change in ({"middle": False}, {"sport": 22}, {"saddr": "10.71.9.5"}, {"daddr": "203.0.113.9"}):
        assert nft_reader.verdict(rules, "forward", {**back, **change}) == "drop"


def a_conduct():
    return Conduct(
        "NC.CRH",
        (
            Host("digitiser", ("10.71.1.10", "fd00::10"), (STATION,), "station"),
            Host("acquisition", ("10.71.9.20",), role="centre"),
            Host("clock", ("10.71.9.5",), role="time"),
            Host("router", ("10.71.1.1",), (ROUTER,), "router"),
        ),
        (
            Allowed(("10.71.9.20",), ("10.71.1.10",), "tcp", 18000, "SeedLink", "continuous"),
            Allowed(("10.71.1.10",), ("10.71.9.5",), "udp", 123, "NTP", "every", 16.0),
            Allowed(("10.71.9.20",), ("10.71.1.10",), "icmp", 8, "echo"),
        ),
    )


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (("tcp", "tcpx"), "[[allowed]] 1: tcpx has no conversation"),
        (("server_port = 18000", 'server_port = "x"'), "[[allowed]] 1: server_port = 'x' is no whole number"),
        (('"10.71.1.10"', '"10.71.1.010"'), "[[host]] 1: '10.71.1.010'"),
        (('role = "station"', 'rule = "station"'), "[[host]] 1: unknown key 'rule'"),
        (('name = "digitiser"', ""), "[[host]] 1: name is missing"),
        (("every_s = 16.0", "every_s = -1"), "[[allowed]] 2: every_s belongs"),
    ],
)
def test_a_wrong_value_is_told_by_its_place(change, place):
    text = write_conduct(a_conduct()).decode()
    assert change[0] in text
    read, findings = read_conduct(text.replace(*change, 1).encode(), "c.toml")
    assert read is None
    assert findings[0].reason.startswith(place)


def test_windows_are_written_as_people_write_them():
    assert window_of("22:30-24:00 sat sun") == Window(81_000, 86_400, (5, 6))
    assert window_of("02:00-04:00") == Window(7200, 14_400)
    with pytest.raises(ValueError, match="not within a day"):
        window_of("22:00-04:00")


def test_a_conversation_is_allowed_in_its_hours_only():
    allowed = Allowed(("10.71.9.40",), ("10.71.1.10",), "tcp", 22, "", "window", 0.0, (Window(7200, 14_400, (0,)),))
    detector = Detector(Conduct("c", (), (allowed,)))
    call = flow("10.71.9.40", "10.71.1.10", port=22)
    hours = [h for h in range(48) if detector.allows(replace(call, start_ns=MONDAY_NS + h * 3600 * 10**9))]
    assert hours == [2, 3]


def test_who_may_read_which_channel():
    detector = Detector(Conduct("c", reads=(Reads("10.71.9.21", ("NC.*.*.?HZ", "BK.BRIB.01.*")),)))
    assert detector.may_read("10.71.9.21", "NC.CRH..HHZ")
    assert not detector.may_read("10.71.9.21", "NC.CRH..HNN")
    assert not detector.may_read("10.71.9.20", "NC.CRH..HHZ")
    assert Detector(Conduct("c")).may_read("10.71.9.20", "NC.CRH..HHZ")


def test_the_mud_file_is_what_rfc_8520_says():
    conduct = a_conduct()
    whole = json.loads(mud_of(conduct, conduct.hosts[0], url=URL, made_ns=MONDAY_NS))
    mud = whole["ietf-mud:mud"]
    assert mud["mud-version"] == 1
    assert mud["mud-url"] == URL
    assert mud["last-update"] == "2026-11-23T00:00:00Z"
    assert mud["extensions"] == ["houfeng"]
    assert mud["houfeng"]["clock-source"] == ["10.71.9.5"]
    lists = {acl["name"]: acl for acl in whole["ietf-access-control-list:acls"]["acl"]}
    for way in ("from", "to"):
        named = mud[f"{way}-device-policy"]["access-lists"]["access-list"]
        assert [lists[each["name"]]["type"] for each in named] == ["ipv4-acl-type", "ipv6-acl-type"]
    aces = {ace["name"]: ace for ace in lists["v4-fr"]["aces"]["ace"]}
    assert aces["c1-from-10.71.9.5-from"] == {
        "name": "c1-from-10.71.9.5-from",
        "matches": {
            "ipv4": {"protocol": 17, "destination-ipv4-network": "10.71.9.5/32"},
            "udp": {"destination-port": {"operator": "eq", "port": 123}},
        },
        "actions": {"forwarding": "accept"},
    }
    back = aces["c0-to-10.71.9.20-from"]["matches"]
    assert back["tcp"] == {
        "source-port": {"operator": "eq", "port": 18000},
        "ietf-mud:direction-initiated": "to-device",
    }


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"destination-ipv4-network": "10.71.9.5/32"', '"ietf-acldns:dst-dnsname": "ntp.example"', "other side"),
        ('"forwarding": "accept"', '"forwarding": "drop"', "no accept"),
        ('"device": "digitiser"', '"device": "nobody"', "which of its hosts"),
        ('"name": "v4-fr"\n', '"name": "v9"\n', "there is no list"),
    ],
)
def test_a_mud_file_that_cannot_be_held_exactly_is_refused(old, new, why):
    conduct = a_conduct()
    text = mud_of(conduct, conduct.hosts[0], url=URL, made_ns=MONDAY_NS).decode()
    assert old in text
    read, findings = read_mud(text.replace(old, new, 1).encode(), "m")
    assert read is None
    assert why in findings[0].reason


# The real nft, in a network namespace of its own.


def in_namespace(*words, **more):
    if shutil.which("nft") and shutil.which("unshare") and shutil.which("ip"):
        alive = subprocess.run(["unshare", "-Urnm", "true"], capture_output=True, check=False)
        if alive.returncode == 0:
            return subprocess.run(["unshare", "-Urnm", *words], capture_output=True, text=True, check=False, **more)
    message = "needs nft, ip and user namespaces"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
    return None


@settings(max_examples=25, deadline=None)
@given(conducts())
def test_nft_takes_every_rule_set_twice(conduct):
    rules = nft_rules(conduct)
    done = in_namespace("nft", "-f", "-", input=rules + rules)
    assert done.returncode == 0, done.stderr


PACKETS = """
set -e
mount -t tmpfs none /run
for n in a gw b; do ip netns add $n; ip -n $n link set lo up; done
ip link add va netns a address 02:71:01:00:00:10 type veth peer name ga netns gw
ip link add vb netns b address 02:71:01:00:00:20 type veth peer name gb netns gw
ip -n a addr add 10.71.1.10/24 dev va; ip -n gw addr add 10.71.1.1/24 dev ga
ip -n b addr add 10.71.9.20/24 dev vb; ip -n gw addr add 10.71.9.1/24 dev gb
for p in a:va gw:ga b:vb gw:gb; do ip -n ${p%:*} link set ${p#*:} up; done
ip -n a route add default via 10.71.1.1; ip -n b route add default via 10.71.9.1
ip netns exec gw sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
ip netns exec gw nft -f rules.nft
try() { ip netns exec $1 "$PYTHON" -c "$CALL" $2 $3 $4 && echo yes || echo no; }
for n in a b; do for p in 18000 22; do ip netns exec $n "$PYTHON" -c "$SERVE" $p & S="$S $!"; done; done
trap 'kill $S' EXIT
sleep 1
try b 10.71.1.10 18000; try b 10.71.1.10 22; try a 10.71.9.20 18000; try a 10.71.9.20 22
ip -n a link set va down; ip -n a link set va address 02:00:00:00:00:66; ip -n a link set va up
ip -n a route add default via 10.71.1.1
try b 10.71.1.10 18000
"""

SERVE = """
import socket, sys
server = socket.create_server(("0.0.0.0", int(sys.argv[1])))
while True:
    server.accept()[0].sendall(b"ok")
"""

CALL = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.7) as call:
    sys.exit(call.recv(2) != b"ok")
"""


def test_real_packets_go_where_the_detector_says(tmp_path):
    conduct = Conduct(
        "NC.CRH",
        (
            Host("digitiser", ("10.71.1.10",), (STATION,), "station"),
            Host("acquisition", ("10.71.9.20",), (CENTRE,), "centre"),
        ),
        (Allowed(("10.71.9.20",), ("10.71.1.10",), "tcp", 18000, "SeedLink", "continuous"),),
    )
    (tmp_path / "rules.nft").write_text(nft_rules(conduct))
    environment = {**os.environ, "PYTHON": sys.executable, "SERVE": SERVE, "CALL": CALL}
    done = in_namespace("bash", "-c", PACKETS, cwd=tmp_path, env=environment, timeout=30)
    detector = Detector(conduct)
    calls = [("10.71.9.20", "10.71.1.10", 18000), ("10.71.9.20", "10.71.1.10", 22)]
    calls += [("10.71.1.10", "10.71.9.20", 18000), ("10.71.1.10", "10.71.9.20", 22)]
    said = ["yes" if detector.allows(flow(client, server, "tcp", port)) else "no" for client, server, port in calls]
    # The last call is the first again, from a MAC address that is not the digitiser's.
    assert not detector.binding_ok(binding("10.71.1.10", "02:00:00:00:00:66"))
    assert done.stdout.split() == [*said, "no"], done.stderr
    assert said == ["yes", "no", "no", "no"]
