"""Law of vouching: what is quick comes to the same as what is slow.

The slow twin foresees no manifest, so that every one is judged in full, and looks at all stations whenever time passes.
"""

from contextlib import contextmanager
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.guard.vouch import Vouch
from houfeng.guard.vouch.agenda import Agenda
from houfeng.guard.vouch.sessions import Sessions
from houfeng.guard.vouch.waiting import Waiting
from houfeng.wire.manifest import Clock, Manifest, Name, carry, maced, name_of
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.packet import NO_SEQUENCE, Packet
from signing_station import CENTRE, NS, START_S, SigningStation, enrolment, identity, record

CODES = ("AB1", "AB2", "AB3")
SECONDS = 12


@cache
def true_seconds(code):
    """What a station sends in each second of two sessions; in some of them it has more or less to tell."""
    seconds = []
    for counter, start_s in ((1, START_S), (2, START_S + SECONDS)):
        station = SigningStation(code=code, counter=counter, start_s=start_s)
        for k in range(SECONDS):
            sent = [station.chain.first] if k == 0 else []
            if k == 5:
                sent.append(station.chain.manifest(start_s + k, Clock("locked", 100, 99), []))
            sent += station.second(start_s + k)
            if k == 8:
                sent += [station.chain.sign((start_s + k) * NS), station.chain.again((start_s + k) * NS)]
            seconds.append(sent)
    return seconds


@cache
def false():
    """What an intruder slips in: forgeries, and what only the holder of a session's key could make."""
    station = SigningStation()
    forged = [record(START_S + k, seed=50 + k) for k in range(4)]
    names = [name_of(content) for content in forged]
    lies = [
        Manifest(station.opening.session, k, START_S + k % 8, bytes(32), Clock(), tuple(names))
        for k in (0, 3, 2**64 - 1)
    ]
    own = SigningStation()
    odd = [
        own.chain.manifest(START_S, Clock(), [names[0], names[0]]),
        own.chain.manifest(START_S + 1, Clock(), [Name("_X_Y_Z", names[1].start_ns, names[1].digest)]),
        own.chain.manifest(START_S - 9, Clock(), names),
    ]
    stranger = SigningStation(key=identity("stranger"), counter=3).minutes(2)
    return [*forged, *odd, *stranger, *(carry(maced(lie, bytes(32)), "XX_AB1", 0) for lie in lies)]


@st.composite
def streams(draw):
    """Packets of three stations by up to two feeds, as they should come but for some mischief."""
    contents = []
    for k in range(2 * SECONDS):
        contents += [(k, code, content) for code in CODES for content in true_seconds(code)[k]]
    for _ in range(draw(st.integers(0, 20))):
        at, to = (draw(st.integers(0, len(contents) - 1)) for _ in range(2))
        second, code, content = contents[at]
        match draw(st.sampled_from(["drop", "repeat", "move", "slip in", "alter"])):
            case "drop":
                del contents[at]
            case "repeat":
                contents.insert(to, contents[at])
            case "move":
                contents.insert(to, contents.pop(at))
            case "slip in":
                contents.insert(at, (second, code, draw(st.sampled_from(false()))))
            case _:
                byte = draw(st.integers(0, len(content) - 1))
                changed = bytes([content[byte] ^ draw(st.integers(1, 255))])
                contents[at] = second, code, content[:byte] + changed + content[byte + 1 :]
    twice, unnumbered = draw(st.booleans()), draw(st.booleans())
    packets, now_ns = [], START_S * NS
    for k, (second, code, content) in enumerate(contents):
        now_ns = max(now_ns, (START_S + second) * NS)
        number = NO_SEQUENCE if unnumbered else k
        packets.append(Packet("one", f"XX.{code}", number, now_ns, content))
        if twice and k % 3:
            packets.append(Packet("two", f"XX.{code}", number, now_ns, content))
    return packets


@contextmanager
def slow():
    """Nothing is foreseen, everybody is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Waiting, "foreseen", lambda *_: None)
        patch.setattr(Agenda, "due", lambda *_: list(range(len(CODES))))
        yield


def stage(memory=()):
    enrolments = [enrolment(station=f"XX.{code}") for code in CODES]
    return Vouch(enrolments, CENTRE, secured_feeds=("two",), patience_ns=2 * NS, memory=memory)


def told(packets, batch, restart):
    """Everything that comes out, batch by batch, with what is remembered; after one of them the centre starts anew."""
    vouch, out = stage(), []
    for number, k in enumerate(range(0, len(packets), batch)):
        together = packets[k : k + batch]
        out += [vouch.handle(together), vouch.elapse(together[-1].arrival_ns), vouch.waiting_since_ns]
        out.append(vouch.memory())
        if number == restart:
            vouch = stage(vouch.memory())
    return [*out, vouch.elapse((START_S + 50) * NS), vouch.elapse((START_S + 1000) * NS), vouch.memory()]


@given(streams(), st.integers(1, 60), st.integers(0, 40))
@settings(deadline=None, max_examples=150)
def test_what_is_foreseen_comes_to_the_same_as_what_is_judged_in_full(packets, batch, restart):
    quick = told(packets, batch, restart)
    with slow():
        assert told(packets, batch, restart) == quick


def test_an_honest_station_is_foreseen_all_along():
    contents = [content for second in true_seconds("AB1") for content in second]
    packets = [Packet("one", "XX.AB1", k, START_S * NS + k, content) for k, content in enumerate(contents)]
    hear, judged = Sessions.hear, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sessions, "hear", lambda *said: judged.append(said[1]) or hear(*said))
        out = stage().handle(packets)
    assert len(out) == 2 * 3 * SECONDS
    assert all(isinstance(one, Vouched) and one.tier is Tier.SENSOR_SIGNED for one in out)
    # Of each session the first manifest, the opening twice and the signature; every other one was foreseen.
    assert len(judged) == 2 * 4
