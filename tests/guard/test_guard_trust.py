"""Trust falls with what is found, spreads to who shares a gateway, and comes back by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.guard.judge.trust import NEGLIGIBLE, RECOVERY_NS, SPREAD, WORTH, Trusting
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement

NOW_NS = 1_700_000_000 * NS_PER_S
DOMAINS = {"gateway:G": ("XX.A", "XX.B"), "carrier:C": ("XX.B", "XX.C")}


def judgement(detector="new-peer", *, station="XX.A", severity="medium", probability=0.8, time_ns=NOW_NS, peer="p"):
    return Judgement(detector, time_ns, time_ns, "10.0.0.1", peer, severity, probability, station=station)


judgements = st.builds(
    judgement,
    st.sampled_from(["new-peer", "beacon", "session-replay"]),
    station=st.sampled_from(["XX.A", "XX.B", "XX.C"]),
    severity=st.sampled_from(["info", "low", "medium", "high"]),
    probability=st.floats(0, 1),
    time_ns=st.integers(NOW_NS, NOW_NS + 4 * RECOVERY_NS),
)


@given(st.lists(judgements, max_size=30))
def test_trust_is_never_below_nothing_and_always_whole_again_after_a_week(said):
    trusting = Trusting(DOMAINS)
    told = {}
    for one in sorted(said, key=lambda one: one.time_ns):
        for trust in trusting.handle(one):
            assert 0.0 <= trust.value <= 1.0
            told[trust.station_key] = trust.value
    for hours in range(24 * 8):
        for trust in trusting.elapse(NOW_NS + 4 * RECOVERY_NS + hours * 3600 * NS_PER_S):
            assert trust.value >= told[trust.station_key]
            told[trust.station_key] = trust.value
    assert all(value == 1.0 for value in told.values())


@given(st.lists(judgements, min_size=1, max_size=10))
def test_the_same_finding_again_takes_nothing_more(said):
    once, twice = Trusting(DOMAINS), Trusting(DOMAINS)
    for one in said:
        once.handle(one)
        twice.handle(one)
        assert twice.handle(one) == []
    later_ns = NOW_NS + 4 * RECOVERY_NS
    assert [t.value for t in once.elapse(later_ns)] == pytest.approx([t.value for t in twice.elapse(later_ns)])


def test_a_certain_grave_finding_leaves_a_tenth_and_halves_in_a_shift():
    trusting = Trusting({})
    (trust,) = trusting.handle(judgement(severity="high", probability=1.0))
    assert (trust.value, trust.reasons) == (pytest.approx(1 - WORTH["high"]), ("new-peer",))
    (trust,) = trusting.elapse(NOW_NS + RECOVERY_NS)
    assert trust.value == pytest.approx(1 - WORTH["high"] / 2)


def test_different_judges_are_independent_witnesses():
    trusting = Trusting({})
    trusting.handle(judgement("new-peer"))
    (trust,) = trusting.handle(judgement("beacon", probability=0.9))
    assert trust.value == pytest.approx((1 - 0.8 * 0.5) * (1 - 0.9 * 0.5))
    assert trust.reasons == ("beacon", "new-peer")


def test_who_shares_a_gateway_loses_a_part_and_nobody_else():
    told = {trust.station_key: trust.value for trust in Trusting(DOMAINS).handle(judgement())}
    assert told == {"XX.A": pytest.approx(0.6), "XX.B": pytest.approx(1 - SPREAD * 0.4)}


def test_what_needs_nobody_or_names_no_station_takes_nothing():
    trusting = Trusting(DOMAINS)
    assert trusting.handle(judgement(severity="info", probability=1.0)) == []
    assert trusting.handle(judgement(station="")) == []
    assert trusting.handle(judgement(severity="low", probability=NEGLIGIBLE)) == []
