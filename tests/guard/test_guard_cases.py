"""One intrusion is one case; two that only share their victim are two."""

from hypothesis import given
from hypothesis import strategies as st

from houfeng.guard.judge.cases import MOST_KEPT, MOST_OPEN, OVER_AFTER_NS, Cases
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement

NOW_NS = 1_700_000_000 * NS_PER_S


def judgement(subject, peer="", *, after_s=0, station="", severity="medium", detector="new-peer"):
    time_ns = NOW_NS + after_s * NS_PER_S
    return Judgement(detector, time_ns, time_ns, subject, peer, severity, 0.5, station=station)


def said(*judgements):
    cases = Cases()
    return [case for one in judgements for case in cases.handle(one)]


def test_the_way_in_and_what_the_machine_does_next_are_one_case():
    told = said(
        judgement("203.0.113.9", "10.0.0.2", detector="password-guessing"),
        judgement("10.0.0.2", "198.51.100.7", after_s=60, detector="beacon"),
        judgement("10.0.0.2", "10.0.0.3", after_s=90, detector="port-scan"),
    )
    assert [(case.case_id, case.version) for case in told] == [(1, 1), (1, 2), (1, 3)]
    assert told[-1].parties == ("203.0.113.9", "10.0.0.2")


def test_two_who_attack_the_same_host_are_two_cases():
    told = said(judgement("203.0.113.9", "10.0.0.2"), judgement("203.0.113.10", "10.0.0.2", after_s=1))
    assert [case.case_id for case in told] == [1, 2]


def test_what_a_host_did_before_it_was_attacked_is_no_result_of_that():
    told = said(judgement("203.0.113.9", "10.0.0.2", after_s=100), judgement("10.0.0.2", "10.0.0.3", after_s=50))
    assert [case.case_id for case in told] == [1, 2]


def test_a_finding_that_belongs_to_two_cases_makes_them_one():
    told = said(
        judgement("A", station="XX.A"),
        judgement("B", station="XX.B", after_s=1),
        judgement("B", station="XX.A", after_s=2),
    )
    assert (told[-1].case_id, [one.subject for one in told[-1].judgements]) == (1, ["A", "B", "B"])
    assert told[-1].stations == ("XX.A", "XX.B")


def test_what_needs_nobody_is_in_no_case():
    assert said(judgement("A", severity="info")) == []


def test_a_case_that_nothing_joins_is_over():
    cases = Cases()
    cases.handle(judgement("A"))
    cases.elapse(NOW_NS + OVER_AFTER_NS + 1)
    (case,) = cases.handle(judgement("A", after_s=OVER_AFTER_NS // NS_PER_S + 2))
    assert (case.case_id, case.version) == (2, 1)


def test_floods_of_findings_are_bounded():
    cases = Cases()
    for k in range(MOST_KEPT + 10):
        (case,) = cases.handle(judgement("A", after_s=k))
    assert (len(case.judgements), case.version) == (MOST_KEPT, MOST_KEPT + 10)
    for k in range(MOST_OPEN + 5):
        cases.handle(judgement(f"S{k}", after_s=2 * MOST_KEPT))
    (again,) = cases.handle(judgement("A", after_s=2 * MOST_KEPT))
    assert again.version == 1


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from("ABCDE"), st.integers(0, 9)), max_size=30))
def test_every_finding_is_in_exactly_one_open_case(pairs):
    cases, latest = Cases(), {}
    for subject, peer, after_s in pairs:
        (case,) = cases.handle(judgement(subject, peer, after_s=after_s))
        latest = {key: one for key, one in latest.items() if not set(one.judgements) & set(case.judgements)}
        latest[case.case_id] = case
    assert sum(len(case.judgements) for case in latest.values()) <= len(pairs)
    subjects = [subject for case in latest.values() for subject in case.parties]
    assert len(subjects) == len(set(subjects))
